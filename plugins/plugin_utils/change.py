# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change: the notice and the plan, read from one file, with the digests that bind decisions to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    binding,
    change_files,
    clauses,
    literal_secrets,
    schema,
    source,
    step_rules,
    task_files,
    unseen,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

ID = re.compile(r"CHG-\d{8}-\d{2,}")
REQUIRED_KINDS = ("stop", "update", "start", "rollback")
TO_FILL = "待填"
UNDO_TYPES = ("revert", "restore")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One change file, validated. `digest` is of the file's bytes, `plan_digest` of `bound`: what a decision is about."""

    id: str
    path: Path
    data: dict[str, Any]
    digest: str
    plan_digest: str
    bound: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = self.data["plan"]
        return plan

    @property
    def services(self) -> list[str]:
        return list(self.data["service"])

    @property
    def files(self) -> list[dict[str, Any]]:
        return list((self.data.get("notice") or {}).get("files") or [])

    def steps(self, *kinds: str) -> list[dict[str, Any]]:
        """The plan's steps of these kinds, in the plan's order."""
        return [step for step in self.plan["steps"] if step["kind"] in kinds]


def find(ws: Workspace, change_id: str) -> Path:
    """The file of this change. Raises BadInput with the nearest ids where there is none."""
    if not ID.fullmatch(change_id):
        raise BadInput([Problem(str(ws.changes), 0, "", "not a change id", change_id, "CHG-<yyyymmdd>-<nn>", remedy="run: itops change list")])
    path = ws.changes / f"{change_id}.yml"
    if not path.is_file():
        known = ", ".join(p.stem for p in paths(ws)[-5:]) or "none yet"
        raise BadInput([Problem(str(path), 0, "", "no such change", change_id, known, remedy="run: itops change list")])
    return path


def paths(ws: Workspace) -> list[Path]:
    """All change files, oldest id first."""
    return sorted(p for p in ws.changes.glob("*.yml") if not p.name.startswith("."))


def services_of(path: Path) -> list[str]:
    """The services that a file names, before anything else in it is looked at. Raises BadInput where it is no change at all."""
    loaded = source.load(path)
    if not isinstance(loaded.data, dict):
        raise BadInput(errors(loaded.problems) or [Problem(str(path), 1, "", "not a change: no keys and values", remedy="run: itops change new")])
    named = loaded.data.get("service") or []
    return list(map(str, named if isinstance(named, list) else [named]))


def load(path: Path, services: Mapping[str, Record], people: Mapping[str, Record], draft: bool = False) -> Change:
    """Read and check one change against the catalogue; of a `draft` only its shape and its services. Raises BadInput with every error of the file."""
    change, problems = read(path, services, people)
    if change and draft and set(change.services) <= set(services):
        return change
    if change is None or errors(problems):
        raise BadInput(errors(problems))
    return change


def read(path: Path, services: Mapping[str, Record], people: Mapping[str, Record]) -> tuple[Change | None, list[Problem]]:
    """The change and everything that is wrong with it; None where the file has not even the right shape."""
    raw = source.load(path)
    data, problems = schema.validate(schema.options("change"), raw, "change")
    problems = [*raw.problems, *problems]
    report = _Report(str(path), raw, data)
    unshaped = bool(errors(problems))
    problems += [*_references(report, services, people), *_standards(report)]
    if unshaped:
        return None, [*problems, *_unfilled(report, data)]
    name_steps(data)
    problems += [
        *_identity(report, path),
        *_shown(report),
        *_plan(report),
        *_task_files(report, services),
        *_values(report, services),
        *_files(report),
        *_unfilled(report, data),
    ]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    bound = binding.bound(data, services, path.parent)
    return Change(str(data["id"]), path, data, digest, binding.digest(bound), bound), problems


def name_steps(data: dict[str, Any]) -> None:
    """Give every step and check without an id one that follows from its place."""
    for prefix, items in (("s", data["plan"]["steps"]), ("c", data["plan"]["checks"])):
        for number, item in enumerate(items, 1):
            item["id"] = item.get("id") or f"{prefix}{number}"


