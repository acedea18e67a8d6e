# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that Ansible carries out with tasks of its own, in the ledger like all others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import known_errors, request
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan, Segment
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

FEEDBACK_LIMIT = 4000
PINS = {"apt": "{name}={version}", "dnf": "{name}-{version}"}


def begun(ledger: Ledger, now: Session, plan: HostPlan, segment: Segment) -> None:
    """Segment and step have started."""
    where: dict[str, Any] = {"run": now.run_id, "host": plan.target.host, "phase": segment.phase}
    ledger.append("segment_started", {"segment": segment.id, "detached": False, "journal": "", "pid": 0}, sync=True, **where)
    ledger.append("step_started", {**_shown(segment), "segment": segment.id}, **where)


def ended(ledger: Ledger, now: Session, plan: HostPlan, segment: Segment, state: str, feedback: str) -> None:
    """Step and segment have ended; the duration runs from the step's start in the ledger."""
    where: dict[str, Any] = {"run": now.run_id, "host": plan.target.host, "phase": segment.phase}
    started = next(
        event.at for event in reversed(ledger.events())
        if event.kind == "step_started" and event.host == plan.target.host and event.data.get("segment") == segment.id
    )  # fmt: skip
    done = state == "done"
    ended_at = datetime.now().astimezone()
    duration = int((ended_at - datetime.fromisoformat(started)).total_seconds() * 1000)
    data = {**_shown(segment), "segment": segment.id, "result": "ok" if done else "abnormal", "rc": 0 if done else 1,
            "feedback": feedback[-FEEDBACK_LIMIT:], "evidence": "", "started": started, "ended": ended_at.isoformat(timespec="milliseconds"),
            "duration_ms": duration, "changed": True, "reason": "" if done else feedback[:500], "data": {}}  # fmt: skip
    if not done:  # named, never done again: what Ansible has half done only its own tasks could know
        data |= known_errors.told(request.known(now, plan), feedback)
    ledger.append("step_finished", data, **where)
    end = {"segment": segment.id, "result": "done" if done else "abnormal", "changed": True, "step": "" if done else segment.steps[0]["id"],
           "message": "" if done else feedback[:500], "duration_ms": duration}  # fmt: skip
    ledger.append("segment_finished", end, sync=True, **where)


def step_args(segment: Segment, changes: Path) -> dict[str, Any]:
    """The step's arguments for the task files; packages with the pin their manager understands, files from the folder of the changes."""
    args = dict(segment.steps[0]["args"])
    if segment.road == "tasks":
        args["file"] = str(changes / args["file"])
    if segment.road == "packages":
        pin = PINS[args["provider"]]
        args["names"] = [{**item, "pinned": pin.format(**item) if item.get("version") else item["name"]} for item in args["names"]]
    return {"args": args, "verb": "restore" if segment.phase == "rollback" else "update"}


def _shown(segment: Segment) -> dict[str, Any]:
    step = segment.steps[0]
    return {"step": step["id"], **{key: step[key] for key in ("seq", "kind", "type", "title", "display", "run_as")}}
