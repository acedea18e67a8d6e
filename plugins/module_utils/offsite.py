# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type offsite: the verified backup once more, in a mounted folder or on another host, and hashed again where it lies."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import backup_record, fileio, offsite_host
from .backup_record import Part, differs
from .manifest import Manifest, below
from .step import Context, StepFailed, StepResult, done


def offsite(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: destination (an absolute folder, or [user@]host:/folder), allow_same_filesystem (folder only).
    Data: that of the event backup_made, with the site offsite. Raises StepFailed, OSError: then no copy is left there."""
    known = {key: value for key, value in backup_record.load(ctx).items() if key != "format"}
    parts = [Part(Path(known["archive"]), str(known["sha256"])), Part(Path(known["manifest"]), str(known["manifest_sha256"]))]
    destination = str(args.get("destination") or "")
    if destination.startswith("/"):
        sheet = backup_record.manifest_of(ctx, None)
        where = _to_folder(Path(os.path.normpath(destination)), parts, sheet, bool(args.get("allow_same_filesystem")))
    else:
        where = offsite_host.deliver(ctx, destination, parts)
    site = {"site": "offsite", "where": where, "sha256": parts[0].sha256, "verified": True}
    facts = {**known, "sites": [*(each for each in known["sites"] if each["site"] != "offsite"), site]}
    backup_record.save(ctx, facts)
    return done(f"{where}: archive and manifest copied, and hashed again there", changed=True, **facts)


def _to_folder(folder: Path, parts: list[Part], sheet: Manifest, same_allowed: bool) -> str:
    _apart(folder, sheet.roots)
    if not same_allowed:
        _elsewhere(folder, parts[0].source, sheet)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    placed: list[Path] = []
    try:
        for part in parts:
            placed.append(_placed(part, folder))
            _prove(placed[-1], part.sha256)
    except BaseException:
        for path in placed:
            fileio.discard(path)
        raise
    return str(placed[0])


def _apart(folder: Path, roots: list[str]) -> None:
    real = os.path.realpath(folder)
    for root in roots:
        if below(real, [os.path.realpath(root)]):
            raise StepFailed(f"the offsite folder {folder} lies inside {root}, which is backed up")


def _elsewhere(folder: Path, archive: Path, sheet: Manifest) -> None:
    """A folder whose mount is missing lies on the root filesystem, so that one does not count as elsewhere either."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    device = os.stat(there).st_dev
    for near in ["/", str(archive), *sheet.roots, *(entry.path for entry in sheet.entries if entry.type == "dir")]:
        with suppress(OSError):
            if os.stat(near).st_dev == device:
                raise StepFailed(
                    f"the offsite folder {folder} lies on the same filesystem as {near}: is it mounted?"
                    " (allow_same_filesystem: true in backup.destination says that this is meant)"
                )


def _placed(part: Part, folder: Path) -> Path:
    target, temp = folder / part.source.name, folder / f".{part.source.name}.itops"
    try:
        fileio.copy_synced(part.source, temp)
        os.rename(temp, target)
    finally:
        fileio.discard(temp)
    fileio.sync_dir(folder)
    return target


def _prove(path: Path, sha256: str) -> None:
    """Read it again, from the disk where the filesystem lets us drop what is still in memory."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        with suppress(OSError):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
    differs(str(path), fileio.sha256_file(path), sha256)
