# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trend: right where the data is a line, steady where it is noisy, and no date where none can be known."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.trend import FRESH, HORIZON, Trend, fit
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 11, 27)
SPAN, LEAST = 90, 10
BACK = st.sets(st.integers(0, SPAN - 1), min_size=LEAST).filter(lambda days: min(days) <= FRESH)
AMOUNTS = st.dictionaries(st.integers(-5, 500), st.none() | st.integers(0, 10**15), max_size=60)
STEEPER, OUT = 2, 10**6


def line(days: set[int], start: float, slope: float) -> dict[date, float | None]:
    """Values by day; `start` is today's."""
    return {TODAY - timedelta(days=back): start - slope * back for back in days}


def trend(values: dict[date, float | None], least: int = LEAST) -> Trend | None:
    return fit(values, TODAY, SPAN, least)


def sure(values: dict[date, float | None]) -> Trend:
    found = trend(values)
    assert found
    return found


@given(days=BACK, start=st.integers(100, 1000), slope=st.integers(1, 50), ahead=st.integers(0, 200))
def test_of_a_line_the_day_is_right(days: set[int], start: int, slope: int, ahead: int) -> None:
    found = sure(line(days, start, slope))
    assert (found.per_day, found.points) == (slope, len(days))
    assert (found.first, found.last) == (TODAY - timedelta(days=max(days)), TODAY - timedelta(days=min(days)))
    assert found.full_at(start + slope * ahead) == datetime.combine(TODAY + timedelta(days=ahead), time(12), UTC)


@given(days=BACK, values=st.lists(st.integers(0, 1000), min_size=SPAN, max_size=SPAN), seed=st.integers())
def test_the_order_of_the_days_does_not_matter(days: set[int], values: list[int], seed: int) -> None:
    known: list[tuple[date, float | None]] = [(TODAY - timedelta(days=back), values[back]) for back in sorted(days)]
    mixed = known.copy()
    random.Random(seed).shuffle(mixed)
    assert trend(dict(known)) == trend(dict(mixed))


@given(days=BACK, slope=st.integers(-20, 20), noise=st.lists(st.integers(-3, 3), min_size=SPAN, max_size=SPAN))
def test_noise_moves_the_slope_by_no_more_than_itself(days: set[int], slope: int, noise: list[int]) -> None:
    values = {day: (value or 0) + noise[(TODAY - day).days] for day, value in line(days, 500, slope).items()}
    assert abs(sure(dict(values)).per_day - slope) <= 2 * 3


@given(days=BACK, seed=st.integers(), wild=st.lists(st.integers(-OUT, OUT), min_size=SPAN, max_size=SPAN))
def test_a_quarter_of_the_days_out_of_line_changes_nothing(days: set[int], seed: int, wild: list[int]) -> None:
    values = line(days, 500, STEEPER)
    for day in random.Random(seed).sample(sorted(values), len(values) // 4):
        values[day] = wild[(TODAY - day).days]
    assert sure(values).per_day == STEEPER


@given(amounts=AMOUNTS, least=st.integers(-1, 20), span=st.integers(-1, 500), limit=st.integers(0, 10**15))
def test_whatever_is_known_there_is_a_later_day_or_none(amounts: dict[int, int | None], least: int, span: int, limit: int) -> None:
    found = fit({TODAY - timedelta(days=back): value for back, value in amounts.items()}, TODAY, span, least)
    known = [back for back, value in amounts.items() if value is not None and 0 <= back < span]
    assert (found is not None) == (len(known) >= max(2, least) and min(known) <= FRESH)
    at = found and found.full_at(limit)
    if found and at:
        assert found.per_day > 0 and found.last <= at.date() <= found.last + timedelta(days=HORIZON)


@pytest.mark.parametrize("slope", [0, -1, 5e-324, 0.0001])
def test_flat_falling_or_beyond_the_horizon_is_no_day(slope: float) -> None:
    assert sure(line(set(range(20)), 50, slope)).full_at(100) is None


def test_the_horizon_itself_is_a_day_and_the_next_is_none() -> None:
    found = sure(line(set(range(20)), 0, 1))
    assert found.full_at(HORIZON) == datetime.combine(TODAY + timedelta(days=HORIZON), time(12), UTC)
    assert found.full_at(HORIZON + 1) is None


def test_what_is_full_already_is_full_on_the_last_known_day() -> None:
    assert sure(line(set(range(1, 20)), 150, 1)).full_at(100) == datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_too_few_days_or_none_of_late_are_no_trend() -> None:
    assert trend(line(set(range(LEAST - 1)), 50, 1)) is None
    assert trend(line(set(range(FRESH + 1, 60)), 50, 1)) is None
    assert trend({}) is None and fit(line({0}, 50, 1), TODAY, SPAN, 0) is None
