# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the gate: everything that must hold before any host is touched. Fails closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    catalogue,
    chain,
    checkpoint,
    endpoints,
    inputs,
    plan,
    progress,
    register,
    run,
    secret_ref,
    staging,
    tools,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import facts, going_back, standing
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import silencing
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

SAID_IN_DETAIL = ("ledger", "prepared_files")  # by guards of this module


@dataclass(frozen=True)
class Situation:
    """All that the guards look at."""

    ws: Workspace
    change: Change
    services: Mapping[str, Mapping[str, Any]]
    targets: Sequence[plan.Target]
    events: Sequence[Event]
    run_id: str
    verb: str  # run | resume | rollback | backup | patch | verify
    inventory_hosts: Collection[str]
    can_confirm: bool
    compared: Sequence[Mapping[str, Any]] = ()
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    awx_user: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)  # the play's extra variables
    inventory: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the targets' variables, as Ansible has them

    @property
    def mode(self) -> str:
        return plan.mode(self.change, self.services)

    @property
    def changes_hosts(self) -> bool:
        return self.verb in ("run", "resume", "patch")


def findings(now: Situation) -> list[Finding]:
    """Every guard, also those that hold: the record shows what was looked at."""
    guards = [_locks, _inputs, _records, _checkpoint, _chain, _history, _hosts, _terminal, _mode, _credentials, silencing.findings]
    if now.changes_hosts or now.verb == "backup":
        guards += [_backup]
    if now.changes_hosts:
        guards += [_tools, _life_cycle, _files, _outage, _way_back, _endpoints, _logging]
    return [finding for guard in guards for finding in guard(now)]


def verdict(now: Situation, found: Sequence[Finding]) -> dict[str, Any]:
    """The gate as an event. `authorised` is the digest on which every guard held; only that one is executed, and only by a verb that changes hosts."""
    refused = refusals(found)
    authorised = now.change.plan_digest if now.changes_hosts and not refused else ""
    return {"findings": [f.as_dict() for f in found], "result": "refused" if refused else "passed", "authorised": authorised}


def proof(events: Sequence[Event], run_id: str, main_pid: int) -> Finding:
    """That the callback lives and has written: its event, from the very process this worker came from."""
    remedy = "enable the callback: callbacks_enabled = itops.maintenance.record in ansible.cfg (or ANSIBLE_CALLBACKS_ENABLED)"
    event = run.opened(events, run_id) if run_id else None
    if event is None or event.data.get("pid") != main_pid:
        return Finding("record", False, "the record callback has not opened a record for this run: no record, no maintenance", remedy)
    return Finding("record", True, f"record open, run {run_id}")


def alone(now: Situation) -> bool:
    """Whether this run holds its locks: nobody else is at work on the change or its services."""
    return all(finding.ok for finding in _locks(now))


def _locks(now: Situation) -> Iterator[Finding]:
    event = run.opened(now.events, now.run_id)
    locks = event.data.get(run.TESTED_LOCKS, {}) if event else {}
    for name, state in locks.items():
        yield Finding("lock", state == "taken", f"{name}: {state}", f"wait for that run, or look at it: itops record show {now.change.id}")


def _inputs(now: Situation) -> Iterator[Finding]:
    yield inputs.extra_variables(now.change, now.services, now.extra)
    yield from inputs.records(now.ws, now.change, now.services, now.people)
    yield from inputs.hosts(now.change, now.services, now.targets, now.inventory)


def _records(now: Situation) -> Iterator[Finding]:
    if now.ws.services_dir.is_dir():
        bad = errors(catalogue.load(now.ws).problems)
        yield Finding("catalogue", not bad, "; ".join(map(str, bad[:3])) or "service records are clean", "itops lint")
    wrong = register.verify(now.ws.records)
    yield Finding("register", not wrong, "; ".join(str(fault) for fault in wrong[:3]) or "register verifies", "itops record verify")


def _checkpoint(now: Situation) -> Iterator[Finding]:
    why = checkpoint.unusable()
    if why:
        yield Finding("checkpoint", False, why, f"openssl genpkey -algorithm ed25519 -out KEY.pem, and name it in {checkpoint.KEY_VARIABLE}")


def _chain(now: Situation) -> Iterator[Finding]:
    folder = now.ws.record_dir(now.change.id)
    faults = [fault.message for fault in chain.verify(folder, now.change.id, register.heads(now.ws.records, now.change.id), checkpoint.head(folder))]
    faults += filter(None, [checkpoint.missing(folder, now.events)])
    message = "; ".join(faults[:3]) or "the change's ledger verifies"
    yield Finding("ledger", not faults, message, f"itops record verify {now.change.id}")


def _history(now: Situation) -> Iterator[Finding]:
    earlier = [event for event in now.events if event.run != now.run_id]
    left = run.open_runs(earlier)
    states = progress.hosts(earlier)
    touched = sorted(host for host, state in states.items() if state.touched or state.doubtful)
    remedy = f"itops resume {now.change.id}, or itops rollback {now.change.id}"
    if now.verb == "run":
        message = f"run {left[-1]} was never closed" if left else f"already carried out on {', '.join(touched)}" if touched else "not carried out yet"
        yield Finding(
            "history", not touched and not left, message, remedy if left else f"itops record show {now.change.id}; for a new attempt: itops change new"
        )
    if now.verb == "rollback":
        yield Finding("history", bool(touched), f"touched: {', '.join(touched) or 'no host'}", f"itops record show {now.change.id}")
        yield from going_back.findings(now.ws, now.change, now.services, now.people, earlier)
    allowed = run.authorised(earlier)
    before = run.planned(event for event in earlier if now.verb != "resume" or event.run in allowed)
    if now.verb in ("resume", "patch"):
        yield Finding("history", bool(before), "an earlier run to go on from", f"itops run {now.change.id}", "error" if now.verb == "resume" else "warning")
    if now.verb == "resume" and before:
        same = before.data.get("plan_digest") == now.change.plan_digest
        back = f"put back {now.change.path.name} and the service records as they were (itops change next {now.change.id}), or itops rollback {now.change.id}"
        yield Finding("plan", same, "the plan is the one that was begun", back)


