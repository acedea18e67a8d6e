# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a service is due: month ends, excluded days, summer time, grace, and the four words for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar
from hypothesis import given
from hypothesis import strategies as st

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
MONTHLY = {"cycle": {"every": 1, "unit": "month"}, "anchor": "2026-01-31", "tz": "Asia/Shanghai"}


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def due(maintenance: dict[str, Any], last: datetime | None = None, now: datetime | None = None) -> calendar.Due:
    return calendar.judge(calendar.schedule(maintenance, "UTC"), last, now or at("2026-01-01"))


def days(found: calendar.Due) -> str:
    assert found.at is not None
    return found.at.date().isoformat()


def test_the_anchor_is_the_first_due_point() -> None:
    assert days(due(MONTHLY)) == "2026-01-31"


@pytest.mark.parametrize(("last", "expected"), [("2026-01-31", "2026-02-28"), ("2026-02-28", "2026-03-31"), ("2026-03-31", "2026-04-30")])
def test_a_short_month_takes_its_last_day_and_the_next_is_right_again(last: str, expected: str) -> None:
    assert days(due(MONTHLY, at(last))) == expected


def test_a_maintenance_shortly_before_counts_and_an_early_one_does_not() -> None:
    assert days(due(MONTHLY, at("2026-01-25"))) == "2026-02-28"
    assert days(due(MONTHLY, at("2026-01-20"))) == "2026-01-31"


def test_without_an_anchor_it_is_one_cycle_after_the_last_maintenance() -> None:
    cycle = {"cycle": {"every": 10, "unit": "day"}}
    assert due(cycle, datetime(2026, 3, 1, 4, tzinfo=UTC)).at == datetime(2026, 3, 11, 4, tzinfo=UTC)
    assert due(cycle) == calendar.Due()


def test_without_a_cycle_nobody_knows() -> None:
    assert due({}).state == "unknown"


def test_an_excluded_date_moves_its_point_to_the_next_that_is_none() -> None:
    assert days(due({**MONTHLY, "exclude": ["2026-01-31", "2026-02-01"]})) == "2026-02-02"


def test_days_are_counted_on_the_wall_clock_and_hours_are_not() -> None:
    daily = {"cycle": {"every": 1, "unit": "day"}, "anchor": "2026-03-28T02:30", "tz": "Europe/Berlin"}
    assert due(daily, at("2026-03-28T02:30", BERLIN)).at == at("2026-03-29T03:30", BERLIN)  # 02:30 is left out that night
    hourly = {"cycle": {"every": 24, "unit": "hour"}, "anchor": "2026-03-28T12:00", "tz": "Europe/Berlin"}
    assert due(hourly, at("2026-03-28T12:00", BERLIN)).at == at("2026-03-29T13:00", BERLIN)


@pytest.mark.parametrize(
    ("now", "state"),
    [("2026-01-23T23:59", "normal"), ("2026-01-24", "due_soon"), ("2026-01-31T23:59", "due_soon"),
     ("2026-02-02T23:59", "due_soon"), ("2026-02-03T00:01", "overdue")],
)  # fmt: skip
def test_the_state_in_one_word(now: str, state: str) -> None:
    assert due({**MONTHLY, "grace": {"every": 2, "unit": "day"}}, None, at(now)).state == state


def test_beyond_the_calendar_nobody_knows() -> None:
    assert due({"cycle": {"every": 9999999, "unit": "month"}, "anchor": "2026-01-31"}, at("2026-02-01")).state == "unknown"


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
CYCLES = st.fixed_dictionaries({"every": st.integers(1, 400), "unit": st.sampled_from(["hour", "day", "month"])})


@given(CYCLES, st.none() | st.dates(date(2000, 1, 1), date(2040, 1, 1)), MOMENTS, st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]))
def test_the_next_point_lies_after_the_last_maintenance_and_at_most_a_cycle_and_its_warning_on(cycle: Any, anchor: Any, last: datetime, tz: str) -> None:
    plan = calendar.schedule({"cycle": cycle, "tz": tz, **({"anchor": anchor.isoformat()} if anchor else {})}, "UTC")
    assert plan is not None
    found = calendar.next_due(plan, last)
    assert found is not None and found > last
    if anchor is None or last >= calendar.shift(calendar.moment(anchor.isoformat(), plan.tz) or last, plan.cycle, plan.tz):
        longest = calendar.shift(last + plan.warning, plan.cycle, plan.tz) + timedelta(days=4)  # four: months differ by up to three, and summer time
        assert found <= longest


@pytest.mark.parametrize(("zone", "text"), [("Asia/Shanghai", "2026-11-23 02:05 (UTC+8)"), ("Asia/Kolkata", "2026-11-22 23:35 (UTC+5:30)"),
                                            ("UTC", "2026-11-22 18:05 (UTC)")])  # fmt: skip
def test_times_as_documents_print_them(zone: str, text: str) -> None:
    assert calendar.printed(datetime(2026, 11, 22, 18, 5, tzinfo=UTC), ZoneInfo(zone)) == text
