# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction at a time on a host. The kernel lets the lock go when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time

TYPE_CHECKING = False  # typing and pathlib take longer to import than a poll may
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

FILE = "lock"
SIZE = 4096  # bytes
PATIENCE = 2.0  # seconds: a runner that has just written its end needs a moment to go


class Locked(Exception):
    """Somebody else holds the lock; `holder` says who ({run, change, segment, pid, at})."""

    def __init__(self, holder: dict[str, Any]) -> None:
        super().__init__(f"locked by {holder}")
        self.holder = holder


class HostLock:
    """The held lock. It is inherited over fork and ends with the last process that has it open."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def describe(self, holder: dict[str, Any]) -> None:
        """Write down who holds it, for those who ask."""
        raw = json.dumps(holder, ensure_ascii=False).encode()
        # always one block, written in place: a full disk cannot empty it
        os.pwrite(self._handle, raw.ljust(SIZE - 1) + b"\n", 0)

    def leave(self) -> None:
        """Close our side of it; a forked runner still holds it."""
        os.close(self._handle)


def acquire(state: Path, holder: dict[str, Any], patience: float = PATIENCE) -> HostLock:
    """Take the lock. Raises Locked, and OSError when the file cannot be opened."""
    handle = os.open(str(state / FILE), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + patience
    while not _try(handle, fcntl.LOCK_EX):
        if time.monotonic() >= until:
            os.close(handle)
            raise Locked(_read(state))
        time.sleep(0.02)
    lock = HostLock(handle)
    try:
        lock.describe(holder)
    except OSError as exc:  # a full disk must not keep us from rolling back
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
    return lock


def holder(state: Path | str) -> dict[str, Any] | None:
    """Who holds the lock at this moment, None when it is free. Raises OSError."""
    try:
        handle = os.open(os.path.join(state, FILE), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        return None if _try(handle, fcntl.LOCK_SH) else _read(state)
    finally:
        os.close(handle)


def held_by(state: Path | str, change: str, run: str, segment: str) -> bool:
    """Whether this segment's runner is alive."""
    found = holder(state)
    return found is not None and (found.get("change"), found.get("run"), found.get("segment")) == (change, run, segment)


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _read(state: Path | str) -> dict[str, Any]:
    try:
        with open(os.path.join(state, FILE), encoding="utf-8") as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
