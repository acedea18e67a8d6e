# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outcomes of hosts, changes and runs, computed from events and never from a return code; and their exit statuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import progress
from ansible_collections.itops.maintenance.plugins.plugin_utils import run as run_events
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import watched
from ansible_collections.itops.maintenance.plugins.plugin_utils.progress import HostProgress

ACHIEVED, ROLLED_BACK, UNVERIFIED = "achieved", "rolled_back", "rolled_back_unverified"
ROLLBACK_FAILED, CONTACT_LOST, NOT_STARTED, SKIPPED = "rollback_failed", "contact_lost", "not_started", "skipped"
PARTIAL, NOT_ACHIEVED = "partial", "not_achieved"
NOT_NEEDED, SUCCEEDED, FAILED, IMPOSSIBLE = "not_needed", "succeeded", "failed", "impossible"


@dataclass(frozen=True)
class Status:
    """One documented exit status."""

    code: int
    id: str
    zh_CN: str
    en: str


EXIT_TABLE = (
    Status(0, ACHIEVED, "达成", "the change was achieved and verified on every host"),
    Status(1, "internal", "内部错误", "an error of the program or the system it runs on"),
    Status(2, "bad_input", "输入有误", "wrong options, or errors in a record or change; all are listed"),
    Status(3, "refused", "检查不通过，未执行", "the gate refused; nothing was changed on any host"),
    Status(4, "not_verified", "台账校验不通过", "the ledger does not verify, events named; with --check, a file is not what it is made from"),
    Status(5, "unhealthy", "需人工处理", "doctor found something a person has to decide"),
    Status(6, "warned", "有警告", "only warnings: doctor; docs register --overdue with a review overdue; schedule install --check with something to write"),
    Status(10, PARTIAL, "部分达成", "achieved on some hosts, the others were rolled back, skipped or not started; or on all, and new alerts have not cleared"),
    Status(11, ROLLED_BACK, "已回滚并验证", "rolled back, and the way back was verified"),
    Status(12, UNVERIFIED, "已回滚未验证", "rolled back, but nothing proves that the service is as before"),
    Status(13, ROLLBACK_FAILED, "回滚失败", "a host was changed and is neither done nor back"),
    Status(14, CONTACT_LOST, "失去联系", "what happened on a host is unknown; its journal will tell"),
    Status(15, NOT_STARTED, "未开始", "nothing was changed on any host"),
    Status(16, SKIPPED, "已跳过", "every host was left out by a limit"),
    Status(17, IMPOSSIBLE, "无法回滚", "it failed, and the plan has no way back"),
    Status(20, "record_lost", "记录未能保存", "the record could not be opened, written or closed"),
)
CODES = {status.id: status.code for status in EXIT_TABLE}
REFUSED, RECORD_LOST = CODES["refused"], CODES["record_lost"]
NEEDS_ROLLBACK = (CODES[ROLLBACK_FAILED], CODES[CONTACT_LOST])
WORST_FIRST = (CONTACT_LOST, ROLLBACK_FAILED, UNVERIFIED)
WORST_RUN_FIRST = tuple(  # of several runs; a number that is not here counts as record_lost
    CODES[name] for name in (CONTACT_LOST, ROLLBACK_FAILED, IMPOSSIBLE, "record_lost", UNVERIFIED, "internal", ROLLED_BACK, PARTIAL,
                             "not_verified", "bad_input", "refused", NOT_STARTED, SKIPPED, ACHIEVED)
)  # fmt: skip


def worst(codes: Iterable[int]) -> int:
    """The exit status of several runs: the one that needs a person most; 0 for none. What is no status of ours counts as record_lost."""
    known = [code if code in WORST_RUN_FIRST else RECORD_LOST for code in codes]
    return min(known, key=WORST_RUN_FIRST.index, default=CODES[ACHIEVED])


def describe(code: int) -> str:
    """A status in both languages."""
    status = next((s for s in EXIT_TABLE if s.code == code), None)
    return f"{status.zh_CN} / {status.en} (exit {code})" if status else f"exit {code}"


def of_hosts(events: Sequence[Event]) -> dict[str, str]:
    """The outcome of every host that any run of the change has planned or left out."""
    states, needed, skipped = progress.hosts(events), {}, []
    for event in events:
        if event.kind == "planned":
            skipped = list(event.data.get("skipped") or [])
            needed.update(_needed(event.data))
    outcomes = {host: of_host(states.get(host) or HostProgress(host), segments) for host, segments in needed.items()}
    if watched.alarmed(events):  # it is back, but monitoring says that something is not as before
        outcomes = {host: UNVERIFIED if result == ROLLED_BACK else result for host, result in outcomes.items()}
    return outcomes | {host: SKIPPED for host in skipped if outcomes.get(host, NOT_STARTED) == NOT_STARTED}


