# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guards of the life cycle up to execution, one function each: the duties of 维护须知 (M1 to M7), asked about the plan as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, register, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import closing, decisions, durations, identity, windows
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts, overrides

UNFILLED = "待填"
Guard = Callable[[Facts], Iterator[Finding]]


def ask(now: Facts) -> Callable[[str], tuple[Finding, ...]]:
    """The guards by name about these facts; each is evaluated once."""
    known: dict[str, tuple[Finding, ...]] = {}

    def found(name: str) -> tuple[Finding, ...]:
        if name not in known:
            known[name] = tuple(GUARDS[name](now))
        return known[name]

    return found


def _ledger(now: Facts) -> Iterator[Finding]:
    folder = now.ws.record_dir(now.change.id)
    faults = chain.verify(folder, now.change.id, register.heads(now.ws.records, now.change.id), checkpoint.head(folder))
    bad = [f"decision {d.seq} ({d.what}) does not count: {d.fault}" for d in now.decisions if d.fault]
    said = [fault.message for fault in faults[:3]] + list(filter(None, [checkpoint.missing(folder, now.events)]))
    yield Finding("ledger", not said, "; ".join(said) or "the change's ledger verifies", f"itops record verify {now.change.id}")
    for text in bad:
        yield Finding("decision", False, text, f"decide again: itops change next {now.change.id}", "warning")


def _notice(now: Facts) -> Iterator[Finding]:
    notice = now.change.data.get("notice") or {}
    needed = now.change.data["kind"] == "patch"
    given = str(notice.get("id") or "")
    ok = bool(given) and not given.startswith(UNFILLED)
    yield Finding("notice", ok or not needed, f"notice {given}" if ok else "no notice" if needed else "no notice needed", f"set notice.id in {now.file}")


def _incident(now: Facts) -> Iterator[Finding]:
    emergency = now.change.data["category"] == "emergency"
    incident = now.change.data.get("incident")
    yield Finding("incident", bool(incident) or not emergency, f"incident {incident}" if incident else "no incident", f"set incident in {now.file}")


def _assessed(now: Facts) -> Iterator[Finding]:
    said = now.latest(decisions.ASSESS)
    remedy = f"itops change assess {now.change.id}"
    if said is None:
        yield Finding("assessed", False, now.void(decisions.ASSESS) or "its complexity has not been assessed", remedy)
        return
    if said.details.get("override") and said.details.get("complexity") == "simple":
        yield from now.may_sign_off("override", said.by, f"holds it for simple: {said.details.get('reason')}")
    if said.details.get("runbook", now.runbook) != now.runbook:
        yield Finding("assessed", False, "the runbook is another one since it was assessed", remedy)
    grown = now.computed.complex and said.details.get("computed") != "complex" and not said.details.get("override")
    rules = ", ".join(trace.rule for trace in now.computed.trace if trace.holds)
    yield Finding(
        "assessed", not grown, f"assessed as simple, but by now: {rules}" if grown else f"assessed as {said.details.get('complexity')} by {said.by}", remedy
    )


def _category(now: Facts) -> Iterator[Finding]:
    wrong = now.change.data["category"] == "standard" and now.complex
    reasons = "; ".join(trace.why for trace in now.computed.trace if trace.holds)
    yield Finding(
        "category", not wrong, f"a standard change is simple, this one is not: {reasons}" if wrong else "category fits", f"category: normal in {now.file}"
    )


def _complex(now: Facts) -> Iterator[Finding]:
    yield Finding("complex", now.complex, "complex" if now.complex else "simple")


def _simple(now: Facts) -> Iterator[Finding]:
    yield Finding("simple", not now.complex, "complex" if now.complex else "simple")


def _supplier(now: Facts) -> Iterator[Finding]:
    said = now.latest(decisions.CONFIRM_SUPPLIER, decisions.WAIVE)
    remedy = f"itops change supplier {now.change.id} --contact … --content-ok --rollback-ok --evidence FILE (or --waive --reason …)"
    if said is None:
        message = now.void(decisions.CONFIRM_SUPPLIER, decisions.WAIVE) or "complex: the supplier has confirmed neither content nor rollback"
        yield Finding("supplier", False, message, remedy)
    elif said.what == decisions.WAIVE:
        yield from now.may_sign_off("supplier", said.by, "waived the supplier's confirmation")
    else:
        missing = [word for word in ("content", "rollback") if said.details.get(f"{word}_ok") is not True]
        yield Finding(
            "supplier",
            not missing,
            f"the supplier has not confirmed: {', '.join(missing)}" if missing else f"confirmed by {said.details.get('contact')}",
            remedy,
        )


def _precedent(now: Facts) -> Iterator[Finding]:
    said = now.latest(decisions.ASSESS)
    overridden = bool(said and said.details.get("override"))
    rule = next((trace for trace in now.computed.trace if trace.rule == "no_precedent"), None)
    ok = overridden or rule is None or not rule.holds
    message = f"simple by decision of {said.by}" if overridden and said else rule.why if rule else ""
    yield Finding("precedent", ok, message, f"itops precedents {now.change.id}, or set plan.runbook in {now.file}")


