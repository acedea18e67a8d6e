# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""服务已分配资源总量[n] of 服务支持资源总量[X]: one bar a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import Chart, Drawn, box, cut, drawn, filled, label, rule, text
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY

LEFT, BAR, ROW, TOP, WIDTH = 190, 300, 26, 22, 720
MOST = 120  # percent at the end of the scale: more than all is shown, too


@dataclass(frozen=True)
class Share:
    """One service. `threshold` in percent of X, None where there is none."""

    name: str
    allocated: int
    supported: int
    unit: str = ""
    threshold: int | None = None

    @property
    def percent(self) -> int:
        return round(100 * self.allocated / self.supported)

    @property
    def full(self) -> bool:
        return self.percent >= (100 if self.threshold is None else self.threshold)


def draw(shares: Sequence[Share], lang: str, name: str = "capacity") -> Chart:
    """The picture; `shares` in the order in which they shall stand."""
    full = sum(share.full for share in shares)
    height = TOP + ROW * len(shares) + 12
    ticks = [rule(_x(p), TOP - 4, _x(p), height - 8) + text(_x(p), TOP - 8, f"{p}%", "middle", 10) for p in (0, 50, 100)]
    bars = [_bar(share, TOP + ROW * place, lang) for place, share in enumerate(shares)]
    return Chart(
        name, lang, label("capacity", lang), label("capacity_says", lang, services=len(shares), full=full), (WIDTH, height), drawn(ticks, bars),
        tuple(label(key, lang) for key in ("service", "allocated", "supported", "percent", "threshold")),
        tuple(map(_row, shares)),
    )  # fmt: skip


def _row(share: Share) -> tuple[str, ...]:
    threshold = EMPTY if share.threshold is None else f"{share.threshold}%"
    return (share.name, str(share.allocated), f"{share.supported} {share.unit}".strip(), f"{share.percent}%", threshold)


def _x(percent: float) -> float:
    return LEFT + BAR * min(percent, MOST) / MOST


def _bar(share: Share, y: float, lang: str) -> Drawn:
    said = cut(f"{share.allocated} / {share.supported} ({share.percent}%)")
    parts = [
        text(LEFT - 10, y + 15, cut(share.name, 15), "end"),
        box(LEFT, y + 4, _x(100) - LEFT, 14, rx=2, **filled("pale")),
        box(LEFT, y + 4, max(1.0, _x(share.percent) - LEFT), 14, rx=2, **filled("back" if share.full else "good")),
        rule(_x(share.threshold), y + 1, _x(share.threshold), y + 21, "bad", stroke_dasharray="3 2") if share.threshold is not None else "",
        text(LEFT + BAR + 12, y + 15, f"{said} {label('full', lang)}" if share.full else said),
    ]
    return Drawn(drawn(parts))
