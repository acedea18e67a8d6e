# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type files: put files in place, or away, one atomic rename each, the originals kept before."""

from __future__ import annotations

import grp
import io
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from . import fileio, patch_files
from .become import ids
from .originals import Originals, copy_xattrs
from .step import Context, StepFailed, StepResult, done

NEW_FILE_MODE = 0o644


@dataclass(frozen=True)
class Wanted:
    """How a file shall be: where its content comes from (or the content), and its attributes."""

    dest: Path
    source: Path | None
    content: bytes
    mode: int
    uid: int
    gid: int

    def open(self) -> IO[bytes]:
        return open(self.source, "rb") if self.source else io.BytesIO(self.content)


def files(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: items [{file|content|src, dest, mode, owner, group, state}]. New files belong to the step's user. Feedback: a line for each file."""
    said, changed = [], False
    for item in args.get("items") or []:
        word = _away(ctx, item) if item.get("state") == "absent" else _present(ctx, item)
        changed = changed or word != "unchanged"
        said.append(f"{word}: {item['dest']}")
    return done("\n".join(said), changed, files=len(said))


def _away(ctx: Context, item: dict[str, Any]) -> str:
    dest = _dest(item)
    if not os.path.lexists(dest):
        return "unchanged"
    Originals.begin(ctx).keep_path(dest)
    os.unlink(dest)
    fileio.sync_dir(dest.parent)
    return "removed"


def _present(ctx: Context, item: dict[str, Any]) -> str:
    wanted = _wanted(ctx, item)
    if _is_so(wanted):
        return "unchanged"
    existed = os.path.lexists(wanted.dest)
    Originals.begin(ctx).keep_path(wanted.dest)
    install(wanted)
    return "replaced" if existed else "created"


def install(wanted: Wanted) -> None:
    """Write beside, give it its attributes, rename over the old one. Raises OSError; then the old one is still there."""
    wanted.dest.parent.mkdir(parents=True, exist_ok=True)
    handle, temp = fileio.temp_beside(wanted.dest)
    try:
        with os.fdopen(handle, "wb") as out, wanted.open() as stream:
            for chunk in iter(lambda: stream.read(fileio.CHUNK), b""):
                out.write(chunk)
            out.flush()
            _set_owner(out.fileno(), wanted.uid, wanted.gid)
            os.fchmod(out.fileno(), wanted.mode)
            if os.path.isfile(wanted.dest) and not os.path.islink(wanted.dest):
                copy_xattrs(wanted.dest, temp)
                os.fchmod(out.fileno(), wanted.mode)
            os.fsync(out.fileno())
        os.rename(temp, wanted.dest)
    except BaseException:
        fileio.discard(temp)
        raise
    fileio.sync_dir(wanted.dest.parent)


def _set_owner(handle: int, uid: int, gid: int) -> None:
    info = os.fstat(handle)
    if (info.st_uid, info.st_gid) != (uid, gid):
        os.fchown(handle, uid, gid)


def _wanted(ctx: Context, item: dict[str, Any]) -> Wanted:
    dest = _dest(item)
    source, content = _source(ctx, item)
    own = ids(ctx.step.get("run_as"))
    old = os.lstat(dest) if dest.exists() and not dest.is_symlink() else None
    mode = int(str(item["mode"]), 8) if item.get("mode") else stat.S_IMODE(old.st_mode) if old else NEW_FILE_MODE
    uid = _uid(item["owner"]) if item.get("owner") else old.st_uid if old else own[0]
    gid = _gid(item["group"]) if item.get("group") else old.st_gid if old else own[1]
    return Wanted(dest, source, content, mode, uid, gid)


def _source(ctx: Context, item: dict[str, Any]) -> tuple[Path | None, bytes]:
    if item.get("file"):
        return patch_files.verified(ctx, str(item["file"])), b""
    if item.get("src"):
        source = Path(str(item["src"]))
        if not source.is_file():
            raise StepFailed(f"{source} is not a file on this host")
        return source, b""
    if item.get("content") is None:
        raise StepFailed(f"nothing says what {item['dest']} shall contain (file, content or src)")
    return None, str(item["content"]).encode()


def _dest(item: dict[str, Any]) -> Path:
    dest = Path(str(item["dest"]))
    if not dest.is_absolute() or ".." in dest.parts:
        raise StepFailed(f"not an absolute path: {dest}")
    if dest.is_dir() and not dest.is_symlink():
        raise StepFailed(f"{dest} is a directory")
    return dest


def _is_so(wanted: Wanted) -> bool:
    if wanted.dest.is_symlink() or not wanted.dest.is_file():
        return False
    info = os.lstat(wanted.dest)
    if (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) != (wanted.mode, wanted.uid, wanted.gid):
        return False
    with open(wanted.dest, "rb") as old, wanted.open() as new:
        while True:
            one, other = old.read(fileio.CHUNK), new.read(fileio.CHUNK)
            if one != other:
                return False
            if not one:
                return True


def _uid(owner: Any) -> int:
    try:
        return int(owner) if str(owner).isdigit() else pwd.getpwnam(str(owner)).pw_uid
    except KeyError:
        raise StepFailed(f"user {owner} does not exist on this host") from None


def _gid(group: Any) -> int:
    try:
        return int(group) if str(group).isdigit() else grp.getgrnam(str(group)).gr_gid
    except KeyError:
        raise StepFailed(f"group {group} does not exist on this host") from None
