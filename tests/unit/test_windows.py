# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: every minute against an oracle that only looks at a clock on the wall, holidays, freezes, and what a run may do."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import request
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import durations, windows, workdays
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.periods import Period, common, union, without
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import make, past
from tests.unit.governed import Office
from tests.unit.test_lineup import lined_up

CN: dict[str, Any] = {"country": "CN", "holidays": [], "workdays": [], "freeze": []}
NONE = {**CN, "country": "none"}
NIGHT = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "22:00", "end": "02:00"}
ALL_WEEK = {"days": list(workdays.DAYS), "start": "00:00", "end": "24:00"}


def service(**maintenance: Any) -> dict[str, Any]:
    return {"maintenance": {"tz": "Asia/Shanghai", "business_low": [ALL_WEEK], "supplier_hours": [ALL_WEEK], "freeze": [], **maintenance}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        ("2026-10-01", {"sun"}),  # the National Day
        ("2026-10-10", set(workdays.WORKING)),  # a Saturday on which people work for it
        ("2026-10-17", {"sat"}),
        ("2026-11-24", {"tue"}),
    ],
)
def test_what_a_date_counts_as_in_china(day: str, wanted: set[str]) -> None:
    assert workdays.counts_as(CN, date.fromisoformat(day)) == wanted


def test_the_policys_own_dates_go_first_and_another_country_has_other_days() -> None:
    own = {**CN, "holidays": ["2026-11-24"], "workdays": ["2026-10-01"]}
    assert workdays.counts_as(own, date(2026, 11, 24)) == {"sun"} and workdays.counts_as(own, date(2026, 10, 1)) == workdays.WORKING
    assert workdays.counts_as({**CN, "country": "DE"}, date(2026, 10, 3)) == {"sun"}
    assert workdays.counts_as(NONE, date(2026, 10, 1)) == {"thu"}


def test_a_calendar_nobody_knows_and_a_year_that_is_not_announced() -> None:
    assert workdays.fault({**CN, "country": "XX"}) and not workdays.fault(CN) and not workdays.fault(NONE)
    assert not workdays.unknown(CN, 2026) and "2090" in workdays.unknown(CN, 2090) and not workdays.unknown({**CN, "country": "DE"}, 2090)


# ---------------------------------------------------------------- the oracle

CLOCKS = st.sampled_from(["00:00", "01:30", "02:00", "02:30", "03:00", "12:00", "22:00", "24:00"])
ENTRIES = st.builds(
    lambda days, begin, end: {"days": sorted(days), "start": begin, "end": end},
    st.sets(st.sampled_from(workdays.DAYS), min_size=1), CLOCKS.filter(lambda c: c != "24:00"), CLOCKS,
)  # fmt: skip


def shows(entry: dict[str, Any], moment: datetime, tz: ZoneInfo) -> bool:
    """A clock on the wall, and the calendar beside it."""
    wall = moment.astimezone(tz).replace(tzinfo=None)
    for day in (wall.date(), wall.date() - timedelta(days=1)):
        if workdays.DAYS[day.weekday()] not in entry["days"]:
            continue
        midnight = datetime(day.year, day.month, day.day)
        begin, end = (midnight + timedelta(hours=int(c[:2]), minutes=int(c[3:])) for c in (entry["start"], entry["end"]))
        if begin <= wall < (end if end > begin else end + timedelta(days=1)):
            return True
    return False


@settings(max_examples=80)
@given(
    low=st.lists(ENTRIES, max_size=2), supplier=st.lists(ENTRIES, max_size=2),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"]),
    day=st.sampled_from([date(2026, 3, 28), date(2026, 10, 24), date(2026, 3, 7), date(2026, 10, 31), date(2026, 4, 4), date(2026, 6, 1)]),
)  # fmt: skip
def test_every_quarter_of_an_hour_is_as_the_wall_clock_says(low: list[dict[str, Any]], supplier: list[dict[str, Any]], zone: str, day: date) -> None:
    tz = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)
    end = start + timedelta(days=2)
    record = service(tz=zone, business_low=low, supplier_hours=supplier)
    found = windows.possible({"web": record}, NONE, "UTC", start, end)
    assert found == union(found)
    moment = start
    while moment < end:
        wanted = any(shows(entry, moment, tz) for entry in low) and any(shows(entry, moment, tz) for entry in supplier)
        assert any(p.start <= moment < p.end for p in found) == wanted, (moment.astimezone(tz), found)
        moment += timedelta(minutes=15)


PERIODS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5)
ZERO = datetime(2026, 1, 1, tzinfo=UTC)


