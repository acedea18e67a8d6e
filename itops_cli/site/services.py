# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status table as the site's first page, and a page for each service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, facts_history, labels, status_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import tables, view
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.view import Capacity
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts import allocated, capacity, history, rates, usage, year
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import Chart
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row, Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import COLUMNS, GENERAL, LAST, Cells, Words

from itops_cli.site.documents import Shelf
from itops_cli.site.pages import Site, file_name
from itops_cli.site.past import Past
from itops_cli.site.tables import Table

FULLEST = 15  # services in the picture of the overview
URGENT = 30  # that are listed above the table
TREND_DAYS = 90
GRAVITY = (calendar.OVERDUE, calendar.DUE_SOON, calendar.UNKNOWN, calendar.NORMAL)


@dataclass(frozen=True)
class World:
    """All that these pages are made of. `days` is the year as charts.year takes it."""

    found: Status
    past: Past
    days: Mapping[date, Mapping[str, int]]
    shelf: Shelf
    facts: Path


def write(site: Site, world: World, done: Callable[[int], None]) -> None:
    """The overview, then service after service."""
    for lang in labels.LANGUAGES:
        _overview(site, world, lang)
    for row in world.found.rows:
        for lang in labels.LANGUAGES:
            _service(site, world, row, lang)
        done(1)


def _overview(site: Site, world: World, lang: str) -> None:
    words, found, today = Words(lang), world.found, world.past.today
    columns = [(name, words.header(name)) for name in (GENERAL, *COLUMNS, *LAST)]
    charts = [year.draw(today.year, world.days, today, lang), rates.draw(world.past.months, lang)]
    shares = sorted((share for row in found.rows if (share := _share(row, lang))), key=lambda share: -share.percent)[:FULLEST]
    charts += [capacity.draw(shares, lang)] if shares else []
    for chart in charts:
        site.put(f"{lang}/charts/{chart.name}.svg", chart.svg().encode())
    rows = ((row, [(name, *_cell(row, Cells(row, words), name)) for name, _header in columns]) for row in found.rows)
    urgent = [(row, Cells(row, words)) for row in sorted(found.rows, key=_urgency) if row.warnings or _urgency(row)[0] < 2]
    site.write(lang, "index.html", "overview", found=found, columns=columns, rows=rows, charts=charts, state_of=state_of,
               urgent=urgent[:URGENT], more_urgent=len(urgent) - URGENT if len(urgent) > URGENT else 0,
               states=[(state, labels.label("status_state", state, lang)) for state in GRAVITY], **status_tables.times(found))  # fmt: skip


def state_of(row: Row) -> str:
    """In one word; "" for a service that is not in use."""
    return row.due.state if row.due else ""


def _urgency(row: Row) -> tuple[int, str]:
    state = state_of(row)
    return (GRAVITY.index(state) if state else len(GRAVITY), row.id)


def _cell(row: Row, cells: Cells, name: str) -> tuple[str, str, list[str]]:
    """Text, what to sort by where that is not the text, and the remarks and warnings that belong there."""
    notes = [text for column, text in (*cells.remarks(), *cells.warnings()) if column == name]
    return cells.cell(name), _key(row, name), notes


def _key(row: Row, name: str) -> str:
    cpu = row.usage.levels.get("cpu") if row.usage.known else None
    keys: dict[str, Any] = {
        "usage": cpu.highest if cpu else -1,
        "supported": (row.record.get("capacity") or {}).get("supported") or -1,
        "allocated": -1 if row.ratio is None else row.ratio,
        "last": _stamp(row.last.at),
        "due": _stamp(row.due.at if row.due else None),
        "state": _urgency(row)[0],
    }
    return str(keys.get(name, ""))


def _stamp(at: datetime | None) -> int:
    return int(at.timestamp()) if at else -1


def _service(site: Site, world: World, row: Row, lang: str) -> None:
    words = Words(lang)
    cells = Cells(row, words)
    sheet = [line for line in status_tables.sheet_rows(cells, words) if any(line)]
    sheet += [[words.header(name), cells.cell(name), ""] for name in LAST]
    runs, known = list(reversed(world.past.runs.get(row.id, ()))), view.of(world.found, row, world.facts)
    site.write(
        lang, f"services/{file_name(row.id)}", "service", row=row, cells=cells, sheet=Table(status_tables.sheet_head(cells, words), sheet), state=state_of(row),
        hosts=Table(*status_tables.hosts(world.found, cells)), endpoints=Table(*status_tables.endpoints(cells)), charts=list(_charts(world, known, lang)),
        capacity=Table(*tables.lines([known], lang)), method=tables.method(world.found, lang), idle=Table(*tables.candidates([known], lang)),
        begin=tables.commands([known], lang), unlisted=tables.unlisted([known], lang),
        runs=runs, documents=world.shelf.of_service(row.id, lang), **status_tables.times(world.found),
    )  # fmt: skip


def _charts(world: World, known: Capacity, lang: str) -> Iterable[Chart]:
    row = known.row
    share = _share(row, lang)
    if share:
        yield capacity.draw([share], lang)
    if known.amounts:
        last = dict(list(known.amounts.items())[-TREND_DAYS:])
        yield allocated.draw({day: (amount.allocated, amount.supported) for day, amount in last.items()}, known.line("allocated").limits, lang)
    hosts = [host.host for host in row.usage.hosts]
    days = facts_history.of_service(world.facts, row.id, hosts, TREND_DAYS)
    if days:
        yield usage.draw(days, lang)
    runs = world.past.runs.get(row.id)
    if runs:
        tz = calendar.zone(world.found.timezone)
        yield history.draw([history.Ended(run.at.astimezone(tz).date(), run.end, run.change) for run in runs], world.past.today, lang)


def _share(row: Row, lang: str) -> capacity.Share | None:
    found, reclaim = row.record.get("capacity") or {}, row.record.get("reclaim") or {}
    if not found.get("supported") or found.get("allocated") is None:
        return None
    words = Words(lang)
    return capacity.Share(Cells(row, words).plain_name(), found["allocated"], found["supported"], words.said(found.get("unit")), reclaim.get("threshold"))
