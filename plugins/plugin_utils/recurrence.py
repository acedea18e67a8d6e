# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A maintenance cycle as the recurrence rule (RFC 5545) that AWX and calendar programs understand.

The rules of calendar.py within what AWX accepts: one DTSTART, INTERVAL in every rule, one BYMONTHDAY, no EXDATE.
- Months from the 31st: BYMONTHDAY=-1, the last day of every month.
- Months from the 29th or 30th: that day, and a second rule for the last day of February.
- Hours are counted in UTC, days and months on the wall clock of the time zone (TZID).
Excluded dates and what was maintained cannot be said in a rule: who starts by it still asks `itops run --due`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar
from ansible_collections.itops.maintenance.plugins.plugin_utils.calendar import Schedule
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row

FREQUENCIES = {"hour": "HOURLY", "day": "DAILY", "month": "MONTHLY"}
SHORTEST, LONGEST = 28, 31  # days of a month


def of(plan: Schedule, last: datetime | None) -> str:
    """`DTSTART:… RRULE:…`, counted from the anchor, else from the next due point; "" where nobody knows one."""
    start = plan.anchor or calendar.next_due(plan, last)
    return "" if start is None else " ".join([_start(plan, start), *(f"RRULE:{rule}" for rule in _rules(plan, start.astimezone(plan.tz).day))])


def once(at: datetime, zone: str) -> str:
    """One time only, on the wall clock of this zone."""
    return f"DTSTART;TZID={zone}:{at.astimezone(calendar.zone(zone)):%Y%m%dT%H%M%S} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1"


def schedules(rows: Iterable[Row], timezone: str) -> list[dict[str, Any]]:
    """What a scheduler such as AWX needs of each service in use: its rule, and the dates that the rule cannot leave out."""
    found = []
    for row in rows:
        maintenance = row.record.get("maintenance") or {}
        plan = calendar.schedule(maintenance, timezone)
        rule = of(plan, row.last.achieved_at) if plan and row.due else ""
        if rule:
            found.append({"name": f"itops {row.id}", "service": row.id, "rrule": rule, "exclude": list(maintenance.get("exclude") or ())})
    return found


def _start(plan: Schedule, start: datetime) -> str:
    name = getattr(plan.tz, "key", "UTC")
    if plan.cycle.unit == "hour" or name == "UTC":
        return f"DTSTART:{start.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"DTSTART;TZID={name}:{start.astimezone(plan.tz):%Y%m%dT%H%M%S}"


def _rules(plan: Schedule, day: int) -> list[str]:
    rule = f"FREQ={FREQUENCIES[plan.cycle.unit]};INTERVAL={plan.cycle.every}"
    if plan.cycle.unit != "month":
        return [rule]
    if day == LONGEST:
        return [f"{rule};BYMONTHDAY=-1"]
    return [f"{rule};BYMONTHDAY={day}", *([f"{rule};BYMONTH=2;BYMONTHDAY=-1"] if day > SHORTEST else [])]
