# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the guards of the life cycle look at, read once: the change, its people, its decisions, its history, the time."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, policy, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import complexity, decisions, durations, identity, precedents
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.decisions import Decision
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """One change at one moment, seen by one account. Costly things are looked up when a guard asks for them."""

    ws: Workspace
    change: Change
    services: Records  # all of the catalogue
    people: Records
    events: Sequence[Event]
    policy: Mapping[str, Any]
    at: datetime
    account: str
    staged: Sequence[Mapping[str, Any]] | None = None  # the comparison of the files, where it has been made already

    @property
    def file(self) -> str:
        return self.change.path.name

    @cached_property
    def decisions(self) -> list[Decision]:
        return [replace(said, fault=said.fault or self._unfit(said)) for said in decisions.of(self.events, self.people)]

    def _unfit(self, said: Decision) -> str:
        """Why somebody may not take this decision at all; "" where they may."""
        if said.what not in decisions.OF_APPROVERS and not (said.what == decisions.ASSESS and overrides(said.details)):
            return ""
        return "; ".join(finding.message for finding in self.may_sign_off("fit", said.by, "") if not finding.ok)

    @cached_property
    def compared(self) -> Sequence[Mapping[str, Any]]:
        return self.staged if self.staged is not None else staging.compare(self.ws.staging / self.change.id, self.change.files)

    @cached_property
    def precedents(self) -> Sequence[precedents.Precedent]:
        """Similar changes that were carried out before, best first."""
        return precedents.find(self.change, self.ws)

    @cached_property
    def runbook(self) -> str:
        """SHA-256 of the manual the plan names; "" where it names none that can be read."""
        return precedents.runbook_digest(self.change, self.ws)

    @cached_property
    def computed(self) -> complexity.Assessment:
        """What the rules say now, whatever anybody decided."""
        return complexity.assess(self.change, self.services, self.precedents, bool(self.runbook))

    @property
    def complex(self) -> bool:
        """Complex by the rules, unless a person has overridden them with a reason; or simple by the rules, and a person holds it for complex."""
        said = self.latest(decisions.ASSESS)
        return said.details.get("complexity") == "complex" if said and said.details.get("override") else self.computed.complex

    @cached_property
    def expected(self) -> timedelta:
        """How long the run is expected to take, the way back included."""
        return durations.expected(self.change, self.services, self.durations, durations.around(self.ws, self.precedents))

    @cached_property
    def durations(self) -> dict[str, float]:
        """Seconds by the step's id, as far as they are known."""
        return durations.of_steps(self.change, self.ws, self.precedents)

    @property
    def list_digest(self) -> str:
        return checklist_digest(self.change)

    def latest(self, *what: str) -> Decision | None:
        """The last of these decisions that counts for the plan as it is now."""
        return decisions.latest(self.decisions, self.change.plan_digest, *what)

    def void(self, *what: str) -> str:
        """In words: what an edit of the plan has voided, with the lines that differ; "" where nothing was decided before."""
        old = decisions.voided(self.decisions, self.change.plan_digest, *what)
        if old is None:
            return ""
        lines = list(self.edited(old.plan_digest))
        return f"{old.by}'s decision ({old.what}, {old.at}) was about another plan" + (": " + " | ".join(lines[:10]) if lines else "")

    def edited(self, plan_digest: str) -> Iterator[str]:
        """The lines that differ between the plan of this digest and the one that is there now."""
        before = self.decided_on(plan_digest)
        return iter(()) if before is None else differing(before, ledger.plain(self.change.bound))

    def decided_on(self, plan_digest: str) -> Mapping[str, Any] | None:
        """The plan of this digest as its first decision keeps it."""
        decided = (event.data for event in self.events if event.kind == decisions.KIND and event.data.get("plan_digest") == plan_digest)
        return next((data["plan"] for data in decided if "plan" in data), None)

    def may_sign_off(self, name: str, by: str, done: str) -> Iterator[Finding]:
        """A decision that only an approver, their deputy or the owner of every service may take, and never who executes."""
        owners = {self.services[sid].get("owner") for sid in self.change.services if sid in self.services}
        fit = by in approvers(self.people) or owners == {by}
        remedy = f"let an approver decide: itops change next {self.change.id}"
        yield Finding(name, fit, f"{by} {done}" if fit else f"{by} is no approver (nor the owner, nor a deputy)", remedy)
        yield Finding(name, by != self.change.data.get("executor"), f"decided by {by}, executed by {self.change.data.get('executor')}", remedy)


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """The lines of two plans that differ, each with its sign."""
    old, new = (yaml.safe_dump(ledger.plain(plan), allow_unicode=True).splitlines() for plan in (before, after))
    for line in difflib.unified_diff(old, new, lineterm="", n=0):
        if line[:1] in "+-" and line[:3] not in ("+++", "---"):
            yield f"{line[0]} {line[1:].strip()}"


def overrides(details: Mapping[str, Any]) -> bool:
    """Whether an assessment holds for simple what the rules call complex."""
    return bool(details.get("override")) and details.get("complexity") == "simple"


def approvers(people: identity.People) -> set[str]:
    """People with the role, and their deputies."""
    holding = {pid: person for pid, person in people.items() if "approver" in (person.get("roles") or [])}
    return {*holding, *(str(person["deputy"]) for person in holding.values() if person.get("deputy"))}


def gather(
    ws: Workspace, change: Change, services: Records, people: Records, events: Sequence[Event],
    awx_user: str = "", staged: Sequence[Mapping[str, Any]] | None = None,
) -> Facts:  # fmt: skip
    """The facts here and now. Raises BadInput for a policy.yml that has errors."""
    return Facts(ws, change, services, people, events, policy.load(ws), datetime.now().astimezone(), identity.account(awx_user, ws.awx), staged)


def checklist(change: Change) -> list[dict[str, Any]]:
    """The list a person confirms before the execution (M7): every step with its kind, and why a kind is missing."""
    steps = [{"no": number, "kind": step["kind"], "title": step.get("title", ""), "id": step["id"]} for number, step in enumerate(change.plan["steps"], 1)]
    left_out = [{"kind": kind, "not_applicable": str(reason)} for kind, reason in sorted((change.plan.get("not_applicable") or {}).items()) if reason]
    return [*steps, *left_out]


def checklist_digest(change: Change) -> str:
    """SHA-256 of the list in canonical form, the plan's digest with it."""
    return hashlib.sha256(ledger.canonical(ledger.plain({"plan": change.plan_digest, "list": checklist(change)}))).hexdigest()
