# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs lint --links` and `--digests` against real servers: who does not answer is named at every place, and nobody is asked without them."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit import desk, make
from tests.unit.fileserver import shop
from tests.unit.listeners import authority
from tests.unit.test_docs_lint import write

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()
OTHER = "0" * 64


@dataclass
class Site:
    """A web server; `pages` are answers by path, `got` what was asked for, in order."""

    url: str = ""
    pages: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    headless: set[str] = field(default_factory=set)  # paths where HEAD is not allowed
    got: list[tuple[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    together: threading.Barrier | None = None
    now: list[int] = field(default_factory=list)  # how many were asked at a time
    lock: threading.Lock = field(default_factory=threading.Lock)
    busy: int = 0


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        site.got.append((self.command, self.path))
        if self.path == "/never":
            site.over.wait(60)
        if site.together:
            self.meet(site.together)
        if self.path == "/endless":
            self.pour()
            return
        status, body, headers = site.pages.get(self.path.partition("?")[0], (404, b"", {}))
        if self.command == "HEAD" and self.path in site.headless:
            status, body = 405, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    do_HEAD = do_GET  # the name the server looks for

    def pour(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.site.over.is_set():
            self.wfile.write(BODY)

    def meet(self, together: threading.Barrier) -> None:
        with self.site.lock:
            self.site.busy += 1
            self.site.now.append(self.site.busy)
        together.wait(30)
        with self.site.lock:
            self.site.busy -= 1

    def log_message(self, *_args: Any) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    def handle_error(self, *_args: Any) -> None:
        """A client that hangs up is what is tested."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    found = Site()
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"site": found}))
    found.url = f"http://127.0.0.1:{server.server_port}"
    found.pages = {"/there": (200, b"x", {}), "/app.zip": (200, BODY, {"Content-Length": str(len(BODY))}), "/unsized.zip": (200, BODY, {})}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "w")


def listed(root: Path, *words: str, status: int = 2) -> list[dict[str, Any]]:
    done = desk.itops(root, "docs", "lint", *words, "--format", "json")
    assert done.returncode == status, done.stdout + done.stderr
    problems: list[dict[str, Any]] = json.loads(done.stdout)["problems"]
    return problems


def manual(root: Path, **parts: Any) -> int:
    """A record that says where users get it; the line of its `url`."""
    record = make.dump(root / "inventory/services/web.yml", {**make.web(), **parts})
    return next((n for n, line in enumerate(record.read_text("utf-8").splitlines(), 1) if line.strip().startswith("url:")), 0)


def closed() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def test_without_the_option_nobody_is_asked(root: Path, site: Site) -> None:
    manual(root, manual={"obtain": {"url": f"{site.url}/gone", "sha256": OTHER}})
    write(root, f"# 指南\n\n[x]({site.url}/gone)\n")
    assert desk.itops(root, "docs", "lint").stdout == "1 document: 0 errors, 0 warnings\n"
    assert desk.itops(root, "lint").returncode == 0
    assert site.got == []


def test_what_answers_passes_however_it_answers(root: Path, site: Site) -> None:
    site.pages |= {
        "/moved": (301, b"", {"Location": "/there"}), "/headless": (200, b"x", {}), "/empty": (416, b"", {}), "/a%20b%2Fc": (200, b"x", {}),
    }  # fmt: skip
    site.headless.add("/headless")
    names = ("there", "there#part", "moved", "headless", "empty", "a%20b%2Fc")
    write(root, "# 指南\n\n" + "\n".join(f"- [x]({site.url}/{name})" for name in names) + f"\n- <{site.url}/there>\n- [mail](mailto:a@example.org)\n")
    assert listed(root, "--links", status=0) == []
    assert site.got.count(("HEAD", "/there")) == 2, "itself once, and once where /moved leads"
    assert ("GET", "/headless") in site.got and ("GET", "/there") not in site.got
    assert desk.itops(root, "docs", "lint", "--links").stdout == "1 document, 5 links asked: 0 errors, 0 warnings\n"


def test_all_that_do_not_answer_at_once_with_their_lines(root: Path, site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "/lost": (302, b"", {"Location": "/gone?token=s3cret"}), "/round": (302, b"", {"Location": "/round"}), "/broken": (500, b"", {}),
        "/login": (401, b"", {}),
    }  # fmt: skip
    away = closed()
    with shop(authority(tmp_path / "ca").context) as distrusted:
        addresses = [f"{site.url}/{name}" for name in ("gone", "lost", "round", "broken", "login", "never")] + [away, f"{distrusted.url}/"]
        write(root, "# 指南\n\n" + "".join(f"- [x]({address})\n" for address in addresses))
        found = listed(root, "--links", "--timeout", "0.3")
    assert [(p["line"], p["found"]) for p in found] == list(enumerate(addresses, 11))
    assert {p["rule"] for p in found} == {"web"} and [p["severity"] for p in found] == ["error"] * 4 + ["warning"] + ["error"] * 3
    for problem, said in zip(found, [
        "dead link: the server answers 404 Not Found", f"dead link: the server answers 404 Not Found at {site.url}/gone",
        f"dead link: sent on more than 5 times, last to {site.url}/round", "dead link: the server answers 500 Internal Server Error",
        "whether it is there is not known: the server answers 401 Unauthorized", "dead link: no answer in time", "dead link: Connection refused",
        "dead link: its certificate is not trusted (",
    ], strict=True):  # fmt: skip
        assert problem["message"].startswith(said)
        assert problem["remedy"]


def test_an_address_is_asked_once_and_named_at_each_of_its_places(root: Path, site: Site) -> None:
    line = manual(root, manual={"obtain": {"url": f"{site.url}/gone"}})
    write(root, f"# 指南\n\n[x]({site.url}/gone#a)\n\n[y]({site.url}/gone)\n")
    write(root, f"# 又一篇\n\n[z]({site.url}/gone)\n", "other.md", id="other", title="又一篇")
    assert [(p["file"], p["line"], p["path"]) for p in listed(root, "--links")] == [
        ("documents/guide.md", 11, ""), ("documents/guide.md", 13, ""), ("documents/other.md", 11, ""),
        ("inventory/services/web.yml", line, "manual.obtain.url"),
    ]  # fmt: skip
    assert site.got == [("HEAD", "/gone"), ("GET", "/gone")]


def test_eight_are_asked_at_a_time_and_no_more(root: Path, site: Site) -> None:
    site.together = threading.Barrier(8)
    write(root, "# 指南\n\n" + "".join(f"- [x]({site.url}/there?{number})\n" for number in range(16)))
    assert listed(root, "--links", "--timeout", "60", status=0) == []
    assert len(site.got) == 16 and max(site.now) == 8


def test_a_login_in_a_link_is_neither_sent_nor_shown(root: Path, site: Site) -> None:
    write(root, f"# 指南\n\n[x]({site.url.replace('//', '//me:hunter2@')}/there)\n")
    done = desk.itops(root, "docs", "lint", "--links")
    assert done.returncode == 2 and "a login stands in the URL" in done.stdout and f"{site.url}/there" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr and site.got == []


def test_a_login_of_netrc_is_used(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with shop(None, app=b"x") as web:
        write(root, f"# 指南\n\n[x]({web.url}/app)\n")
        assert listed(root, "--links", status=0) == []
    assert [headers.get("authorization", "")[:6] for _path, headers in web.got] == ["Basic "]


def test_the_proxy_of_the_environment_is_asked(root: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "# 指南\n\n[x](http://portal.example.org/there)\n")
    site.pages["http://portal.example.org/there"] = (200, b"", {})
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("http_proxy", site.url)
    assert listed(root, "--links", status=0) == [] and site.got == [("HEAD", "http://portal.example.org/there")]
    away = closed()
    monkeypatch.setenv("HTTP_PROXY", away)
    monkeypatch.setenv("http_proxy", away)
    assert [p["message"] for p in listed(root, "--links")] == ["dead link: the proxy: Connection refused"]


@pytest.mark.parametrize("name", ["app.zip", "unsized.zip"])
def test_the_digest_of_what_users_get_is_compared_only_if_asked_for(root: Path, site: Site, name: str) -> None:
    manual(root, manual={"obtain": {"url": f"{site.url}/{name}", "sha256": SHA256.upper()}})
    assert listed(root, "--links", status=0) == [] and site.got == [("HEAD", f"/{name}")]
    assert listed(root, "--digests", status=0) == [] and site.got[1:] == [("GET", f"/{name}")]
    url = f"{site.url}/{name}"
    line = manual(root, manual={"obtain": {"url": url, "sha256": SHA256}}, manual_en={"obtain": {"url": url, "sha256": OTHER}})
    (wrong,) = listed(root, "--digests")
    assert (wrong["rule"], wrong["file"], wrong["path"]) == ("digests", "inventory/services/web.yml", "manual_en.obtain.sha256") and wrong["line"] > line
    assert (wrong["message"], wrong["found"], wrong["allowed"]) == ("users get another file than their manual says", SHA256, OTHER)
    assert url in wrong["remedy"]
    assert site.got[2:] == [("GET", f"/{name}")], "one look for both manuals"


@pytest.mark.parametrize("name", ["app.zip", "unsized.zip"])
def test_what_is_too_large_is_not_fetched_to_its_end_and_is_no_proof(root: Path, site: Site, name: str) -> None:
    manual(root, manual={"obtain": {"url": f"{site.url}/{name}", "sha256": SHA256}})
    (found,) = listed(root, "--digests", "--size-limit", "100K")
    assert (found["rule"], found["severity"]) == ("web", "error") and "--size-limit" in found["remedy"]
    assert found["message"] == "its digest is not compared: more than the limit of 102400 bytes"


def test_a_file_nobody_may_fetch_is_an_error_where_its_digest_was_asked_for(root: Path, site: Site) -> None:
    site.pages["/app.zip"] = (403, b"", {})
    manual(root, manual={"obtain": {"url": f"{site.url}/app.zip", "sha256": SHA256}})
    assert [(p["severity"], p["message"][-13:]) for p in listed(root, "--links", status=0)] == [("warning", "403 Forbidden")]
    assert [(p["severity"], p["message"][-13:]) for p in listed(root, "--digests")] == [("error", "403 Forbidden")]


def test_an_interrupt_does_not_wait_for_the_end_of_a_file(root: Path, site: Site) -> None:
    manual(root, manual={"obtain": {"url": f"{site.url}/endless", "sha256": SHA256}})
    command = [str(Path(sys.executable).parent / "itops"), "docs", "lint", "--digests", "--size-limit", "1000T"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        while not site.got and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        try:
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130 and not out and "Traceback" not in err


def test_a_record_with_errors_is_named_not_passed_over(root: Path, site: Site) -> None:
    manual(root, platform="steam", manual={"obtain": {"url": f"{site.url}/there"}})
    assert [(p["file"], p["remedy"]) for p in listed(root, "--links")] == [("inventory/services/web.yml", "itops lint")]
    assert listed(root, status=0) == [] and site.got == []


def test_progress_on_a_terminal_and_nowhere_else(root: Path, site: Site) -> None:
    write(root, f"# 指南\n\n[x]({site.url}/there)\n")
    command = [str(Path(sys.executable).parent / "itops"), "docs", "lint", "--links"]
    leader, follower = pty.openpty()
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=follower, check=False)
    os.close(follower)
    assert done.returncode == 0 and b"links" in os.read(leader, 4096)
    os.close(leader)
    assert subprocess.run(command, cwd=root, capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize("words", [["--timeout", "0"], ["--size-limit", "much"]])
def test_wrong_options_end_with_2(root: Path, words: list[str]) -> None:
    done = desk.itops(root, "docs", "lint", "--links", *words)
    assert done.returncode == 2 and words[0] in done.stderr and not done.stdout
