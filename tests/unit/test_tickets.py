# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ticket systems: a local server that speaks each one's documented requests strictly, and refuses everything else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from itops_cli import tickets

TOKEN = "S3cr3t-ticket-4711"
Reply = tuple[int, Any]


@dataclass
class Desk:
    """One ticket of one system, and what was asked of it. `stuck`: closing is accepted and changes nothing."""

    kind: str
    url: str = ""
    closed: bool = False
    stuck: bool = False
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], body: bytes) -> Reply:
        self.asked.append(f"{method} {path}")
        speak: Callable[..., Reply | None] = getattr(self, f"_{self.kind}")
        return speak(method, path, query, headers, body) or (404, {"message": f"not found {headers}"})

    def _close(self) -> None:
        self.closed = not self.stuck

    def _gitlab(self, method: str, path: str, _query: Any, headers: dict[str, str], body: bytes) -> Reply | None:
        if headers.get("private-token") != TOKEN:
            return 401, {"message": "401 Unauthorized"}
        issue = "/api/v4/projects/ops%2Ftickets/issues/7"
        if (method, path) == ("GET", issue):
            return 200, {"iid": 7, "state": "closed" if self.closed else "opened"}
        if (method, path) == ("POST", f"{issue}/notes"):
            self.said.append(json.loads(body)["body"])
            return 201, {"id": 1}
        if (method, path) == ("PUT", issue) and json.loads(body) == {"state_event": "close"}:
            self._close()
            return 200, {"state": "closed"}
        return None

    def _gitea(self, method: str, path: str, _query: Any, headers: dict[str, str], body: bytes) -> Reply | None:
        if headers.get("authorization") != f"token {TOKEN}":
            return 401, {}
        issue = "/api/v1/repos/ops/tickets/issues/7"
        if (method, path) == ("GET", issue):
            return 200, {"number": 7, "state": "closed" if self.closed else "open"}
        if (method, path) == ("POST", f"{issue}/comments"):
            self.said.append(json.loads(body)["body"])
            return 201, {"id": 1}
        if (method, path) == ("PATCH", issue) and json.loads(body) == {"state": "closed"}:
            self._close()
            return 201, {"state": "closed"}
        return None

    def _jira(self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], body: bytes) -> Reply | None:
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {}
        issue = "/rest/api/2/issue/T-7"
        if (method, path) == ("GET", issue) and query == {"fields": ["status"]}:
            return 200, {"fields": {"status": {"name": "x", "statusCategory": {"key": "done" if self.closed else "indeterminate"}}}}
        if (method, path) == ("GET", f"{issue}/transitions"):
            to = [("11", "Start", "indeterminate"), ("31", "Close", "done")]
            return 200, {"transitions": [{"id": i, "name": n, "to": {"name": n, "statusCategory": {"key": k}}} for i, n, k in to]}
        if (method, path) == ("POST", f"{issue}/comment"):
            self.said.append(json.loads(body)["body"])
            return 201, {"id": "1"}
        if (method, path) == ("POST", f"{issue}/transitions") and json.loads(body) == {"transition": {"id": "31"}}:
            self._close()
            return 204, None
        return None

    def _glpi(self, method: str, path: str, _query: Any, headers: dict[str, str], body: bytes) -> Reply | None:
        if (method, path) == ("GET", "/apirest.php/initSession"):
            return (200, {"session_token": "s1"}) if headers.get("authorization") == f"user_token {TOKEN}" else (401, ["ERROR_GLPI_LOGIN_USER_TOKEN"])
        if headers.get("session-token") != "s1":
            return 401, ["ERROR_SESSION_TOKEN_INVALID"]
        if (method, path) == ("GET", "/apirest.php/killSession"):
            return 200, None
        if (method, path) == ("GET", "/apirest.php/Ticket/7"):
            return 200, {"id": 7, "status": 6 if self.closed else 2}
        if (method, path) == ("POST", "/apirest.php/ITILSolution"):
            given = json.loads(body)["input"]
            self.said.append(given["content"])
            return (201, {"id": 1}) if (given["itemtype"], given["items_id"]) == ("Ticket", 7) else None
        if (method, path) == ("PUT", "/apirest.php/Ticket/7") and json.loads(body) == {"input": {"status": 6}}:
            self._close()
            return 200, [{"7": True}]
        return None

    def _itop(self, method: str, path: str, query: dict[str, list[str]], _headers: Any, body: bytes) -> Reply | None:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if (method, path, query) != ("POST", "/webservices/rest.php", {"version": ["1.3"]}):
            return None
        if (form.get("auth_user"), form.get("auth_pwd")) != ("ops", TOKEN):
            return 200, {"code": 1, "message": "Error: Invalid login"}
        data = json.loads(form["json_data"])
        if data["key"] != "SELECT UserRequest WHERE ref = 'T-7'":
            return 200, {"code": 0, "objects": None}
        if data["operation"] == "core/apply_stimulus" and data["stimulus"] == "ev_close":
            self.said.append(data["comment"])
            self._close()
        return 200, {"code": 0, "message": "", "objects": {"UserRequest::7": {"code": 0, "fields": {"status": "closed" if self.closed else "assigned"}}}}

    def _generic(self, method: str, path: str, _query: Any, headers: dict[str, str], body: bytes) -> Reply | None:
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 403, {"echo": headers.get("authorization")}
        if (method, path) == ("POST", "/tickets/T-7/close"):
            self.said.append(json.loads(body)["why"])
            self._close()
            return 202, {}
        return None


