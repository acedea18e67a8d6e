# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads on in a journal, waiting a while for news: what the controller polls with."""

from __future__ import annotations

import os
import time

from . import host_lock, journal, places

TYPE_CHECKING = False  # typing and pathlib take longer to import than a poll may
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

UNTIL_NEWS = "news"
UNTIL_END = "end"
FIRST_PAUSE, LAST_PAUSE = 0.005, 0.1  # seconds between two looks


def follow(state: Path | str, who: dict[str, Any], offset: int, wait_ms: int, until: str = UNTIL_NEWS) -> dict[str, Any]:
    """Lines from a byte offset on. Returns at news (or the end), when the runner is gone, or after wait_ms."""
    change, run, segment = str(who["change"]), str(who["run"]), str(who["segment"])
    path = os.path.join(places.segment_path(state, change, run, segment), "journal.jsonl")
    if not os.path.exists(path):
        return {
            "ok": False,
            "missing": True,
            "error": f"no journal of segment {segment} of {change} (run {run}) on this host",
        }
    deadline, pause = time.monotonic() + wait_ms / 1000, FIRST_PAUSE
    lines: list[dict[str, Any]] = []
    while True:
        alive = host_lock.held_by(state, change, run, segment)  # before reading: its last words must not be missed
        more, offset = journal.read(path, offset)
        lines += more
        over = journal.ended(lines) or not alive or time.monotonic() >= deadline
        if over or (lines and until == UNTIL_NEWS):
            return _answer(lines, offset, alive)
        time.sleep(pause)
        pause = min(LAST_PAUSE, pause * 1.5)


def _answer(lines: list[dict[str, Any]], offset: int, alive: bool) -> dict[str, Any]:
    ended = journal.ended(lines)
    return {"ok": True, "lines": lines, "offset": offset, "ended": ended, "alive": alive and not ended}
