# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of one service on a line of time, each a sign of how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.signs import ENDS, legend, sign
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import SMALL, Chart, Drawn, drawn, element, label, rule, text

LEFT, ACROSS, MIDDLE, WIDTH, HEIGHT = 20, 680, 40, 720, 104
BACK = timedelta(days=731)
SIZE = 16


@dataclass(frozen=True)
class Ended:
    """One run: the day of its end, how it ended (one of ENDS), its change."""

    day: date
    end: str
    change: str


def draw(runs: Sequence[Ended], today: date, lang: str, name: str = "history") -> Chart:
    """The picture of the last two years; `runs` oldest first."""
    start = today - BACK
    shown = [run for run in runs if start <= run.day <= today]
    counts = {end: sum(run.end == end for run in shown) for end in ENDS}
    ticks = [_tick(_x(date(year, month, 1), start), f"{year}-{month:02}") for year in range(start.year, today.year + 1) for month in (1, 4, 7, 10)
             if start + timedelta(days=20) <= date(year, month, 1) <= today]  # fmt: skip
    signs = [_sign(run, _x(run.day, start), lang) for run in shown]
    return Chart(
        name, lang, label("history", lang), label("history_says", lang, runs=len(shown), **counts), (WIDTH, HEIGHT),
        drawn(rule(LEFT, MIDDLE, LEFT + ACROSS, MIDDLE, "plan"), ticks, signs, legend(ENDS, lang, LEFT, HEIGHT - 8, 150)),
        (label("day", lang), label("change", lang), label("end", lang)),
        tuple((run.day.isoformat(), run.change, label(run.end, lang)) for run in reversed(shown)),
    )  # fmt: skip


def _x(day: date, start: date) -> float:
    return LEFT + SIZE / 2 + (ACROSS - SIZE) * (day - start) / BACK


def _sign(run: Ended, x: float, lang: str) -> Drawn:
    said = element("title", f"{run.day}: {run.change} {label(run.end, lang)}")
    return element("g", said, sign(run.end, x - SIZE / 2, MIDDLE - SIZE / 2, SIZE))


def _tick(x: float, said: str) -> Drawn:
    return Drawn(rule(x, MIDDLE, x, MIDDLE + 14) + text(x, MIDDLE + 28, said, "middle", SMALL))
