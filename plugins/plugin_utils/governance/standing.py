# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a change stands in its life cycle, what it lacks, and whether a run of it may begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, progress, run
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, guards, lifecycle
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.lifecycle import Standing
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event


def of(now: Facts) -> Standing:
    """Its state, computed from the beginning."""
    return lifecycle.stand(now.change.data["category"], guards.ask(now), ended(now.events), stopped(now))


def ended(events: Sequence[Event]) -> str:
    """What the runs came to so far; "" while no host has been touched."""
    touched = any(state.touched or state.doubtful for state in progress.hosts(events).values())
    going = run.open_runs(events)
    if going and touched:
        return _going(events, going[-1])
    if not touched:
        return ""
    result = outcome.of_events(events)
    if result["backout"] == outcome.NOT_NEEDED:
        return lifecycle.IMPLEMENTED
    return lifecycle.ROLLED_BACK if result["backout"] == outcome.SUCCEEDED else lifecycle.ROLLBACK_FAILED


def _going(events: Sequence[Event], run_id: str) -> str:
    mine = [event for event in events if event.run == run_id]
    asked = {event.data.get("token") for event in mine if event.kind == "confirmation_requested"}
    given = {event.data.get("token") for event in mine if event.kind == "confirmation_given"}
    if asked - given:
        return lifecycle.PAUSED
    phase = next((event.phase for event in reversed(mine) if event.phase), "")
    return lifecycle.VERIFYING if phase == "verify" else lifecycle.EXECUTING


def stopped(now: Facts) -> str:
    """Whether a person has cancelled the change, or rejected this very plan and nobody approved it since."""
    if any(d.what == decisions.CANCEL and not d.fault for d in now.decisions) and not ended(now.events):
        return lifecycle.CANCELLED
    last = now.latest(decisions.APPROVE, decisions.REJECT)
    return lifecycle.REJECTED if last and last.what == decisions.REJECT else ""


def may_run(now: Facts, verb: str) -> list[Finding]:
    """Every guard between the notice and the execution, and that the change is not over. For `resume` of a touched host the window only warns."""
    found = lifecycle.findings(now.change.data["category"], guards.ask(now))
    if verb == "resume" and ended(now.events):  # a host may be half changed; where none is, this is a first run like any other
        late = set(guards.ask(now)("in_window"))
        found = [replace(finding, severity="warning") if finding in late else finding for finding in found]
    return [*over(now), *found]


def over(now: Facts) -> Iterable[Finding]:
    """A change that a person has ended takes no further run."""
    state = lifecycle.CLOSED if run.is_closed(now.events) else stopped(now)
    yield Finding("over", not state, f"the change is {state}" if state else "the change is neither cancelled nor rejected nor closed", "itops change new")
