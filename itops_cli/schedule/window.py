# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops window CHANGE`: the next times at which the change may be carried out, as text and as a calendar file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import windows
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.periods import Period
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED

from itops_cli.changes import deciding
from itops_cli.completing import CHANGE
from itops_cli.errors import Exit, say
from itops_cli.output import emit, format_option, lang_option
from itops_cli.schedule.ics import Entry, write

COLUMNS = ("start", "end", "hours")
LONGEST = timedelta(days=1)  # a period of a list; so far beyond the last day is looked for its end


@click.command("window")
@click.argument("change", type=CHANGE)
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True, help="How far to look.")
@click.option("--ics", type=click.Path(dir_okay=False, path_type=Path), help="Write them as an iCalendar file, too.")
@lang_option
@format_option
def command(change: str, days: int, ics: Path | None, lang: str, fmt: str) -> None:
    """The next possible windows: where the business is low, the supplier reachable and nothing frozen.

    Ends with 3, saying why, where there is none.

    Example: itops window CHG-20261123-01 --days 60 --ics windows.ics
    """
    now = deciding.look(change, draft=True)
    start = now.at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    services = {sid: now.services[sid] for sid in now.change.services}
    last = start + timedelta(days=days)
    found = windows.possible(services, now.policy["calendar"], now.ws.timezone, start, last + LONGEST, now.complex)
    long_enough = [period for period in found if period.start < last and period.end - period.start >= now.expected]
    warnings = windows.unannounced(now.policy["calendar"], now.ws.timezone, start, last)
    if ics:
        write(ics, "windows", [_entry(now, period) for period in long_enough], now.at)
    data = {"change": change, "expected_s": int(now.expected.total_seconds()), "windows": [_data(period) for period in long_enough], "warnings": warnings}
    emit(data, fmt, lambda: _text(long_enough, now, lang))
    for warning in warnings:
        say(f"{warning} → {windows.ANNOUNCE}")
    if not long_enough:
        say("\n".join(_why(now, services, start, days)))
        raise Exit(REFUSED)


def _text(found: list[Period], now: Facts, lang: str) -> str:
    return table([labels.label("windows", name, lang) for name in COLUMNS], [_row(p, now) for p in found]) if found else labels.label("windows", "none", lang)


def _data(period: Period) -> dict[str, str]:
    return {"start": period.start.isoformat(), "end": period.end.isoformat()}


def _row(period: Period, now: Facts) -> list[str]:
    tz = calendar.zone(now.ws.timezone)
    return [calendar.printed(period.start, tz), calendar.printed(period.end, tz), f"{(period.end - period.start) / timedelta(hours=1):.1f}"]


def _why(now: Facts, services: dict[str, Any], start: datetime, days: int) -> list[str]:
    """What leaves nothing over."""
    lines = [f"no window{f' of {now.expected}' if now.expected else ''} within {days} days:"]
    for sid, service in services.items():
        for key in windows.KEYS:
            offered = windows.offered(service, key, now.policy["calendar"], now.ws.timezone, start, start + timedelta(days=days))
            given = "is empty" if not service["maintenance"][key] else f"{len(offered)} periods"
            lines.append(f"  {sid}: {key}: {given}" + ("" if offered else f" → set maintenance.{key} in inventory/services/{sid}.yml"))
        lines += [f"  {sid}: frozen: {remark}" for _period, remark in windows.frozen(service, now.policy["calendar"], now.ws.timezone)]
    return lines


def _entry(now: Facts, period: Period) -> Entry:
    """An id is made from the end: it stays the same while the window has begun."""
    return Entry(f"{now.change.id}-{period.end:%Y%m%dT%H%M%SZ}", period.start, period.end, f"{now.change.id} {now.change.data['title']}")
