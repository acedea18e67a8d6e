# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages to a running segment: files it looks for (cancel at a step boundary, confirm at the end)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import clock, fileio, host_lock, places


def leave(state: Path, op: str, body: dict[str, Any]) -> dict[str, Any]:
    """Drop the file. The reply says whether a runner is there to find it."""
    change, run, segment = str(body["change"]), str(body["run"]), str(body["segment"])
    where = places.segment_dir(state, change, run, segment)
    if not (where / "journal.jsonl").exists():
        return {
            "ok": False,
            "missing": True,
            "error": f"no journal of segment {segment} of {change} (run {run}) on this host",
        }
    said = {key: str(body.get(key) or "") for key in ("by", "signal", "token")}
    fileio.write_json(where / op, {**said, "at": clock.now()})
    return {"ok": True, "alive": host_lock.held_by(state, change, run, segment)}
