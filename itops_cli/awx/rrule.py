# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something comes due, as AWX's scheduler takes it: one DTSTART, then rules of RFC 5545, each with an INTERVAL, without lists of days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import gcd
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.itops.maintenance.plugins.plugin_utils import service_dates

FREQUENCY = {"hour": "HOURLY", "day": "DAILY", "month": "MONTHLY"}
FEBRUARY, SHORTEST, LONGEST = 2, 28, 31  # the days a month always has, and has at most


def of_cycle(maintenance: Mapping[str, Any], default_tz: str) -> str:
    """Every time at which a service comes due; "" where it has no cycle or nothing to count it from.

    A month without the anchor's day has its last one instead, as in the status table.
    """
    cycle, anchor = maintenance.get("cycle"), service_dates.moment(str(maintenance.get("anchor", "")))
    if not cycle or anchor is None:
        return ""
    zone = str(maintenance.get("tz") or default_tz)
    every, day = int(cycle["every"]), anchor.astimezone(ZoneInfo(zone)) if anchor.tzinfo else anchor
    rule = f"RRULE:FREQ={FREQUENCY[cycle['unit']]};INTERVAL={every}"
    return " ".join([_start(day, zone), *(_months(rule, every, day) if cycle["unit"] == "month" else [rule])])


def once(at: datetime, zone: str) -> str:
    """One time only."""
    return f"{_start(at.astimezone(ZoneInfo(zone)), zone)} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1"


def _start(at: datetime, zone: str) -> str:
    return f"DTSTART;TZID={zone}:{at:%Y%m%dT%H%M%S}"


def _months(rule: str, every: int, at: datetime) -> list[str]:
    if at.day <= SHORTEST:
        return [f"{rule};BYMONTHDAY={at.day}"]
    if at.day == LONGEST:
        return [f"{rule};BYMONTHDAY=-1"]
    reaches_february = (FEBRUARY - at.month) % gcd(every, 12) == 0
    return [f"{rule};BYMONTHDAY={at.day}", *([f"{rule};BYMONTH={FEBRUARY};BYMONTHDAY=-1"] if reaches_february else [])]
