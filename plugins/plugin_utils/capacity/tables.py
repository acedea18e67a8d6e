# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""容量与回收: the report in both languages as Markdown and CSV, and for a program."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import reclaim, trend
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.trend import Trend
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.view import FILLS, Capacity, Line
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY, cell, code, table
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_tables import WIDEST, comma_separated, page, times

COLUMNS = ("service", "resource", "now", "thresholds", "level", "trend", "basis", "full")
RECLAIM = ("service", "id", "amount", "owner", "last_used", "idle")
MONTH = 30  # days; a slope for each day would be a row of zeros

Table = tuple[list[str], list[list[str]]]


def text(name: str, lang: str, /, **values: Any) -> str:
    """A word of the report."""
    return labels.label("capacity_text", name, lang).format(**values)


def report(found: Status, known: Sequence[Capacity], lang: str) -> str:
    """Everything, as Markdown."""
    high = sum(bool(one.row.high) for one in known)
    candidates = sum(len(one.row.reclaimable or ()) for one in known)
    return page(f"{lang}/capacity.md.j2", body=section(found, known, lang), services=len(known), high=high, candidates=candidates, **times(found))


def section(found: Status, known: Sequence[Capacity], lang: str) -> str:
    """Both tables, how the trend was made, and what reclaims; without a heading of its own."""
    head, rows = lines(known, lang)
    return "\n\n".join([table(head, rows, widest=WIDEST), method(found, lang), *_reclaiming(known, lang), *map(cell, unlisted(known, lang))])


def _reclaiming(known: Sequence[Capacity], lang: str) -> list[str]:
    """Paragraphs."""
    head, rows = candidates(known, lang)
    if not rows:
        return [] if unlisted(known, lang) else [text("none", lang)]
    begin = "\n".join(f"- {code(line)}" for line in commands(known, lang))
    return [text("listed", lang), table(head, rows, widest=WIDEST), text("only", lang), begin]


def unlisted(known: Sequence[Capacity], lang: str) -> list[str]:
    """A sentence on who reclaims proactively, but says nowhere what; none where there is nobody."""
    names = [Cells(one.row, Words(lang)).plain_name() for one in known if reclaim.proactive(one.row.record) and one.row.reclaimable is None]
    return [text("unlisted", lang, names=Words(lang).listed(names))] if names else []


def method(found: Status, lang: str) -> str:
    """How a trend is made here, with its numbers."""
    rules = found.rules.get("trend") or {}
    return text("method", lang, days=rules.get("days"), points=rules.get("points"), fresh=trend.FRESH, horizon=trend.HORIZON)


def lines(known: Sequence[Capacity], lang: str) -> Table:
    """Head, and one line for each resource of each service."""
    rows = [_line(one, line, Cells(one.row, Words(lang))) for one in known for line in one.lines]
    return [labels.label("capacity_column", name, lang) for name in COLUMNS], rows


def _line(one: Capacity, line: Line, cells: Cells) -> list[str]:
    lang = cells.words.lang
    limits = "/".join(f"{line.limits[level]}%" if level in line.limits else EMPTY for level in ("warn", "critical"))
    basis = text("basis", lang, **vars(line.trend)) if line.trend else EMPTY
    return [
        cells.plain_name(), labels.label("capacity_resource", line.resource, lang), _now(line, cells), limits,
        labels.label("capacity_level", line.level, lang), _trend(line.resource, line.trend, cells), basis, cells.at(line.full_at, whole_day=True),
    ]  # fmt: skip


def _now(line: Line, cells: Cells) -> str:
    if line.resource != "allocated" or line.percent is None:
        return EMPTY if line.percent is None else f"{line.percent}%"
    capacity = cells.part("capacity")
    return cells.words.aside(_amount(f"{capacity['allocated']}/{capacity['supported']}", cells), f"{line.percent}%")


def _trend(resource: str, found: Trend | None, cells: Cells) -> str:
    if found is None:
        return EMPTY
    value = round(found.per_day * MONTH, 1)
    shown = f"{'↑' if value > 0 else '↓'} {abs(value)}" if value else "0"  # a sign would be a formula to a spreadsheet
    return _amount(shown, cells) if resource == "allocated" else text("points", cells.words.lang, value=shown)


def _amount(number: object, cells: Cells) -> str:
    return f"{number} {cells.words.said(cells.part('capacity').get('unit'))}".strip()


def candidates(known: Sequence[Capacity], lang: str) -> Table:
    """Head, and one line for each allocation that may be reclaimed."""
    rows = []
    for one in known:
        cells = Cells(one.row, Words(lang))
        for item in one.row.reclaimable or ():
            said = cells.words.said
            rows.append([cells.plain_name(), said(item.id), _amount(item.amount, cells), said(item.owner) or EMPTY, item.last_used.isoformat(), str(item.idle)])
    return [labels.label("reclaim_column", name, lang) for name in RECLAIM], rows


def commands(known: Sequence[Capacity], lang: str) -> list[str]:
    """What begins the change by which a person may have them taken back, for each service that has some."""
    title = shlex.quote(text("reclaim_title", lang))
    return [f"itops change new --service {one.row.id} --kind other --title {title}" for one in known if one.row.reclaimable]


def report_csv(known: Sequence[Capacity], lang: str) -> str:
    """The lines, and beside n/X the allocations that may be reclaimed."""
    head, rows = lines(known, lang)
    words = Words(lang)
    said = [words.listed([words.said(item.id) for item in one.row.reclaimable or () if line.resource == "allocated"]) for one in known for line in one.lines]
    return comma_separated([*head, text("candidates", lang)], ([*row, ids] for row, ids in zip(rows, said, strict=True)))


def data(one: Capacity, lang: str) -> dict[str, Any]:
    """One service for a program: percents, RFC 3339 times, slopes for each day; null is what nobody knows."""
    words, idle = Words(lang), one.row.reclaimable
    return {
        "service": one.row.id,
        "resources": {line.resource: _data(line) for line in one.lines},
        "reclaim": None if idle is None else [
            {**vars(item), "id": words.said(item.id), "owner": words.said(item.owner) or None, "last_used": item.last_used.isoformat()} for item in idle
        ],
        "command": next(iter(commands([one], lang)), None),
    }  # fmt: skip


def _data(line: Line) -> dict[str, Any]:
    found, full = line.trend, {"full_at": line.full_at.isoformat(timespec="seconds") if line.full_at else None}
    trend = found and {"per_day": found.per_day, "points": found.points, "first": found.first.isoformat(), "last": found.last.isoformat()}
    return {"percent": line.percent, "level": line.level, "thresholds": dict(line.limits), "trend": trend, **(full if line.resource in FILLS else {})}


def whole_data(found: Status, known: Sequence[Capacity], lang: str) -> dict[str, Any]:
    """All services for a program."""
    return {
        "generated": found.now.isoformat(timespec="seconds"),
        "method": {"name": "Theil-Sen", **(found.rules.get("trend") or {}), "fresh_days": trend.FRESH, "horizon_days": trend.HORIZON},
        "services": [data(one, lang) for one in known],
    }
