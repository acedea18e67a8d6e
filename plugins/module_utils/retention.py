# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes old backups of one service on one host, beyond a number and an age; never the newest one and never this change's."""

from __future__ import annotations

import calendar
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from . import backup_record, fileio, manifest
from .compress import SUFFIX
from .step import Context, StepFailed, StepResult, done

STAMP = re.compile(r"^(\d{8}T\d{6})Z?_(.+)$")


class Kept(NamedTuple):
    """One archive with its manifest, by its name <service>_<host>_<UTC time>_<change>."""

    made: float  # epoch
    name: str
    change: str
    archive: Path
    manifest: Path


def prune(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: dest, service, keep (so many stay at least), keep_days (younger ones stay as well; optional).
    What is neither goes. Raises StepFailed, OSError."""
    keep = int(args.get("keep") or 0)
    if keep < 1:
        raise StepFailed(f"retention keeps at least one backup, not {keep}")
    dest = Path(str(args.get("dest") or ctx.state / "backups"))
    pairs, orphans = _found(dest, f"{args.get('service') or ctx.segment.get('service')}_{ctx.segment.get('host')}_")
    gone = _surplus(ctx, pairs, keep, args.get("keep_days"))
    for pair in gone:
        os.unlink(pair.manifest)  # first: a manifest always has its archive
        os.unlink(pair.archive)
    if gone:
        fileio.sync_dir(dest)
    pruned, kept = [pair.name for pair in gone], [pair.name for pair in pairs if pair not in gone]
    said = f"removed {len(pruned)}, kept {len(kept)}" + (f"; left alone, no pair: {', '.join(orphans)}" if orphans else "")
    return done(said, changed=bool(gone), pruned=pruned, kept=kept, orphans=orphans)


def _found(dest: Path, prefix: str) -> tuple[list[Kept], list[str]]:
    """Pairs, newest first, and files of ours that have lost their other half."""
    names = sorted(name for name in os.listdir(dest) if name.startswith(prefix)) if dest.is_dir() else []
    stems = {name[: -len(manifest.SUFFIX)] for name in names if name.endswith(manifest.SUFFIX)}
    pairs, orphans = [], []
    for name in names:
        suffix = next((end for end in SUFFIX.values() if name.endswith(end)), "")
        stem = name[: -len(suffix)] if suffix else ""
        match = STAMP.match(stem[len(prefix) :])
        if match and stem in stems:
            when = calendar.timegm(time.strptime(match[1], "%Y%m%dT%H%M%S"))
            pairs.append(Kept(when, stem, match[2], dest / name, dest / (stem + manifest.SUFFIX)))
    complete = {pair.archive.name for pair in pairs} | {pair.manifest.name for pair in pairs}
    orphans = [name for name in names if name not in complete]
    return sorted(pairs, reverse=True), orphans


def _surplus(ctx: Context, pairs: list[Kept], keep: int, keep_days: Any) -> list[Kept]:
    own = _own_archive(ctx)
    oldest = time.time() - int(keep_days) * 86400 if keep_days else None
    found = []
    for place, pair in enumerate(pairs):
        protected = place == 0 or pair.change == ctx.segment.get("change") or str(pair.archive) == own
        if not protected and place >= keep and (oldest is None or pair.made < oldest):
            found.append(pair)
    return found


def _own_archive(ctx: Context) -> str:
    try:
        return str(backup_record.load(ctx)["archive"])
    except StepFailed:
        return ""
