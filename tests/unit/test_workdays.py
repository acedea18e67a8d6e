# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Years the calendar does not know are said, until policy.yml fills them in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import windows, workdays

CN: dict[str, Any] = {"country": "CN", "holidays": [], "workdays": [], "freeze": []}


def test_the_policy_fills_in_the_make_up_days_of_a_year_that_is_not_announced() -> None:
    assert "make-up working days of 2090" in workdays.unknown(CN, 2090)
    assert workdays.unknown({**CN, "workdays": ["2090-02-04"]}, 2090) == ""
    assert workdays.unknown({**CN, "workdays": ["2089-02-04"]}, 2090), "another year's dates say nothing of this one"
    assert workdays.unknown({**CN, "holidays": ["2090-12-24"]}, 2090), "a further day off says nothing of the make-up days"


def test_a_year_beyond_the_library_is_said_for_every_country() -> None:
    german = {**CN, "country": "DE"}
    assert "public holidays of 2150" in workdays.unknown(german, 2150) and workdays.unknown(german, 2030) == ""
    assert workdays.unknown({**german, "holidays": ["2150-01-01"]}, 2150) == "" and workdays.unknown({**CN, "country": "none"}, 2150) == ""


def test_a_time_across_the_turn_of_the_year_is_asked_for_both_years() -> None:
    start, turn = datetime.fromisoformat("2089-12-31T20:00:00+08:00"), datetime.fromisoformat("2090-01-01T00:00:00+08:00")
    later = datetime.fromisoformat("2090-01-01T00:01:00+08:00")
    assert [text.split(" of ")[1][:4] for text in windows.unannounced(CN, "Asia/Shanghai", start, later)] == ["2089", "2090"]
    assert len(windows.unannounced(CN, "Asia/Shanghai", start, turn)) == 1, "midnight is the end, not a part of the next year"
