# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a run: which hosts, in which stage and batch, in which mode."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change

MODES = ("auto", "semi", "manual")  # from loose to strict
STANDBY_STAGE, PRIMARY_STAGE = 1, 2
GROUP = "group "  # no host has a blank in its name

Services = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Target:
    """One host of a change. Stage 1 are the standby hosts, stage 2 the primaries and the standalone."""

    host: str
    service: str
    role: str
    stage: int
    batch: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def targets(change: Change, services: Services, limit: Collection[str] | None = None) -> tuple[list[Target], list[str]]:
    """Hosts in the order they are changed, and those a `--limit` leaves out. Standby first, the old primary last (S9)."""
    wanted: list[tuple[int, str, str, str]] = []
    only = set(change.plan["hosts"] or [])
    elsewhere = only - {name_of(host) for sid in change.services for host in services[sid]["hosts"]}  # hosts of a group, for the command line
    for sid in change.services:
        for host in services[sid]["hosts"]:
            name = name_of(host)
            role = host.get("role") or "primary"
            stage = STANDBY_STAGE if role == "standby" else PRIMARY_STAGE
            if not only or name in only or (elsewhere and name.startswith(GROUP)):
                wanted.append((stage, sid, name, role))
    wanted.sort(key=lambda item: item[0])
    chosen = [item for item in _once(wanted) if limit is None or item[2] in limit]
    skipped = [item[2] for item in _once(wanted) if limit is not None and item[2] not in limit]
    return _batched(chosen, change.plan["batch"]), skipped


def name_of(host: Mapping[str, Any]) -> str:
    """An entry of a record by its name; one of a group whose hosts only an inventory knows, as the command line has it, by the group's."""
    return str(host.get("name") or f"{GROUP}{host['group']}")


def _once(items: list[tuple[int, str, str, str]]) -> list[tuple[int, str, str, str]]:
    """A host that two services of the change share is changed once, in its first place."""
    seen: dict[str, tuple[int, str, str, str]] = {}
    for item in items:
        seen.setdefault(item[2], item)
    return list(seen.values())


def _batched(items: list[tuple[int, str, str, str]], size: int) -> list[Target]:
    found: list[Target] = []
    for stage in (STANDBY_STAGE, PRIMARY_STAGE):
        for index, (_stage, sid, host, role) in enumerate(item for item in items if item[0] == stage):
            found.append(Target(host, sid, role, stage, index // size + 1))
    return found


def mode(change: Change, services: Services) -> str:
    """The strictest of the services' maintenance modes and the plan's own (S11)."""
    modes: list[str] = [services[sid]["maintenance"]["mode"] for sid in change.services]
    if change.plan.get("mode"):
        modes.append(change.plan["mode"])
    return max(modes, key=MODES.index)


def too_loose(change: Change, services: Services) -> str:
    """The service whose mode is stricter than what the plan asks for, or nothing."""
    asked = change.plan.get("mode")
    if not asked:
        return ""
    return next((sid for sid in change.services if MODES.index(services[sid]["maintenance"]["mode"]) > MODES.index(asked)), "")