def of_host(state: HostProgress, needed: Iterable[str]) -> str:
    """One host. What is neither done nor back nor known to be untouched is never called a success."""
    if state.doubtful:
        return CONTACT_LOST
    if not state.touched:
        return NOT_STARTED
    if state.lost or state.running:
        return CONTACT_LOST
    if state.back:
        return state.back
    wanted = set(needed)
    return ACHIEVED if wanted and wanted <= state.done and not state.failed else ROLLBACK_FAILED


def of_change(hosts: Mapping[str, str], can_roll_back: bool) -> dict[str, str]:
    """`result` and `backout` of the change."""
    outcomes = list(hosts.values())
    achieved = outcomes.count(ACHIEVED)
    result = ACHIEVED if outcomes and achieved == len(outcomes) else PARTIAL if achieved else NOT_ACHIEVED
    wrong = [o for o in outcomes if o not in (ACHIEVED, NOT_STARTED, SKIPPED)]
    if not wrong:
        return {"result": result, "backout": NOT_NEEDED}
    if all(o == ROLLED_BACK for o in wrong):
        return {"result": result, "backout": SUCCEEDED}
    return {"result": result, "backout": FAILED if can_roll_back else IMPOSSIBLE}


def of_events(events: Sequence[Event]) -> dict[str, str]:
    """`result` and `backout` of the change so far. One that has left alerts behind is not plainly achieved."""
    found = of_change(of_hosts(events), can_roll_back(events))
    return {**found, "result": PARTIAL} if found["result"] == ACHIEVED and watched.alarmed(events) else found


def exit_status(record: Mapping[str, Any]) -> int:
    """The status of a record's last run; of the outcome where no run has closed it yet."""
    closed = [run for run in record.get("runs", []) if run.get("exit") is not None]
    if closed and record.get("state") == "closed":
        return int(closed[-1]["exit"])
    return of_outcome({h["host"]: h["outcome"] for h in record.get("hosts", [])}, record.get("outcome", {}))


def of_outcome(hosts: Mapping[str, str], change: Mapping[str, str]) -> int:
    """The worst host decides; achieved only when all are."""
    outcomes = set(hosts.values())
    if change.get("backout") == IMPOSSIBLE and CONTACT_LOST not in outcomes:
        return CODES[IMPOSSIBLE]
    worst = next((o for o in WORST_FIRST if o in outcomes), None)
    if worst:
        return CODES[worst]
    if change.get("result") in (ACHIEVED, PARTIAL):
        return CODES[str(change["result"])]
    return CODES[next((o for o in (ROLLED_BACK, NOT_STARTED, SKIPPED) if o in outcomes), NOT_STARTED)]


def of_run(events: Sequence[Event], run: str) -> int:
    """The status of one run, once all its other events are there."""
    mine = [event for event in events if event.run == run]
    opened = next((event for event in mine if event.kind == "run_opened"), None)
    verb = run_events.verb(events, run)
    gates = [event.data.get("result") for event in mine if event.kind == "gate"]
    touched = any(event.kind == "segment_started" and event.phase in (*progress.CHANGING, "rollback") for event in mine)
    if not touched and "refused" in gates:
        return REFUSED
    if not touched and verb in ("backup", "verify", "run", "patch") and (verb in ("backup", "verify") or (opened and opened.data.get("check"))):
        return _read_only(mine, gates, verb)
    return _by_outcome(events)


LAST_WORDS = ("segment_requested", "segment_refused", "segment_started", "segment_interrupted", "contact_lost", "segment_finished")


def _read_only(mine: Sequence[Event], gates: Sequence[Any], verb: str) -> int:
    """A run that was not to change anything: did all it looked at hold?"""
    planned = next((event for event in mine if event.kind == "planned"), None)
    hosts = {str(host["host"]) for host in planned.data["hosts"]} if planned else set()
    last = {event.host: event.data.get("result") for event in mine if event.kind in LAST_WORDS}
    good = bool(hosts) and "passed" in gates and all(last.get(host) == "done" for host in hosts)
    return CODES[ACHIEVED] if good else CODES[NOT_STARTED] if verb != "verify" else CODES[NOT_ACHIEVED_VERIFY]


def _by_outcome(events: Sequence[Event]) -> int:
    return of_outcome(of_hosts(events), of_events(events))


def can_roll_back(events: Iterable[Event]) -> bool:
    """Whether the plan that was carried out has a way back."""
    return all(event.data.get("can_roll_back", True) for event in events if event.kind == "planned")


AROUND = ("backup", "failover")  # a host is done when it is patched and verified; a fail-over that went wrong marks it as failed


def _needed(planned: Mapping[str, Any]) -> dict[str, list[str]]:
    """Segments each planned host must have done."""
    return {
        str(host["host"]): [str(s["id"]) for s in planned.get("segments", {}).get(host["host"], []) if s.get("phase") not in AROUND]
        for host in planned.get("hosts", [])
    }


NOT_ACHIEVED_VERIFY = ROLLBACK_FAILED  # a service that does not verify is neither done nor back
