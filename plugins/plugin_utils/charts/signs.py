# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, as a sign that is told by its shape and its colour: for calendars, rates and histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import NORMAL, Drawn, box, drawn, filled, label, path, stroked, text

ENDS = ("achieved", "partial", "rolled_back", "failed")
COLOUR = {"achieved": "good", "partial": "part", "rolled_back": "back", "failed": "bad", "overdue": "bad", "due": "plan", "window": "plan"}
ON_COLOUR = {"stroke": "#ffffff", "stroke_width": 1.6, "fill": "none", "class_": "on-colour"}


def end_of(line: Mapping[str, Any]) -> str:
    """How the run of a line of the register ended: one of ENDS. What was undone on purpose counts as rolled back."""
    if line.get("result") in ("achieved", "partial"):
        return str(line["result"]) if line.get("verb") != "rollback" else "rolled_back"
    return "rolled_back" if line.get("backout") == "succeeded" else "failed"


def sign(kind: str, x: float, y: float, size: float = 14) -> Drawn:
    """The sign in a square whose corner is (x, y)."""
    s, colour = size, COLOUR[kind]
    at = {"transform": f"translate({x:g} {y:g})"}
    if kind == "due":  # a ring
        return path(_circle(s / 2, s * 0.29), **stroked(colour, 1.6), **at)
    if kind == "window":  # two brackets
        left, right, top, low = s * 0.2, s * 0.8, s * 0.2, s * 0.8
        return path(f"M{s * 0.4:g} {top:g}H{left:g}V{low:g}H{s * 0.4:g}M{s * 0.6:g} {top:g}H{right:g}V{low:g}H{s * 0.6:g}", **stroked(colour), **at)
    return Drawn(drawn(box(x, y, s, s, rx=2, **filled(colour)), path(_INNER[kind](s), **ON_COLOUR, **at)))


def _circle(middle: float, radius: float) -> str:
    return f"M{middle - radius:g} {middle:g}a{radius:g} {radius:g} 0 1 0 {2 * radius:g} 0a{radius:g} {radius:g} 0 1 0 {-2 * radius:g} 0"


_INNER = {  # a tick, a dash, an arrow back, a cross, an exclamation mark
    "achieved": lambda s: f"M{s * 0.22:g} {s * 0.52:g}L{s * 0.42:g} {s * 0.72:g}L{s * 0.78:g} {s * 0.28:g}",
    "partial": lambda s: f"M{s * 0.22:g} {s * 0.5:g}H{s * 0.78:g}",
    "rolled_back": lambda s: f"M{s * 0.5:g} {s * 0.22:g}L{s * 0.24:g} {s * 0.5:g}L{s * 0.5:g} {s * 0.78:g}M{s * 0.26:g} {s * 0.5:g}H{s * 0.8:g}",
    "failed": lambda s: f"M{s * 0.26:g} {s * 0.26:g}L{s * 0.74:g} {s * 0.74:g}M{s * 0.74:g} {s * 0.26:g}L{s * 0.26:g} {s * 0.74:g}",
    "overdue": lambda s: f"M{s * 0.5:g} {s * 0.2:g}V{s * 0.6:g}M{s * 0.5:g} {s * 0.72:g}V{s * 0.82:g}",
}


def legend(kinds: Sequence[str], lang: str, x: float, y: float, step: float = 112) -> Drawn:
    """What the signs mean, in one line."""
    parts = [sign(kind, x + number * step, y - NORMAL + 1) + text(x + number * step + 20, y, label(kind, lang)) for number, kind in enumerate(kinds)]
    return Drawn(drawn(parts))
