# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How times, durations, sizes and digests are printed for people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EMPTY = "—"


def moment(value: Any, zone: str) -> str:
    """RFC 3339 text as `2026-11-23 02:05 (UTC+8)` in this time zone; what is no time is printed as it is."""
    if not value:
        return EMPTY
    try:
        at = datetime.fromisoformat(str(value)).astimezone(ZoneInfo(zone))
    except (ValueError, KeyError, OSError):
        return str(value)
    return f"{at:%Y-%m-%d %H:%M} ({offset(at.utcoffset() or timedelta())})"


def clock(value: Any, zone: str) -> str:
    """Only the time of day, to the second."""
    try:
        return f"{datetime.fromisoformat(str(value)).astimezone(ZoneInfo(zone)):%H:%M:%S}"
    except (ValueError, KeyError, OSError):
        return EMPTY


def offset(delta: timedelta) -> str:
    """UTC+8, UTC-3:30, UTC."""
    minutes = int(delta.total_seconds() // 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02d}" if rest else "")


def duration(milliseconds: Any) -> str:
    """0.4 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if milliseconds is None or milliseconds == "":
        return EMPTY
    seconds = int(milliseconds) / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def between(started: Any, ended: Any) -> str:
    """Duration between two RFC 3339 texts."""
    try:
        return duration((datetime.fromisoformat(str(ended)) - datetime.fromisoformat(str(started))).total_seconds() * 1000)
    except ValueError:
        return EMPTY


def size(count: Any) -> str:
    """Bytes with a binary unit."""
    if count is None or count == "":
        return EMPTY
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return EMPTY


def shorten(text: Any, limit: int = 160) -> str:
    """One line of at most so many characters."""
    flat = " ".join(str(text or "").split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
