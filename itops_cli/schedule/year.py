# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops schedule calendar`: the due points ahead as a list, a year at a glance, or a calendar file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, labels, status, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import Cell, table
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row, Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words

from itops_cli.completing import SERVICE
from itops_cli.output import bar, emit, format_option, lang_option
from itops_cli.schedule import ics
from itops_cli.schedule.looking import look, plan_of

MONTHS = range(1, 13)
MANY = 100  # services; so many take long enough for a bar
MOST_DAYS = 5  # named in one month; more are counted
Point = tuple[Row, datetime]


@click.command("calendar")
@click.option("--year", type=click.IntRange(2000, 9998), help="That year at a glance: one line for each service, one column for each month.")
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="Without --year: how far to look.")
@click.option("--service", "services", multiple=True, type=SERVICE, help="Only this service; may be given several times.")
@click.option("--ics", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the due points as an iCalendar file, too.")
@lang_option
@format_option
def command(year: int | None, days: int, services: tuple[str, ...], file: Path | None, lang: str, fmt: str) -> None:
    """When which service is due, if each maintenance takes place when it is due, and what is late now. The rules: docs/howto/schedule.md.

    Of the year view: 15 is a due date, !15 one that is overdue, ✓15 a maintenance that was achieved, 31× so many in a month.

    Example: itops schedule calendar --year 2027 --ics due.ics
    """
    _known, found, lines = look(workspace.find(), services)
    end = datetime(year + 1, 1, 2, tzinfo=UTC) if year else found.now + timedelta(days=days)
    points: list[Point] = []
    with bar(found.rows, "due points", hidden=len(found.rows) < MANY) as rows:
        for row in rows:
            points += [(row, at) for at in _ahead(found, row, end) if year is None or _date(row, at).year == year]
    if file:
        ics.write(file, "schedule", [_entry(row, at) for row, at in points], found.now)
    data = [{"service": row.id, "due": _date(row, at).isoformat() if row.due and row.due.whole_day else at.isoformat()} for row, at in points]
    emit(data, fmt, lambda: _year(found, year, points, _achieved(lines), lang) if year else _list(points, lang))


def _ahead(found: Status, row: Row, end: datetime) -> Iterable[datetime]:
    plan = plan_of(found, row)
    return calendar.upcoming(plan, row.last.achieved_at, end, found.now) if plan else ()


def _date(row: Row, at: datetime) -> date:
    return at.astimezone(calendar.zone(row.tz)).date()


def _entry(row: Row, at: datetime) -> ics.Entry:
    when = _date(row, at) if row.due and row.due.whole_day else at
    return ics.Entry(
        f"{row.id}-{when:%Y%m%dT%H%M%S}" if isinstance(when, datetime) else f"{row.id}-{when:%Y%m%d}", when, None, f"{row.record.get('name')} ({row.id})"
    )


def _list(points: list[Point], lang: str) -> str:
    rows = [(Cells(row, Words(lang)), row, at) for row, at in sorted(points, key=lambda point: (point[1], point[0].id))]
    head = [Words(lang).header("due"), Words(lang).header("name")]
    return table(head, [[cells.at(at, bool(row.due and row.due.whole_day)), cells.name()] for cells, row, at in rows])


def _achieved(lines: Iterable[Mapping[str, Any]]) -> dict[str, list[datetime]]:
    """When the register says that a service was maintained, by service."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for line in lines:
        at = calendar.moment(str(line.get("ended") or ""), calendar.zone("UTC"))
        counts = line.get("verb") in status.MAINTAINS and line.get("result") == status.ACHIEVED and line.get("exit") != REFUSED and not line.get("check")
        if at and counts:
            for sid in line["services"]:
                found[sid].append(at)
    return found


def _year(found: Status, year: int, points: list[Point], achieved: Mapping[str, list[datetime]], lang: str) -> str:
    cells: dict[tuple[str, int], list[tuple[int, str]]] = defaultdict(list)
    for row, at in points:
        day = _date(row, at)
        late = row.due is not None and row.due.state == calendar.OVERDUE and at == row.due.at
        cells[row.id, day.month].append((day.day, f"!{day.day}" if late else str(day.day)))
    for row in found.rows:
        for day in (_date(row, at) for at in achieved.get(row.id, ())):
            if day.year == year:
                cells[row.id, day.month].append((day.day, f"✓{day.day}"))
    head = [Words(lang).header("name"), *(labels.label("schedule_month", str(month), lang) for month in MONTHS)]
    return table(head, [[Cells(row, Words(lang)).name(), *(_days(cells[row.id, month]) for month in MONTHS)] for row in found.rows if row.due])


def _days(days: list[tuple[int, str]]) -> Cell:
    return Cell(f"{len(days)}×" if len(days) > MOST_DAYS else ", ".join(text for _day, text in sorted(days)))
