# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life cycle of a change: one table of states and arrows. The docs' diagram, `itops change next` and the gate are made from it.

No state is stored anywhere. A change stands where the guards hold up to: whatever is edited, copied or passed in, the
walk begins at `received` again and every guard on the way is asked again, about the plan as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals

RECEIVED, ASSESSED, CONFIRMING, PLANNED, APPROVED = "received", "assessed", "confirming", "planned", "approved"
SCHEDULED, PREPARED, EXECUTING, PAUSED, VERIFYING = "scheduled", "prepared", "executing", "paused", "verifying"
IMPLEMENTED, ROLLED_BACK, ROLLBACK_FAILED = "implemented", "rolled_back", "rollback_failed"
REVIEWED, CLOSED, REJECTED, CANCELLED = "reviewed", "closed", "rejected", "cancelled"
STANDARD, NORMAL, EMERGENCY = "standard", "normal", "emergency"
EVERY = (STANDARD, NORMAL, EMERGENCY)

Ask = Callable[[str], Iterable[Finding]]  # the findings of the guard of this name


@dataclass(frozen=True)
class Arrow:
    """From one state to the next, for these kinds of change, when all guards hold.

    `when` names the guard that decides which of several arrows is meant; one that does not hold closes that way, it is no refusal.
    `event` is what happens in a run: such an arrow is taken by the run itself, never by asking a guard.
    """

    source: str
    target: str
    guards: tuple[str, ...] = ()
    kinds: tuple[str, ...] = EVERY
    when: str = ""
    event: str = ""


BEFORE_EXECUTION = (RECEIVED, ASSESSED, CONFIRMING, PLANNED, APPROVED, SCHEDULED, PREPARED)
ENDED = (IMPLEMENTED, ROLLED_BACK, ROLLBACK_FAILED)
STOPPED = (REJECTED, CANCELLED)  # a person has said so, wherever the change stood
ARROWS = (
    Arrow(RECEIVED, ASSESSED, ("ledger", "notice", "incident", "assessed", "category")),
    Arrow(ASSESSED, CONFIRMING, kinds=(NORMAL,), when="complex"),
    Arrow(CONFIRMING, PLANNED, ("supplier",), kinds=(NORMAL,)),
    Arrow(ASSESSED, PLANNED, ("precedent",), kinds=(STANDARD, NORMAL), when="simple"),
    Arrow(ASSESSED, PLANNED, kinds=(EMERGENCY,)),
    Arrow(PLANNED, APPROVED, ("precedent",), kinds=(STANDARD,)),
    Arrow(PLANNED, APPROVED, ("reported", "approved"), kinds=(NORMAL,)),
    Arrow(PLANNED, APPROVED, ("approved",), kinds=(EMERGENCY,)),
    Arrow(APPROVED, SCHEDULED, ("announced", "window"), kinds=(STANDARD, NORMAL)),
    Arrow(APPROVED, SCHEDULED, kinds=(EMERGENCY,)),
    Arrow(SCHEDULED, PREPARED, ("files", "checklist")),
    Arrow(PREPARED, EXECUTING, ("in_window", "executor"), event="a run passes its gate"),
    Arrow(EXECUTING, PAUSED, event="a person pauses, or is asked"),
    Arrow(PAUSED, EXECUTING, event="a person lets it go on"),
    Arrow(EXECUTING, VERIFYING, event="the checks begin"),
    Arrow(VERIFYING, IMPLEMENTED, event="achieved and verified on every host"),
    Arrow(EXECUTING, ROLLED_BACK, event="every host touched is back, and verified"),
    Arrow(EXECUTING, ROLLBACK_FAILED, event="a host is neither done nor back"),
    Arrow(IMPLEMENTED, REVIEWED, ("verified", "observed", "reviewed", "announced_afterwards")),
    Arrow(ROLLED_BACK, REVIEWED, ("verified", "observed", "reviewed", "announced_afterwards")),
    Arrow(ROLLBACK_FAILED, REVIEWED, ("observed", "reviewed", "announced_afterwards")),
    Arrow(REVIEWED, CLOSED, ("ledger", "references", "closed")),
    *(Arrow(state, REJECTED, event="an approver rejects the plan") for state in BEFORE_EXECUTION),
    *(Arrow(state, CANCELLED, event="a person cancels the change") for state in BEFORE_EXECUTION),
    Arrow(REJECTED, RECEIVED, event="the plan is edited, or an approver approves it after all"),
)


@dataclass(frozen=True)
class Standing:
    """Where a change stands, what was asked on the way, and what the next arrow lacks."""

    state: str
    target: str
    held: tuple[Finding, ...]
    missing: tuple[Finding, ...]


def stand(kind: str, ask: Ask, ended: str = "", stopped: str = "") -> Standing:
    """Walk from the beginning as far as the guards hold.

    `ended`: what the runs came to so far (executing, paused, verifying, implemented …; "" where nothing was touched).
    `stopped`: rejected or cancelled, where a person has said so.
    """
    if stopped and not ended:
        return Standing(stopped, "", (), ())
    state, held = ended or RECEIVED, list[Finding]()
    if ended in (EXECUTING, PAUSED, VERIFYING):
        return Standing(state, "", (), ())
    while True:
        arrow = _way(kind, state, ask)
        if arrow is None:
            return Standing(state, "", tuple(held), ())
        found = [finding for guard in arrow.guards for finding in ask(guard)]
        if refusals(found) or arrow.event:
            return Standing(state, arrow.target, tuple(held), tuple(found))
        held += found
        state = arrow.target


def findings(kind: str, ask: Ask) -> list[Finding]:
    """Every guard on the way to `executing`, also those behind one that fails: all that is missing, at once."""
    found: list[Finding] = []
    for arrow in path(kind, EXECUTING, ask):
        found += [finding for guard in arrow.guards for finding in ask(guard)]
    return list(dict.fromkeys(found))


def path(kind: str, target: str, ask: Ask) -> Sequence[Arrow]:
    """The arrows of this kind from `received` to a state, whether or not their guards hold."""
    state, arrows = RECEIVED, []
    while state != target:
        arrow = _way(kind, state, ask)
        if arrow is None:
            break
        arrows.append(arrow)
        state = arrow.target
    return arrows


def _way(kind: str, state: str, ask: Ask) -> Arrow | None:
    """The one arrow that leads on from here. Where every condition fails the last way is the one that is asked for."""
    ways = [arrow for arrow in ARROWS if arrow.source == state and arrow.target not in STOPPED and kind in arrow.kinds]
    open_ways = [arrow for arrow in ways if not arrow.when or all(finding.ok for finding in ask(arrow.when))]
    return open_ways[0] if open_ways else ways[-1] if ways else None


def mermaid(names: Mapping[str, str]) -> str:
    """The table as a Mermaid state diagram; `names` are the labels of the states."""
    lines = ["stateDiagram-v2", *(f"    {state}: {label}" for state, label in names.items()), f"    [*] --> {RECEIVED}"]
    for arrow in ARROWS:
        said = [*(f"{'/'.join(arrow.kinds)}" for _ in [0] if arrow.kinds != EVERY), arrow.when, ", ".join(arrow.guards), arrow.event]
        text = "; ".join(part for part in said if part)
        lines.append(f"    {arrow.source} --> {arrow.target}" + (f": {text}" if text else ""))
    return "\n".join([*lines, f"    {CLOSED} --> [*]", f"    {CANCELLED} --> [*]"])
