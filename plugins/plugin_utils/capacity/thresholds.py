# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How full is too full: thresholds in percent of n/X, CPU, MEM and HDD. The policy's count where a service has none of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

RESOURCES = ("allocated", "cpu", "mem", "hdd")
LEVELS = ("critical", "warn")  # the gravest first
NORMAL, UNKNOWN = "normal", "unknown"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class High:
    """A resource that has reached a threshold; both numbers in percent."""

    resource: str
    percent: int
    level: str
    threshold: int


def of(record: Record, rules: Record) -> dict[str, dict[str, int]]:
    """The thresholds of every resource of a service; `rules` are the policy's, of which a service may replace each number."""
    own = (record.get("capacity") or {}).get("thresholds") or {}
    return {name: {**(rules.get(name) or {}), **(own.get(name) or {})} for name in RESOURCES}


def reached(record: Record, rules: Record, percents: Mapping[str, int | None]) -> tuple[High, ...]:
    """What has reached a threshold, of each resource the gravest; what nobody knows has reached none."""
    limits = of(record, rules)
    found = (_gravest(name, percents.get(name), limits[name]) for name in RESOURCES)
    return tuple(high for high in found if high)


def _gravest(name: str, percent: int | None, limits: Mapping[str, int]) -> High | None:
    over = (High(name, percent, level, limits[level]) for level in LEVELS if percent is not None and level in limits and percent >= limits[level])
    return next(over, None)


def faults(limits: Mapping[str, Record], base: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, Any, str]]:
    """(path, message, found, allowed) of thresholds that are none."""
    for name in RESOURCES:
        given = limits.get(name) or {}
        for level in LEVELS:
            if not 1 <= given.get(level, 1) <= 100:
                yield (*base, name, level), "not a percentage", given[level], "1 to 100"
        if given.get("warn", 0) > given.get("critical", 100):
            yield (*base, name, "warn"), "above the critical threshold", given["warn"], f"at most {given['critical']}"
