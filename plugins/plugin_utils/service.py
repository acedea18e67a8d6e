# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of one service record that its schema cannot say: how its fields fit each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from difflib import get_close_matches
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    addresses,
    clauses,
    error_rate,
    known_errors,
    labels,
    literal_secrets,
    obtain,
    service_dates,
    step_rules,
    unseen,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import allocations
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Source

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SIGNS = re.compile(r"""[\s;|&$`'"\\()<>*?#~]""")  # of a command line; `%{host}` may stand in one
HOST = re.compile(r"[^\s,:\[\]{}/!&]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OFFSITE = re.compile(r"([\w.%{}-]+@)?(\[[0-9A-Fa-f:]+\]|[\w.%{}-]+):/.*|[/%].*", re.DOTALL)
METHOD_RANK = {"manual": 0, "script": 1, "playbook": 2}
ROLE_RULE = "at least one primary and at least one standby"

Record = dict[str, Any]


class Report:
    """Makes problems of one file, each at its place."""

    def __init__(self, source: Source):
        self.source = source

    def error(self, path: tuple[str | int, ...], message: str, found: Any = "", allowed: str = "", remedy: str = "") -> Problem:
        return self.source.problem(path, message, str(found), allowed, "error", remedy)

    def warning(self, path: tuple[str | int, ...], message: str, found: Any = "", allowed: str = "", remedy: str = "") -> Problem:
        return self.source.problem(path, message, str(found), allowed, "warning", remedy)


def check(record: Record, source: Source, whole: bool = True) -> list[Problem]:
    """All that is wrong or doubtful in a record; where its form is not right (not `whole`), what can be seen anyway."""
    report, found = Report(source), list[Problem]()
    for rule in RULES:
        with suppress(KeyError) if not whole else nullcontext():
            for problem in rule(record, report):
                found.append(problem)  # one by one: what was found before a missing key counts
    return found


def complete(record: Record) -> Record:
    """Names for steps and checks that have none, from their place: events and segments refer to them; and n where only its parts are named."""
    allocations.add_up(record["capacity"])
    failover = record["failover"]
    _name("f", failover["steps"])
    _name("fc", failover["checks"])
    for number, operation in enumerate(record["operations"], 1):
        _name(f"o{number}s", operation["steps"])
        _name(f"o{number}c", operation["checks"])
    _name("p", [item["check"] for item in record["preparation"]["items"] if "check" in item])
    return record


def _name(prefix: str, items: list[Record]) -> None:
    for number, item in enumerate(items, 1):
        item.setdefault("id", f"{prefix}{number}")


def _identity(record: Record, report: Report) -> Iterator[Problem]:
    if "id" in record and not SLUG.fullmatch(record["id"]):
        yield report.error(("id",), "not a service id", record["id"], "small letters, digits and inner dashes, at most 63")
    if "deputy" in record and record["deputy"] == record.get("owner"):
        yield report.warning(("deputy",), "stands in for nobody: the same person as the owner", record["deputy"])
    known = labels.catalogue()["service"]
    for field in record["remarks"]:
        if field not in known:
            near = get_close_matches(field, known, 1, 0.6) or [labels.to_id("service", field) or ""]
            yield report.error(
                ("remarks", field),
                "remark on an unknown field",
                field,
                "a field of this record",
                f"write {near[0]}" if near[0] else "",
            )


def _texts(record: Record, report: Report) -> Iterator[Problem]:
    for path, char in unseen.find(record):
        yield report.error(path, unseen.MESSAGE, char, unseen.ALLOWED)
    for path, why in literal_secrets.find(record):
        yield report.error(path, why, "«redacted»", "a reference or an inline !vault value", literal_secrets.REMEDY)


def _numbers(record: Record, report: Report) -> Iterator[Problem]:
    for path, least in LEAST.items():
        value: Any = record
        for part in path:
            value = value.get(part) if value else None
        if value is not None and value < least:
            yield report.error(path, "too small", value, f"{least} or more")
    if record["reclaim"].get("threshold", 0) > 100:
        yield report.error(("reclaim", "threshold"), "not a percentage", record["reclaim"]["threshold"], "1 to 100")


def _capacity(record: Record, report: Report) -> Iterator[Problem]:
    for fault in allocations.faults(record["capacity"]):
        yield report.error(*fault)


LEAST: dict[tuple[str, ...], int] = {
    ("capacity", "supported"): 1,
    ("capacity", "allocated"): 0,
    ("reclaim", "threshold"): 1,
    ("reclaim", "idle_days"): 1,
    ("credentials", "rotate_every"): 1,
    ("backup", "retention", "keep"): 1,
    ("backup", "retention", "days"): 1,
    ("maintenance", "cycle", "every"): 1,
    ("maintenance", "grace", "every"): 0,
}


def _backup(record: Record, report: Report) -> Iterator[Problem]:
    backup = record["backup"]
    if not backup["sites"]:
        yield report.warning(
            ("backup", "sites"),
            "no backup site: the gate refuses every maintenance",
            remedy="set backup.sites to [local], [offsite] or both",
        )
    elif not backup["paths"] and not record["data_dirs"]:
        yield report.warning(("backup", "paths"), "nothing to back up", allowed="backup.paths or data_dirs")
    local, offsite = backup["destination"].get("local"), backup["destination"].get("offsite")
    if "offsite" in backup["sites"] and not offsite:
        yield report.error(
            ("backup", "destination"),
            "no destination for the site offsite",
            allowed="destination.offsite: [user@]host:/folder",
        )
    if offsite and not OFFSITE.fullmatch(offsite):
        yield report.error(
            ("backup", "destination", "offsite"),
            "not a destination",
            offsite,
            "[user@]host:/folder, or an absolute folder",
        )
    if local and not _absolute(local):
        yield report.error(("backup", "destination", "local"), "relative path", local, "an absolute path")
    for key, paths in ((("backup", "paths"), backup["paths"]), (("data_dirs",), record["data_dirs"])):
        for index, path in enumerate(paths):
            if not _absolute(path):
                yield report.error((*key, index), "relative path", path, "an absolute path")


def _absolute(path: str) -> bool:
    return path.startswith(("/", "%{")) and ".." not in path.split("/")


def _addresses(record: Record, report: Report) -> Iterator[Problem]:
    for index, endpoint in enumerate(record["endpoints"]):
        for key, message, found, allowed in addresses.endpoint_faults(endpoint):
            yield report.error(("endpoints", index, key), message, found, allowed)
    for index, host in enumerate(record.get("hosts", ())):
        address = host.get("address")
        if address and (fault := addresses.host_fault(address)):
            yield report.error(("hosts", index, "address"), fault[0], address, fault[1])
        if "name" in host and (SIGNS.search(host["name"]) or not HOST.fullmatch(host["name"])):
            yield report.error(("hosts", index, "name"), "not a host name", host["name"], "no spaces, commas, colons, brackets or signs of a command line")
        for name in host["vars"]:
            if not VARIABLE.fullmatch(name):
                yield report.error(("hosts", index, "vars", name), "not a variable name", name, "ASCII letters, digits and _")


def _redundancy(record: Record, report: Report) -> Iterator[Problem]:
    hosts, kind = record["hosts"], record["redundancy"]
    names = [host.get("name") or f"group {host.get('group')}" for host in hosts]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield report.error(("hosts", index), "host stands twice", name, "each host once, with one role")
    yield from roles_fit(kind, hosts, report)
    if kind == "standalone" and (record["failover"]["steps"] or record["failover"]["checks"]):
        yield report.warning(
            ("failover",),
            "a standalone has nothing to fail over to",
            remedy="remove failover, or set redundancy: active_standby",
        )


def roles_fit(kind: str, hosts: list[Record], report: Report) -> Iterator[Problem]:
    """The hosts' roles against the redundancy; a group counts as one host until an inventory says what is in it."""
    roles = [host["role"] for host in hosts]
    counted = ", ".join(f"{roles.count(role)} {role}" for role in ("primary", "standby"))
    if kind == "active_standby" and not {"primary", "standby"} <= set(roles):
        yield report.error(("hosts",), "the roles do not fit redundancy active_standby (主备容灾)", counted, ROLE_RULE)
    if kind == "standalone" and roles != ["primary"]:
        yield report.error(("hosts",), "the roles do not fit redundancy standalone (单机)", counted, "exactly one host, role primary")


def _maintenance(record: Record, report: Report) -> Iterator[Problem]:
    for path, message, found, allowed in service_dates.faults(record):
        yield report.error(path, message, found, allowed)
    mode = record["maintenance"]["mode"]
    if mode == "auto" and record["credentials"].get("custody") == "document":
        yield report.warning(
            ("maintenance", "mode"),
            "a password kept in a document is typed by a person, so nothing that needs it runs unattended",
            "auto",
        )
    for key in ("monitoring", "logging"):
        if record[key]["state"] == "deployed" and not record[key].get("ref"):
            yield report.warning((key, "ref"), "deployed, but it is not said where")
    for name, value in (record["monitoring"].get("match") or {}).items():
        if not isinstance(value, str) or not value.strip():
            yield report.error(("monitoring", "match", name), "not a text with something in it", value, f"{name}: web")
    for index, operation in enumerate(record["operations"]):
        if not operation["checks"]:
            yield report.warning(("operations", index, "checks"), "without a check the operation cannot be scheduled", operation["item"])
        if mode == "manual" and METHOD_RANK[operation["method"]] > METHOD_RANK["script"]:
            yield report.warning(
                ("operations", index, "method"),
                "goes beyond maintenance.mode manual (手动)",
                operation["method"],
                "manual, script",
            )


def _steps(record: Record, report: Report) -> Iterator[Problem]:
    for path, step in _all_steps(record):
        for fault in step_rules.step_faults(step, path):
            yield report.error(*fault)
        service = step.get("service") or {}
        if "service" in step and not (record.get("control") or service.get("control")):
            yield report.error(path, "nobody knows how to control this service", allowed="control, in the record or in the step")
    for path, check in _all_checks(record):
        for fault in step_rules.check_faults(check, path):
            yield report.error(*fault)
        for fault in error_rate.misplaced(check, path) if path[0] != "operations" else ():
            yield report.error(*fault)
    for fault in error_rate.faults(record["logging"].get("error_rate") or {}, ("logging", "error_rate")):
        yield report.error(*fault)
    for fault in known_errors.faults(record["known_errors"]):
        yield report.error(*fault)
    yield from _placeholders(record, report)


def _all_steps(record: Record) -> Iterator[tuple[tuple[str | int, ...], Record]]:
    yield from ((("failover", "steps", i), step) for i, step in enumerate(record["failover"]["steps"]))
    for n, operation in enumerate(record["operations"]):
        yield from ((("operations", n, "steps", i), step) for i, step in enumerate(operation["steps"]))


def _all_checks(record: Record) -> Iterator[tuple[tuple[str | int, ...], Record]]:
    yield from ((("failover", "checks", i), check) for i, check in enumerate(record["failover"]["checks"]))
    for n, operation in enumerate(record["operations"]):
        yield from ((("operations", n, "checks", i), check) for i, check in enumerate(operation["checks"]))
    yield from ((("preparation", "items", i, "check"), item["check"]) for i, item in enumerate(record["preparation"]["items"]) if "check" in item)


def _placeholders(record: Record, report: Report) -> Iterator[Problem]:
    """Each name needs a value on every host, here: what stands elsewhere is not approved with a plan."""
    for key in ("failover", "operations", "preparation", "backup", "control", "data_dirs", "logging"):
        for message, found, allowed in step_rules.unsaid(record.get(key), record["hosts"]):
            yield report.error((key,), message, found, allowed, step_rules.SAY)


def _standards(record: Record, report: Report) -> Iterator[Problem]:
    for path, *what in clauses.faults(record["satisfies"]):
        yield report.error(("satisfies", *path), *what)


def _manual(record: Record, report: Report) -> Iterator[Problem]:
    yield from (report.source.problem(*fault) for fault in obtain.faults(record))


RULES: tuple[Callable[[Record, Report], Iterator[Problem]], ...] = (
    _identity, _texts, _numbers, _capacity, _backup, _addresses, _redundancy, _maintenance, _steps, _standards, _manual,
)  # fmt: skip
