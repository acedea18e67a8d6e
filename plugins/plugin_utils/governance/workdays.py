# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which day of the week a date counts as: public holidays and their make-up working days, by the library `holidays`.

The rule: a public holiday counts as a Sunday. A make-up working day counts as any of the days from Monday to Friday. Every other
date is what the calendar on the wall says. Dates that policy.yml adds go before the library's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import holidays

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WORKING = frozenset(DAYS[:5])
NONE = "none"


def counts_as(calendar: Mapping[str, Any], day: date) -> frozenset[str]:
    """The days of the week a period may name to mean this date."""
    text = day.isoformat()
    if text in calendar["workdays"]:
        return WORKING
    if text in calendar["holidays"]:
        return frozenset({"sun"})
    known = _country(calendar["country"], calendar.get("subdivision"), day.year)
    if known is not None and day in getattr(known, "weekend_workdays", ()):
        return WORKING
    return frozenset({"sun"}) if known is not None and day in known else frozenset({DAYS[day.weekday()]})


def fault(calendar: Mapping[str, Any]) -> str:
    """Why the library knows no such calendar; "" where it does."""
    try:
        _country(calendar["country"], calendar.get("subdivision"), 2026)
    except NotImplementedError as error:
        return str(error)
    return ""


def unknown(calendar: Mapping[str, Any], year: int) -> str:
    """What neither the installed library nor policy.yml says of this year; "" where nothing is missing.

    China announces its make-up days year by year; outside of its years the library would call every day an ordinary one.
    """
    known = _country(calendar["country"], calendar.get("subdivision"), year)
    if known is None:
        return ""
    library = f"are not known to the installed calendar (holidays {version('holidays')})"
    if not known.start_year <= year <= known.end_year:
        return "" if _names(calendar["holidays"], year) else f"the public holidays of {year} {library}"
    announced = calendar["country"] != "CN" or any(day.year == year for day in known.weekend_workdays)
    return "" if announced or _names(calendar["workdays"], year) else f"the make-up working days of {year} {library}"


def _names(dates: Sequence[str], year: int) -> bool:
    return any(text.startswith(f"{year}-") for text in dates)


@lru_cache(maxsize=64)
def _country(country: str, subdivision: str | None, year: int) -> holidays.HolidayBase | None:
    return None if country == NONE else holidays.country_holidays(country, subdiv=subdivision, years=year)
