# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback asks for no decision of its own, so it carries out only what was decided on with the change: its way back as it was when it was begun.

What else is edited meanwhile (an owner, a cycle, a further host, the next backup) holds no rollback up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, progress, redact
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

Records = Mapping[str, Mapping[str, Any]]


def findings(ws: Workspace, change: Change, services: Records, people: Records, events: Sequence[Event]) -> Iterator[Finding]:
    """Whether the way back is the one that was begun, or an approver has approved the edited one. policy.yml has no say in it."""
    begun = executed(events)
    if not begun or change.plan_digest in begun:
        return
    now = facts.Facts(ws, change, services, people, events, {}, datetime.now().astimezone(), "")
    old = now.decided_on(begun[-1])
    if old is None:  # a ledger of before decisions kept the plan: nobody can take it out unseen
        yield Finding("plan", False, "the plan is not the one that was begun, and the ledger does not keep that one", f"itops plan {change.id}", "warning")
        return
    hosts = {name for name, state in progress.hosts(events).items() if state.touched or state.doubtful}
    lines = list(facts.differing(_way_back(old, hosts), _way_back(redact.redact(ledger.plain({"plan": change.bound}))["plan"], hosts)))
    approval = now.latest(decisions.APPROVE, decisions.REJECT)
    approved = approval is not None and approval.what == decisions.APPROVE
    remedy = f"put these lines back (as begun: change.yml beside the record), or let an approver decide: itops change approve {change.id}"
    said = f"the way back was edited after the change was begun: {' | '.join(lines[:10])}" if lines else "the way back is the one that was begun"
    yield Finding("plan", approved or not lines, f"approved by {approval.by}: {said}" if approved and lines and approval else said, remedy)


def executed(events: Sequence[Event]) -> list[str]:
    """Digests of the plans that a gate has let change hosts, oldest first."""
    return [str(event.data["authorised"]) for event in events if event.kind == "gate" and not event.host and event.data.get("authorised")]


def _way_back(bound: Mapping[str, Any], hosts: set[str]) -> dict[str, Any]:
    """What `itops rollback` carries out on these hosts."""
    plan, records = bound.get("plan") or {}, bound.get("records") or {}
    steps = [step for step in plan.get("steps") or [] if step.get("kind") == "rollback"]
    return {
        "steps": steps,
        **{key: plan.get(key) for key in ("checks", "exclude")},
        "records": {sid: {"control": record.get("control"), "hosts": _values(record, hosts)} for sid, record in records.items()},
        "task_files": bound.get("task_files") if any(step.get("tasks") for step in steps) else None,
    }


def _values(record: Mapping[str, Any], hosts: set[str]) -> list[dict[str, Any]]:
    """Address and values of these hosts; of a group whatever it is called."""
    entries = [host for host in record.get("hosts") or [] if "group" in host or host.get("name") in hosts]
    return [{key: host[key] for key in ("name", "group", "address", "vars") if host.get(key)} for host in entries]
