# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one segment of one host may begin now: the last guard, read from the ledger, asked by the action itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.itops.maintenance.plugins.plugin_utils import progress, run, turn
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event


def findings(events: Sequence[Event], change: Change, run_id: str, host: str, segment: str, phase: str) -> list[Finding]:
    """Every guard of a segment of this phase; none of them trusts a return code."""
    found = [*_gate(events, change, run_id)]
    if phase in progress.CHANGING:
        found += [*_changing(events, change, run_id, host), *turn.findings(events, run_id, host, segment, phase)]
    return found


def cancelled(events: Sequence[Event], run_id: str) -> bool:
    """Whether the operator has asked this run to stop."""
    return any(event.kind == "cancel_requested" and event.run == run_id for event in events)


def _gate(events: Sequence[Event], change: Change, run_id: str) -> Iterator[Finding]:
    mine = [event for event in events if event.run == run_id]
    passed = any(e.kind == "gate" and not e.host and e.data.get("result") == "passed" for e in mine)
    yield Finding("gate", passed, "the controller's gate has not been passed in this run", f"itops run {change.id}")
    plan = run.planned(mine)
    same = plan is not None and plan.data.get("change_digest") == change.digest
    yield Finding("digest", same, "the change file is not the one the gate has seen", f"itops plan {change.id}")


def _changing(events: Sequence[Event], change: Change, run_id: str, host: str) -> Iterator[Finding]:
    states = progress.hosts(events)
    state = states.get(host, progress.HostProgress(host))
    authorised = any(e.run == run_id and e.kind == "gate" and not e.host and e.data.get("authorised") == change.plan_digest for e in events)
    yield Finding(
        "authorised", authorised, "this run's gate has not asked the guards of the life cycle: its verb is no change", f"itops run {change.id}", host=host
    )
    yield Finding("backup", state.backup_verified, "no verified backup of this host: no change", "ansible-playbook itops.maintenance.backup", host=host)
    refused = [e for e in events if e.run == run_id and e.kind == "gate" and e.data.get("result") != "passed"]
    yield Finding("preflight", not refused, "a host was refused before the first change", f"itops record show {change.id}", host=host)
    tolerated, failed = change.plan["failures_tolerated"], [h for h in progress.failures(events) if h != host]
    yield Finding(
        "rollout",
        len(failed) <= tolerated,
        f"the rollout stopped: {', '.join(failed)} went wrong ({tolerated} tolerated)",
        f"itops record show {change.id}",
        host=host,
    )
    yield Finding("cancel", not cancelled(events, run_id), "the operator asked to stop", f"itops resume {change.id}", host=host)
