# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capacity of a service as it is and as it goes: one line for n/X, CPU, MEM and HDD each. Reads the histories, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import facts_history
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history, thresholds
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.thresholds import NORMAL, RESOURCES, UNKNOWN
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.trend import Trend, fit
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row, Status

ALL = 100  # percent
FILLS = ("allocated", "hdd")  # what fills up and stays full; CPU and MEM go up and down


@dataclass(frozen=True)
class Line:
    """One resource. The trend of `allocated` is in units, that of the others in percent; `full_at` None: nobody can say, or never."""

    resource: str
    percent: int | None
    level: str
    limits: Mapping[str, int]
    trend: Trend | None
    full_at: datetime | None


@dataclass(frozen=True)
class Capacity:
    """One service. `amounts` are n and X of every day that is known."""

    row: Row
    lines: tuple[Line, ...]
    amounts: Mapping[date, history.Amount]

    def line(self, resource: str) -> Line:
        return self.lines[RESOURCES.index(resource)]


def of(found: Status, row: Row, folder: Path) -> Capacity:
    """What the row and the histories below `folder`, that of the facts, say of a service."""
    capacity, amounts = row.record.get("capacity") or {}, history.of_service(folder, row.id)
    used = facts_history.of_service(folder, row.id, [host.host for host in row.usage.hosts])
    days: dict[str, dict[date, Any]] = {name: {day: known[name] for day, known in used.items()} for name in RESOURCES[1:]}
    days["allocated"] = {day: amount.allocated for day, amount in amounts.items()}
    full = {"allocated": capacity.get("supported"), "hdd": ALL}
    return Capacity(row, tuple(_line(found, row, name, days[name], full.get(name)) for name in RESOURCES), amounts)


def _line(found: Status, row: Row, name: str, days: Mapping[date, float | None], full: int | None) -> Line:
    level = row.usage.levels.get(name) if row.usage.known else None
    percent = row.ratio if name == "allocated" else level.highest if level else None
    reached = next((high.level for high in row.high if high.resource == name), UNKNOWN if percent is None else NORMAL)
    rules = found.rules.get("trend") or {}
    trend = fit(days, found.now.astimezone(UTC).date(), rules["days"], rules["points"]) if rules else None
    return Line(name, percent, reached, thresholds.of(row.record, found.rules)[name], trend, trend.full_at(full) if trend and full else None)
