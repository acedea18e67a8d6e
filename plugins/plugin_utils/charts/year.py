# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintenance calendar of a year: one cell a day, months as rows. In a cell stands the gravest of what happened or is planned on that day."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.signs import legend, sign
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import SMALL, Chart, Drawn, box, drawn, element, filled, label, text

KINDS = ("overdue", "failed", "rolled_back", "partial", "achieved", "window", "due")  # the gravest first
CELL, LEFT, TOP = 20, 44, 22
WIDTH, HEIGHT = 720, TOP + 12 * CELL + 66

Days = Mapping[date, Mapping[str, int]]


def draw(year: int, days: Days, today: date, lang: str, name: str = "year") -> Chart:
    """The picture; `days` counts what there is of each of KINDS."""
    known = {day: counts for day, counts in sorted(days.items()) if day.year == year and any(counts.values())}
    head = [text(LEFT + (day - 0.5) * CELL, TOP - 8, day, "middle", 10) for day in range(1, 32)]
    months = [text(LEFT - 8, TOP + (month - 0.5) * CELL + 4, label(f"month_{month}", lang), "end", SMALL) for month in range(1, 13)]
    cells = [_cell(date(year, month, day), known, lang) for month in range(1, 13) for day in range(1, calendar.monthrange(year, month)[1] + 1)]
    frame = [box(LEFT + (today.day - 1) * CELL + 0.5, TOP + (today.month - 1) * CELL + 0.5, CELL - 1, CELL - 1, rx=3, fill="none", stroke="currentColor",
                 stroke_width=1.5)] if today.year == year else []  # fmt: skip
    foot = [legend(KINDS[:4], lang, LEFT, HEIGHT - 36, 150), legend(KINDS[4:], lang, LEFT, HEIGHT - 10, 150)]
    totals = {kind: sum(counts.get(kind, 0) for counts in known.values()) for kind in KINDS}
    return Chart(
        name, lang, label("year", lang, year=year), label("year_says", lang, year=year, **totals), (WIDTH, HEIGHT), drawn(head, months, cells, frame, foot),
        (label("day", lang), *(label(kind, lang) for kind in KINDS)),
        tuple((day.isoformat(), *(str(counts.get(kind) or "") for kind in KINDS)) for day, counts in known.items()),
    )  # fmt: skip


def _cell(day: date, known: Days, lang: str) -> Drawn:
    x, y, counts = LEFT + (day.day - 1) * CELL, TOP + (day.month - 1) * CELL, known.get(day)
    ground = box(x + 1, y + 1, CELL - 2, CELL - 2, rx=2, **filled("pale", fill_opacity=1 if day.weekday() > 4 else 0.5))
    if not counts:
        return ground
    said = "; ".join(f"{label(kind, lang)} {counts[kind]}" for kind in KINDS if counts.get(kind))
    gravest = next(kind for kind in KINDS if counts.get(kind))
    return element("g", element("title", f"{day.isoformat()}: {said}"), ground, sign(gravest, x + 3, y + 3))
