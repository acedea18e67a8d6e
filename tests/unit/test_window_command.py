# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops window`: both languages, what the calendar does not know, and ids that last."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import workdays

from tests.unit.governed import Office
from tests.unit.make import dump


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def itops(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([Path(sys.executable).parent / "itops", *words], cwd=root, capture_output=True, text=True, check=False)


def test_the_table_speaks_both_languages(office: Office) -> None:
    assert "开始" in itops(office.root, "window", office.id).stdout
    assert "start" in itops(office.root, "window", office.id, "--lang", "en").stdout


def test_a_year_nobody_knows_is_said_and_in_the_json(office: Office) -> None:
    lanka = {"country": "LK", "holidays": [], "workdays": []}  # whose holidays the library knows for few years ahead
    dump(office.root / "policy.yml", {"calendar": lanka})
    done = itops(office.root, "window", office.id, "--days", "366", "--format", "json")
    this = datetime.now(ZoneInfo("Asia/Shanghai")).year
    warnings = json.loads(done.stdout)["warnings"]
    assert warnings == [text for text in (workdays.unknown(lanka, year) for year in (this, this + 1)) if text]
    assert (all(warning in done.stderr for warning in warnings) and "calendar.workdays" in done.stderr) or not warnings
    dump(office.root / "policy.yml", {"calendar": {"country": "none"}})
    assert json.loads(itops(office.root, "window", office.id, "--days", "366", "--format", "json").stdout)["warnings"] == []


def test_the_ids_in_the_calendar_are_those_of_the_windows_ends(office: Office) -> None:
    """So a window that has begun, whose rest begins later each time, stays one entry in a person's calendar."""
    assert itops(office.root, "window", office.id, "--days", "7", "--ics", "w.ics").returncode == 0
    events = icalendar.Calendar.from_ical((office.root / "w.ics").read_text("utf-8")).walk("VEVENT")
    assert events and [str(e["uid"]) for e in events] == [f"{office.id}-{e.decoded('dtend'):%Y%m%dT%H%M%SZ}@itops" for e in events]
    assert len({str(e["uid"]) for e in events}) == len(events)
