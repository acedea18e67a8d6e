# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time on one change and one service: locks the kernel gives back when their holder dies."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass

from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place


@dataclass(frozen=True)
class Held:
    """Another run has it; `by` is what that run wrote into the lock."""

    name: str
    by: str


def take(folder: Place, name: str, note: dict[str, str | int]) -> int | Held:
    """Take the lock for the life of this process; the open file (kept by the caller; 0 where the connection keeps it), or who has it."""
    if isinstance(folder, Entry):
        by = folder.database.take(name, json.dumps(note, ensure_ascii=False))
        return 0 if by is None else Held(name, by)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        by = os.read(handle, 4096).decode("utf-8", "replace")
        os.close(handle)
        return Held(name, by)
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(note, ensure_ascii=False).encode(), 0)
    return handle


def is_held(folder: Place, name: str) -> bool:
    """Whether some live process has this lock now."""
    if isinstance(folder, Entry):
        return name in folder.database.held(name)
    path = folder / f"{name}.lock"
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def held(folder: Place, prefix: str) -> list[str]:
    """Names of the locks that begin so and that some live process has now."""
    if isinstance(folder, Entry):
        return folder.database.held(prefix)
    names = [path.stem for path in sorted(folder.glob(f"{prefix}*.lock"))] if folder.is_dir() else []
    return [name for name in names if is_held(folder, name)]