def _hosts(now: Situation) -> Iterator[Finding]:
    missing = [t.host for t in now.targets if t.host not in now.inventory_hosts]
    yield Finding(
        "hosts",
        bool(now.targets) and not missing,
        f"unknown to the inventory: {', '.join(missing)}" if missing else f"{len(now.targets)} hosts",
        "ansible-inventory --graph",
    )


def _terminal(now: Situation) -> Iterator[Finding]:
    if now.mode != "auto" and now.verb not in ("verify", "backup"):
        yield Finding("terminal", now.can_confirm, f"mode {now.mode} asks a person", f"run it at a terminal: itops run {now.change.id}")


def _mode(now: Situation) -> Iterator[Finding]:
    loose = plan.too_loose(now.change, now.services)
    yield Finding("mode", not loose, f"{loose} is stricter than the plan's mode" if loose else f"mode {now.mode}", "drop plan.mode or make it stricter")


def _credentials(now: Situation) -> Iterator[Finding]:
    yield from secret_ref.findings(now.change.plan, now.services, list(now.change.services))


def _tools(now: Situation) -> Iterator[Finding]:
    for sid in now.change.services:
        yield from tools.findings(sid, (now.services[sid].get("preparation") or {}).get("software") or [])


def _backup(now: Situation) -> Iterator[Finding]:
    for sid in now.change.services:
        backup = now.services[sid].get("backup") or {}
        sites = backup.get("sites") or []
        where = f"inventory/services/{sid}.yml"
        yield Finding("backup_site", bool(sites), f"{sid}: {', '.join(sites) or 'no backup site'}", f"set backup.sites in {where}")
        offsite = (backup.get("destination") or {}).get("offsite")
        if "offsite" in sites:
            yield Finding("backup_offsite", bool(offsite), f"{sid}: offsite to {offsite or 'nowhere'}", f"set backup.destination.offsite in {where}")
        paths = now.change.plan["data"] or backup.get("paths") or now.services[sid].get("data_dirs")
        yield Finding("backup_data", bool(paths), f"{sid}: {', '.join(paths or []) or 'nothing to back up'}", f"set data_dirs in {where}, or plan.data")


def _life_cycle(now: Situation) -> Iterator[Finding]:
    """Every duty between the notice and the execution, about the plan as it is now."""
    try:
        known = facts.gather(now.ws, now.change, now.services, now.people, now.events, now.awx_user, now.compared)
    except BadInput as error:
        yield Finding("policy", False, "; ".join(map(str, error.problems[:3])), "itops lint")
        return
    yield from (finding for finding in standing.may_run(known, now.verb) if finding.id not in SAID_IN_DETAIL)


def _files(now: Situation) -> Iterator[Finding]:
    folder = now.ws.staging / now.change.id
    for line in now.compared:
        verdict = line["verdict"]
        remedy = {
            "missing": f"put {line['name']} into {folder}",
            "extra": f"remove {line['name']} from {folder}, or add it to notice.files",
        }.get(verdict, f"fetch {line['name']} again, or ask the supplier")
        detail = f" (expected {line['expected']}, found {line['actual']})" if line["actual"] and verdict not in ("ok", "weak", "extra") else ""
        severity = "warning" if verdict == "weak" else "error"
        yield Finding("files", verdict == "ok", f"{line['name']}: {verdict}{detail}", remedy, severity)
    if not staging.refused(now.compared):
        yield Finding("files_set", True, f"{len(now.compared)} files as the notice says")


def _outage(now: Situation) -> Iterator[Finding]:
    for sid in now.change.services:
        if now.services[sid].get("redundancy") == "standalone":
            window, notice = now.change.plan.get("window"), (now.change.data.get("notice") or {}).get("id")
            yield Finding(
                "outage",
                bool(window and notice),
                f"{sid} is standalone, so it will be down: window and notice are needed",
                f"set plan.window and notice.id in {now.change.path.name}",
            )


def _way_back(now: Situation) -> Iterator[Finding]:
    reason = (now.change.plan.get("not_applicable") or {}).get("rollback")
    yield Finding("rollback", not reason, f"no way back: {reason}" if reason else "rollback is planned", "plan steps of kind rollback", "warning")


def _endpoints(now: Situation) -> Iterator[Finding]:
    for sid in now.change.services:
        for endpoint in now.services[sid].get("endpoints") or []:
            if endpoint.get("probe") != "none":
                ok, message = endpoints.reachable(endpoint)
                yield Finding("endpoint", ok, f"{sid}: {message}", f"bring {sid} up before maintaining it, or set probe: none on this endpoint")


def _logging(now: Situation) -> Iterator[Finding]:
    for sid in now.change.services:
        logging = now.services[sid].get("logging") or {}
        if logging.get("state") == "deployed":
            compared = bool(logging.get("error_rate"))
            message = f"{sid}: the error rate is compared" if compared else f"{sid}: logs are collected, but no error rate is compared"
            yield Finding("logging", compared, message, f"set logging.error_rate in inventory/services/{sid}.yml (docs/howto/log-checks.md)", "warning")
