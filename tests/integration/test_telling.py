# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops change report|announce` against real servers: what arrives is kept, what does not blocks, and no token is written anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_governance import Office
from tests.unit.listeners import Request, smtp, web

TOKEN = "S3cr3t-hook-4711"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def planned(office: Office, channels: list[dict[str, Any]]) -> str:
    office.write("policy.yml", {"channels": channels})
    cid = office.complex_change()
    (office.root / "mail.eml").write_text("已确认\n", "utf-8")
    office.decide("li", "assess", cid)
    office.decide("li", "supplier", cid, "--contact", "刘洋", "--content-ok", "--rollback-ok", "--evidence", "mail.eml")
    return cid


def missing(office: Office, cid: str) -> set[str]:
    office.itops("run", cid, "--check")
    return set(office.findings(cid))


def test_a_report_by_webhook_and_mail_arrives_and_counts(office: Office) -> None:
    with web(lambda _request: (200, {})) as server, smtp("none") as post:
        office.env["HOOK"] = f"{server.url}/hook/{TOKEN}"
        channels = [
            {"id": "ops", "type": "webhook", "url": "env:HOOK"},
            {"id": "mail", "type": "mail", "host": "127.0.0.1", "port": post.port, "tls": "none", "sender": "ops@example.com"},
        ]
        cid = planned(office, channels)
        said = office.decide("li", "report", cid)
    assert "ops: delivered" in said and "mail: delivered" in said
    assert len(server.got) == 1 and cid in server.got[0].body.decode()
    assert "reported" not in missing(office, cid)
    decided = next(e for e in office.events(cid) if e.data.get("decision") == "report")
    assert {d["channel"] for d in decided.data["details"]["deliveries"] if d["ok"]} == {"ops", "mail"}
    text = (office.folder(cid) / "evidence" / decided.data["details"]["text"]).read_text("utf-8")
    assert cid in text, "the text that was sent is kept"
    leaks = [path for path in office.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert leaks == [] and TOKEN not in said


def test_what_is_not_delivered_is_an_event_and_blocks(office: Office) -> None:
    def judge(_request: Request) -> tuple[int, Any]:
        return 503, b"down"

    with web(judge) as server:
        channels = [
            {"id": "ops", "type": "webhook", "url": server.url, "attempts": 2},
            {"id": "group", "type": "webhook", "url": server.url, "required": False, "attempts": 1},
        ]
        cid = planned(office, channels)
        said = office.decide("li", "report", cid, expect=3)
    assert "not delivered through ops" in said and f"itops change report {cid}" in said
    assert len(server.got) == 3, "two attempts, and one"
    decided = next(e for e in office.events(cid) if e.data.get("decision") == "report")
    assert [(d["channel"], d["ok"], d["attempts"]) for d in decided.data["details"]["deliveries"]] == [("ops", False, 2), ("group", False, 1)]
    assert "reported" in missing(office, cid)
    assert "reported" in office.decide("wang", "approve", cid, expect=3)


def test_without_a_channel_it_says_so_and_by_hand_needs_none(office: Office) -> None:
    cid = planned(office, [])
    assert "--by-hand" in office.decide("li", "report", cid, expect=3)
    office.decide("li", "report", cid, "--by-hand", "例会")
    assert "reported" not in missing(office, cid)


def test_a_dry_run_sends_and_writes_nothing(office: Office) -> None:
    with web(lambda _request: (200, {})) as server:
        cid = planned(office, [{"id": "ops", "type": "webhook", "url": server.url}])
        before = office.events(cid)
        shown = office.itops("change", "announce", cid, "--dry-run")
        told = json.loads(office.itops("change", "announce", cid, "--dry-run", "--format", "json").stdout)
    assert shown.returncode == 0 and cid in shown.stdout and server.got == [] and office.events(cid) == before
    assert cid in told["texts"]["zh_CN"] and cid in told["texts"]["en"] and told["recipients"]
    assert office.itops("change", "announce", cid, "--by-hand", " ").returncode == 2, "how it was told is to be said"
