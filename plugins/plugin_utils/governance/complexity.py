# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a change is complex (M1): six rules over the change, the service records and the history; any one that holds makes it so.

Every rule leaves a trace, held or not: the fact that decided it and where that fact stands. What cannot be known counts as complex.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, outcome, steps
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import restarts
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.precedents import Precedent, best

SECTION = "complexity"  # of the labels: `rule` is its name, `rule.reason` the sentence of its trace
DATA_CHANGE, STANDALONE_OUTAGE, SEVERAL_SERVICES = "data_change", "standalone_outage", "several_services"
MACHINE_RESTART, NO_PRECEDENT, UNTESTED_ROLLBACK = "machine_restart", "no_precedent", "untested_rollback"
RULES = (DATA_CHANGE, STANDALONE_OUTAGE, SEVERAL_SERVICES, MACHINE_RESTART, NO_PRECEDENT, UNTESTED_ROLLBACK)
INTERRUPTING = ("stopped", "restarted")  # states of a service step

Services = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Trace:
    """One rule: whether it holds, and the fact that decided so. `reason` and `facts` make the sentence in any language."""

    rule: str
    holds: bool
    reason: str
    facts: Mapping[str, str]

    @property
    def why(self) -> str:
        """The sentence in English."""
        return text(self.rule, self.reason, self.facts, "en")

    def as_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "holds": self.holds, "why": self.why, "reason": self.reason, "facts": dict(self.facts)}


@dataclass(frozen=True)
class Assessment:
    """What the rules say, with the trace of every one of them in the order of RULES."""

    complex: bool
    trace: tuple[Trace, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"complex": self.complex, "trace": [trace.as_dict() for trace in self.trace]}


@dataclass(frozen=True)
class _Case:
    """What the rules look at."""

    change: Change
    services: Services
    precedents: Sequence[Precedent]
    runbook_ok: bool

    @property
    def impact(self) -> list[str]:
        return list(self.change.plan.get("impact") or ())

    def trace(self, rule: str, holds: bool, reason: str, **facts: Any) -> Trace:
        return Trace(rule, holds, reason, {"file": self.change.path.name, **{name: str(fact) for name, fact in facts.items()}})


def assess(change: Change, services: Services, precedents: Sequence[Precedent], runbook_ok: bool) -> Assessment:
    """Judge a change by every rule. `services` has the records of its services, `runbook_ok` says that its plan names a manual that is there."""
    case = _Case(change, services, precedents, runbook_ok)
    trace = tuple(rule(case) for rule in (_data_change, _standalone_outage, _several_services, _machine_restart, _no_precedent, _untested_rollback))
    return Assessment(any(one.holds for one in trace), trace)


def text(rule: str, reason: str, facts: Mapping[str, Any], lang: str = "zh_CN") -> str:
    """The sentence of a trace, from what `as_dict` keeps of it."""
    return labels.label(SECTION, f"{rule}.{reason}", lang).format_map({**facts})


def _data_change(case: _Case) -> Trace:
    kind, named = case.change.data["kind"], [word for word in case.impact if word in ("schema", "data")]
    if kind == "data":
        return case.trace(DATA_CHANGE, True, "kind")
    return case.trace(DATA_CHANGE, True, "impact", impact=", ".join(named)) if named else case.trace(DATA_CHANGE, False, "none", kind=kind)


def _standalone_outage(case: _Case) -> Trace:
    alone = [sid for sid in case.change.services if (case.services.get(sid) or {}).get("redundancy") != "active_standby"]
    if not alone:
        return case.trace(STANDALONE_OUTAGE, False, "redundant", services=", ".join(case.change.services))
    named = ", ".join(alone)
    if "outage" in case.impact:
        return case.trace(STANDALONE_OUTAGE, True, "impact", service=named)
    for where, step in _steps(case.change):
        if step["kind"] != "rollback" and _interrupts(step):
            return case.trace(STANDALONE_OUTAGE, True, "step", service=named, where=where, what=_shown(step))
    return case.trace(STANDALONE_OUTAGE, False, "untouched", service=named)


def _interrupts(step: Mapping[str, Any]) -> bool:
    """Whether a step stops or restarts the service. That nothing is stopped (`not_applicable`) does not help where it is restarted."""
    line = restarts.command_line(step)
    state = (step.get("service") or {}).get("state")
    return step["kind"] == "stop" or state in INTERRUPTING or restarts.of_service(line) or restarts.of_machine(line)


def _several_services(case: _Case) -> Trace:
    many = len(case.change.services) > 1
    return case.trace(SEVERAL_SERVICES, many, "many" if many else "one", services=", ".join(case.change.services))


def _machine_restart(case: _Case) -> Trace:
    if "reboot" in case.impact:
        return case.trace(MACHINE_RESTART, True, "impact")
    for where, step in _steps(case.change):
        if restarts.of_machine(restarts.command_line(step)):
            return case.trace(MACHINE_RESTART, True, "step", where=where, what=_shown(step))
        found = restarts.in_tasks(case.change.path.parent / step["tasks"]) if step.get("tasks") else ""
        if found:
            return case.trace(MACHINE_RESTART, True, "tasks", where=where, what=found)
    return case.trace(MACHINE_RESTART, False, "none")


def _no_precedent(case: _Case) -> Trace:
    proper = best(case.precedents)
    if proper:
        return case.trace(NO_PRECEDENT, False, "precedent", change=proper.change, at=proper.closed_at)
    if case.runbook_ok:
        return case.trace(NO_PRECEDENT, False, "runbook", runbook=case.change.plan.get("runbook"))
    nearest = "".join(f" ({p.change}: {p.lacking})" for p in case.precedents[:1])
    return case.trace(NO_PRECEDENT, True, "none", count=len(case.precedents), nearest=nearest)


def _untested_rollback(case: _Case) -> Trace:
    if not case.change.steps("rollback"):
        because = (case.change.plan.get("not_applicable") or {}).get("rollback")
        return case.trace(UNTESTED_ROLLBACK, True, "absent", because=f" ({because})" if because else "")
    proofs = {sid: _proof(case, sid) for sid in case.change.services}
    missing = [sid for sid, proof in proofs.items() if not proof]
    if missing:
        return case.trace(UNTESTED_ROLLBACK, True, "untested", services=", ".join(missing))
    return case.trace(UNTESTED_ROLLBACK, False, "tested", proof="; ".join(f"{sid}: {proof}" for sid, proof in proofs.items()))


def _proof(case: _Case, sid: str) -> str:
    """What proves that this service can be brought back: a restore that was tried, else a change that was rolled back; "" where nothing does."""
    tested = str(((case.services.get(sid) or {}).get("backup") or {}).get("restore_tested_on") or "")
    if _past(tested):
        return f"backup.restore_tested_on {tested}"
    return next((f"{p.change} backout {p.backout}" for p in case.precedents if sid in p.services and p.backout == outcome.SUCCEEDED), "")


def _past(day: str) -> bool:
    """Whether this is a date that has come: one that is only planned proves nothing."""
    try:
        return date.fromisoformat(day) <= date.today()
    except ValueError:
        return False


def _steps(change: Change) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every step with the place it stands at."""
    return ((f"plan.steps[{index}]", step) for index, step in enumerate(change.plan["steps"]))


def _shown(step: Mapping[str, Any]) -> str:
    kind = steps.type_of(step)
    shown = restarts.command_line(step) or f"{kind} {(step.get('service') or {}).get('state') or ''}".strip()
    return f"{step['title']} ({shown})" if step.get("title") else shown
