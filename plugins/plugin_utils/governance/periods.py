# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Periods of time [start, end), and the instants at which a wall clock shows a time of day.

A moment lies in a period of the wall clock exactly when a clock on the wall shows a time in it: what a change to summer time leaves
out is not there, and an hour that comes twice counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Period:
    """[start, end), both aware and in UTC."""

    start: datetime
    end: datetime

    def covers(self, other: Period) -> bool:
        return self.start <= other.start and other.end <= self.end


def wall(day: date, begin: str, end: str, tz: tzinfo) -> Iterator[Period]:
    """The instants of this period of the wall clock. `HH:MM`, up to 24:00; an end that is not after its start is the next day's."""
    first = _at(day, begin)
    last = _at(day, end)
    yield from between(first, last if last > first else last + DAY, tz)


def between(first: datetime, last: datetime, tz: tzinfo) -> Iterator[Period]:
    """From one naive wall clock time to another, as instants."""
    before, after = _offset(first - DAY, tz), _offset(last + DAY, tz)
    if before == after:
        yield Period(_utc(first, before), _utc(last, before))
        return
    change = _transition(_utc(first - DAY, before), _utc(last + DAY, after), tz)
    for offset, start, end in ((before, None, change), (after, change, None)):
        found = Period(max(_utc(first, offset), start or _utc(first, offset)), min(_utc(last, offset), end or _utc(last, offset)))
        if found.start < found.end:
            yield found


def union(periods: Iterable[Period]) -> list[Period]:
    """Sorted, what touches put together."""
    found: list[Period] = []
    for period in sorted(p for p in periods if p.start < p.end):
        if found and period.start <= found[-1].end:
            found[-1] = Period(found[-1].start, max(found[-1].end, period.end))
        else:
            found.append(period)
    return found


def common(one: Iterable[Period], other: Iterable[Period]) -> list[Period]:
    """What lies in both."""
    other = list(other)
    return union(Period(max(a.start, b.start), min(a.end, b.end)) for a in one for b in other)


def without(periods: Iterable[Period], taken: Iterable[Period]) -> list[Period]:
    """What is left when these are taken out."""
    left = union(periods)
    for gone in taken:
        left = [part for p in left for part in (Period(p.start, min(p.end, gone.start)), Period(max(p.start, gone.end), p.end)) if part.start < part.end]
    return left


def _at(day: date, clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime.combine(day, time(0)) + timedelta(hours=hour, minutes=minute)


def _utc(naive: datetime, offset: timedelta) -> datetime:
    return (naive - offset).replace(tzinfo=UTC)


def _offset(naive: datetime, tz: tzinfo) -> timedelta:
    return naive.replace(tzinfo=tz).utcoffset() or timedelta()


def _transition(low: datetime, high: datetime, tz: tzinfo) -> datetime:
    """The instant between two at which the offset changes, to the second."""
    first = low.astimezone(tz).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (middle, high) if middle.astimezone(tz).utcoffset() == first else (low, middle)
    return high.replace(microsecond=0)
