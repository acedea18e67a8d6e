# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step types the house adds by itself before a change: may it start on this host at all?"""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import history, host_lock, patch_files
from .backup_tree import matcher, outermost
from .become import current_user
from .step import Context, StepResult, abnormal, done


def space(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: paths [{path, need_bytes | need_bytes_of: [paths], exclude: [globs]}]. Needs on one filesystem add up; data
    that is to be packaged counts as if it could not be compressed."""
    need: dict[int, int] = {}
    where: dict[int, Path] = {}
    for item in args.get("paths") or []:
        place = _existing(Path(str(item["path"])))
        device = place.stat().st_dev
        where.setdefault(device, place)
        need[device] = need.get(device, 0) + int(item.get("need_bytes") or 0) + _size_of(item.get("need_bytes_of") or [], item.get("exclude") or [])
    facts: list[dict[str, Any]] = [{"path": str(place), "free": _free(place), "need": need[device]} for device, place in where.items()]
    said = [_said(fact) for fact in facts]
    short = [f"not enough room on {line}" for line, fact in zip(said, facts) if fact["free"] < fact["need"]]
    return abnormal("; ".join(short), "\n".join(said), paths=facts) if short else done("\n".join(said), paths=facts)


def _said(fact: dict[str, Any]) -> str:
    return f"{fact['path']}: {_in_words(fact['free'])} free, {_in_words(fact['need'])} needed"


def _in_words(size: int) -> str:
    """Bytes, and in a unit one can read."""
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name} ({size} bytes)"
    return f"{size} bytes"


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def _size_of(paths: list[Any], exclude: list[Any]) -> int:
    """Bytes of what a backup of the paths would package; what cannot be read is left out (the backup will say so)."""
    tops = outermost(place for path in map(str, paths) for place in (os.path.normpath(path), os.path.realpath(path)))
    left_out, total, counted = matcher(map(str, exclude), tops), 0, set()
    for path in _files(tops, left_out):
        try:
            info = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(info.st_mode) and (info.st_dev, info.st_ino) not in counted:
            total += info.st_size
            if info.st_nlink > 1:
                counted.add((info.st_dev, info.st_ino))
    return total


def _files(tops: list[str], left_out: Callable[[str], bool]) -> Iterator[str]:
    for top in tops:
        yield top
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if not left_out(os.path.join(folder, name))]
            yield from (path for path in (os.path.join(folder, name) for name in names) if not left_out(path))


def hash_files(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: files (names, or {name}; default all of the segment). Hashes the patch files where they lie on this host."""
    wanted = args.get("files") or ctx.segment.get("files") or []
    names = [str(item["name"]) if isinstance(item, dict) else str(item) for item in wanted]
    for name in names:
        patch_files.verified(ctx, name)
    return done("\n".join(f"ok: {name}" for name in names), files=len(names))


def lock_free(ctx: Context, args: dict[str, Any]) -> StepResult:
    """We hold the lock ourselves by now. What is left to ask: did another change break off on this host?"""
    change = str(ctx.segment.get("change"))
    broken = history.unfinished(ctx.state, change, host_lock.holder(ctx.state))
    if not broken:
        return done("free")
    said = [f"{item['change']} was interrupted in segment {item['segment']} at step {item['step'] or '-'}" for item in broken]
    return abnormal("; ".join(said), "\n".join(said), interrupted=[item["change"] for item in broken])


def runnable(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: root (whether root is needed). Who we are and what this host has for us."""
    user = current_user()
    tools = [name for name in ("zstd", "xz", "systemctl", "supervisorctl", "rsync", "sudo", "journalctl") if shutil.which(name)]
    said = f"{user}, Python {platform.python_version()}, {platform.platform()}; has {', '.join(tools) or 'no tools'}"
    if args.get("root") and os.geteuid() != 0:
        return abnormal(f"needs root, is {user}", said)
    return done(said, user=user, uid=os.geteuid(), python=platform.python_version(), tools=tools)