def _reported(now: Facts) -> Iterator[Finding]:
    yield from _told(now, "reported", decisions.REPORT, "the plan has not been reported")


def _announced(now: Facts) -> Iterator[Finding]:
    yield from _told(now, "announced", decisions.ANNOUNCE, "the stakeholders have not been told")


def _told(now: Facts, name: str, what: str, message: str) -> Iterator[Finding]:
    verb = "report" if what == decisions.REPORT else "announce"
    remedy = f"itops change {verb} {now.change.id}"
    said = now.latest(what)
    if not now.complex:
        yield Finding(name, True, "simple: not required")
    elif said is None:
        yield Finding(name, False, now.void(what) or message, remedy)
    else:
        lost = closing.undelivered(said)
        yield Finding(name, not lost, f"not delivered: {lost}" if lost else f"{verb}ed by {said.by} at {said.at}".replace("announceed", "announced"), remedy)


def _approved(now: Facts) -> Iterator[Finding]:
    said = now.latest(decisions.APPROVE, decisions.REJECT)
    remedy = f"itops change approve {now.change.id} (by somebody else than {now.change.data.get('executor') or 'the executor'})"
    if said is None or said.what == decisions.REJECT:
        message = f"rejected by {said.by}: {said.remark}" if said else now.void(decisions.APPROVE) or "not approved"
        yield Finding("approved", False, message, remedy)
    else:
        yield from now.may_sign_off("approved", said.by, "approved this plan")


def _window(now: Facts) -> Iterator[Finding]:
    yield from windows.planned_findings(now.change, now.services, now.policy["calendar"], now.ws.timezone, now.at, now.complex)


def _files(now: Facts) -> Iterator[Finding]:
    bad = staging.refused(now.compared)
    folder = now.ws.staging / now.change.id
    text = "; ".join(f"{line['name']}: {line['verdict']}" for line in bad[:5])
    yield Finding(
        "prepared_files",
        not bad,
        f"not as the notice says: {text}" if bad else f"{len(now.compared)} files in staging",
        f"put exactly the notice's files into {folder}",
    )


def _checklist(now: Facts) -> Iterator[Finding]:
    said = now.latest(decisions.CHECKLIST)
    same = said is not None and said.details.get("list_digest") == now.list_digest
    message = f"steps confirmed by {said.by}" if said and same else now.void(decisions.CHECKLIST) or "the list of steps has not been confirmed"
    yield Finding("checklist", same, message, f"itops change checklist {now.change.id}")


def _in_window(now: Facts) -> Iterator[Finding]:
    if now.change.data["category"] != "emergency":
        yield from windows.run_findings(now.change, now.services, now.policy["calendar"], now.ws.timezone, now.at, now.expected, now.complex)
        if now.complex and (steps := durations.unknown(now.change, now.durations)):
            message = f"nobody knows how long these take, so they count as nothing: {', '.join(steps)}"
            yield Finding("durations", False, message, f"set duration (seconds) on the steps in {now.file} (voids the approval)", "warning")


def _executor(now: Facts) -> Iterator[Finding]:
    """Who runs it is somebody, and not the one who approved it."""
    approval = now.latest(decisions.APPROVE)
    found = identity.persons(now.people, now.account)
    named = now.change.data.get("executor")
    allowed = {named, (now.people.get(str(named)) or {}).get("deputy")} if named else set(found)
    needed = now.change.data["category"] != "standard"
    add = f"add it to the accounts of a person in people.yml: accounts: [{now.account}]"
    yield Finding("executor", bool(found), f"account {now.account}: {', '.join(found) or 'nobody'}", add, "error" if needed else "warning")
    if found and needed:
        fits = bool(set(found) & allowed)
        yield Finding(
            "executor", fits, f"executor {named}, run by {', '.join(found)}", f"let {named} run it, or set executor in {now.file} (voids the approval)"
        )
    for said in filter(None, (approval, now.latest(decisions.WAIVE), _override(now))):
        yield Finding("four_eyes", _other(said.by, found, named), f"{said.what}: {said.by}; run by {', '.join(found)}", "let somebody else run it")


def _override(now: Facts) -> decisions.Decision | None:
    said = now.latest(decisions.ASSESS)
    return said if said and overrides(said.details) else None


def _other(by: str, found: list[str], named: str | None) -> bool:
    """Whether somebody else runs it. Where several share the account nobody can tell who, so the named executor has to be one of them."""
    return by not in found or (len(found) > 1 and by != named and (named in found or named is None))


GUARDS: dict[str, Guard] = {
    "ledger": _ledger, "notice": _notice, "incident": _incident, "assessed": _assessed, "category": _category, "complex": _complex, "simple": _simple,
    "supplier": _supplier, "precedent": _precedent, "reported": _reported, "announced": _announced, "approved": _approved, "window": _window,
    "files": _files, "checklist": _checklist, "in_window": _in_window, "executor": _executor,
    "verified": closing.verified, "observed": closing.observed, "reviewed": closing.reviewed, "announced_afterwards": closing.announced_afterwards,
    "references": closing.references, "closed": closing.closed,
}  # fmt: skip
