# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that is under way: locked, unseen under its own name, and kept so that a later call can go on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itops_cli.notices.way import Refused


@contextmanager
def under_way(folder: Path, name: str) -> Iterator[Path]:
    """The file under way, locked: two downloads of the same file do not mix."""
    path = folder / f".{name}.part"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        _lock(handle, path)
        try:
            yield path
        finally:
            if not path.exists() or not path.stat().st_size:
                forget(path)
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = path.exists() and os.fstat(handle).st_ino == path.stat().st_ino
    except BlockingIOError:
        mine = False
    if not mine:
        raise Refused("somebody else is fetching it right now", "wait for that: itops notice fetch CHANGE")


def forget(part: Path) -> None:
    """Remove it, and what was known of it."""
    part.unlink(missing_ok=True)
    state(part).unlink(missing_ok=True)


def state(part: Path) -> Path:
    """What the server said of the version that has come in part."""
    return part.with_name(f"{part.name}.state")


def sync(path: Path) -> None:
    """Its bytes are on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
