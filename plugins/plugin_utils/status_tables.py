# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""服务状态表 and the single-service sheet: Markdown and CSV in both languages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, labels, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.facts import HostFacts
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY, Cell, cell, plain, table
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import COLUMNS, GENERAL, LAST, Cells, Words

TEMPLATES = Path(__file__).parents[2] / "docs_templates"
SPARE_ROWS = 3  # the department's form has so many free ones
MARK = "itops-"  # before a footnote's number: the table may stand in a document with footnotes of its own
WIDEST = 60  # columns; a longer text does not pad every other row
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute what begins so


def roll_up(found: Status, lang: str, whole: bool = True) -> str:
    """All services as Markdown; without `whole` only head line, table and notes, to be put into another document."""
    words, notes = Words(lang), list[dict[str, Any]]()
    rows = [_noted(Cells(row, words), notes) for row in found.rows]
    headers = [words.header(name) for name in (GENERAL, *COLUMNS, *LAST)]
    return page(
        f"{lang}/status.md.j2", whole=whole, table=table(headers, rows or [[EMPTY] * len(headers)], widest=WIDEST), notes=notes,
        services=len(found.rows), overdue=found.overdue, unmonitored=found.unmonitored, **times(found),
    )  # fmt: skip


def sheet(found: Status, lang: str, whole: bool = True, capacity: str = "") -> str:
    """The one service of `found` in the department's own form, with its section on capacity; without `whole` the table alone."""
    cells = Cells(found.rows[0], Words(lang))
    warnings = [cell(text) for _column, text in cells.warnings()]
    return page(
        f"{lang}/service_sheet.md.j2", whole=whole, table=form(cells), name=cell(cells.plain_name()),
        last=cells.cell("last"), due=cells.cell("due"), state=cells.cell("state"), remark=cell(cells.remarks_of(GENERAL)), warnings=warnings, capacity=capacity,
        hosts=_table(*hosts(found, cells)), endpoints=_table(*endpoints(cells)), **times(found),
    )  # fmt: skip


def form(cells: Cells | None = None, lang: str = "zh_CN") -> str:
    """The seed's table; without a service the empty form, byte for byte."""
    words = cells.words if cells else Words(lang)
    return table(sheet_head(cells, words), sheet_rows(cells, words))


def sheet_head(cells: Cells | None, words: Words) -> list[str]:
    """The service's name stands beside its label, as every value does."""
    name = cells.plain_name() if cells else ""
    return [words.header("sheet"), f"{words.header('sheet_name')} {name}".strip(), words.header("remark")]


def sheet_rows(cells: Cells | None, words: Words) -> list[list[str]]:
    """Label, value, remark; the service's further rows take the form's free ones first."""
    rows = [[words.header(name), cells.cell(name) if cells else "", cells.remarks_of(name) if cells else ""] for name in COLUMNS]
    extra = [[words.said(item.get(key)) for key in ("item", "value", "remark")] for item in (cells.row.record.get("extra") or () if cells else ())]
    return [*rows, *extra, *[["", "", ""]] * (SPARE_ROWS - len(extra))]


def roll_up_csv(found: Status, lang: str) -> str:
    """All services, remarks and warnings in the last column."""
    words = Words(lang)
    names = ("id", GENERAL, *COLUMNS, *LAST, "remark")
    return comma_separated([words.header(name) for name in names], (_flat(Cells(row, words)) for row in found.rows))


def sheet_csv(found: Status, lang: str) -> str:
    """The single-service sheet without its free rows."""
    cells = Cells(found.rows[0], Words(lang))
    rows = [*sheet_rows(cells, cells.words), *([cells.words.header(name), cells.cell(name), ""] for name in LAST)]
    return comma_separated(sheet_head(cells, cells.words), (row for row in rows if any(row)))


def _flat(cells: Cells) -> list[str]:
    notes = [text for _column, text in (*cells.remarks(), *cells.warnings())]
    return [cells.row.id, cells.plain_name(), *(cells.cell(column) for column in (*COLUMNS, *LAST)), cells.words.text("sentence").join(notes)]


def comma_separated(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """One line a row whatever stands in it; what a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in (head, *rows):
        writer.writerow([f"'{text}" if text.startswith(FORMULA) else text for text in map(plain, row)])
    return out.getvalue()


def _noted(cells: Cells, notes: list[dict[str, Any]]) -> list[Cell]:
    """A row of the roll-up; its remarks and warnings become footnotes of the cells they belong to, numbered from left to right."""
    names, marks = (GENERAL, *COLUMNS, *LAST), dict[str, str]()
    for column, text in sorted((*cells.remarks(), *cells.warnings()), key=lambda note: names.index(note[0])):
        notes.append({"mark": f"{MARK}{len(notes) + 1}", "text": cell(text)})
        marks[column] = f"{marks.get(column, '')}[^{notes[-1]['mark']}]"
    return [Cell(cell(cells.cell(name)) + marks.get(name, "")) for name in names]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(head, rows, widest=WIDEST) if rows else ""


def hosts(found: Status, cells: Cells) -> tuple[list[str], list[list[str]]]:
    """Head, and one line a host; of what is too old only its time."""
    names = ("host", "role", "state", "cpu", "mem", "hdd", "uptime", "collected", "remark")
    known = {host.host: host for host in cells.row.usage.hosts}
    every = list(dict.fromkeys([*status.host_names(cells.row.record, list(known)), *known, *cells.row.usage.missing]))
    rows = [_host(found, cells, name, known.get(name, HostFacts(name))) for name in every]
    return [labels.label("status_host_column", name, cells.words.lang) for name in names], rows


def _host(found: Status, cells: Cells, name: str, host: HostFacts) -> list[str]:
    words, service = cells.words, host.services.get(cells.row.id)
    roles = {entry.get("name"): entry.get("role") for entry in cells.row.record.get("hosts") or ()}
    now = [EMPTY] * 5
    if not found.stale(host):
        state = labels.label("status_service_state", service.state, words.lang) if service and service.state else EMPTY
        now = [state, *(_percent(value) for value in (host.cpu, host.mem, service.hdd if service else None)), _uptime(words, host.uptime_s)]
    remark = host.problem or (service.text if service and not found.stale(host) else "")
    return [name, words.value("role", roles.get(name)) or EMPTY, *now, cells.at(host.collected_at), remark or EMPTY]


def _percent(value: int | None) -> str:
    return EMPTY if value is None else f"{value}%"


def _uptime(words: Words, seconds: int | None) -> str:
    return EMPTY if seconds is None else words.text("days", days=seconds // 86400, hours=seconds % 86400 // 3600)


def endpoints(cells: Cells) -> tuple[list[str], list[list[str]]]:
    """Head, and one line an address."""
    names = ("address", "reachable", "at", "remark")
    answers = {True: cells.words.text("yes"), False: cells.words.text("no")}
    tried = status.endpoints(cells.row.id, cells.row.usage.hosts)
    rows = [[item.address, answers[item.reachable], cells.at(item.at), item.message or EMPTY] for item in tried]
    return [labels.label("status_endpoint_column", name, cells.words.lang) for name in names], rows


def times(found: Status) -> dict[str, str]:
    """When the table was made, and how new what it knows is."""
    zone = calendar.zone(found.timezone)
    return {"now": calendar.printed(found.now, zone), "data_until": calendar.printed(found.data_until, zone) if found.data_until else EMPTY}


def page(template: str, **values: Any) -> str:
    """A template with these values."""
    return _environment().get_template(template).render(**values).strip("\n") + "\n"


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 (escaped cell by cell)
