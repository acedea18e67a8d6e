# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a resource is heading: the Theil–Sen line through its days, and the moment at which that line reaches the limit.

The slope is the median of the slopes between every two days, the height the median of what is left; so a few days out of line (up to
three in ten) change nothing. Only the last days count, one value each, placed at noon UTC. No line is better than an invented one:
too few days or none of late give no trend; a flat or falling line, or one that takes longer than HORIZON, gives no moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from statistics import median

HORIZON = 730  # days after the last known one beyond which no line is believed
FRESH = 7  # days: what ends earlier says nothing of today


@dataclass(frozen=True)
class Trend:
    """A line: `start` on the day `first`, and `per_day` more each day. `points` days between `first` and `last` are known."""

    start: float
    per_day: float
    points: int
    first: date
    last: date

    def full_at(self, limit: float) -> datetime | None:
        """When the line reaches the limit, but not before the last known day; None where it does not within the horizon."""
        span = (self.last - self.first).days
        ahead = (limit - self.start) / self.per_day if self.per_day > 0 else float("inf")
        if ahead > span + HORIZON:
            return None
        return _noon(self.first) + timedelta(seconds=round(max(ahead, span) * 86400))


def fit(days: Mapping[date, float | None], today: date, span: int, least: int) -> Trend | None:
    """The line through the last `span` days; None with fewer than `least` known ones (never fewer than two), or none of late."""
    known = sorted((day, value) for day, value in days.items() if value is not None and 0 <= (today - day).days < span)
    if len(known) < max(2, least) or (today - known[-1][0]).days > FRESH:
        return None
    first, last = known[0][0], known[-1][0]
    points = [((day - first).days, value) for day, value in known]
    slope = median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    return Trend(median(y - slope * x for x, y in points), slope, len(points), first, last)


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)
