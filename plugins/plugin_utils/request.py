# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A segment as the host gets it, and what is noted when it is not carried out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import known_errors, policy, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import durations, precedents, windows
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan, Segment
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

START_WAIT_MS = 1500  # a segment that ends within this time needs no second exchange
FORMAT = 1


def all_segments(plan: HostPlan) -> list[Segment]:
    """Every segment a host can be asked for, forward ones first."""
    return [plan.preflight(), plan.backup(), *plan.patch(), *(plan.verify() or [plan.checks()]), *plan.failover(), *plan.rollback()]


def find(plan: HostPlan, segment_id: str) -> Segment:
    """The segment of this id. Raises KeyError naming those there are."""
    segments = {segment.id: segment for segment in all_segments(plan)}
    if segment_id not in segments:
        raise BadInput([Problem(plan.change.path.name, 0, "plan", "no such segment", segment_id, ", ".join(segments))])
    return segments[segment_id]


def build(now: Session, plan: HostPlan, segment: Segment) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The request body and the patch files that travel with it. Raises BadInput where a staged file has changed."""
    files = _staged(now, segment)
    confirm = now.change.plan.get("confirm_within") if segment.phase == "patch" and segment.unattended else None
    body = {
        "format": FORMAT,
        "change": now.change.id,
        "run": now.run_id,
        "segment": segment.id,
        "host": plan.target.host,
        "service": plan.target.service,
        "phase": segment.phase,
        "state_dir": plan.state_dir,
        "detach": segment.detach,
        "wait_ms": START_WAIT_MS,
        "unattended": segment.unattended,
        "deadline": _deadline(now, segment),
        "confirm_within_s": confirm * 60 if confirm else None,
        "secrets": sorted(plan.values.secret.values()),
        "env": {},
        "files": [{"name": n, "size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()],
        "steps": _timed(now, segment),
        "rollback": {"steps": list(segment.rollback)} if segment.rollback else None,
        "closing": {"steps": list(segment.closing), "when_done": segment.closing_when_done} if segment.closing else None,
        "known_errors": known(now, plan),
    }
    return body, files


def _deadline(now: Session, segment: Segment) -> int | None:
    """End of the planned window in seconds since 1970, where the segment changes or verifies; the way back has none, nor has an emergency."""
    window = windows.planned(now.change)
    if window is None or segment.phase not in ("patch", "verify", "failover") or now.change.data["category"] == "emergency":
        return None
    return int(window.end.timestamp())


def _timed(now: Session, segment: Segment) -> list[dict[str, Any]]:
    """The steps, each with the seconds it is expected to take where that is known and there is an end to keep."""
    if _deadline(now, segment) is None:
        return list(segment.steps)
    seconds = durations.of_steps(now.change, now.ws, precedents.find(now.change, now.ws))
    return [{**step, "expected_s": round(seconds[step["id"]])} if step["id"] in seconds else step for step in segment.steps]


def late(now: Session, segment: Segment) -> str:
    """Why a step that Ansible's own modules do may not begin any more: it would not end within the window; "" where it may."""
    deadline = _deadline(now, segment)
    needed = sum(step.get("expected_s") or 0 for step in _timed(now, segment))
    if deadline is None or time.time() + needed <= deadline:
        return ""
    return f"step not begun: the window ends at {datetime.fromtimestamp(deadline, UTC):%Y-%m-%dT%H:%M:%SZ}, it takes about {needed} s"


def known(now: Session, plan: HostPlan) -> list[dict[str, Any]]:
    """The known errors that count on this host. A policy.yml that is wrong (lint says so) must not hold the way back up: it counts as empty."""
    services = {sid: now.services[sid] for sid in now.change.services}
    try:
        rules = policy.load(now.ws)
    except BadInput:
        rules = {}
    return known_errors.entries(plan.target.service, services, rules)


def _staged(now: Session, segment: Segment) -> dict[str, bytes]:
    """Only the files this segment's steps use; the very bytes that travel are compared with the notice once more."""
    folder = now.ws.staging / now.change.id
    used = {name for step in segment.steps for name in step_files(step)}
    read = [staging.read(folder, item) for item in now.change.files if item["name"] in used]
    bad = [Problem(str(folder / line["name"]), 0, "", f"not the notice's file: {line['verdict']}") for line in staging.refused(line for _, line in read)]
    if bad:
        raise BadInput(bad)
    return {line["name"]: content for content, line in read}


def step_files(step: Mapping[str, Any]) -> list[str]:
    """Patch files a compiled step unpacks or copies."""
    args = step["args"]
    if step["type"] == "release":
        return [args["file"]]
    return [item["file"] for item in args.get("items", []) if item.get("file")] if step["type"] == "files" else []


SKIPPED: dict[str, Any] = {
    "result": "skipped", "reason": "skipped by a person", "rc": None, "feedback": "", "evidence": "",
    "started": "", "ended": "", "duration_ms": 0, "changed": False, "data": {},
}  # fmt: skip


def declined(ledger: Ledger, now: Session, plan: HostPlan, segment: Segment, answer: str) -> dict[str, Any]:
    """A person did not let the segment begin: skipped, or an end that leads to the rollback or to nothing."""
    host = plan.target.host
    where: dict[str, Any] = {"run": now.run_id, "host": host, "phase": segment.phase}
    if answer == "skip":
        for step in segment.steps:
            shown = {k: step[k] for k in ("seq", "kind", "type", "title", "display", "run_as")}
            ledger.append("step_finished", {**shown, "segment": segment.id, "step": step["id"], **SKIPPED}, **where)
        ledger.append("segment_started", {"segment": segment.id, "detached": False, "journal": "", "pid": 0, "skipped": True}, **where)
        ledger.append("segment_finished", _end(segment, "done", "skipped by a person"), **where)
        return {"changed": False, "itops_result": "done", "itops_segment": segment.id, "skipped": True}
    message = f"{host}: {segment.id}: stopped by a person ({answer})"
    ledger.append("segment_finished", _end(segment, "cancelled", message), **where)
    return {"failed": True, "itops_result": "cancelled", "itops_answer": answer, "itops_segment": segment.id, "msg": message}


def note_preflight(ledger: Ledger, now: Session, plan: HostPlan, end: Mapping[str, Any]) -> None:
    """The host's half of the gate as one event."""
    host = plan.target.host
    told = [e for e in ledger.events() if e.run == now.run_id and e.host == host and e.kind == "step_finished" and e.phase == "gate"]
    mine = {str(e.data["step"]): e for e in told}.values()  # of several attempts the last
    findings = [
        Finding(str(e.data["step"]), e.data["result"] == "ok", f"{e.data['title']}: {e.data.get('reason') or e.data.get('feedback', '')}"[:500],
                f"mend it on {host}, then: itops run {now.change.id}", host=host)
        for e in mine
    ]  # fmt: skip
    passed = end["result"] == "done"
    data = {"findings": [f.as_dict() for f in findings], "result": "passed" if passed else "refused"}
    ledger.append("gate", data, run=now.run_id, host=host, phase="gate", sync=not passed)


def _end(segment: Segment, result: str, message: str) -> dict[str, Any]:
    return {"segment": segment.id, "result": result, "changed": False, "step": "", "message": message, "duration_ms": 0}
