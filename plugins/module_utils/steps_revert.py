# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type revert: undo every release and files step of this change in reverse order, then prove it by digest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import fileio, steps_release
from .originals import Originals, copy_xattrs
from .step import Context, StepFailed, StepResult, abnormal, done, os_reason


def revert(ctx: Context, args: dict[str, Any]) -> StepResult:
    """No args. Every original is tried, also after one failed; idempotent."""
    kept = Originals.all(ctx.change_dir)
    first = _first_of_each(kept)
    said: list[str] = []
    faults: list[str] = []
    for originals in kept:
        for entry in reversed(originals.index["entries"]):
            if first[_key(entry)] is entry:
                faults += _undo(originals, entry, said)
            elif "link" in entry:
                steps_release.remove_made(entry)
    proven = len(first)
    if faults:
        return abnormal("; ".join(faults), "\n".join(said), bool(said), proven=proven - len(faults), faults=faults)
    for originals in kept:
        _mark(originals)
    return done("\n".join([*said, f"{proven} originals are back and proven"]), bool(said), proven=proven)


def _first_of_each(kept: list[Originals]) -> dict[str, dict[str, Any]]:
    """Of a path that several steps have changed, the state before the first of them is the original."""
    first: dict[str, dict[str, Any]] = {}
    for originals in reversed(kept):
        for entry in originals.index["entries"]:
            first.setdefault(_key(entry), entry)
    return first


def _key(entry: dict[str, Any]) -> str:
    return str(entry.get("path") or entry.get("link"))


def _mark(originals: Originals) -> None:
    try:
        if not originals.index["reverted"]:
            originals.index["reverted"] = True
            originals.save()
    except OSError:
        pass  # a mark only; the next revert looks again


def _undo(originals: Originals, entry: dict[str, Any], said: list[str]) -> list[str]:
    """Put one thing back unless it is back already. Returns what is wrong afterwards."""
    try:
        if fault(entry):
            _put_back(originals, entry)
            said.append(f"back: {entry.get('path') or entry.get('link')}")
        elif "link" in entry:
            steps_release.unmake(entry)  # the link may be right and the folder still there
        wrong = fault(entry)
    except OSError as exc:
        wrong = os_reason(exc)
    except StepFailed as exc:
        wrong = str(exc)
    return [wrong] if wrong else []


def _put_back(originals: Originals, entry: dict[str, Any]) -> None:
    if "link" in entry:
        steps_release.unmake(entry)
        return
    path = Path(entry["path"])
    if entry["was"] == "absent":
        _remove(path, entry)
    elif entry["was"] == "link":
        path.parent.mkdir(parents=True, exist_ok=True)
        fileio.switch_link(path, entry["target"])
    else:
        _restore(originals.folder / entry["stored"], path, entry)


def _remove(path: Path, entry: dict[str, Any]) -> None:
    fileio.discard(path)
    for folder in reversed(entry.get("made_dirs") or []):
        try:
            os.rmdir(folder)
        except OSError:
            break  # somebody else has put something there
    if path.parent.is_dir():
        fileio.sync_dir(path.parent)


def _restore(stored: Path, path: Path, entry: dict[str, Any]) -> None:
    found = fileio.sha256_file(stored)
    if found != entry["sha256"]:
        raise StepFailed(f"the kept original of {path} is damaged: sha256 {found}, expected {entry['sha256']}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, temp = fileio.temp_beside(path)
        os.close(handle)
        try:
            fileio.copy_synced(stored, temp)
            _attributes(temp, stored, entry)
            os.rename(temp, path)
        except BaseException:
            fileio.discard(temp)
            raise
    except OSError:
        # no room for two: then in place, the new content is what we want to get rid of anyway
        if path.is_symlink():
            raise
        fileio.copy_synced(stored, path)
        _attributes(path, stored, entry)
    fileio.sync_dir(path.parent)


def _attributes(path: Path, stored: Path, entry: dict[str, Any]) -> None:
    copy_xattrs(stored, path)
    info = os.lstat(path)
    if (info.st_uid, info.st_gid) != (entry["uid"], entry["gid"]):
        os.chown(path, entry["uid"], entry["gid"])
    os.chmod(path, entry["mode"])
    os.utime(path, ns=(entry["mtime_ns"], entry["mtime_ns"]))


def fault(entry: dict[str, Any]) -> str:
    """Why a thing is not as it was before the change, "" when it is."""
    if "link" in entry:
        return steps_release.fault(entry)
    path = Path(entry["path"])
    if entry["was"] == "absent":
        return f"{path} is there, it was not before" if os.path.lexists(path) else ""
    if entry["was"] == "link":
        found = os.readlink(path) if path.is_symlink() else "no link"
        return "" if found == entry["target"] else f"{path} leads to {found}, expected {entry['target']}"
    return _file_fault(path, entry)


def _file_fault(path: Path, entry: dict[str, Any]) -> str:
    if path.is_symlink() or not path.is_file():
        return f"{path} is missing"
    found = fileio.sha256_file(path)
    if found != entry["sha256"]:
        return f"{path} has sha256 {found}, expected {entry['sha256']}"
    info = os.lstat(path)
    for name, now in (("mode", info.st_mode & 0o7777), ("uid", info.st_uid), ("gid", info.st_gid)):
        if now != entry[name]:
            return f"{path} has {name} {now}, expected {entry[name]}"
    return ""
