# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy a host was, day by day: one small file a host beside the facts, for trends and for what may be reclaimed.

File history/<host>.json below the facts: {format: 1, host, days: {"2026-11-27" (UTC): {cpu, mem, hdd: {service: percent}}}}. Of several
collections in a day the highest counts: a peak is news, and what is idle must have been idle all day. The newest DAYS days are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import day_file, facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.facts import HostFacts

DAYS = day_file.DAYS
FOLDER = "history"

Day = Mapping[str, Any]


def path(folder: Path, host: str) -> Path:
    """The file of a host; `folder` is that of the facts."""
    return facts.path(folder / FOLDER, host)


def add(folder: Path, host: str, measured: Mapping[str, Any], at: datetime) -> None:
    """Count what was just measured, in the form of facts.save. A damaged file begins anew. Raises OSError."""
    found = facts.parse({**measured, "format": facts.FORMAT, "host": host}, host)
    days, today = _days(path(folder, host)), at.astimezone(UTC).date().isoformat()
    day_file.write(path(folder, host), {"host": host}, {**days, today: _higher(days.get(today, {}), found)})


def forget(folder: Path, host: str) -> None:
    """The host is in no inventory any more. Raises OSError."""
    path(folder, host).unlink(missing_ok=True)


def of_service(folder: Path, sid: str, hosts: Iterable[str], last: int = DAYS) -> dict[date, dict[str, int | None]]:
    """The highest percent of cpu, mem and hdd over these hosts on each of the last days that are known, oldest first."""
    made: dict[date, dict[str, int | None]] = {}
    for host in hosts:
        for name, day in _days(path(folder, host)).items():
            known = made.setdefault(date.fromisoformat(name), dict.fromkeys(("cpu", "mem", "hdd")))
            for key, percent in (("cpu", day.get("cpu")), ("mem", day.get("mem")), ("hdd", (day.get("hdd") or {}).get(sid))):
                known[key] = _highest(known[key], percent)
    return dict(sorted(made.items())[-last:])


def _higher(before: Day, now: HostFacts) -> dict[str, Any]:
    old = before.get("hdd") or {}
    hdd = {sid: _highest(old.get(sid), service.hdd) for sid, service in now.services.items()}
    return {"cpu": _highest(before.get("cpu"), now.cpu), "mem": _highest(before.get("mem"), now.mem), "hdd": hdd}


def _highest(*percents: object) -> int | None:
    return max((percent for percent in percents if type(percent) is int), default=None)


def _days(file: Path) -> dict[str, Day]:
    return {name: day for name, day in day_file.read(file).items() if isinstance(day.get("hdd") or {}, dict)}
