# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step types the house adds by itself before a change: may it start on this host at all?"""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import Any

from . import history, host_lock, patch_files
from .become import current_user
from .step import Context, StepResult, abnormal, done


def space(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: paths [{path, need_bytes | need_bytes_of: [paths]}]. Needs on one filesystem add up."""
    need: dict[int, int] = {}
    where: dict[int, Path] = {}
    for item in args.get("paths") or []:
        place = _existing(Path(str(item["path"])))
        device = place.stat().st_dev
        where.setdefault(device, place)
        need[device] = need.get(device, 0) + int(item.get("need_bytes") or 0) + _size_of(item.get("need_bytes_of") or [])
    said, short = [], []
    for device, place in where.items():
        free = _free(place)
        said.append(f"{place}: {free} bytes free, {need[device]} needed")
        if free < need[device]:
            short.append(f"not enough room on {place}: {free} bytes free, {need[device]} needed")
    facts = [{"path": str(where[device]), "free": _free(where[device]), "need": need[device]} for device in where]
    return abnormal("; ".join(short), "\n".join(said), paths=facts) if short else done("\n".join(said), paths=facts)


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def _size_of(paths: list[Any]) -> int:
    """Bytes of files below the paths; what cannot be read is left out (the backup will say so)."""
    total = 0
    for top in map(str, paths):
        if os.path.isfile(top):
            total += os.lstat(top).st_size
        for folder, _folders, names in os.walk(top):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except OSError:
                    continue
    return total


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
