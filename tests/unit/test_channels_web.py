# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhook and robots against a real HTTP server that checks every signature as its documentation says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from itops_cli import channels
from itops_cli.channels import Delivery, Message, robots
from tests.unit.listeners import Reply, Request, authority, web

SECRET = "SECplanted-9f8e7d6c5b"
TOKEN = "planted-token-1a2b3c4d"
MESSAGE = Message("升级通告", {"zh_CN": "# 升级通告\n\n- **内容**：a\\<b\n", "en": "# Upgrade\n"}, "CHG-20261123-01", "announce", ("a@example.com",))
PATHS = {"webhook": f"/in?key={TOKEN}", "wecom": f"/cgi-bin/webhook/send?key={TOKEN}", "dingtalk": f"/robot/send?access_token={TOKEN}",
         "feishu": f"/open-apis/bot/v2/hook/{TOKEN}"}  # fmt: skip
FINE = {"webhook": {}, "wecom": {"errcode": 0, "errmsg": "ok"}, "dingtalk": {"errcode": 0, "errmsg": "ok"}, "feishu": {"code": 0, "msg": "success"}}
ROBOTS = ("wecom", "dingtalk", "feishu")


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def deliver(kind: str, url: str, message: Message = MESSAGE, pauses: list[float] | None = None, **more: Any) -> Delivery:
    """One delivery; address and secret come out of references, as they should."""
    known = {"env:URL": url + PATHS[kind], "env:SECRET": SECRET}
    channel = {"id": "it", "type": kind, "url": "env:URL", "secret": "env:SECRET", "timeout": 5, "attempts": 3, **more}
    return channels.deliver(channel, message, known.__getitem__, (pauses if pauses is not None else []).append)


