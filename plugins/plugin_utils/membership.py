# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts belong to which services, once an inventory says what is in the groups that records refer to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import service, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

Record = dict[str, Any]
Lookup = Callable[[str], "list[str] | None"]  # hosts of a group; None where there is no such group


@dataclass
class Host:
    """One inventory host and all of its services."""

    name: str
    address: str = ""
    vars: dict[str, Any] = field(default_factory=dict)
    services: dict[str, Record] = field(default_factory=dict)


@dataclass(frozen=True)
class Members:
    """Every host of the catalogue by name."""

    hosts: dict[str, Host]


def group_name(service_id: str) -> str:
    """The inventory group of a service: `-` is not allowed in the name of a group."""
    return "itops_" + service_id.replace("-", "_")


def resolve(catalogue: Catalogue, lookup: Lookup) -> Members:
    """All hosts with their records, groups replaced by their hosts. Raises BadInput with all that does not fit."""
    hosts: dict[str, Host] = {}
    problems: list[Problem] = []
    for service_id, record in catalogue.services.items():
        expanded = _expanded(record, lookup, str(catalogue.files[service_id]), problems)
        for entry in expanded["hosts"]:
            host = hosts.setdefault(entry["name"], Host(entry["name"]))
            host.address = host.address or entry.get("address", "")
            problems += _join(host, entry, service_id, str(catalogue.files[service_id]))
            host.services[service_id] = expanded
    if problems:
        raise BadInput(problems)
    return Members(hosts)


def _expanded(record: Record, lookup: Lookup, file: str, problems: list[Problem]) -> Record:
    """The record with each group replaced by its hosts; the very same record where there is none."""
    if not any("group" in entry for entry in record["hosts"]):
        return record
    report = service.Report(source.load(file))
    entries: list[Record] = []
    for index, entry in enumerate(record["hosts"]):
        names = lookup(entry["group"]) if "group" in entry else [entry["name"]]
        if not names:
            why = "no such group in an inventory source before this one" if names is None else "the group has no hosts"
            problems.append(
                report.error(
                    ("hosts", index, "group"),
                    why,
                    entry["group"],
                    "a group with hosts",
                    "name its source first, as hosts.yml",
                )
            )
        strange = [name for name in names or [] if service.SIGNS.search(name)]
        problems += [report.error(("hosts", index), "not a host name", name, "no spaces, and no signs of a command line") for name in strange]
        entries += [
            {**{k: v for k, v in entry.items() if k != "group"}, "name": name, **({"of_group": entry["group"]} if "group" in entry else {})}
            for name in names or []
        ]
    if entries:
        named = [entry["name"] for entry in entries]
        twice = {name for name in named if named.count(name) > 1}
        problems += [report.error(("hosts",), "host stands twice", name, "each host once, with one role") for name in sorted(twice)]
        problems += service.roles_fit(record["redundancy"], entries, report)
    return {**record, "hosts": entries}


def _join(host: Host, entry: Record, service_id: str, file: str) -> list[Problem]:
    """Two services may share a host as long as they agree on its variables."""
    problems = []
    for name, value in entry["vars"].items():
        if name in host.vars and host.vars[name] != value:
            message = f"{host.name} has another value of {name} in another service"
            problems.append(
                Problem(
                    file,
                    source.load(file).line(("hosts",)),
                    "hosts",
                    message,
                    service_id,
                    "one value for each variable of a host",
                )
            )
        host.vars.setdefault(name, value)
    return problems
