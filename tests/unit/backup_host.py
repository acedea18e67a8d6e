# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with data, for the backup tests: its segments for backing up, restoring and comparing, and programs on its PATH."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

from .engine_host import Host, Told, step

NAME = "web_a_20261123T000000Z_CHG-20260101-01"


class BackupHost(Host):
    """One host whose data lies in `data` and whose archives go to `dest`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.data, self.dest, self.bin = root / "data", root / "backups", root / "bin"
        self.bin.mkdir()
        self._segments = 0

    def do(self, *steps: dict[str, Any], phase: str = "backup", **more: Any) -> Told:
        """A segment of its own, attended: it stops at what is abnormal."""
        self._segments += 1
        env = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", **more.pop("env", {})}
        return self.run(*steps, phase=phase, unattended=False, segment=f"s{self._segments}", env=env, **more)

    def archive(self, name: str = NAME, **args: Any) -> dict[str, Any]:
        given = {"paths": [str(self.data)], "dest": str(self.dest), "name": name, **args}
        return {**step("pack", "archive", phase="backup"), "args": given}

    def back_up(self, name: str = NAME, **args: Any) -> dict[str, Any]:
        """Back up, and what the event backup_made says of it."""
        told = self.do(self.archive(name, **args))
        assert told.result == "done", told.end["message"]
        return next(line for line in told.lines if line["event"] == "backup_made")

    def restore(self, **args: Any) -> dict[str, Any]:
        """Restore, then compare; the end of the step restore."""
        told = self.do(step("back", "restore", **args), step("same", "fingerprint"), phase="patch")
        assert told.result == "done", (told.end["message"], told.finished("back")["feedback"])
        return told.finished("back")

    def program(self, name: str, script: str) -> None:
        """A program of that name, found before any other."""
        place = self.bin / name
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    def only(self, *names: str) -> dict[str, str]:
        """An environment in which there are these programs and no others."""
        place = self.bin.parent / f"only-{len(names)}"
        place.mkdir(exist_ok=True)
        for name in names:
            found = shutil.which(name)
            assert found, name
            (place / name).unlink(missing_ok=True)
            (place / name).symlink_to(found)
        return {"PATH": str(place)}


def seen(top: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder, as an outsider sees it: type, mode, owner, time, content, attributes, names of one file."""
    found: dict[str, tuple[Any, ...]] = {}
    first: dict[int, str] = {}
    for path in sorted(walk(os.fsencode(top))):
        info = os.lstat(path)
        kind = stat.S_IFMT(info.st_mode)
        content: Any = ""
        if stat.S_ISLNK(info.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(info.st_mode):
            with open(path, "rb") as stream:
                content = stream.read()
        one = first.setdefault(info.st_ino, repr(path)) if not stat.S_ISDIR(info.st_mode) else ""
        attributes = {} if kind == stat.S_IFLNK else {name: os.getxattr(path, name) for name in os.listxattr(path) if name.startswith("user.")}
        found[repr(path)] = (kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns, content, one, attributes)
    return found


def walk(top: bytes) -> list[bytes]:
    """The folder, and all names below it."""
    found = [top]
    for folder, folders, names in os.walk(top):
        found += [os.path.join(folder, name) for name in (*folders, *names)]
    return found
