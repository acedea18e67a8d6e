# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was there before a step changed it, kept so that it can be put back: <change>/originals/<step>/ with index.json.

The index is on the disk before the first change. A step that runs again (after a power cut) keeps the first originals;
once everything was reverted, the next step that changes something begins new sets, the old ones stay beside them.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

from . import fileio, places
from .step import Context, StepFailed

INDEX = "index.json"


class Originals:
    """The originals of one step."""

    def __init__(self, folder: Path, index: dict[str, Any]) -> None:
        self.folder = folder
        self.index = index

    @classmethod
    def begin(cls, ctx: Context) -> Originals:
        """For a step that is about to change something."""
        top = places.private_dir(ctx.change_dir / "originals")
        for earlier in cls.all(ctx.change_dir):
            if earlier.index.get("reverted"):
                os.rename(earlier.folder, _unused(earlier.folder))
        folder = places.private_dir(top / places.safe_name(ctx.step["id"]))
        index = fileio.read_json(folder / INDEX)
        if not index:
            index = {"format": 1, "step": ctx.step["id"], "order": time.time_ns(), "reverted": False, "entries": []}
        return cls(folder, index)

    @classmethod
    def all(cls, change_dir: Path) -> list[Originals]:
        """Every step's originals of a change, the last change first."""
        found = []
        for path in (change_dir / "originals").glob(f"*/{INDEX}"):
            if "~" not in path.parent.name:
                found.append(cls(path.parent, fileio.read_json(path)))
        return sorted(found, key=lambda item: -int(item.index["order"]))

    def entry(self, key: str, path: str) -> dict[str, Any] | None:
        """What is already kept of a path."""
        return next((item for item in self.index["entries"] if item.get(key) == path), None)

    def add(self, entry: dict[str, Any]) -> None:
        """Keep an entry, durably, before the change it belongs to."""
        self.index["entries"].append(entry)
        self.save()

    def save(self) -> None:
        fileio.write_json(self.folder / INDEX, self.index)

    def keep_path(self, path: Path) -> None:
        """Keep a file, a link or the fact that there is nothing. Raises StepFailed for anything else."""
        if self.entry("path", str(path)) is None:
            self.add(self._describe(path))

    def _describe(self, path: Path) -> dict[str, Any]:
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            return {"path": str(path), "was": "absent", "made_dirs": _missing_parents(path)}
        facts = {
            "path": str(path),
            "mode": stat.S_IMODE(info.st_mode),
            "uid": info.st_uid,
            "gid": info.st_gid,
            "mtime_ns": info.st_mtime_ns,
        }
        if stat.S_ISLNK(info.st_mode):
            return {**facts, "was": "link", "target": os.readlink(path)}
        if not stat.S_ISREG(info.st_mode):
            raise StepFailed(f"{path} is neither a file nor a link")
        name = f"{len(self.index['entries']) + 1:04d}"
        digest = fileio.copy_synced(path, self.folder / name)
        copy_xattrs(path, self.folder / name)
        return {**facts, "was": "file", "size": info.st_size, "sha256": digest, "stored": name}


def copy_xattrs(source: Path | str, target: Path | str) -> None:
    """Labels and access lists, as far as both filesystems know them."""
    try:
        for name in os.listxattr(source, follow_symlinks=False):
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=False), follow_symlinks=False)
    except OSError:
        pass


def _missing_parents(path: Path) -> list[str]:
    """Directories that will have to be made, the outermost first."""
    missing = [str(parent) for parent in path.parents if not parent.exists()]
    return list(reversed(missing))


def _unused(folder: Path) -> Path:
    number = 1
    while (folder.parent / f"{folder.name}~{number}").exists():
        number += 1
    return folder.parent / f"{folder.name}~{number}"
