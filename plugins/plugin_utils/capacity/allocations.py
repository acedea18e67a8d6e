# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""n and X of a record: who holds what (capacity.allocations), what adds up, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import service_dates
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import thresholds

Fault = tuple[tuple[str | int, ...], str, Any, str]  # path, message, found, allowed


def add_up(capacity: dict[str, Any]) -> None:
    """n where the record does not name it: the sum of what was given to somebody."""
    if capacity.get("allocations") and "allocated" not in capacity:
        capacity["allocated"] = _sum(capacity)


def faults(capacity: Mapping[str, Any]) -> Iterator[Fault]:
    """All that is wrong."""
    supported, allocated = capacity.get("supported"), capacity.get("allocated", _sum(capacity))
    if supported is not None and allocated > supported and not capacity.get("waiver"):
        yield ("capacity", "allocated"), f"more is allocated than supported ({supported})", allocated, f"at most {supported}, or a waiver"
    if allocated < _sum(capacity):
        yield ("capacity", "allocated"), f"less than its allocations together ({_sum(capacity)})", allocated, f"{_sum(capacity)} or more, or leave it out"
    yield from thresholds.faults(capacity.get("thresholds") or {}, ("capacity", "thresholds"))
    seen = set[str]()
    for index, item in enumerate(capacity.get("allocations") or ()):
        place = ("capacity", "allocations", index)
        if "id" in item and item["id"] in seen:
            yield (*place, "id"), "id stands twice", item["id"], "a unique id"
        seen.add(item.get("id", ""))
        if item.get("amount", 1) < 1:
            yield (*place, "amount"), "too small", item["amount"], "1 or more"
        if "last_used" in item and not service_dates.is_date(item["last_used"]):
            yield (*place, "last_used"), "not a date", item["last_used"], service_dates.DATE_FORM


def _sum(capacity: Mapping[str, Any]) -> int:
    return sum(item.get("amount", 1) for item in capacity.get("allocations") or ())
