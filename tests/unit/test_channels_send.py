# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All channels of a purpose are tried, each on its own; what comes back says how each ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import policy, schema
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli import channels
from itops_cli.channels import Message, base
from itops_cli.errors import Exit
from tests.unit.listeners import smtp, web

MESSAGE = Message("升级", {"zh_CN": "升级", "en": "upgrade"}, "CHG-20261123-01", "announce", ("zhang@example.com",))


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_one_that_fails_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    def secret(ref: str) -> str:
        problems = {"env:NONE": Exit(2, "env:NONE: not set → export NONE=…"), "file:gone": BadInput([Problem("policy.yml", 3, "url", "no such file", "gone")])}
        raise problems.get(ref) or RuntimeError("the resolver broke")

    with smtp("none") as post, web(lambda _request: (200, {})) as server:
        listed = [
            {"id": "unset", "type": "wecom", "url": "env:NONE"},
            {"id": "gone", "type": "feishu", "url": "file:gone"},
            {"id": "broken", "type": "dingtalk", "url": "odd:one"},
            {"id": "unknown", "type": "pigeon"},
            {"id": "incomplete", "type": "mail"},
            {
                "id": "mail",
                "type": "mail",
                "host": "127.0.0.1",
                "port": post.port,
                "tls": "none",
                "sender": "it@example.com",
                "purpose": ["announce", "report"],
            },
            {"id": "upward", "type": "webhook", "url": server.url, "purpose": ["report"]},
            {"id": "hook", "type": "webhook", "url": server.url, "purpose": ["announce"]},
        ]
        sent = channels.send_all(listed, "announce", MESSAGE, secret, pytest.fail)
    assert {d.channel: d.ok for d in sent} == {
        "unset": False,
        "gone": False,
        "broken": False,
        "unknown": False,
        "incomplete": False,
        "mail": True,
        "hook": True,
    }
    details = {d.channel: d.detail for d in sent}
    assert details["unset"] == "env:NONE: not set → export NONE=…"
    assert "policy.yml:3" in details["gone"] and "RuntimeError: the resolver broke" in details["broken"] and "no channel of type pigeon" in details["unknown"]
    assert [d.attempts for d in sent if not d.ok][:4] == [0, 0, 0, 0]
    assert all(datetime.fromisoformat(d.at).tzinfo for d in sent)
    assert len(post.got) == 1 and len(server.got) == 1
    said = capsys.readouterr()
    assert said.out == "" and [line for line in said.err.splitlines() if line.startswith("sending through mail (mail)")]


def test_a_pause_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with web(lambda _request: (503, b"down")) as server:
        channels.send_all([{"id": "hook", "type": "webhook", "url": server.url, "attempts": 2}], "announce", MESSAGE, pytest.fail, lambda _seconds: None)
    assert "hook: " in (said := capsys.readouterr().err) and "503" in said and "trying again in 1 s" in said


def test_attempts_are_bounded() -> None:
    pauses: list[float] = []
    with web(lambda _request: (503, b"")) as server:
        sent = channels.deliver({"id": "hook", "type": "webhook", "url": server.url, "attempts": 10**6}, MESSAGE, pytest.fail, pauses.append)
        assert channels.deliver({"id": "hook", "type": "webhook", "url": server.url, "attempts": -1}, MESSAGE, pytest.fail, pytest.fail).attempts == 1
    assert sent.attempts == base.MOST_ATTEMPTS and max(pauses) == base.LONGEST_PAUSE


def test_every_type_of_the_schema_has_a_provider_and_is_known_to_the_policy() -> None:
    options: dict[str, Any] = schema.options("policy")["channels"]["options"]
    assert set(options["type"]["choices"]) == set(base.TYPES) == set(policy.NEEDS)
    for name in base.TYPES:
        assert callable(base._provider(name).send)


def test_a_message_without_the_channels_language_is_sent_in_what_there_is() -> None:
    assert Message("x", {"en": "x"}, "C", "announce").languages({"lang": ["zh_CN"]}) == ["en"]
    assert MESSAGE.languages({}) == ["zh_CN", "en"]
    assert Message("题", {"en": "x", "zh_CN": "y"}, "C", "announce", (), {"en": "title"}).title({"lang": ["en"]}) == "title"
