# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""资源使用情况[CPU|MEM|HDD] over the days: one line each, told apart by its dashes, its marks and its name at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import SMALL, Chart, Drawn, drawn, element, label, number, path, rule, stroked, text
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY

LEFT, TOP, ACROSS, DOWN, WIDTH, HEIGHT = 44, 14, 580, 150, 720, 196
LINES = {"cpu": ("good", None, "circle"), "mem": ("back", "7 3", "square"), "hdd": ("plan", "2 3", "triangle")}
CLOSE = 13  # names at the ends of the lines keep so far apart

Days = Mapping[date, Mapping[str, int | None]]


def draw(days: Days, lang: str, name: str = "usage") -> Chart:
    """The picture; `days` has the highest percent of each of cpu, mem, hdd on each day that is known."""
    dates = sorted(days)
    first, span = dates[0], max(1, (dates[-1] - dates[0]).days)
    found = {key: [(LEFT + ACROSS * (day - first).days / span, value) for day in dates if (value := days[day].get(key)) is not None] for key in LINES}
    grid = [rule(LEFT, _y(p), LEFT + ACROSS, _y(p)) + text(LEFT - 8, _y(p) + 4, f"{p}%", "end", SMALL) for p in (0, 25, 50, 75, 100)]
    ends = [text(LEFT, HEIGHT - 10, dates[0].isoformat(), size=SMALL), text(LEFT + ACROSS, HEIGHT - 10, dates[-1].isoformat(), "end", SMALL)]
    return Chart(
        name, lang, label("usage", lang), label("usage_says", lang, first=dates[0], last=dates[-1], days=len(dates)), (WIDTH, HEIGHT),
        drawn(grid, ends, [_line(key, points) for key, points in found.items() if points], _names(found)),
        (label("day", lang), "CPU", "MEM", "HDD"),
        tuple((day.isoformat(), *(EMPTY if days[day].get(key) is None else f"{days[day][key]}%" for key in LINES)) for day in reversed(dates)),
    )  # fmt: skip


def _y(percent: float) -> float:
    return TOP + DOWN * (100 - percent) / 100


def _line(key: str, points: Sequence[tuple[float, int]]) -> Drawn:
    colour, dashes, _shape = LINES[key]
    commands = "M" + "L".join(f"{number(x)} {number(_y(value))}" for x, value in points)
    return path(commands, **stroked(colour, 2, stroke_dasharray=dashes, stroke_linejoin="round")) if len(points) > 1 else Drawn()


def _names(found: Mapping[str, Sequence[tuple[float, int]]]) -> list[str]:
    """At the last point of each line a mark and its name, moved apart where they would lie on each other."""
    last = sorted((_y(points[-1][1]), key) for key, points in found.items() if points)
    made, lowest = [], float(TOP - CLOSE)
    for y, key in last:
        lowest = max(y, lowest + CLOSE)
        x, percent = found[key][-1]
        made.append(_mark(key, x, y) + text(LEFT + ACROSS + 12, lowest + 4, f"{key.upper()} {percent}%"))
    return made


def _mark(key: str, x: float, y: float) -> Drawn:
    colour, _dashes, shape = LINES[key]
    if shape == "circle":
        return element("circle", cx=x, cy=y, r=4, **stroked(colour, 2, fill="none"))
    if shape == "square":
        return path(f"M{number(x - 4)} {number(y - 4)}h8v8h-8z", **stroked(colour, 2))
    return path(f"M{number(x)} {number(y - 5)}l5 9h-10z", **stroked(colour, 2))