@contextmanager
def serving(desk: Desk) -> Iterator[Desk]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            status, said = desk.answer(self.command, parts.path, parse_qs(parts.query), {k.lower(): v for k, v in self.headers.items()}, body)
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _any

        def log_message(self, *_args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    desk.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


KINDS = ("gitlab", "gitea", "jira", "glpi", "itop", "generic")
PROJECT = {"gitlab": "ops/tickets", "gitea": "ops/tickets"}


def system(desk: Desk, **more: Any) -> dict[str, Any]:
    own = {"user": "ops"} if desk.kind == "itop" else {}
    plain = {"id": "desk", "type": desk.kind, "prefix": "T-", "url": desk.url, "project": PROJECT.get(desk.kind), "token": "env:TICKETS", "method": "POST",
             "path": "tickets/{id}/close", "body": {"id": "{id}", "why": "{text}"}, "timeout": 5}  # fmt: skip
    return {**plain, **own, **more}


def close(desk: Desk, reference: str = "T-7", token: str = TOKEN, **more: Any) -> tickets.Closing:
    (found,) = tickets.close_all([{"id": reference}], [system(desk, **more)], "升级到 2.0 完成", lambda _ref: token)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_closed_with_its_reason_and_that_is_asked_again(kind: str) -> None:
    with serving(Desk(kind)) as desk:
        found = close(desk)
    assert found.ok and desk.closed and desk.said == ["升级到 2.0 完成"], (found, desk.asked)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generic"])
def test_what_was_closed_already_is_left_alone(kind: str) -> None:
    with serving(Desk(kind, closed=True)) as desk:
        found = close(desk)
    assert found.ok and found.detail == "was closed" and desk.said == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "generic"])
def test_an_answer_that_sounds_good_is_not_believed(kind: str) -> None:
    with serving(Desk(kind, stuck=True)) as desk:
        found = close(desk)
    assert not found.ok and "still" in found.detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_token_closes_nothing_and_is_nowhere_in_what_is_said(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Desk(kind)) as desk:
        found = close(desk, token="wr0ng-t0ken")
    assert not found.ok and not desk.closed
    assert "wr0ng-t0ken" not in found.detail + "".join(capsys.readouterr())


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_number_and_a_server_that_is_down(kind: str) -> None:
    with serving(Desk(kind)) as desk:
        assert not close(desk, "T-999").ok
    gone = close(desk)
    assert not gone.ok and TOKEN not in gone.detail


def test_a_session_is_ended_whatever_happens() -> None:
    with serving(Desk("glpi")) as desk:
        close(desk, "T-999")
    assert desk.asked[-1] == "GET /apirest.php/killSession"


def test_a_transition_that_is_not_offered_is_named_with_those_that_are() -> None:
    with serving(Desk("jira")) as desk:
        found = close(desk, transition="Fix")
    assert not found.ok and "Fix" in found.detail and "Close" in found.detail


def test_no_redirect_is_followed_with_the_token() -> None:
    class Moved(Desk):
        def answer(self, method: str, path: str, *_more: Any) -> Reply:
            self.asked.append(f"{method} {path}")
            return 302, {}

    with serving(Moved("gitlab")) as desk:
        found = close(desk)
    assert not found.ok and "HTTP 302" in found.detail and len(desk.asked) == 1


def test_the_longest_prefix_decides_and_one_failure_hides_no_other() -> None:
    with serving(Desk("gitlab")) as desk, serving(Desk("generic")) as other:
        systems = [system(other, prefix="T-9"), system(desk), system(other, id="none", prefix="X-", url="http://127.0.0.1:9")]
        found = tickets.close_all([{"id": "T-99"}, {"id": "T-7"}, {"id": "Y-1"}], systems, "x", lambda _ref: TOKEN)
    assert [(c.reference, c.ok) for c in found] == [("T-99", False), ("T-7", True), ("Y-1", False)]
    assert "no ticket system" in found[2].detail


@pytest.mark.parametrize("body", [b"{}", b"null", b"[]", b'"x"', b"7", b"<html>"])
@pytest.mark.parametrize("kind", ["generic", "gitlab", "gitea", "jira", "glpi", "itop"])
def test_an_answer_nobody_expects_is_a_failure_of_that_ticket(kind: str, body: bytes) -> None:
    class Odd(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        system = {"id": "desk", "type": kind, "prefix": "EVT-", "url": f"http://127.0.0.1:{server.server_port}", "project": "ops/shop", "user": "u",
                  "token": "env:X", "method": "POST", "path": "/{id}", "body": {}, "transition": "", "timeout": 5}  # fmt: skip
        (closing,) = tickets.close_all([{"id": "EVT-abc"}], [system], "done", lambda ref: "t")
    finally:
        server.shutdown()
        server.server_close()
    assert not closing.ok or kind == "generic", closing
    assert closing.detail
