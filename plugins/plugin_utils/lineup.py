# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a run and their segments, as the ledger's `planned` event and as the play's host variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.plan import PRIMARY_STAGE, STANDBY_STAGE
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan, Segment
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

SHOWN = ("id", "seq", "kind", "phase", "title", "type", "display", "run_as", "expect")


def planned(now: Session, plans: Sequence[HostPlan], skipped: Sequence[str]) -> dict[str, Any]:
    """A snapshot of all that is executed, so that the record can be rebuilt when the inventory has long changed."""
    involved = _people(now)
    return {
        "change": now.change.data,
        "change_digest": now.change.digest,
        "plan_digest": now.change.plan_digest,
        "services": {sid: dict(now.services[sid]) for sid in now.change.services},
        "people": {pid: dict(person) for pid, person in now.people.items() if pid in involved},
        "organisation": now.ws.organisation,
        "timezone": now.ws.timezone,
        "hosts": [plan.target.as_dict() for plan in plans],
        "skipped": list(skipped),
        "mode": now.mode,
        "tolerated": now.change.plan["failures_tolerated"],
        "can_roll_back": bool(plans and plans[0].can_roll_back()),
        "segments": {plan.target.host: [segment.summary() for segment in forward(plan)] for plan in plans},
        "steps": {plan.target.host: [_shown(step) for segment in forward(plan) for step in segment.steps] for plan in plans},
    }


def forward(plan: HostPlan) -> list[Segment]:
    """The segments that must all be done for the host to have achieved the change."""
    return [plan.backup(), *plan.patch(), *plan.verify(), *plan.failover()]


def course(plan: HostPlan) -> list[Segment]:
    """Everything one host goes through, in the order of the run: a primary takes part in the fail-over before it is changed itself (S9)."""
    first, own = [plan.preflight(), plan.backup()], [*plan.patch(), *plan.verify()]
    return [*first, *plan.failover(), *own] if plan.target.stage == PRIMARY_STAGE else [*first, *own, *plan.failover()]


def acts(plans: Sequence[HostPlan]) -> list[tuple[str, list[tuple[HostPlan, Segment]]]]:
    """The plays of playbooks/maintain.yml in their order: what happens on which host. Acts in which nothing happens are left out."""
    by_name = {plan.target.host: plan for plan in plans}
    made = [
        ("gate", [(plan, plan.preflight()) for plan in plans]),
        ("backup", [(plan, plan.backup()) for plan in plans]),
        ("standby", [(plan, segment) for plan in plans if plan.target.stage == STANDBY_STAGE for segment in (*plan.patch(), *plan.verify())]),
        ("failover", [(by_name[host], segment) for host in failover_order(plans) for segment in by_name[host].failover()]),
        ("primary", [(plan, segment) for plan in plans if plan.target.stage == PRIMARY_STAGE for segment in (*plan.patch(), *plan.verify())]),
    ]
    return [(act, done) for act, done in made if done]


def host_vars(plan: HostPlan) -> dict[str, Any]:
    """What the play needs to know of one host."""
    return {
        "host": plan.target.host,
        "stage": plan.target.stage,
        "itops_segments": {
            "backup": [plan.backup().summary()],
            "patch": [segment.summary() for segment in plan.patch()],
            "verify": [segment.summary() for segment in plan.verify()],
            "failover": [segment.summary() for segment in plan.failover()],
            "rollback": [segment.summary() for segment in plan.rollback()],
            "packages": packages(plan),
            "providers": [*packages(plan), "archive"],
        },
    }


def packages(plan: HostPlan) -> dict[str, list[str]]:
    """Package names the plan updates, by provider; their present versions are kept at backup time."""
    found: dict[str, list[str]] = {}
    for segment in plan.patch():
        if segment.road == "packages":
            args = segment.steps[0]["args"]
            found.setdefault(args["provider"], []).extend(item["name"] for item in args["names"])
    return found


def failover_order(plans: Sequence[HostPlan]) -> list[str]:
    """Hosts that take part in the fail-over, in the order in which the steps first name their role."""
    order = [str(step.get("on") or "standby") for plan in plans[:1] for step in (plan.service.get("failover") or {}).get("steps") or []]
    taking_part = [plan for plan in plans if plan.failover()]
    return [plan.target.host for plan in sorted(taking_part, key=lambda plan: order.index(plan.target.role))]


def _shown(step: dict[str, Any]) -> dict[str, Any]:
    return {key: step[key] for key in SHOWN}


def _people(now: Session) -> set[str]:
    named = {now.change.data.get(role) for role in ("executor", "reviewer", "approver")}
    for sid in now.change.services:
        named |= {now.services[sid].get("owner"), now.services[sid].get("deputy")}
    return {str(person) for person in named if person}