@given(one=PERIODS, other=PERIODS)
def test_periods_are_sets_of_moments(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = ([Period(ZERO + timedelta(hours=x), ZERO + timedelta(hours=y)) for x, y in pairs] for pairs in (one, other))
    inside = [{h for h in range(30) if any(x <= h < y for x, y in pairs)} for pairs in (one, other)]
    for made, wanted in ((union(a), inside[0]), (common(a, b), inside[0] & inside[1]), (without(a, [p for p in b if p.start < p.end]), inside[0] - inside[1])):
        assert {h for h in range(30) if any(p.start <= ZERO + timedelta(hours=h) < p.end for p in made)} == wanted


def test_holidays_move_what_is_possible() -> None:
    record = service(business_low=[NIGHT])
    found = windows.possible({"web": record}, CN, "UTC", at("2026-10-01T03:00:00+08:00"), at("2026-10-12T00:00:00+08:00"))
    begins = [p.start.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat() for p in found]
    assert begins == ["2026-10-08", "2026-10-09", "2026-10-10"], "not in the holiday week, but on the Saturday that makes up for it"


def test_a_freeze_of_dates_lasts_to_the_end_of_its_last_day() -> None:
    record = service(freeze=[{"start": "2026-11-25", "end": "2026-11-25", "remark": "大促"}])
    found = windows.possible({"web": record}, NONE, "UTC", at("2026-11-24T12:00:00+08:00"), at("2026-11-27T00:00:00+08:00"))
    assert [(p.start, p.end) for p in found] == [
        (at("2026-11-24T12:00:00+08:00"), at("2026-11-25T00:00:00+08:00")), (at("2026-11-26T00:00:00+08:00"), at("2026-11-27T00:00:00+08:00")),
    ]  # fmt: skip


def test_all_services_and_the_department_have_their_say() -> None:
    other = service(business_low=[{**ALL_WEEK, "start": "23:00", "end": "01:00"}])
    frozen = {**NONE, "freeze": [{"start": "2026-11-25T00:30:00+08:00", "end": "2026-11-30"}]}
    found = windows.possible(
        {"web": service(business_low=[NIGHT]), "db": other}, frozen, "UTC", at("2026-11-24T12:00:00+08:00"), at("2026-11-27T00:00:00+08:00")
    )
    assert [(p.start, p.end) for p in found] == [(at("2026-11-24T23:00:00+08:00"), at("2026-11-25T00:30:00+08:00"))]


@pytest.mark.parametrize("key", windows.KEYS)
def test_an_empty_list_is_never_always(key: str) -> None:
    assert windows.possible({"web": service(**{key: []})}, NONE, "UTC", at("2026-11-24T00:00:00+08:00"), at("2026-12-24T00:00:00+08:00")) == []


# ---------------------------------------------------------------- the guards


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def asked(office: Office, maintenance: dict[str, Any] | None = None, strict: bool = True, **window: str) -> dict[str, Finding]:
    now = office.look()
    change = replace(now.change, data={**now.change.data, "plan": {**now.change.plan, "window": window or None}})
    found = windows.planned_findings(change, {"web": service(**(maintenance or {}))}, NONE, "Asia/Shanghai", at("2026-11-24T12:00:00+08:00"), strict)
    return {finding.message: finding for finding in refusals(list(found))}


TONIGHT = {"start": "2026-11-24T22:30:00+08:00", "end": "2026-11-25T01:30:00+08:00"}


def test_a_planned_window_inside_of_all(office: Office) -> None:
    assert asked(office, {"business_low": [NIGHT]}, **TONIGHT) == {}


@pytest.mark.parametrize(
    ("maintenance", "window", "said"),
    [
        ({"business_low": [NIGHT]}, {**TONIGHT, "end": "2026-11-25T02:30:00+08:00"}, "not within business_low"),
        ({"supplier_hours": [NIGHT]}, {**TONIGHT, "start": "2026-11-24T21:30:00+08:00"}, "not within supplier_hours"),
        ({"business_low": []}, TONIGHT, "business_low is empty"),
        ({"freeze": [{"start": "2026-11-25", "end": "2026-11-25", "remark": "大促"}]}, TONIGHT, "frozen: 大促"),
        ({}, {"start": "2026-11-24T02:00:00+08:00", "end": "2026-11-24T03:00:00+08:00"}, "is over"),
        ({}, {}, "no window is planned"),
    ],
)
def test_what_a_planned_window_may_not(office: Office, maintenance: dict[str, Any], window: dict[str, str], said: str) -> None:
    found = asked(office, maintenance, **window)
    assert len(found) == 1 and said in next(iter(found)) and next(iter(found.values())).remedy


def test_a_simple_change_only_keeps_out_of_freezes(office: Office) -> None:
    assert asked(office, {"business_low": [], "supplier_hours": []}, strict=False, **TONIGHT) == {}
    assert asked(office, strict=False) == {}
    assert asked(office, {"freeze": [{"start": "2026-11-24", "end": "2026-11-24"}]}, strict=False, **TONIGHT)


@pytest.mark.parametrize(
    ("now", "expected", "fits"),
    [
        ("2026-11-24T22:30:00+08:00", 3, True),
        ("2026-11-24T22:29:59+08:00", 0, False),
        ("2026-11-25T01:30:00+08:00", 0, False),
        ("2026-11-24T22:31:00+08:00", 3, False),
    ],
)
def test_a_run_is_inside_and_has_time_enough(office: Office, now: str, expected: int, fits: bool) -> None:
    facts = office.look()
    change = replace(facts.change, data={**facts.change.data, "plan": {**facts.change.plan, "window": TONIGHT}})
    found = windows.run_findings(change, {"web": service()}, NONE, "UTC", at(now), timedelta(hours=expected), True)
    assert (refusals(list(found)) == []) == fits


# ---------------------------------------------------------------- durations


def test_the_plan_says_how_long_where_no_run_has_told(office: Office) -> None:
    steps = office.look().change.plan["steps"]
    office.edit(plan={"steps": [{**steps[0], "duration": 60}, *steps[1:3], {**steps[3], "duration": 30}, steps[4]]})
    now = office.look()
    assert durations.of_steps(now.change, now.ws, []) == {"s1": 60.0, "s4": 30.0}
    assert now.expected == timedelta(seconds=60 * 2 + 30), "both hosts one after the other, and one way back"


def test_a_segment_takes_the_end_of_the_window_to_the_host_and_the_way_back_has_none(tmp_path: Path) -> None:
    steps = [{**step, "duration": 45} if step["kind"] == "stop" else step for step in make.plan()["steps"]]
    now, plans = lined_up(tmp_path, plan={"window": TONIGHT, "steps": steps})
    body, _files = request.build(now, plans[0], request.find(plans[0], "patch-1"))
    assert body["deadline"] == int(at(TONIGHT["end"]).timestamp())
    assert [step.get("expected_s") for step in body["steps"] if step["id"] in ("s1", "s2")] == [45, None]
    for other in ("backup", "rollback-1"):
        assert request.build(now, plans[0], request.find(plans[0], other))[0]["deadline"] is None
    urgent = replace(now, change=replace(now.change, data={**now.change.data, "category": "emergency"}))
    assert request.build(urgent, plans[0], request.find(plans[0], "patch-1"))[0]["deadline"] is None


def test_a_step_of_ansibles_own_modules_is_asked_before_it_begins_too(tmp_path: Path) -> None:
    tasks = {"kind": "update", "title": "任务", "tasks": "more.yml", "duration": 600}
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes/more.yml").write_text("[]\n", "utf-8")
    for minutes, fits in ((30, True), (5, False)):
        start = datetime.now(UTC).replace(microsecond=0)
        window = {"start": (start - timedelta(hours=1)).isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat()}
        now, plans = lined_up(tmp_path, plan={"window": window, "steps": [*make.plan()["steps"][:2], tasks, *make.plan()["steps"][2:]]})
        segment = next(s for s in request.all_segments(plans[0]) if s.road == "tasks" and s.phase == "patch")
        assert (request.late(now, segment) == "") == fits
        assert fits or "it takes about 600 s" in request.late(now, segment)


# ---------------------------------------------------------------- the command


def itops(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([Path(sys.executable).parent / "itops", *words], cwd=root, capture_output=True, text=True, check=False)


def test_the_next_windows_as_text_and_as_a_calendar(office: Office) -> None:
    office.edit(plan={"window": None})
    done = itops(office.root, "window", office.id, "--days", "7", "--ics", "w.ics")
    assert done.returncode == 0, done.stderr
    assert "(UTC+8)" in done.stdout
    made = icalendar.Calendar.from_ical((office.root / "w.ics").read_text("utf-8"))
    events = made.walk("VEVENT")
    assert events and all(event["uid"].startswith(office.id) and event.decoded("dtstart").tzinfo for event in events)
    again = itops(office.root, "window", office.id, "--days", "7", "--format", "json")
    assert again.returncode == 0 and '"windows"' in again.stdout


def test_no_window_says_why_and_ends_with_3(office: Office) -> None:
    record = past.make.yaml.safe_load((office.root / "inventory/services/web.yml").read_text("utf-8"))
    record["maintenance"]["supplier_hours"] = []
    past.make.dump(office.root / "inventory/services/web.yml", record)
    done = itops(office.root, "window", office.id)
    assert done.returncode == 3 and "web: supplier_hours: is empty → set maintenance.supplier_hours" in done.stderr
