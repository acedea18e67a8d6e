# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run-sheet as data: what would be done where, in which order, with every command, expectation and way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import known_errors, lineup, runsheet_lines, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import silencing
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan, Segment
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session


def data(
    now: Session, plans: Sequence[HostPlan], findings: Sequence[Finding], policy: Mapping[str, Any] | None = None, users: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The run-sheet for programs. `users`: host -> who is logged in there, as far as the records say."""
    services = {sid: now.services[sid] for sid in now.change.services}
    errors = known_errors.entries(next(iter(services)), services, policy or {})
    return {
        "change": now.change.id,
        "title": now.change.data["title"],
        "plan_digest": now.change.plan_digest,
        "mode": now.mode,
        "timezone": now.ws.timezone,
        "head": _head(now),
        "gate": {"result": "refused" if refusals(findings) else "passed", "findings": [f.as_dict() for f in findings]},
        "services": [_service(sid, service, [plan for plan in plans if plan.target.service == sid], policy or {}) for sid, service in services.items()],
        "files": [_file(file) for file in now.change.files],
        "hosts": [_host(plan, (users or {}).get(plan.target.host, "")) for plan in plans],
        "acts": [{"act": act, "parts": [{"host": plan.target.host, "segment": part.id} for plan, part in parts]} for act, parts in lineup.acts(plans)],
        "known_errors": [{key: entry.get(key) for key in ("type", "pattern", "event", "steps", "action", "retries", "remark")} for entry in errors],
    }


def _head(now: Session) -> dict[str, Any]:
    notice = now.change.data.get("notice") or {}
    people = {
        role: (now.people.get(str(now.change.data.get(role))) or {}).get("name") or now.change.data.get(role) for role in ("executor", "reviewer", "approver")
    }
    return {"window": now.change.plan.get("window") or {}, "notice": notice.get("id"), "supplier": notice.get("supplier"), **people}


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    """What a person compares a patch with: its size and its strongest digest."""
    algorithm = next((name for name in staging.STRENGTH if file.get(name)), "")
    return {"name": file["name"], "size": file.get("size"), "algorithm": algorithm, "digest": file.get(algorithm) or ""}


def _places(service: Mapping[str, Any], plans: Sequence[HostPlan]) -> list[str]:
    """The data folders as they are on the hosts; each host has its own where they differ."""
    folders = list(service.get("data_dirs") or [])
    shown = {plan.target.host: plan.values.show(folders) for plan in plans} or {"": folders}
    alike = next(iter(shown.values()))
    return alike if all(one == alike for one in shown.values()) else [f"{host}:{folder}" for host, own in shown.items() for folder in own]


def _service(sid: str, service: Mapping[str, Any], plans: Sequence[HostPlan], policy: Mapping[str, Any]) -> dict[str, Any]:
    """M10 to M13, never a password: only where it is kept."""
    credentials = service.get("credentials") or {}
    return {
        "id": sid, "name": service["name"],
        "addresses": [str(e.get("url") or f"{e.get('ip', '')}:{e.get('port', '')}") for e in service.get("endpoints") or []],
        "account": credentials.get("account") or "", "custody": credentials.get("custody") or "", "ref": credentials.get("ref") or "",
        "data_dirs": _places(service, plans), "key_info": list(service.get("key_info") or []),
        "preparation": dict(service.get("preparation") or {}), "monitor": (silencing.monitor_of(policy, service) or {}).get("id", ""),
    }  # fmt: skip


def _host(plan: HostPlan, user: str) -> dict[str, Any]:
    numbers = runsheet_lines.numbers(plan)
    return {
        **plan.target.as_dict(),
        "rolls_back_itself": plan.rolls_back_itself(),
        "segments": [_segment(plan, segment, numbers, user) for segment in lineup.course(plan)],
        "rollback": [_segment(plan, segment, numbers, user) for segment in plan.rollback()] if plan.can_roll_back() else [],
    }


def _segment(plan: HostPlan, segment: Segment, numbers: Mapping[tuple[str, str], str], user: str) -> dict[str, Any]:
    shown = [
        {**{key: step[key] for key in lineup.SHOWN}, "number": numbers[segment.id, str(step["id"])],
         **runsheet_lines.data(step, plan.target.service, user, plan.values.secret)}
        for step in segment.steps
    ]  # fmt: skip
    return {**segment.summary(), "steps": shown}
