# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known on this host of a change's segments: running, finished, or interrupted (begun, no end, no runner)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import fileio, host_lock, journal, leftover, places

RUNNING, FINISHED, INTERRUPTED = "running", "finished", "interrupted"


def state(base: Path, change: str) -> dict[str, Any]:
    """Who holds the lock, a command that lost its runner, and every segment of the change with its last line."""
    holder = host_lock.holder(base)
    left = leftover.find(base) if holder is None else None
    found = segments(base, change, holder)
    return {"ok": True, "lock": holder, "leftover": left, "segments": found, "backup": _backup(base, change)}


def segments(base: Path, change: str, holder: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Oldest first."""
    found = [_segment(path, change, holder) for path in places.change_dir(base, change).glob("*/*/journal.jsonl")]
    return sorted(found, key=lambda item: (str(item["started"]), str(item["segment"])))


def unfinished(base: Path, but: str, holder: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The last segment of every other change that was interrupted: somebody should look before anything else is done."""
    found = []
    for place in sorted(path for path in base.iterdir() if path.is_dir() and path.name not in (but, "engine", "backups")):
        told = [item for item in segments(base, place.name, holder) if item["phase"] != "gate"]
        if told and told[-1]["status"] == INTERRUPTED:
            found.append(told[-1])
    return found


def _segment(path: Path, change: str, holder: dict[str, Any] | None) -> dict[str, Any]:
    run, name = path.parent.parent.name, path.parent.name
    lines = _all_lines(path)
    last = lines[-1] if lines else {}
    alive = holder is not None and (holder.get("change"), holder.get("run"), holder.get("segment")) == (
        change,
        run,
        name,
    )
    ended = journal.ended(lines)
    return {
        "change": change,
        "run": run,
        "segment": name,
        "phase": str((lines[0] if lines else {}).get("phase") or ""),
        "status": FINISHED if ended else RUNNING if alive else INTERRUPTED,
        "alive": alive and not ended,
        "result": str(last.get("result") or "") if ended else "",
        "step": _open_step(lines),
        "started": str((lines[0] if lines else {}).get("at") or ""),
        "last": last,
        "changed": any(line.get("changed") for line in lines),
    }


def _open_step(lines: list[dict[str, Any]]) -> str:
    """The step that is running or was running when the story broke off; else the failing one; else ""."""
    begun = ""
    for line in lines:
        if line.get("event") == "step_started":
            begun = str(line.get("step") or "")
        elif line.get("event") == "step_finished":
            begun = ""
    return begun or (str(lines[-1].get("step") or "") if journal.ended(lines) else "")


def _all_lines(path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    offset = 0
    while True:
        try:
            more, offset = journal.read(path, offset)
        except (OSError, ValueError):
            return lines
        if not more:
            return lines
        lines += more


def _backup(base: Path, change: str) -> Any:
    try:
        return fileio.read_json(places.change_dir(base, change) / "backup.json")
    except (OSError, ValueError):
        return None
