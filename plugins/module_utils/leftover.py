# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that go on although the runner that started them was killed: nobody may work beside them.

While a command runs, its process group stands in the segment's file `child`. The lock dies with the runner, the command
does not; so whoever takes the lock looks for such files first.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from . import fileio

FILE = "child"


def note(segment_dir: Path, pid: int) -> None:
    """A command has begun. Not synced: after a power cut no command is left either."""
    try:
        (segment_dir / FILE).write_text(json.dumps({"pid": pid, "start": _start_of(pid), "boot": _boot()}), encoding="utf-8")
    except OSError:
        pass  # a full disk must not stop the way back


def clear(segment_dir: Path) -> None:
    """It has ended."""
    fileio.discard(segment_dir / FILE)


def find(state: Path) -> dict[str, Any] | None:
    """{change, run, segment, pid, leftover} of a command that still runs without its runner. Ask only under the lock."""
    for path in state.glob(f"*/*/*/{FILE}"):
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if _alive(noted):
            change, run, segment = path.parts[-4:-1]
            return {"change": change, "run": run, "segment": segment, "pid": noted["pid"], "leftover": True}
        fileio.discard(path)
    return None


def _alive(noted: dict[str, Any]) -> bool:
    if noted.get("boot") != _boot():
        return False
    start = _start_of(int(noted["pid"]))
    if start:
        return bool(start == noted.get("start"))
    try:
        os.killpg(int(noted["pid"]), 0)  # its first process is gone; is anything of its group left?
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_of(pid: int) -> str:
    """When a process was started (clock ticks since boot), "" for one that is gone or only waits to be buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
