# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long steps are expected to take: the median of earlier runs, else what the plan says.

Where neither tells, nothing is known, and the step counts as nothing: a limit that is guessed would stop work that fits.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import plan
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import precedents
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.precedents import Precedent
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

LOOKED_AT = 5  # precedents
AROUND = ("backup", "verify", "failover")  # phases whose steps the house adds
Services = Mapping[str, Mapping[str, Any]]


def of_steps(change: Change, ws: Workspace, found: Sequence[Precedent]) -> dict[str, float]:
    """Seconds by the step's id; a step of which nothing is known is not in it."""
    history: dict[tuple[str, str], list[float]] = {}
    for earlier in found[:LOOKED_AT]:
        for event in precedents.verified(ws, earlier.change) or ():
            if event.kind == "step_finished" and event.data.get("result") == "ok":
                history.setdefault((str(event.data.get("kind")), str(event.data.get("title"))), []).append(float(event.data.get("duration_ms") or 0) / 1000)
    known: dict[str, float] = {}
    for step in change.plan["steps"]:
        told = history.get((step["kind"], str(step.get("title"))))
        if told or step.get("duration"):
            known[step["id"]] = statistics.median(told) if told else float(step["duration"])
    return known


def unknown(change: Change, known: Mapping[str, float]) -> list[str]:
    """Steps on the way forward of which neither history nor plan tells how long they take."""
    return [str(step.get("title") or step["id"]) for step in change.plan["steps"] if step["kind"] != "rollback" and step["id"] not in known]


def around(ws: Workspace, found: Sequence[Precedent]) -> dict[str, float]:
    """Seconds of what is not in the plan (backup, verify, failover) on the slowest host, the median of earlier runs; 0 where there are none."""
    seen: dict[str, list[float]] = {phase: [] for phase in AROUND}
    for earlier in found[:LOOKED_AT]:
        hosts: dict[tuple[str, str], float] = {}
        for event in precedents.verified(ws, earlier.change) or ():
            if event.kind == "step_finished" and event.phase in AROUND:
                key = (event.phase, event.host)
                hosts[key] = hosts.get(key, 0) + float(event.data.get("duration_ms") or 0) / 1000
        for phase, values in seen.items():
            values += [max((seconds for (which, _host), seconds in hosts.items() if which == phase), default=0)]
    return {phase: statistics.median(values) if values else 0 for phase, values in seen.items()}


def expected(change: Change, services: Services, known: Mapping[str, float], more: Mapping[str, float]) -> timedelta:
    """All steps on all hosts, those of one batch at the same time, with the backup before, checks and fail-over, and the way back of the last batch."""
    targets, _skipped = plan.targets(change, services)
    rounds = len({(target.stage, target.batch) for target in targets})
    forward, back = (sum(known.get(step["id"], 0) for step in change.plan["steps"] if (step["kind"] == "rollback") == way) for way in (False, True))
    beside = more.get("backup", 0) + more.get("verify", 0) * (rounds + 1) + more.get("failover", 0)  # checks again after the way back
    return timedelta(seconds=round(forward * rounds + back + beside))
