# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Due points against python-dateutil's rrule: month ends, leap years, summer time in both directions, exclusions, catching up."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, recurrence
from dateutil.rrule import DAILY, HOURLY, MONTHLY, rrule, rrulestr
from dateutil.tz import resolve_imaginary
from hypothesis import assume, given
from hypothesis import strategies as st

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia")
FREQUENCIES = {"hour": HOURLY, "day": DAILY, "month": MONTHLY}
END = datetime(2200, 1, 1, tzinfo=UTC)
POINTS = 30

ANCHORS = st.datetimes(datetime(1996, 1, 1), datetime(2044, 12, 31)).map(lambda at: at.replace(second=0, microsecond=0))
MONTH_ENDS = st.builds(lambda year, month, day: datetime(year, month, day, 2, 30), st.integers(1996, 2044), st.sampled_from([1, 3, 5, 7]), st.integers(28, 31))
CYCLES = st.fixed_dictionaries({"every": st.integers(1, 30), "unit": st.sampled_from(["hour", "day", "month"])})


def plan(cycle: dict[str, Any], anchor: datetime, zone: str, **more: Any) -> calendar.Schedule:
    found = calendar.schedule({"cycle": cycle, "tz": zone, "anchor": anchor.isoformat(), **more}, "UTC")
    assert found is not None
    return found


def ours(of: calendar.Schedule) -> list[datetime]:
    return [at.astimezone(UTC) for at in islice(calendar.upcoming(of, None, END), POINTS)]


def peers(cycle: dict[str, Any], anchor: datetime, zone: str) -> list[datetime]:
    """The same by dateutil alone: hours on the absolute time line, days and months on the wall, the last of the days up to the anchor's."""
    tz = calendar.zone(zone)
    start = resolve_imaginary(anchor.replace(tzinfo=tz)).astimezone(UTC) if cycle["unit"] == "hour" else anchor
    days = {"bymonthday": range(28, anchor.day + 1), "bysetpos": -1} if cycle["unit"] == "month" and anchor.day > 28 else {}
    walls = rrule(FREQUENCIES[cycle["unit"]], start, interval=cycle["every"], count=POINTS, cache=False, **days)
    return [at if at.tzinfo else resolve_imaginary(at.replace(tzinfo=tz)).astimezone(UTC) for at in walls]


@given(CYCLES, ANCHORS | MONTH_ENDS, st.sampled_from(ZONES))
def test_due_points_are_those_of_dateutil(cycle: dict[str, Any], anchor: datetime, zone: str) -> None:
    assert ours(plan(cycle, anchor, zone)) == peers(cycle, anchor, zone)


@given(CYCLES, ANCHORS | MONTH_ENDS, st.sampled_from(ZONES))
def test_the_rule_for_others_means_the_same(cycle: dict[str, Any], anchor: datetime, zone: str) -> None:
    of = plan(cycle, anchor, zone)
    rule = recurrence.of(of, None)
    told = islice(rrulestr(rule, forceset=True), POINTS)
    assert [resolve_imaginary(at.replace(tzinfo=of.tz) if at.tzinfo != UTC and cycle["unit"] != "hour" else at).astimezone(UTC) for at in told] == ours(of)


@given(CYCLES, ANCHORS | MONTH_ENDS, st.sampled_from(ZONES))
def test_the_rule_is_one_that_awx_accepts(cycle: dict[str, Any], anchor: datetime, zone: str) -> None:
    """What its API refuses (serializers.validate_rrule): a naive start, a second one, no interval, several days or months."""
    rule = recurrence.of(plan(cycle, anchor, zone), None)
    assert len(re.findall("DTSTART", rule)) == 1 and re.match(r"DTSTART(;TZID=[\w/]+:\d{8}T\d{6} |:\d{8}T\d{6}Z )", rule)
    rules = re.findall(r"RRULE:(\S+)", rule)
    assert rules and all("INTERVAL=" in one for one in rules)
    assert not re.search(r"BYMONTHDAY=-?\d+,|BYMONTH=\d+,|BYSETPOS|EXDATE|COUNT|UNTIL|SECONDLY", rule)


@pytest.mark.parametrize(
    ("anchor", "rule"),
    [("2026-01-15", "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=15"), ("2026-01-31", "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=-1"),
     ("2026-01-30", "FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=30 RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTH=2;BYMONTHDAY=-1")],
)  # fmt: skip
def test_month_ends_in_words(anchor: str, rule: str) -> None:
    found = calendar.schedule({"cycle": {"every": 1, "unit": "month"}, "anchor": anchor, "tz": "Asia/Shanghai"}, "UTC")
    assert found is not None
    assert recurrence.of(found, None) == f"DTSTART;TZID=Asia/Shanghai:{anchor.replace('-', '')}T000000 RRULE:{rule}"


def test_without_an_anchor_the_rule_begins_with_the_next_due_point_and_without_a_maintenance_there_is_none() -> None:
    found = calendar.schedule({"cycle": {"every": 7, "unit": "day"}}, "UTC")
    assert found is not None
    assert recurrence.of(found, datetime(2026, 3, 1, 4, tzinfo=UTC)) == "DTSTART:20260308T040000Z RRULE:FREQ=DAILY;INTERVAL=7"
    assert recurrence.of(found, None) == ""


def test_the_hour_that_comes_twice_is_due_twice_in_an_hourly_cycle() -> None:
    hourly = plan({"every": 1, "unit": "hour"}, datetime(2026, 10, 25, 0, 30), "Europe/Berlin")
    assert [at.hour for at in ours(hourly)[:5]] == [22, 23, 0, 1, 2]  # UTC; on the wall 0, 1, 2, 2, 3


@given(st.integers(1, 40), ANCHORS, st.sampled_from(ZONES), st.sets(st.integers(0, 120), max_size=30))
def test_no_point_falls_on_an_excluded_date_and_none_is_early(every: int, anchor: datetime, zone: str, offsets: set[int]) -> None:
    days = sorted((anchor.date() + timedelta(days=n)).isoformat() for n in offsets)
    cycle = {"every": every, "unit": "day"}
    bare, moved = (ours(plan(cycle, anchor, zone, exclude=given)) for given in ([], days))
    tz = calendar.zone(zone)
    assert not {at.astimezone(tz).date() for at in moved} & {date.fromisoformat(day) for day in days}
    assert len(set(moved)) == len(moved) and all(any(point <= at for point in bare) for at in moved)


@given(CYCLES, ANCHORS, st.sampled_from(ZONES), st.lists(st.integers(1, 900), min_size=1, max_size=60))
def test_however_long_the_machine_was_off_what_was_missed_is_caught_up_once(cycle: dict[str, Any], anchor: datetime, zone: str, gaps: list[int]) -> None:
    """Whoever looks now and then, and maintains what is due, maintains at most once for each due point, and after it nothing is due at once."""
    of, last, done = plan(cycle, anchor, zone), None, list[datetime]()
    now = anchor.replace(tzinfo=UTC)
    for gap in gaps:
        found = calendar.next_due(of, last)
        assert found is not None
        if found <= now:
            last = now
            done.append(now)
            after = calendar.next_due(of, last)
            assert after is not None and after > now
        now += timedelta(hours=gap)
    assume(done)
    assert len(done) <= len(list(calendar.upcoming(of, None, now)))
