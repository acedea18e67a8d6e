# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people have decided about a change: events of the change's own ledger, each bound to the digest of the plan it was about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import checkpoint, ledger, redact, views
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

KIND, PHASE = "decided", "govern"
ASSESS, CONFIRM_SUPPLIER, WAIVE, REPORT, APPROVE, REJECT = "assess", "confirm_supplier", "waive", "report", "approve", "reject"
ANNOUNCE, CHECKLIST, OBSERVE, REVIEW, CLOSE, CANCEL, CORRECT = "announce", "checklist", "observe", "review", "close", "cancel", "correct"
OF_APPROVERS = (APPROVE, REJECT, WAIVE)
ALL = (ASSESS, CONFIRM_SUPPLIER, WAIVE, REPORT, APPROVE, REJECT, ANNOUNCE, CHECKLIST, OBSERVE, REVIEW, CLOSE, CANCEL, CORRECT)


@dataclass(frozen=True)
class Decision:
    """One decision. `fault` says why it does not count; "" where it does. `at` is RFC 3339."""

    what: str
    by: str
    account: str
    at: str
    plan_digest: str
    remark: str
    details: Mapping[str, Any]
    seq: int
    signed: bool
    fault: str = ""


@dataclass(frozen=True)
class Maker:
    """The person who decides here and now, and how they sign (None: they have no key)."""

    by: str
    account: str
    name: str = ""
    sign: Callable[[bytes], str] | None = field(default=None, compare=False)


def of(events: Iterable[Event], people: identity.People) -> list[Decision]:
    """All decisions, oldest first, those that do not count included."""
    return [_read(event, people) for event in events if event.kind == KIND]


def _read(event: Event, people: identity.People) -> Decision:
    data = event.data
    by = str(data.get("by", ""))
    fault = "" if by in people else f"{by or 'nobody'} is not in people.yml"
    details = data.get("details") if isinstance(data.get("details"), dict) else {}
    return Decision(
        str(data.get("decision", "")), by, str(data.get("account", "")), str(data.get("at", event.at)), str(data.get("plan_digest", "")),
        str(data.get("remark", "")), details or {}, event.seq, bool(data.get("signature")), fault or identity.signature_fault(people, by, data),
    )  # fmt: skip


def latest(decisions: Sequence[Decision], plan_digest: str, *what: str) -> Decision | None:
    """The last one of these that counts for this plan."""
    return next((d for d in reversed(decisions) if d.what in what and d.plan_digest == plan_digest and not d.fault), None)


def voided(decisions: Sequence[Decision], plan_digest: str, *what: str) -> Decision | None:
    """The last one of these that was about another plan: what an edit has voided."""
    return next((d for d in reversed(decisions) if d.what in what and d.plan_digest != plan_digest and not d.fault), None)


def append(ws: Workspace, change: Change, what: str, maker: Maker, remark: str = "", details: Mapping[str, Any] | None = None) -> Event:
    """Write one decision and renew what is folded from the ledger. Raises LedgerError, OSError where it cannot be written.

    The first decision about a plan carries the plan itself, so that a later edit can be shown line by line.
    """
    if why := checkpoint.unusable():
        raise LedgerError(f"{why} → see {checkpoint.KEY_VARIABLE}")
    change_ledger = Ledger(ws.record_dir(change.id), change.id)
    data: dict[str, Any] = {
        "change": change.id, "decision": what, "plan_digest": change.plan_digest, "by": maker.by, "name": maker.name, "account": maker.account,
        "at": ledger.now(), "remark": remark, "details": dict(details or {}), **({"checkpointed": True} if checkpoint.configured() else {}),
    }  # fmt: skip
    earlier = change_ledger.events()
    if not any(e.kind == KIND and e.data.get("plan_digest") == change.plan_digest and "plan" in e.data for e in earlier):
        data["plan"] = dict(change.bound)
    data = redact.redact(ledger.plain(data))
    if maker.sign:
        data["signature"] = maker.sign(identity.signed_bytes(data))
    event = change_ledger.append("decided", data, phase=PHASE, actor=maker.account, sync=True)
    checkpoint.sign(change_ledger.directory, change.id, {"seq": event.seq, "head": event.hash})
    events = change_ledger.events()
    if any(e.kind == "run_closed" for e in events):
        views.write_views(change_ledger.directory, events)
    return event
