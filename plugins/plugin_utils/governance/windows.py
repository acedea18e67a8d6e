# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a change may be carried out (M2): where the business is low and the supplier reachable, and nothing is frozen.

The rules:
- A period of `business_low` or `supplier_hours` belongs to the day on which it begins; what day a date counts as: workdays.py.
- A complex change needs a planned window wholly inside business_low and supplier_hours of all its services. An empty list means
  that there is no such time, never that there is always one.
- No window may touch a freeze, of a service or of the department. A freeze given as dates lasts from the first day's midnight to
  the last day's end, in the service's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar as clock
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import TO_FILL, Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import periods, workdays
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.periods import DAY, Period

KEYS = ("business_low", "supplier_hours")
ANNOUNCE = "name them in policy.yml: calendar.workdays and calendar.holidays"
Services = Mapping[str, Mapping[str, Any]]
Calendar = Mapping[str, Any]


def possible(services: Services, calendar: Calendar, timezone: str, start: datetime, end: datetime, strict: bool = True) -> list[Period]:
    """The periods between two moments in which all these services may be maintained, earliest first. Not `strict`: only freezes are looked at."""
    free = [Period(start.astimezone(UTC), end.astimezone(UTC))]
    for service in services.values():
        for key in KEYS if strict else ():
            free = periods.common(free, offered(service, key, calendar, timezone, start, end))
        free = periods.without(free, (period for period, _remark in frozen(service, calendar, timezone)))
    return free


def offered(service: Mapping[str, Any], key: str, calendar: Calendar, timezone: str, start: datetime, end: datetime) -> list[Period]:
    """The periods of one list that touch this time."""
    tz, found = clock.zone(str(service["maintenance"].get("tz") or timezone)), list[Period]()
    day, last = start.astimezone(tz).date() - DAY, end.astimezone(tz).date()
    while day <= last:
        names = workdays.counts_as(calendar, day)
        for entry in service["maintenance"][key]:
            found += periods.wall(day, entry["start"], entry["end"], tz) if names & set(entry["days"]) else ()
        day += DAY
    return periods.union(found)


def frozen(service: Mapping[str, Any], calendar: Calendar, timezone: str) -> Iterator[tuple[Period, str]]:
    """Every freeze of the service and of the department, with its remark."""
    tz = clock.zone(str(service["maintenance"].get("tz") or timezone))
    for entry in (*calendar["freeze"], *service["maintenance"]["freeze"]):
        first, last = clock.moment(str(entry["start"]), tz), clock.moment(str(entry["end"]), tz)
        if first and last:
            whole_day = len(str(entry["end"])) == 10
            end = clock.shift(last, clock.Duration(1, "day"), tz) if whole_day else last
            yield Period(first.astimezone(UTC), end.astimezone(UTC)), str(entry.get("remark") or f"{entry['start']} – {entry['end']}")


def unannounced(calendar: Calendar, timezone: str, start: datetime, end: datetime) -> list[str]:
    """What nobody knows yet of the working days between two moments, a sentence for each year."""
    tz = clock.zone(timezone)
    years = range(start.astimezone(tz).year, (end - timedelta(microseconds=1)).astimezone(tz).year + 1)
    return [unknown for unknown in (workdays.unknown(calendar, year) for year in years) if unknown]


def planned(change: Change) -> Period | None:
    """The plan's window."""
    window = change.plan.get("window")
    if window and any(str(window[edge]).startswith(TO_FILL) for edge in ("start", "end")):
        return None
    return Period(*(datetime.fromisoformat(str(window[edge])).astimezone(UTC) for edge in ("start", "end"))) if window else None


def planned_findings(change: Change, services: Services, calendar: Calendar, timezone: str, now: datetime, strict: bool) -> Iterator[Finding]:
    """Whether the plan has a window at a possible time; `strict` for a complex change."""
    window, remedy = planned(change), f"itops window {change.id}, then set plan.window in {change.path.name}"
    if window is None:
        yield Finding("window", not strict, "complex, and no window is planned" if strict else "no window planned: any time that is not frozen", remedy)
        return
    yield Finding("window", window.end > now, f"planned {_said(window, timezone)}" + ("" if window.end > now else ", which is over"), remedy)
    for sid in change.services:
        yield from _inside(sid, services[sid], calendar, timezone, window, remedy, strict)
    for unknown in unannounced(calendar, timezone, window.start, window.end) if strict else ():
        yield Finding("calendar", False, unknown, ANNOUNCE, "warning")


def _inside(sid: str, service: Mapping[str, Any], calendar: Calendar, timezone: str, window: Period, remedy: str, strict: bool) -> Iterator[Finding]:
    for key in KEYS if strict else ():
        if not service["maintenance"][key]:
            yield Finding("window", False, f"{sid}: {key} is empty, so there is no time for it", f"set maintenance.{key} in inventory/services/{sid}.yml")
            continue
        fits = any(period.covers(window) for period in offered(service, key, calendar, timezone, window.start, window.end))
        yield Finding("window", fits, f"{sid}: {'within' if fits else 'not within'} {key}", remedy)
    for period, remark in frozen(service, calendar, timezone):
        if period.start < window.end and window.start < period.end:
            yield Finding("window", False, f"{sid}: frozen: {remark}", remedy)


def run_findings(change: Change, services: Services, calendar: Calendar, timezone: str, now: datetime, expected: timedelta, strict: bool) -> Iterator[Finding]:
    """Whether it may run now: inside its window, with time enough for all of it and the way back, and nothing frozen."""
    window, remedy = planned(change), f"itops window {change.id}"
    if window is not None:
        inside = window.start <= now < window.end
        yield Finding("in_window", inside, f"{'inside' if inside else 'outside'} of the window {_said(window, timezone)}", f"wait for it, or {remedy}")
        enough = not inside or now + expected <= window.end
        left = str(window.end - now).partition(".")[0] if inside else "0:00:00"
        yield Finding("in_window", enough, f"about {expected} is needed at most, {left} is left", remedy)
    for sid in change.services:
        for period, remark in frozen(services[sid], calendar, timezone):
            if period.start <= now + expected and now < period.end:
                yield Finding("in_window", False, f"{sid}: frozen{'' if period.start <= now else ' before it would be over'}: {remark}", remedy)


def _said(window: Period, timezone: str) -> str:
    tz = clock.zone(timezone)
    return f"{clock.printed(window.start, tz)} – {clock.printed(window.end, tz)}"
