# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""n/X over the days: one line in percent of the X of its day, with the thresholds as dashed lines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import SMALL, Chart, Drawn, drawn, element, label, number, path, rule, stroked, text

LEFT, TOP, ACROSS, DOWN, WIDTH, HEIGHT = 44, 14, 580, 150, 720, 196
MOST = 120  # percent at the top: more than all is shown, too
LIMITS = {"warn": ("part", "2 3"), "critical": ("bad", "7 3")}

Days = Mapping[date, tuple[int, int]]


def draw(days: Days, limits: Mapping[str, int], lang: str, name: str = "allocated") -> Chart:
    """The picture; `days` has n and X of each day that is known, `limits` percents of `warn` and `critical`."""
    dates = sorted(days)
    first, span = dates[0], max(1, (dates[-1] - dates[0]).days)
    shares = [(LEFT + ACROSS * (day - first).days / span, 100 * days[day][0] / days[day][1]) for day in dates]
    grid = [rule(LEFT, _y(p), LEFT + ACROSS, _y(p)) + text(LEFT - 8, _y(p) + 4, f"{p}%", "end", SMALL) for p in (0, 50, 100)]
    lines = [
        rule(LEFT, _y(limits[level]), LEFT + ACROSS, _y(limits[level]), colour, stroke_dasharray=dashes)
        for level, (colour, dashes) in LIMITS.items()
        if level in limits
    ]
    ends = [text(LEFT, HEIGHT - 10, first.isoformat(), size=SMALL), text(LEFT + ACROSS, HEIGHT - 10, dates[-1].isoformat(), "end", SMALL)]
    return Chart(
        name, lang, label("allocated_over_time", lang), label("allocated_says", lang, first=first, last=dates[-1], days=len(dates)), (WIDTH, HEIGHT),
        drawn(grid, lines, ends, _line(shares)), tuple(label(key, lang) for key in ("day", "allocated", "supported", "percent")),
        tuple((day.isoformat(), str(days[day][0]), str(days[day][1]), f"{round(100 * days[day][0] / days[day][1])}%") for day in reversed(dates)),
    )  # fmt: skip


def _y(percent: float) -> float:
    return TOP + DOWN * (MOST - min(percent, MOST)) / MOST


def _line(shares: list[tuple[float, float]]) -> Drawn:
    """The line, and a mark with the number at its end."""
    commands, (x, percent) = "M" + "L".join(f"{number(x)} {number(_y(value))}" for x, value in shares), shares[-1]
    line = path(commands, **stroked("good", 2, stroke_linejoin="round")) if len(shares) > 1 else ""
    end = element("circle", cx=x, cy=_y(percent), r=4, **stroked("good", 2, fill="none"))
    return Drawn(drawn(line, end, text(LEFT + ACROSS + 12, _y(percent) + 4, f"n/X {round(percent)}%")))
