# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type release: an archive unpacked into a release folder of its own, then the link switched to it atomically.

dest/releases/<name>/…      dest/releases/.itops/<name>.json (which archive it is)      dest/current -> releases/<name>
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from . import fileio, patch_files, places
from .become import ids
from .originals import Originals
from .step import Context, StepFailed, StepResult, done
from .unpack import stem, unpack

KEEP = 3
NOTES = ".itops"


def release(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: file, dest, link, keep, strip. What is unpacked belongs to the step's user."""
    name = str(args["file"])
    archive = patch_files.verified(ctx, name)
    dest = Path(str(args["dest"]))
    if not dest.is_absolute() or ".." in dest.parts:
        raise StepFailed(f"not an absolute path: {dest}")
    link = dest / places.safe_name(args.get("link") or "current")
    if os.path.lexists(link) and not link.is_symlink():
        raise StepFailed(f"{link} is not a link: it cannot be switched to another release")
    digest = fileio.sha256_file(archive)
    previous = os.readlink(link) if link.is_symlink() else None
    home, made = _provide(ctx, archive, name, dest / "releases", digest, link, int(args.get("strip") or 0))
    target = f"releases/{home.name}"
    if previous is not None and dest.joinpath(previous).resolve() == home.resolve():
        return done(f"unchanged: {link} -> {previous}", release=home.name, previous=previous)
    fileio.switch_link(link, target)
    removed = _prune(dest / "releases", [home.name, Path(previous or "").name], _number(args.get("keep")))
    said = [
        f"unpacked: {home}" if made else f"already there: {home}",
        f"{link} -> {target} (before: {previous or 'nothing'})",
    ]
    return done("\n".join([*said, *(f"removed: {path}" for path in removed)]), True, release=home.name, previous=previous or "")


def _number(keep: Any) -> int:
    return KEEP if keep is None else max(0, int(keep))


def _provide(ctx: Context, archive: Path, name: str, releases: Path, digest: str, link: Path, strip: int) -> tuple[Path, bool]:
    """The release's folder, and whether it had to be made. What was there before is kept before anything changes."""
    home = _home(ctx, releases, stem(name), digest)
    made = not home.exists()
    _keep(ctx, link, home, made)
    if made:
        _unpack_to(ctx, archive, name, releases, home, strip)
        fileio.write_json(_note(home), {"file": name, "sha256": digest, "change": ctx.segment.get("change")})
    return home, made


def _home(ctx: Context, releases: Path, name: str, digest: str) -> Path:
    """releases/<name>; when that is another archive's, releases/<name>-<change>."""
    for candidate in (name, f"{name}-{ctx.segment.get('change')}"):
        home = releases / places.safe_name(candidate)
        if not os.path.lexists(home) or (fileio.read_json(_note(home)) or {}).get("sha256") == digest:
            return home
    raise StepFailed(f"{releases / name} is another release of the same name")


def _note(home: Path) -> Path:
    return home.parent / NOTES / f"{home.name}.json"


def _keep(ctx: Context, link: Path, home: Path, made: bool) -> None:
    originals = Originals.begin(ctx)
    if originals.entry("link", str(link)) is not None:
        return
    target = os.readlink(link) if link.is_symlink() else None
    if target is None or link.parent.joinpath(target).resolve() != home.resolve():
        was = "absent" if target is None else "link"
        originals.add({"link": str(link), "was": was, "target": target or "", "release": str(home), "made": made})


def _unpack_to(ctx: Context, archive: Path, name: str, releases: Path, home: Path, strip: int) -> None:
    (releases / NOTES).mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=".unpack-", dir=str(releases)))
    try:
        unpack(archive, name, temp, strip)
        os.chmod(temp, 0o755)
        _give(temp, *ids(ctx.step.get("run_as")))
        fileio.sync_filesystem(temp)
        os.rename(temp, home)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    fileio.sync_dir(releases)


def _give(top: Path, uid: int, gid: int) -> None:
    if (uid, gid) == (os.geteuid(), os.getegid()):
        return
    os.lchown(top, uid, gid)
    for folder, names, others in os.walk(top):
        for name in (*names, *others):
            os.lchown(os.path.join(folder, name), uid, gid)


def _prune(releases: Path, spared: list[str], keep: int) -> list[Path]:
    """Remove releases beyond `keep` older ones; never the new one nor the one before it."""

    def age(path: Path) -> float:
        note = _note(path)
        return (note if note.exists() else path).stat().st_mtime

    candidates = [path for path in releases.iterdir() if path.is_dir() and not path.is_symlink() and not path.name.startswith(".")]
    old = sorted((path for path in candidates if path.name not in spared), key=age, reverse=True)
    previous = 1 if spared[1:] and spared[1] else 0
    removed = old[max(0, keep - previous) :]
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
        fileio.discard(_note(path))
    return removed


def unmake(entry: dict[str, Any]) -> None:
    """Put the link back and remove the release this change has made. Raises OSError. Safe to repeat."""
    link = Path(entry["link"])
    if entry["was"] == "absent":
        fileio.discard(link)
    elif not (link.is_symlink() and os.readlink(link) == entry["target"]):
        fileio.switch_link(link, entry["target"])
    remove_made(entry)


def remove_made(entry: dict[str, Any]) -> None:
    """Remove the release folder, if this change has made it."""
    home = Path(entry["release"])
    if entry.get("made") and home.exists():
        doomed = home.parent / f".gone-{home.name}"
        shutil.rmtree(doomed, ignore_errors=True)
        os.rename(home, doomed)
        fileio.discard(_note(home))
        shutil.rmtree(doomed, ignore_errors=True)


def fault(entry: dict[str, Any]) -> str:
    """Why the link is not as it was, "" when it is."""
    link = Path(entry["link"])
    found = os.readlink(link) if link.is_symlink() else "nothing"
    wanted = entry["target"] or "nothing"
    if found != wanted:
        return f"{link} leads to {found}, expected {wanted}"
    if entry["was"] == "link" and not link.exists():
        return f"{link} leads to {wanted}, which is not there any more"
    return ""
