# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops schedule list`, `show`, `calendar`, `export --as awx`, `alert`: the same due points for a person, a program and a calendar."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import icalendar
import pytest

from tests.unit import commanded, listeners, make

NEXT = date.today().year + 1


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """web is late since January and due on each 31st, cache is due every six hours from next year on, old is retired, new has no cycle."""
    make.workspace(tmp_path, maintenance={**make.web()["maintenance"], "anchor": "2026-01-31", "exclude": [f"{NEXT}-02-28"]})
    for sid, name, more in (
        ("cache", "缓存", {"maintenance": {"mode": "auto", "cycle": {"every": 6, "unit": "hour"}, "anchor": f"{NEXT}-01-01T00:00", "tz": "UTC"}}),
        ("old", "旧站", {"lifecycle": "retired"}),
        ("new", "新站", {"maintenance": {"mode": "manual"}}),
    ):
        make.dump(
            tmp_path / f"inventory/services/{sid}.yml",
            {**make.web(), "id": sid, "name": name, "redundancy": "standalone", "hosts": [{"name": f"{sid}1"}], **more},
        )
    return tmp_path


def itops(root: Path, *words: str, expect: int = 0) -> str:
    return commanded.itops(root, "schedule", *words, expect=expect)


def told(root: Path, *words: str) -> Any:
    return json.loads(itops(root, *words, "--format", "json"))


def test_the_list_begins_with_what_is_late_and_ends_with_what_nobody_knows(root: Path) -> None:
    found = told(root, "list")
    assert [(row["service"], row["state"]) for row in found] == [("web", "overdue"), ("cache", "normal"), ("new", "unknown")]
    assert found[0]["due"] == "2026-01-31T00:00:00+08:00" and found[0]["whole_day"] and found[0]["overdue_after"] == "2026-02-01T00:00:00+08:00"
    assert [row["service"] for row in told(root, "list", "--state", "overdue")] == ["web"]
    assert "逾期" in itops(root, "list") and "| overdue |" in itops(root, "list", "--lang", "en")


def test_one_service_in_full(root: Path) -> None:
    text = itops(root, "show", "web", "--points", "3", "--lang", "en")
    assert "| Counted from" in text and "- 2026-01-31" in text and "- no change → itops change new --service web" in text
    found = told(root, "show", "cache")
    assert len(found["points"]) == 12 and found["points"][1].startswith(f"{NEXT}-01-01T06:00") and found["waiting"] == []
    assert found["rrule"] == f"DTSTART:{NEXT}0101T000000Z RRULE:FREQ=HOURLY;INTERVAL=6"
    assert told(root, "show", "old")["points"] == told(root, "show", "new")["points"] == []
    assert "did you mean cache" in itops(root, "show", "cach", expect=2)


def test_a_year_at_a_glance_in_both_languages(root: Path) -> None:
    chinese, english = (itops(root, "calendar", "--year", str(NEXT), "--lang", lang).splitlines() for lang in ("zh_CN", "en"))
    assert "1 月" in chinese[0] and "12 月" in chinese[0] and "Jan" in english[0] and "Dec" in english[0]
    web, cache = (next(line for line in english if f"({sid})" in line) for sid in ("web", "cache"))
    assert [cell.strip() for cell in web.split("|")[2:-1]] == ["31", "", "1, 31", "30", "31", "30", "31", "31", "30", "31", "30", "31"]
    assert cache.split("|")[2].strip() == "124×" and "旧站" not in "".join(english)
    this = itops(root, "calendar", "--year", "2026", "--lang", "en")
    assert "!31" in next(line for line in this.splitlines() if "(web)" in line)


def test_the_year_shows_what_was_achieved_and_counts_on_from_there(root: Path) -> None:
    line = {
        "change": "CHG-20260331-01",
        "services": ["web"],
        "verb": "run",
        "check": False,
        "exit": 0,
        "result": "achieved",
        "ended": "2026-03-30T18:30:00+00:00",
    }
    (root / "records").mkdir()
    (root / "records/register.jsonl").write_text(json.dumps(line) + "\n")
    web = next(line for line in itops(root, "calendar", "--year", "2026").splitlines() if "web" in line)
    assert [cell.strip() for cell in web.split("|")[2:7]] == ["", "", "✓31", "!30", ""], "02:30 in Shanghai"
    assert told(root, "list")[0]["change"] == "CHG-20260331-01"


def test_the_calendar_file_holds_the_points_of_the_list(root: Path) -> None:
    points = told(root, "calendar", "--days", "800", "--service", "web", "--ics", str(root / "due.ics"))
    events = icalendar.Calendar.from_ical((root / "due.ics").read_text("utf-8")).walk("VEVENT")
    assert [event.decoded("dtstart").isoformat() for event in events] == [point["due"] for point in points]
    assert len({str(event["uid"]) for event in events}) == len(events) > 10 and "门户网站 (web)" in str(events[0]["summary"])
    itops(root, "calendar", "--year", str(NEXT), "--service", "cache", "--ics", str(root / "cache.ics"))
    (first, *_more) = icalendar.Calendar.from_ical((root / "cache.ics").read_text("utf-8")).walk("VEVENT")
    assert first.decoded("dtstart").isoformat() == f"{NEXT}-01-01T00:00:00+00:00"


def test_what_awx_gets_is_data(root: Path) -> None:
    found = told(root, "export", "--as", "awx")
    assert [(entry["service"], entry["rrule"].partition(" ")[2]) for entry in found] == [
        ("cache", "RRULE:FREQ=HOURLY;INTERVAL=6"), ("web", "RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=-1"),
    ]  # fmt: skip
    assert found[1]["exclude"] == [f"{NEXT}-02-28"]


def test_an_alert_says_what_failed_to_the_owners_also_where_no_record_can_be_read(root: Path) -> None:
    people = {"people": [{"id": "zhang", "name": "张三", "roles": ["owner"], "contact": {"mail": "zhang@example.com"}}]}
    make.dump(root / "inventory/people.yml", people)
    line = {
        "change": "CHG-20260331-01",
        "services": ["web"],
        "verb": "run",
        "check": False,
        "exit": 11,
        "result": "not_achieved",
        "ended": "2026-03-30T18:30:00Z",
    }
    (root / "records").mkdir()
    (root / "records/register.jsonl").write_text(json.dumps(line) + "\n")
    with listeners.smtp("none") as post:
        channel = {"id": "mail", "type": "mail", "host": "127.0.0.1", "port": post.port, "tls": "none", "sender": "itops@example.com"}
        make.dump(root / "policy.yml", {"channels": [channel]})
        itops(root, "alert", "itops-due.service")
        make.dump(root / "inventory/services/new.yml", {"id": "new"})
        itops(root, "alert", "itops-due.service")
    (first, told), (second, unread) = post.got
    assert first == second == ["zhang@example.com"] and "定时维护失败" in str(told["Subject"])
    assert "CHG-20260331-01" in told.get_content() and "new.yml" in unread.get_content()


def test_an_alert_that_reaches_nobody_is_no_success(root: Path) -> None:
    assert "no channel in policy.yml reports" in itops(root, "alert", "itops-due.service", expect=3)


def test_a_damaged_register_is_no_empty_one(root: Path) -> None:
    (root / "records").mkdir()
    (root / "records/register.jsonl").write_text("{\n")
    assert "itops record verify" in itops(root, "list", expect=4)
