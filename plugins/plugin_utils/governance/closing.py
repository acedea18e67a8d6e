# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guards after execution (M9): verified, watched, reviewed by somebody else, references closed or left open with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import run, views
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import watched

if TYPE_CHECKING:
    from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts


DONE = {"report": "reported", "announce": "announced"}


def verified(now: Facts) -> Iterator[Finding]:
    """The record is there and says what the ledger says."""
    differing = views.differing(now.ws.record_dir(now.change.id), now.events)
    message = f"not what the ledger says: {', '.join(differing)}" if differing else "the record is what the ledger says"
    yield Finding("record", not differing, message, f"itops record render {now.change.id}")


def observed(now: Facts) -> Iterator[Finding]:
    """What no monitor has looked at after the last run, a person has watched, and saw nothing wrong (S12)."""
    by_hand = watched.by_hand(now.events)
    said = _after_the_last_run(now, decisions.OBSERVE)
    remedy = f"itops change observe {now.change.id} --remark …"
    if not by_hand or said is None:
        message = f"no monitor has looked at {', '.join(by_hand)} after the run, and no person" if by_hand else "monitoring has looked at it"
        yield Finding("observed", not by_hand, message, remedy)
        return
    fine = said.details.get("verdict") == watched.FINE
    message = f"{said.by} saw: {said.remark}"
    yield Finding("observed", fine, message, f"itops rollback {now.change.id}, or mend it and observe again: {remedy}")


def reviewed(now: Facts) -> Iterator[Finding]:
    """By somebody who has neither executed it nor is named as its executor, about the last run."""
    said = _after_the_last_run(now, decisions.REVIEW)
    remedy = f"itops change review {now.change.id} (by somebody else than the executor)"
    if said is None:
        yield Finding("reviewed", False, "not reviewed since its last run", remedy)
        return
    own = said.by == now.change.data.get("executor") or said.by in _ran(now) or (said.account in _accounts(now) and not said.signed)
    yield Finding("reviewed", not own, f"reviewed by {said.by}, who executed it" if own else f"reviewed by {said.by}: {said.details.get('verdict')}", remedy)
    objected = said.details.get("verdict") == "objected"
    yield Finding("accepted", not objected, f"objected to by {said.by}: {said.remark}" if objected else "accepted", remedy)


def _accounts(now: Facts) -> set[str]:
    """Accounts that have carried it out, in AWX the name of its user as well."""
    opened = [event.data for event in now.events if event.kind == "run_opened" and not event.data.get("check")]
    return {str(data.get("user")) for data in opened} | {f"awx:{data['awx_user']}" for data in opened if data.get("awx_user")}


def _ran(now: Facts) -> set[str]:
    """People who have carried it out, by all of their accounts; an account that several share tells nobody."""
    owners = [identity.persons(now.people, account) for account in _accounts(now)]
    return {people[0] for people in owners if len(people) == 1}


def undelivered(said: decisions.Decision) -> str:
    """Why a message counts as not told: channels it needed and did not get through, or nobody it went to; "" where it was told."""
    deliveries = said.details.get("deliveries") or []
    failed = [str(d.get("channel")) for d in deliveries if d.get("required", True) and not d.get("ok")]
    if failed:
        return ", ".join(failed)
    if deliveries:
        return "" if any(d.get("ok") for d in deliveries) else ", ".join(str(d.get("channel")) for d in deliveries)
    return "" if said.details.get("recipients") or str(said.details.get("reason") or "").strip() else "nobody was told"


def announced_afterwards(now: Facts) -> Iterator[Finding]:
    """An emergency is announced and reported when it is over at the latest."""
    for what, verb in ((decisions.REPORT, "report"), (decisions.ANNOUNCE, "announce")):
        needed = now.change.data["category"] == "emergency"
        said = now.latest(what)
        lost = undelivered(said) if said and needed else ""
        message = f"not delivered: {lost}" if lost else f"by {said.by}" if said else "not yet" if needed else "not required"
        yield Finding(f"{verb}_afterwards", not needed or (said is not None and not lost), f"{DONE[verb]}: {message}", f"itops change {verb} {now.change.id}")


def references(now: Facts) -> Iterator[Finding]:
    """Every related event and ticket is closed, or left open with a reason."""
    said = _after_the_last_run(now, decisions.CLOSE)
    settled = {str(r.get("reference")) for r in (said.details.get("references") or []) if r.get("ok") or r.get("reason")} if said else set()
    left = [reference["id"] for reference in due(now) if reference["id"] not in settled]
    remedy = f"itops change close {now.change.id} (or --leave-open ID=REASON)"
    yield Finding("references", not left, f"neither closed nor left open with a reason: {', '.join(left)}" if left else "references are settled", remedy)


def closed(now: Facts) -> Iterator[Finding]:
    """A person has closed it."""
    said = _after_the_last_run(now, decisions.CLOSE)
    yield Finding("closed", said is not None, f"closed by {said.by}" if said else "not closed", f"itops change close {now.change.id}")


def related(change: Any) -> list[dict[str, Any]]:
    """Its related events and tickets, events first."""
    return [*(change.get("related_events") or []), *(change.get("related_work") or [])]


def due(now: Facts) -> list[dict[str, Any]]:
    """References of the change as it was carried out and as it is now: taking one out of the file settles nothing."""
    executed = run.planned(now.events)
    found = {str(r["id"]): r for change in (executed.data.get("change") or {} if executed else {}, now.change.data) for r in related(change)}
    return list(found.values())


def _after_the_last_run(now: Facts, what: str) -> decisions.Decision | None:
    last = max((event.seq for event in now.events if event.kind == "run_closed"), default=0)
    return next((d for d in reversed(now.decisions) if d.what == what and d.seq > last and not d.fault), None)
