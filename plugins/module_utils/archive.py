# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step types archive, restore, fingerprint and prune: the backup of a change on one host, and the way back to it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from . import archive_reuse, archive_write, backup_record, compress, retention
from .archive_compare import compare
from .archive_write import Job, Made
from .backup_tree import Tree, matcher, roots_of, walk
from .manifest import below, shown
from .places import safe_name
from .restore import Restore
from .step import Context, StepFailed, StepResult, abnormal, done


def archive(ctx: Context, args: dict[str, Any]) -> StepResult:
    """Package paths into dest/name with a manifest, and read it back. Data: that of the event backup_made, with
    `same_filesystem` (everything packaged lies on the filesystem of dest) and `skipped` (sockets)."""
    job = _job(ctx, args)
    roots = roots_of(map(str, args.get("paths") or []))
    job.dest.mkdir(mode=0o700, parents=True, exist_ok=True)
    _outside(job.dest, roots, "the backup would contain itself: its folder")
    _outside(ctx.state, roots, "a restore would undo its own records: the state directory")
    looked = time.time_ns()
    tree = walk(roots, matcher(job.exclude, roots))
    index = archive_reuse.index_path(ctx.state, job)
    made = archive_reuse.reuse(index, job, tree) or archive_write.make(job, tree)
    archive_reuse.remember(index, made, looked)
    facts = {**backup_record.facts(made), "same_filesystem": _same_filesystem(job.dest, tree)}
    if ctx.segment.get("phase") == "backup":  # what a plan packs for itself is not the way back
        backup_record.save(ctx, facts)
    return done(_said(made, tree), changed=True, **facts, skipped=[shown(path) for path in tree.sockets[:20]])


def _job(ctx: Context, args: dict[str, Any]) -> Job:
    about = {key: str(ctx.segment.get(key, "")) for key in ("change", "host", "service")}
    dest = str(args.get("dest") or ctx.state / "backups")
    if not dest.startswith("/"):
        raise StepFailed(f"the folder for backups is not an absolute path: {dest!r}")
    folder, name, compression = (dest, args["name"], args.get("compression") or "auto") if "name" in args else _named_by(dest)
    return Job(
        Path(os.path.normpath(folder)), safe_name(name), [str(glob) for glob in args.get("exclude") or []],
        compress.choose(str(compression)), int(args.get("reserve_bytes") or 0), about,
    )  # fmt: skip


def _named_by(dest: str) -> tuple[str, str, str]:
    """A step of a plan names the archive itself: folder, name and compression follow from it."""
    folder, name = os.path.split(dest)
    for kind, suffix in compress.SUFFIX.items():
        if name.endswith(suffix):
            return folder, name[: -len(suffix)], kind
    return folder, name, "auto"


def _outside(place: Path, roots: list[str], what: str) -> None:
    real = os.path.realpath(place)
    for root in roots:
        if below(real, [os.path.realpath(root)]):
            raise StepFailed(f"{what} {place} lies inside {root}")


def _same_filesystem(dest: Path, tree: Tree) -> bool:
    device = os.stat(dest).st_dev
    return all(info.st_dev == device for info in tree.stats)


def _said(made: Made, tree: Tree) -> str:
    counts, stored = made.manifest.counts(), made.manifest.archive
    how = (
        f"unchanged since {made.manifest.reused_from}, linked under the new name; its sha256 was computed again"
        if made.manifest.reused_from
        else "decompressed again completely and every member compared"
    )
    sockets = f"; sockets left out: {', '.join(map(shown, tree.sockets[:20]))}" if tree.sockets else ""
    return (
        f"{made.archive}: {counts['entries']} entries, {counts['bytes']} bytes in {stored['size']} bytes"
        f" ({made.manifest.compression}), sha256 {stored['sha256']}; {how}{sockets}"
    )


def restore(ctx: Context, args: dict[str, Any]) -> StepResult:
    """Bring the trees back to the manifest. args: manifest (another than the change's), quarantine (another folder).
    Data: restored, adjusted, quarantined, checked (numbers), site, quarantine (folder, "" when unused)."""
    copy = backup_record.whole_copy(ctx, args.get("manifest"))
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    quarantine = Path(str(args.get("quarantine") or ctx.change_dir / "quarantine")) / stamp
    work = Restore(copy, quarantine)
    faults = work.run()
    facts = {**work.facts(), "site": copy.site, "archive": str(copy.archive)}
    if faults:
        return abnormal(f"not restored completely: {faults[0]}", "\n".join(faults), True, **facts)
    return done(work.said(), changed=work.touched, **facts)


def fingerprint(ctx: Context, args: dict[str, Any]) -> StepResult:
    """Are the trees exactly what the backup holds? args: ignore (globs). Data: fingerprint, expected, files."""
    sheet = backup_record.manifest_of(ctx, args.get("manifest"))
    ignored = matcher([str(glob) for glob in args.get("ignore") or []], sheet.roots)
    found = compare(sheet, ignored)
    facts: dict[str, Any] = {"expected": _digest([entry for entry in sheet.entries if not ignored(entry.path)]), "files": len(sheet.entries)}
    if found.count:
        lines = found.words()
        counts = f"{len(found.missing)} missing, {len(found.altered)} different, {len(found.extra)} not in the backup"
        numbers: dict[str, Any] = {"missing": len(found.missing), "altered": len(found.altered), "extra": len(found.extra)}
        return abnormal(f"the restored files differ from the backup: {counts}", "\n".join(lines), differences=lines, **numbers, **facts)
    now = _digest([entry for entry in found.now.values() if not ignored(entry.path)])
    if now != facts["expected"]:
        return abnormal("the fingerprint differs from the backup's", fingerprint=now, **facts)
    return done(f"fingerprint {now}: {facts['files']} entries as in the backup", fingerprint=now, **facts)


def _digest(entries: list[Any]) -> str:
    from .manifest import fingerprint as of

    return of(entries)


def prune(ctx: Context, args: dict[str, Any]) -> StepResult:
    """Retention, see retention.py. Data: pruned, kept, orphans (names)."""
    return retention.prune(ctx, args)