def documented(kind: str, request: Request) -> Reply:
    """What each one's own server checks, written from its documentation."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
    data = request.json()
    if kind == "webhook":
        stamp = request.headers["x-itops-timestamp"]
        right = hmac.new(SECRET.encode(), stamp.encode() + b"." + request.body, "sha256").hexdigest()
        return (200, {}) if request.headers["x-itops-signature"] == f"sha256={right}" and abs(time.time() - int(stamp)) < 300 else (401, {})
    if kind == "wecom":
        ok = query["key"] == TOKEN and data["msgtype"] == "markdown" and len(data["markdown"]["content"].encode()) <= 4096
        return 200, FINE[kind] if ok else {"errcode": 93000, "errmsg": "invalid webhook url"}
    if kind == "dingtalk":
        stamp = query["timestamp"]
        right = base64.b64encode(hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()).decode()
        ok = query["access_token"] == TOKEN and query["sign"] == right and abs(time.time() * 1000 - int(stamp)) < 3_600_000
        return 200, FINE[kind] if ok and data["msgtype"] == "markdown" and data["markdown"]["title"] else {"errcode": 310000, "errmsg": "sign not match"}
    stamp = data["timestamp"]
    right = base64.b64encode(hmac.new(f"{stamp}\n{SECRET}".encode(), digestmod=hashlib.sha256).digest()).decode()
    ok = data["sign"] == right and abs(time.time() - int(stamp)) < 3600 and data["msg_type"] == "interactive"
    return 200, FINE[kind] if ok else {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}


@pytest.mark.parametrize("kind", PATHS)
def test_the_other_side_takes_the_request_and_its_signature(kind: str) -> None:
    with web(lambda request: documented(kind, request)) as server:
        sent = deliver(kind, server.url)
    assert (sent.ok, sent.attempts, sent.channel, sent.type) == (True, 1, "it", kind), sent
    assert sent.recipients == ()
    text = server.got[0].body.decode()
    assert "升级通告" in text and "Upgrade" in text, "UTF-8, both languages"
    assert server.got[0].path.startswith(PATHS[kind])


@pytest.mark.parametrize("kind", ["webhook", "dingtalk", "feishu"])
def test_a_wrong_secret_is_refused_and_not_tried_again(kind: str) -> None:
    with web(lambda request: documented(kind, request)) as server:
        known = {"env:URL": server.url + PATHS[kind], "env:SECRET": "another"}
        channel = {"id": "it", "type": kind, "url": "env:URL", "secret": "env:SECRET", "attempts": 3}
        sent = channels.deliver(channel, MESSAGE, known.__getitem__, pytest.fail)
    assert (sent.ok, sent.attempts, len(server.got)) == (False, 1, 1)
    assert "401" in sent.detail or "310000: sign not match" in sent.detail or "19021: sign match fail" in sent.detail


def test_what_the_webhook_receives() -> None:
    with web(lambda _request: (204, b"")) as server:
        assert deliver("webhook", server.url, lang=["en"]).ok
    body, headers = server.got[0].json(), server.got[0].headers
    assert body == {"id": MESSAGE.id, "change": "CHG-20261123-01", "purpose": "announce", "subject": "升级通告", "texts": {"en": "# Upgrade\n"},
                    "recipients": ["a@example.com"]}  # fmt: skip
    assert headers["x-itops-delivery"] == MESSAGE.id and headers["content-type"].startswith("application/json")


def test_without_a_secret_nothing_is_signed() -> None:
    for kind in PATHS:
        with web(lambda _request, kind=kind: (200, FINE[kind])) as server:  # type: ignore[misc] # the default binds the loop's value
            assert deliver(kind, server.url, secret=None).ok
        assert "sign" not in server.got[0].path and "sign" not in server.got[0].json() and "x-itops-signature" not in server.got[0].headers


@pytest.mark.parametrize(("status", "times"), [(500, 3), (503, 3), (429, 3), (401, 1), (403, 1), (404, 1), (302, 1)])
def test_only_what_may_pass_is_tried_again(status: int, times: int) -> None:
    pauses: list[float] = []
    with web(lambda _request: (status, b"no")) as server:
        sent = deliver("webhook", server.url, pauses=pauses)
    assert (sent.ok, sent.attempts, len(server.got)) == (False, times, times)
    assert str(status) in sent.detail
    assert pauses == [1.0, 2.0][: times - 1]


def test_a_server_that_recovers_gets_the_message_with_the_same_id() -> None:
    answers = iter([(502, b""), (200, b"")])
    with web(lambda _request: next(answers)) as server:
        sent = deliver("webhook", server.url)
    assert (sent.ok, sent.attempts) == (True, 2)
    assert server.got[0].json() == server.got[1].json()


@pytest.mark.parametrize(("kind", "answer", "times"), [
    ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, 3), ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, 1),
    ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, 3), ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, 1),
    ("feishu", {"code": 11232, "msg": "frequency limited"}, 3), ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, 1),
])  # fmt: skip
def test_the_code_in_the_answer_counts_not_the_status(kind: str, answer: dict[str, Any], times: int) -> None:
    with web(lambda _request: (200, answer)) as server:
        sent = deliver(kind, server.url)
    assert (sent.ok, sent.attempts) == (False, times)
    assert all(str(part) in sent.detail for part in answer.values())


@pytest.mark.parametrize("kind", ROBOTS)
@pytest.mark.parametrize("answer", [b"<html>welcome</html>", b"", b"[]", b'{"errcode": "0"}', b'{"errcode": false, "code": false}'])
def test_an_answer_that_is_none_is_no_success(kind: str, answer: bytes) -> None:
    with web(lambda _request: (200, answer)) as server:
        assert not deliver(kind, server.url).ok


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    sent = deliver("wecom", f"http://127.0.0.1:{port}")
    assert (sent.ok, sent.attempts) == (False, 3)
    assert sent.detail.startswith(f"127.0.0.1:{port}: ") and "refused" in sent.detail


def test_no_answer_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # takes the connection and says nothing
        sent = deliver("feishu", f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=0.2, attempts=2)
    assert (sent.ok, sent.attempts) == (False, 2)


def test_tls_is_verified(tmp_path: Path) -> None:
    ours, other, elsewhere = authority(tmp_path / "ours"), authority(tmp_path / "other"), authority(tmp_path / "named", "127.0.0.9")
    with web(lambda _request: (200, FINE["dingtalk"]), ours.context) as server:
        assert deliver("dingtalk", server.url, ca=str(ours.ca)).ok
        for trusted in ({"ca": str(other.ca)}, {}):
            sent = deliver("dingtalk", server.url, **trusted)
            assert (sent.ok, sent.attempts) == (False, 1), "asking again makes no certificate better"
            assert "not trusted" in sent.detail and "ca in policy.yml" in sent.detail
        absent = deliver("dingtalk", server.url, ca=str(tmp_path / "none.pem"))
        assert not absent.ok and "none.pem" in absent.detail
    assert len(server.got) == 1
    with web(lambda _request: (200, FINE["dingtalk"]), elsewhere.context) as server:
        assert not deliver("dingtalk", server.url, ca=str(elsewhere.ca)).ok, "another host's certificate"


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("status", [200, 302, 401, 500])
def test_planted_secrets_never_come_out(kind: str, status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """The other side repeats all it knows; logs are at their most talkative."""
    caplog.set_level(logging.NOTSET)
    with web(lambda request: (status, {"errcode": 1, "code": 1, "errmsg": f"{request.path} {SECRET}", "msg": f"{request.path} {SECRET}"})) as server:
        sent = deliver(kind, server.url)
    down = deliver(kind, "http://127.0.0.1:1")
    broken = deliver(kind, "http://[::1")
    nowhere = deliver(kind, "http://" + "a" * 70 + ".invalid")
    out = capfd.readouterr()
    for seen in (repr(sent), repr(down), repr(broken), repr(nowhere), out.out, out.err, *(record.getMessage() for record in caplog.records)):
        assert TOKEN not in seen and SECRET not in seen


@pytest.mark.parametrize("kind", PATHS)
def test_exceptions_hold_no_secrets_either(kind: str) -> None:
    """Nothing hangs on the error of a provider that has them in it."""
    from importlib import import_module

    channel = {"id": "it", "type": kind, "url": f"http://127.0.0.1:1{PATHS[kind]}", "secret": SECRET, "timeout": 1}
    with pytest.raises(channels.DeliveryError) as caught:
        import_module(f"itops_cli.channels.{kind}").send(channel, MESSAGE)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    assert TOKEN not in str(caught.value) and SECRET not in str(caught.value)


def test_an_address_that_is_written_out_is_taken_as_it_is() -> None:
    with web(lambda _request: (200, b"")) as server:
        assert channels.deliver({"id": "open", "type": "webhook", "url": server.url}, MESSAGE, pytest.fail).ok


@pytest.mark.parametrize(("kind", "limit"), [("wecom", 4096), ("dingtalk", 20000), ("feishu", 20000)])
def test_a_text_that_is_too_long_is_cut_at_a_line_and_says_so(kind: str, limit: int) -> None:
    long = {"zh_CN": "\n".join(f"- 第{n}步：停止服务" for n in range(2000)), "en": "\n".join(f"- step {n}" for n in range(9000))}
    with web(lambda _request: (200, FINE[kind])) as server:
        sent = deliver(kind, server.url, Message("长", long, "CHG-20261123-01", "report"))
    assert sent.ok and "cut" in sent.detail
    data = server.got[0].json()
    text = {"wecom": lambda: data["markdown"]["content"], "dingtalk": lambda: data["markdown"]["text"],
            "feishu": lambda: data["card"]["body"]["elements"][0]["content"]}[kind]()  # fmt: skip
    assert len(text.encode() if kind == "wecom" else server.got[0].body) <= limit
    chinese, english = text.split(robots.BETWEEN)
    for part, lang in ((chinese, "zh_CN"), (english, "en")):
        body, _, note = part.rpartition("\n\n")
        assert note == robots.CUT[lang] and set(body.split("\n")) <= set(long[lang].split("\n")), "whole lines only"


def test_a_single_endless_line_is_cut_too() -> None:
    cut = robots.fitted("汉" * 5000, 100, "…")
    assert len(cut.encode()) <= 100 and cut.startswith("汉汉")


@pytest.mark.parametrize(("escaped", "shown"), [
    ("\\<@all\\>", "＜@all＞"), ("<at id=all></at>", "＜at id=all>＜/at>"), ("[a\\](<http://evil.example/>)", "[a］(http://evil.example/)"),
    ("**名**：a\\*b", "**名**：a＊b"),
])  # fmt: skip
def test_no_value_mentions_or_links_in_a_robots_dialect(escaped: str, shown: str) -> None:
    assert robots.dialect(escaped) == shown
