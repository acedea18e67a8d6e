# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a service is due for maintenance (维护周期, S10), and how times are printed.

The rules:
- With an anchor the due points are anchor, anchor + 1 cycle, anchor + 2 cycles … The anchor itself is the first one.
- Every point is counted from the anchor, not from the point before. A month without that day takes its last day and the
  next one is right again: 31 Jan, 28 Feb, 31 Mar. As a recurrence rule for others: recurrence.py.
- Without an anchor the next due point is one cycle after the last maintenance; without either nobody knows.
- Days and months are counted on the wall clock of the time zone, hours on the absolute time line. A wall clock time
  that a change to summer time leaves out is moved forward by the gap.
- An excluded date moves its due point to the same time of the next date that is not excluded.
- A maintenance within the warning time before a due point counts for it. The warning time is a quarter of the cycle and
  at most seven days. During it, and from the due point to the end of the grace, the service is due soon.
- An anchor without a time of day means the whole day: overdue after its end (and the grace).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.itops.maintenance.plugins.plugin_utils import wording
from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary

NORMAL, DUE_SOON, OVERDUE, UNKNOWN = "normal", "due_soon", "overdue", "unknown"
LONGEST_WARNING = timedelta(days=7)


@dataclass(frozen=True)
class Duration:
    """So many hours, days or months."""

    every: int
    unit: str  # hour, day, month

    def about(self) -> timedelta:
        """Its length; a month counts 30 days."""
        return timedelta(**{"hours" if self.unit == "hour" else "days": self.every * (30 if self.unit == "month" else 1)})


@dataclass(frozen=True)
class Schedule:
    """A maintenance cycle with all that shapes it."""

    cycle: Duration
    tz: tzinfo
    anchor: datetime | None = None
    whole_day: bool = False  # the anchor is a date without a time
    grace: Duration = Duration(0, "hour")
    excluded: frozenset[date] = field(default_factory=frozenset)

    @cached_property
    def warning(self) -> timedelta:
        return min(self.cycle.about() / 4, LONGEST_WARNING)


@dataclass(frozen=True)
class Due:
    """The next due point (None: nobody knows), whether it is a date only, and the state in one word."""

    at: datetime | None = None
    whole_day: bool = False
    state: str = UNKNOWN


def schedule(maintenance: Mapping[str, Any], timezone: str) -> Schedule | None:
    """The schedule of a record's `maintenance`; `timezone` counts where it names none. None without a cycle."""
    cycle = maintenance.get("cycle")
    if not cycle:
        return None
    tz = zone(str(maintenance.get("tz") or timezone))
    text = str(maintenance.get("anchor") or "")
    anchor = moment(text, tz)
    return Schedule(
        Duration(int(cycle["every"]), str(cycle["unit"])),
        tz,
        anchor,
        anchor is not None and len(text) == 10 and cycle["unit"] != "hour",
        Duration(int(grace["every"]), str(grace["unit"])) if (grace := maintenance.get("grace")) else Duration(0, "hour"),
        frozenset(date.fromisoformat(day) for day in maintenance.get("exclude") or ()),
    )


def judge(plan: Schedule | None, last: datetime | None, now: datetime) -> Due:
    """Where the service stands at `now` when it was maintained last at `last` (both aware; None: never)."""
    if plan is None:
        return Due()
    try:
        at = next_due(plan, last)
        if at is None:
            return Due()
        state = OVERDUE if now > deadline(plan, at) else DUE_SOON if now >= at - plan.warning else NORMAL
    except (OverflowError, ValueError):  # beyond the year 9999
        return Due()
    return Due(at, plan.whole_day, state)


def deadline(plan: Schedule, at: datetime) -> datetime:
    """After this the service is overdue: the due point, its whole day where it is a date only, and the grace."""
    return shift(shift(at, Duration(1, "day"), plan.tz) if plan.whole_day else at, plan.grace, plan.tz)


