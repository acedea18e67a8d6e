# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened, told as events: a real chain in memory, for everything that is computed from events alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

CHANGE = "CHG-20261123-01"
RUN = "R20261123T020000Z-abcd"
SEGMENTS = {"backup": "backup", "patch-1": "patch", "verify": "verify", "failover-1": "failover"}
STEP = {"seq": 1, "kind": "update", "type": "command", "title": "更新", "display": "update", "run_as": "", "rc": 0, "feedback": "fine",
        "evidence": "", "started": "2026-11-23T02:05:00.000+08:00", "ended": "2026-11-23T02:05:01.500+08:00", "duration_ms": 1500, "reason": ""}  # fmt: skip


class Story:
    """Every call appends one or more events and returns the story."""

    def __init__(self, change: str = CHANGE, run: str = RUN):
        self.change = change
        self.run = run
        self.events: list[Event] = []

    def tell(self, kind: str, data: Mapping[str, Any] | None = None, *, host: str = "", phase: str = "", run: str = "") -> Story:
        last = self.events[-1] if self.events else None
        body = {
            "seq": last.seq + 1 if last else 1, "at": f"2026-11-23T02:{len(self.events) // 60:02}:{len(self.events) % 60:02}.000+08:00", "kind": kind,
            "actor": "", "run": run or self.run, "host": host, "phase": phase, "data": json.loads(ledger.canonical(ledger.plain(dict(data or {})))),
            "prev": last.hash if last else ledger.genesis(self.change),
        }  # fmt: skip
        self.events.append(Event(**body, hash=ledger.digest(body)))
        return self

    def opened(self, verb: str = "run", *, run: str = "", **data: Any) -> Story:
        return self.tell("run_opened", {"change": self.change, "argv_verb": verb, "user": "li", "controller": "ctl", **data}, phase="gate", run=run)

    def gate(self, result: str = "passed", host: str = "", findings: Sequence[Mapping[str, Any]] = (), authorised: str = "") -> Story:
        return self.tell("gate", {"result": result, "findings": list(findings), "authorised": authorised}, host=host, phase="gate")

    def planned(
        self, *hosts: str, skipped: Sequence[str] = (), can_roll_back: bool = True, needed: Sequence[str] = ("backup", "patch-1"), **data: Any
    ) -> Story:
        segments = [{"id": name, "phase": SEGMENTS[name]} for name in needed]
        lined = [{"host": host, "service": "web", "role": "primary", "stage": 2, "batch": 1} for host in hosts]
        plan = {"hosts": lined, "segments": dict.fromkeys(hosts, segments), "skipped": list(skipped), "can_roll_back": can_roll_back}
        return self.tell("planned", {**plan, **data}, phase="gate")

    def begun(self, verb: str = "run", *hosts: str, **data: Any) -> Story:
        """Opened, through the gate, planned."""
        return self.opened(verb, check=data.pop("check", False)).gate().planned(*(hosts or ("a",)), **data)

    def segment(self, host: str, name: str, phase: str, result: str = "done") -> Story:
        return self.started(host, name, phase).finished(host, name, phase, result)

    def started(self, host: str, name: str, phase: str) -> Story:
        return self.tell("segment_started", {"segment": name}, host=host, phase=phase)

    def finished(self, host: str, name: str, phase: str, result: str = "done", message: str = "") -> Story:
        return self.tell("segment_finished", {"segment": name, "result": result, "message": message}, host=host, phase=phase)

    def requested(self, host: str, name: str, phase: str) -> Story:
        return self.tell("segment_requested", {"segment": name}, host=host, phase=phase)

    def lost(self, host: str, phase: str = "patch", final: bool = True) -> Story:
        return self.tell("contact_lost", {"message": "timed out", "final": final}, host=host, phase=phase)

    def regained(self, host: str) -> Story:
        return self.tell("contact_regained", {}, host=host)

    def backed_up(self, host: str, verified: bool = True, **more: Any) -> Story:
        made = {"archive": f"/b/web_{host}.tar.zst", "sha256": "ab" * 32, "size": 2048, "files": 3, "manifest": f"/b/web_{host}.json",
                "manifest_sha256": "cd" * 32, "sites": [{"site": "local", "where": "/b", "verified": verified}], **more}  # fmt: skip
        return self.started(host, "backup", "backup").tell("backup_made", made, host=host, phase="backup").finished(host, "backup", "backup")

    def step(self, host: str, name: str, phase: str, result: str = "ok", segment: str = "patch-1", **more: Any) -> Story:
        where = {**STEP, "step": name, "segment": segment, **more}
        self.tell("step_started", {key: where[key] for key in ("step", "segment", "seq", "kind", "type", "title", "display", "run_as")}, host=host, phase=phase)
        return self.tell("step_finished", {**where, "result": result}, host=host, phase=phase)

    def patched(self, host: str, result: str = "done") -> Story:
        """Backup and patch of one host."""
        return self.backed_up(host).segment(host, "patch-1", "patch", result)

    def closed(self, exit_: int = 0, **data: Any) -> Story:
        return self.tell("run_closed", {"exit": exit_, "reason": "", **data}, phase="close")
