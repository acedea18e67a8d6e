# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How runs ended, month by month: achieved, partly, rolled back, failed, one on the other."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.signs import COLOUR, ENDS, legend
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import SMALL, Chart, Drawn, box, drawn, element, filled, label, path, rule, text

LEFT, TOP, DOWN, STEP, BAR, WIDTH, HEIGHT = 44, 30, 140, 55, 34, 720, 236
HATCHES = {"partial": "M0 3H6", "rolled_back": "M0 6L6 0", "failed": "M0 0L6 6M0 6L6 0"}  # what is achieved stays plain

Months = Mapping[str, Mapping[str, int]]


def draw(months: Months, lang: str, name: str = "rates") -> Chart:
    """The picture; `months` maps `2026-11` to how many runs ended in each of ENDS, oldest first, at most twelve."""
    most = max([sum(counts.values()) for counts in months.values()], default=0) or 1
    total = {end: sum(counts.get(end, 0) for counts in months.values()) for end in ENDS}
    runs = sum(total.values())
    hatches = element("defs", *(_hatch(name, end) for end in HATCHES))
    grid = [rule(LEFT, TOP + DOWN, LEFT + 12 * STEP, TOP + DOWN), text(LEFT - 8, TOP + 6, most, "end", SMALL), text(LEFT - 8, TOP + DOWN + 4, 0, "end", SMALL)]
    bars = [_month(name, place, month, counts, most) for place, (month, counts) in enumerate(months.items())]
    return Chart(
        name, lang, label("rates", lang),
        label("rates_says", lang, runs=runs, percent=_percent(total["achieved"], runs), back=_percent(total["rolled_back"], runs)), (WIDTH, HEIGHT),
        drawn(hatches, grid, bars, legend(ENDS, lang, LEFT, HEIGHT - 8, 150)),
        (label("month", lang), *(label(end, lang) for end in ENDS), label("success", lang), label("backout", lang)),
        tuple((month, *(str(counts.get(end, 0)) for end in ENDS), *(_percent(counts.get(end, 0), sum(counts.values())) for end in ("achieved", "rolled_back")))
              for month, counts in months.items()),
    )  # fmt: skip


def _percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)}%" if whole else "—"


def _month(name: str, place: int, month: str, counts: Mapping[str, int], most: int) -> Drawn:
    """One bar, the share of what was achieved above it."""
    x, y, whole = LEFT + place * STEP + (STEP - BAR) / 2, float(TOP + DOWN), sum(counts.values())
    parts = [text(x + BAR / 2, TOP + DOWN + 17, month, "middle", SMALL)]
    for end in ENDS:
        height = DOWN * counts.get(end, 0) / most
        if height:
            y -= height
            parts.append(box(x, y, BAR, height, **filled(COLOUR[end])))
            parts += [box(x, y, BAR, height, fill=f"url(#{name}-{end})")] if end in HATCHES else []
    return Drawn(drawn(parts, text(x + BAR / 2, y - 6, _percent(counts.get("achieved", 0), whole), "middle", SMALL) if whole else ""))


def _hatch(name: str, end: str) -> Drawn:
    lines = path(HATCHES[end], stroke="#ffffff", stroke_width=1.2, stroke_opacity=0.75, fill="none")
    return element("pattern", lines, id=f"{name}-{end}", width=6, height=6, patternUnits="userSpaceOnUse")
