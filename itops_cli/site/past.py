# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the register knows, in one pass: how runs ended by month and by day, and the last runs of each service. Bounded, however long it is."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, register, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.signs import end_of
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

RUNS_OF_A_SERVICE = 50
MONTHS = 12
COUNTED = (*status.MAINTAINS, status.UNDOES)


class DamagedRegister(Exception):
    """Nobody knows what was maintained."""


@dataclass(frozen=True)
class Run:
    """A line of the register. `end` is one of charts.signs.ENDS."""

    change: str
    title: str
    at: datetime
    end: str
    result: str
    backout: str
    executor: str


@dataclass
class Past:
    """Filled by `watch`; `days` are those of one year."""

    today: date
    tz: tzinfo
    months: dict[str, Counter[str]] = field(default_factory=dict)
    days: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    runs: dict[str, deque[Run]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=RUNS_OF_A_SERVICE)))
    changes: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        back = [(self.today.year * 12 + self.today.month - 1 - n) for n in range(MONTHS)]
        self.months = {f"{month // 12}-{month % 12 + 1:02}": Counter() for month in reversed(back)}

    def watch(self, lines: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The lines themselves, counted on their way."""
        for line in lines:
            self._count(line)
            yield line

    def _count(self, line: Mapping[str, Any]) -> None:
        at = calendar.moment(str(line.get("ended") or line.get("started") or ""), UTC)
        if at is None or line.get("verb", COUNTED[0]) not in COUNTED or line.get("check") or line.get("exit") == REFUSED:
            return
        change, end, day = str(line.get("change") or ""), end_of(line), at.astimezone(self.tz).date()
        self.changes.add(change)
        if (month := f"{day:%Y-%m}") in self.months:
            self.months[month][end] += 1
        if day.year == self.today.year:
            self.days[day][end] += 1
        run = Run(change, str(line.get("title") or ""), at, end, str(line.get("result") or ""), str(line.get("backout") or ""), str(line.get("executor") or ""))
        for sid in line["services"]:
            self.runs[str(sid)].append(run)


def plan(past: Past, found: Status, windows: Iterable[Mapping[str, Any]]) -> dict[date, Counter[str]]:
    """The days of the year with what is planned and overdue, too. `windows` are those of changes that were not carried out yet."""
    days = past.days
    for row in found.rows:
        for day in _due(row.record, row.tz, past.today.year) if row.due else ():
            days[day]["due"] += 1
        if row.due and row.due.at and row.due.state == calendar.OVERDUE:
            days[row.due.at.astimezone(calendar.zone(row.tz)).date()]["overdue"] += 1
    for window in windows:
        for day in _within(window, past.tz, past.today.year):
            days[day]["window"] += 1
    return days


def _due(record: Mapping[str, Any], tz: str, year: int) -> set[date]:
    """The days of the year on which a service is due."""
    schedule = calendar.schedule(record.get("maintenance") or {}, tz)
    if schedule is None:
        return set()
    start, end = (datetime(number, 1, 1, tzinfo=schedule.tz) for number in (year, year + 1))
    try:
        return {at.astimezone(schedule.tz).date() for at in calendar.points(schedule, start, end)}
    except (OverflowError, ValueError):  # beyond the year 9999
        return set()


def _within(window: Mapping[str, Any], tz: tzinfo, year: int) -> Iterator[date]:
    start, end = (calendar.moment(str(window.get(edge) or ""), tz) for edge in ("start", "end"))
    if start and end:
        first, last = max(start.astimezone(tz).date(), date(year, 1, 1)), min(end.astimezone(tz).date(), date(year, 12, 31))
        yield from (first + timedelta(days=n) for n in range((last - first).days + 1))


def read(ws: Workspace, now: datetime) -> tuple[Past, dict[str, status.Maintained]]:
    """The register, line by line: what the pages need of it, and what the status table does. Raises DamagedRegister."""
    tz = calendar.zone(ws.timezone)
    found = Past(now.astimezone(tz).date(), tz)
    try:
        return found, status.history(found.watch(register.lines(ws.records)))
    except (ValueError, AttributeError, TypeError):
        raise DamagedRegister from None
