# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""n and X day by day: one small file a service beside the facts, written with each collection, for the trend of n/X.

File capacity/<service>.json below the facts: {format: 1, service, days: {"2026-11-27" (UTC): {allocated, supported}}}. The last word of a day counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import day_file, facts

FOLDER = "capacity"
MOST = 10**15  # what a number of resources may be; anything above is damage


@dataclass(frozen=True)
class Amount:
    """n of X."""

    allocated: int
    supported: int


def path(folder: Path, sid: str) -> Path:
    """The file of a service; `folder` is that of the facts."""
    return facts.path(folder / FOLDER, sid)


def add(folder: Path, sid: str, record: Mapping[str, Any], at: datetime) -> None:
    """Note what the record says now, where it says both. A damaged file begins anew. Raises OSError."""
    capacity = record.get("capacity") or {}
    now = {name: capacity.get(name) for name in ("allocated", "supported")}
    if _amount(now):
        file = path(folder, sid)
        day_file.write(file, {"service": sid}, {**day_file.read(file), at.astimezone(UTC).date().isoformat(): now})


def forget_others(folder: Path, kept: Mapping[str, object]) -> None:
    """Remove what is known of services that are not among these. Raises OSError."""
    names = {path(folder, sid).name for sid in kept}
    for file in (folder / FOLDER).glob("*.json"):
        if file.name not in names:
            file.unlink(missing_ok=True)


def of_service(folder: Path, sid: str) -> dict[date, Amount]:
    """Every day that is known, oldest first."""
    found = ((date.fromisoformat(name), _amount(day)) for name, day in sorted(day_file.read(path(folder, sid)).items()))
    return {day: amount for day, amount in found if amount}


def _amount(day: Mapping[str, Any]) -> Amount | None:
    allocated, supported = day.get("allocated"), day.get("supported")
    if type(allocated) is not int or type(supported) is not int or not (0 <= allocated <= MOST and 0 < supported <= MOST):
        return None
    return Amount(allocated, supported)
