# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a decision: refused, with every reason, where the change is not there yet; else one event in its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import run
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, going_back, guards, lifecycle, standing
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.decisions import Maker
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts, overrides
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

# What must hold before a person is let decide. The guards of the walk are asked again at the gate, so this is about order, not about safety.
BEFORE: Mapping[str, tuple[str, ...]] = {
    decisions.CONFIRM_SUPPLIER: ("assessed", "category"),
    decisions.WAIVE: ("assessed", "category"),
    decisions.REPORT: ("assessed", "category"),
    decisions.APPROVE: ("assessed", "category", "incident"),
    decisions.ANNOUNCE: (),
    decisions.CHECKLIST: ("notice", "assessed", "category"),
}
NORMAL_FIRST = {decisions.APPROVE: ("supplier", "reported"), decisions.ANNOUNCE: ("approved",)}
AFTER_A_RUN = (decisions.OBSERVE, decisions.REVIEW, decisions.CLOSE)
BEFORE_EXECUTION = (decisions.APPROVE, decisions.REJECT, decisions.CANCEL)


class Refused(Exception):
    """The change is not there yet; every reason with the command that resolves it."""

    def __init__(self, findings: list[Finding]):
        self.findings = findings
        super().__init__("\n".join(map(str, findings)))


def take(now: Facts, what: str, maker: Maker, remark: str = "", details: Mapping[str, Any] | None = None) -> Event:
    """Write the decision. Raises Refused, LedgerError."""
    reasons = refusals(allowed(now, what, maker.by, details))
    if reasons:
        raise Refused(reasons)
    return decisions.append(now.ws, now.change, what, maker, remark, details)


def allowed(now: Facts, what: str, by: str = "", details: Mapping[str, Any] | None = None) -> list[Finding]:
    """Everything that must hold before this decision of this person."""
    ask, kind, state = guards.ask(now), now.change.data["category"], standing.ended(now.events)
    found = [*ask("ledger"), *_open(now)]
    if what in AFTER_A_RUN:
        over = state in lifecycle.ENDED
        found += [Finding("executed", over, f"it is {state or 'not carried out yet'}", f"itops change next {now.change.id}")]
        found += [*ask("verified"), *ask("observed"), *ask("reviewed"), *ask("announced_afterwards")] if what == decisions.CLOSE and over else []
        return found
    if what == decisions.APPROVE and state and now.change.plan_digest not in going_back.executed(now.events):  # an edited way back
        return [*found, *now.may_sign_off("fit", by, f"may decide: {what}")]
    names = list(BEFORE.get(what, ()))
    names += NORMAL_FIRST.get(what, ()) if kind == lifecycle.NORMAL else ()
    found += [finding for name in names if name != "supplier" or now.complex for finding in ask(name)]
    if by and (what in decisions.OF_APPROVERS or (what == decisions.ASSESS and overrides(details or {}))):
        found += now.may_sign_off("fit", by, f"may decide: {what}")
    if what in BEFORE_EXECUTION:
        found.append(Finding("executed", not state, f"it is {state}" if state else "not carried out yet", f"itops rollback {now.change.id}"))
    return found


def _open(now: Facts) -> list[Finding]:
    over = run.is_closed(now.events)
    cancelled = standing.stopped(now) == lifecycle.CANCELLED
    text = "closed: a record is not changed any more" if over else "cancelled" if cancelled else "the change is open"
    return [Finding("open", not over and not cancelled, text, f"itops record correct {now.change.id}" if over else "itops change new")]