def lint(ws: Workspace, services: Mapping[str, Record], people: Mapping[str, Record]) -> list[Problem]:
    """Every problem of every change file of the workspace."""
    return [problem for path in paths(ws) for problem in read(path, services, people)[1]]


@dataclass(frozen=True)
class _Report:
    """Makes problems of one file, each with its line."""

    file: str
    raw: source.Source
    data: dict[str, Any]

    def at(self, *path: str | int, **what: str) -> Problem:
        dotted = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
        return Problem(self.file, self.raw.line(path), dotted, **what)  # type: ignore[arg-type]  # severity is one of two words


def _identity(report: _Report, path: Path) -> Iterator[Problem]:
    if not ID.fullmatch(str(report.data["id"])):
        yield report.at("id", message="not a change id", found=str(report.data["id"]), allowed="CHG-<yyyymmdd>-<nn>")
    elif report.data["id"] != path.stem:
        yield report.at("id", message="differs from the file's name", found=str(report.data["id"]), allowed=path.stem)
    if report.data["category"] == "emergency" and not report.data.get("incident"):
        yield report.at("category", message="an emergency needs the id of its incident", allowed="incident: INC-…")


def _unfilled(report: _Report, value: Any, at: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """A draft names what nobody knew yet; nothing is carried out while it stands there."""
    if isinstance(value, str) and value.startswith(TO_FILL):
        yield report.at(*at, message="still to be filled in", found=value, allowed="what is known by now")
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _unfilled(report, item, (*at, key))


def _shown(report: _Report) -> Iterator[Problem]:
    """Who approves sees what is executed, and no secret."""
    for path, char in unseen.find(report.data):
        yield report.at(*path, message=unseen.MESSAGE, found=char, allowed=unseen.ALLOWED)
    for path, why in literal_secrets.find(report.data):
        yield report.at(*path, message=why, found="«redacted»", allowed="%{name}, a value from the vault", remedy=literal_secrets.REMEDY)


def _references(report: _Report, services: Mapping[str, Record], people: Mapping[str, Record]) -> Iterator[Problem]:
    wanted = report.data.get("service") or []
    for index, sid in enumerate(wanted):
        if sid not in services:
            yield report.at(
                "service", index, message="unknown service, or its record has errors", found=sid, allowed=", ".join(sorted(services)[:10]), remedy="itops lint"
            )
    for role in ("executor", "reviewer", "approver"):
        person = report.data.get(role)
        if person and person not in people and not str(person).startswith(TO_FILL):  # which is said once, as of everything unknown
            yield report.at(role, message="not in people.yml", found=person, allowed=", ".join(sorted(people)[:10]))
    if report.data.get("executor") and report.data.get("executor") == report.data.get("approver"):
        yield report.at("approver", message="nobody approves what they execute", found=str(report.data["approver"]))
    entries = [host for sid in wanted for host in services.get(sid, {}).get("hosts") or []]
    hosts, grouped = {host["name"] for host in entries if host.get("name")}, any(not host.get("name") for host in entries)
    yield from _shared_hosts(report, wanted, services)
    for index, host in enumerate((report.data.get("plan") or {}).get("hosts") or []):
        if hosts and host not in hosts and not grouped:
            yield report.at("plan", "hosts", index, message="not a host of the service", found=host, allowed=", ".join(sorted(hosts)))


def _task_files(report: _Report, services: Mapping[str, Record]) -> Iterator[Problem]:
    for path, message, found, allowed in task_files.of_change(report.data, services, Path(report.file).parent):
        yield report.at(*path, message=message, found=found, allowed=allowed)


def _standards(report: _Report) -> Iterator[Problem]:
    for path, message, found, allowed, remedy in clauses.faults(report.data.get("satisfies") or {}):
        yield report.at("satisfies", *path, message=message, found=found, allowed=allowed, remedy=remedy)


def _shared_hosts(report: _Report, wanted: list[str], services: Mapping[str, Record]) -> Iterator[Problem]:
    """A host is maintained once, with one service's control and data: two services on it need two changes."""
    seen: dict[str, str] = {}
    for index, sid in enumerate(wanted):
        for host in (h["name"] for h in services.get(sid, {}).get("hosts") or [] if h.get("name")):
            if seen.setdefault(host, sid) != sid:
                yield report.at("service", index, message=f"shares the host {host} with {seen[host]}", found=sid, allowed="a change for each of them")


def _plan(report: _Report) -> Iterator[Problem]:
    plan = report.data["plan"]
    kinds = {step["kind"] for step in plan["steps"]}
    for kind in REQUIRED_KINDS:
        reason = (plan["not_applicable"] or {}).get(kind)
        if kind not in kinds and not reason:
            yield report.at("plan", "steps", message=f"no step of kind {kind}", allowed=f"such a step, or not_applicable: {{{kind}: reason}}")
        if kind in kinds and reason:
            yield report.at("plan", "not_applicable", kind, message=f"there are steps of kind {kind} all the same", found=str(reason))
    if not plan["checks"]:
        yield report.at("plan", "checks", message="without a check nothing can be verified", allowed="at least one check")
    yield from _window(report)
    yield from _ids(report)
    yield from _rules(report)
    for name, least in (("batch", 1), ("failures_tolerated", 0), ("confirm_within", 1)):
        if plan.get(name) is not None and plan[name] < least:
            yield report.at("plan", name, message="too small", found=str(plan[name]), allowed=f"{least} or more")
    for index, check in enumerate(plan["checks"]):
        if check["type"] == "manual":
            yield report.at("plan", "checks", index, message="nobody is asked by a run", found="manual", allowed="a check that a program can do")
    for index, step in enumerate(plan["steps"]):
        if step["kind"] != "rollback" and any(step.get(undo) is not None for undo in UNDO_TYPES):
            yield report.at("plan", "steps", index, message="undoing belongs to the rollback", allowed="kind: rollback")


def _rules(report: _Report) -> Iterator[Problem]:
    """The same rules for every step and check as in service records."""
    for group, faults in (("steps", step_rules.step_faults), ("checks", step_rules.check_faults)):
        for index, item in enumerate(report.data["plan"][group]):
            for path, message, found, allowed in faults(item, ("plan", group, index)):
                yield report.at(*path, message=message, found=found, allowed=allowed)


def _values(report: _Report, services: Mapping[str, Record]) -> Iterator[Problem]:
    plan = report.data["plan"]
    entries = [host for sid in report.data["service"] for host in services.get(sid, {}).get("hosts") or []]
    hosts = [host for host in entries if not plan["hosts"] or host.get("name") in {None, *plan["hosts"]}]
    for message, found, allowed in step_rules.unsaid(plan, hosts):
        yield report.at("plan", message=message, found=found, allowed=allowed, remedy=step_rules.SAY)


def _window(report: _Report) -> Iterator[Problem]:
    window = report.data["plan"].get("window")
    if not window or any(str(window[edge]).startswith(TO_FILL) for edge in ("start", "end")):
        return  # the guard says that there is none
    times: dict[str, datetime] = {}
    for edge in ("start", "end"):
        try:
            times[edge] = datetime.fromisoformat(str(window[edge]))
            if times[edge].tzinfo is None:
                raise ValueError
        except ValueError:
            times.pop(edge, None)
            yield report.at("plan", "window", edge, message="not a time with offset", found=str(window[edge]), allowed="2026-11-23T02:00:00+08:00")
    if len(times) == 2 and times["end"] <= times["start"]:
        yield report.at("plan", "window", "end", message="not after its start", found=str(window["end"]))


def _ids(report: _Report) -> Iterator[Problem]:
    for group in ("steps", "checks"):
        seen: set[str] = set()
        for index, item in enumerate(report.data["plan"][group]):
            if item["id"] in seen:
                yield report.at("plan", group, index, message="id used twice", found=item["id"])
            seen.add(item["id"])


def _files(report: _Report) -> Iterator[Problem]:
    yield from (report.at(*path, **what) for path, what in change_files.faults(report.data))