def next_due(plan: Schedule, last: datetime | None) -> datetime | None:
    """The first due point that no maintenance has settled yet. Raises OverflowError, ValueError beyond the year 9999."""
    if plan.anchor is None:
        return None if last is None else _moved(plan, shift(last, plan.cycle, plan.tz))
    return _moved(plan, _point(plan, 0) if last is None else _first_after(plan, last.astimezone(UTC) + plan.warning))


def upcoming(plan: Schedule, last: datetime | None, end: datetime, now: datetime | None = None) -> Iterator[datetime]:
    """The due points before `end`, earliest first, if each is settled when it comes, and what is late at `now`.

    The first is the one that `last` has left open.
    """
    try:
        at = next_due(plan, last)
        while at is not None and at < end:
            yield at
            at = next_due(plan, max(at, now or at).astimezone(UTC))
    except (OverflowError, ValueError):  # beyond the year 9999
        return


def points(plan: Schedule, start: datetime, end: datetime) -> Iterator[datetime]:
    """The due points in [start, end), of an hourly cycle one for each day; none where only the last maintenance tells. Raises OverflowError, ValueError."""
    if plan.anchor is None:
        return
    skipped = max(1, 24 // plan.cycle.every) - 1 if plan.cycle.unit == "hour" else 0
    at = plan.anchor if plan.anchor >= start else _first_after(plan, start.astimezone(UTC) - timedelta(microseconds=1))
    while (moved := _moved(plan, at)) < end:
        yield moved
        at = _first_after(plan, shift(at, plan.cycle, plan.tz, skipped).astimezone(UTC))


def shift(start: datetime, by: Duration, tz: tzinfo, times: int = 1) -> datetime:
    """`start` plus so many times the duration, in this time zone."""
    count = by.every * times
    if by.unit == "hour":
        return (start.astimezone(UTC) + timedelta(hours=count)).astimezone(tz)
    step = relativedelta(months=count) if by.unit == "month" else timedelta(days=count)
    wall = start.astimezone(tz).replace(tzinfo=None) + step
    return resolve_imaginary(wall.replace(tzinfo=tz))


def _point(plan: Schedule, number: int) -> datetime:
    assert plan.anchor is not None
    return shift(plan.anchor, plan.cycle, plan.tz, number)


def _first_after(plan: Schedule, moment: datetime) -> datetime:
    """The first due point after a moment (in UTC): its number is estimated, then corrected."""
    assert plan.anchor is not None
    start, end = (at.astimezone(UTC if plan.cycle.unit == "hour" else plan.tz) for at in (plan.anchor, moment))
    months = (end.year - start.year) * 12 + end.month - start.month
    length = months if plan.cycle.unit == "month" else (end - start) // timedelta(**{plan.cycle.unit + "s": 1})
    number = max(0, length // plan.cycle.every)
    at = _point(plan, number)
    while at > moment and number > 0 and (before := _point(plan, number - 1)) > moment:
        at, number = before, number - 1
    while at <= moment:
        number += 1
        at = _point(plan, number)
    return at


def _moved(plan: Schedule, at: datetime) -> datetime:
    for _day in plan.excluded:
        if at.astimezone(plan.tz).date() not in plan.excluded:
            break
        at = shift(at, Duration(1, "day"), plan.tz)
    return at


def moment(text: str, tz: tzinfo) -> datetime | None:
    """An ISO date or RFC 3339 time as an aware time; without an offset it is in `tz`. None for anything else."""
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=tz)
        found.astimezone(UTC)  # a time that cannot be computed with is none
        return found
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The time zone of this name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def printed(at: datetime, tz: tzinfo, whole_day: bool = False) -> str:
    """A time as documents show it, `2026-11-23 02:05 (UTC+8)`; a date alone where nothing is known of the time."""
    local = at.astimezone(tz)
    return local.date().isoformat() if whole_day else f"{local.isoformat(' ')[:16]} ({wording.offset(local.utcoffset() or timedelta())})"
