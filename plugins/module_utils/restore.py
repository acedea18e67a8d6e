# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the trees of a backup back to what its manifest says, touching only what differs.

Names and digests come from the manifest alone; out of the archive comes nothing but content, and content is put in place
only when it has the digest the manifest has for it. What is not in the manifest is moved aside, never deleted.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from . import compress, fileio
from .archive_compare import Differences, compare
from .archive_stream import member_name
from .backup_record import Copy
from .manifest import Entry, below, shown
from .restore_place import Places, dress
from .step import StepFailed

CHUNK = 1 << 20
HOLE = 1 << 16  # zeros of this length become a hole again
ZEROS = bytes(HOLE)


class Restore:
    """One restore of one whole copy. run() once."""

    def __init__(self, copy: Copy, quarantine: Path) -> None:
        self._copy, self._manifest = copy, copy.manifest
        self._places = Places(self._manifest.roots, quarantine)
        self._faults: list[str] = []
        self._numbers = {"restored": 0, "adjusted": 0, "quarantined": 0, "checked": 0}

    @property
    def touched(self) -> bool:
        return any(self._numbers[key] for key in ("restored", "adjusted", "quarantined"))

    def facts(self) -> dict[str, Any]:
        return {**self._numbers, "quarantine": self._places.quarantine}

    def said(self) -> str:
        counted = ", ".join(f"{key} {number}" for key, number in self._numbers.items())
        return counted + (f"; moved aside to {self._places.quarantine}" if self._places.quarantine else "")

    def run(self) -> list[str]:
        """Restore and check. Returns what is still not as it should be, in words."""
        try:
            found = compare(self._manifest)
            self._clear(found)
            self._fill(found)
            self._link()
            self._dress(found)
            return self._faults + self._check(found)
        finally:
            self._places.close()

    def _clear(self, found: Differences) -> None:
        """Out of the way: what the manifest does not know, and what has another type than it should."""
        other = [now for wanted, now in found.altered if _kind(wanted) != _kind(now)]
        moved: list[str] = []
        for entry in sorted([*found.extra, *other], key=lambda entry: entry.path.split("/")):
            if not (moved and below(entry.path, moved[-1:])):
                self._places.set_aside(entry.path)
                self._numbers["quarantined"] += 1
                moved.append(entry.path)

    def _fill(self, found: Differences) -> None:
        """Folders, then links and devices, then the content of files, read once from the archive."""
        gone = found.missing + [wanted for wanted, now in found.altered if _kind(wanted) != _kind(now)]
        for entry in sorted(gone, key=lambda entry: entry.path):
            if entry.type == "dir":
                self._attempt(entry, lambda entry=entry: self._places.make_folder(entry.path))  # type: ignore[misc] # bound by default, called at once
        specials = [wanted for wanted, now in found.altered if wanted.type == "link" and now.type == "link"]
        for entry in [*gone, *specials]:
            if entry.type not in ("dir", "file", "hardlink"):
                self._attempt(entry, lambda entry=entry: self._places.make_special(entry))  # type: ignore[misc] # bound by default, called at once
        changed = [wanted for wanted, now in found.altered if now.sha256 != wanted.sha256 or now.type != wanted.type]
        wanted = {member_name(entry.path): entry for entry in [*gone, *changed] if entry.type == "file"}
        if wanted:
            self._unpack(wanted)

    def _attempt(self, entry: Entry, work: Any) -> None:
        try:
            work()
            self._numbers["restored"] += 1
        except OSError as exc:
            self._faults.append(f"{shown(entry.path)}: {exc.strerror or exc}")

    def _unpack(self, wanted: dict[str, Entry]) -> None:
        """One pass over the archive. A member whose digest is not the manifest's is passed over (see archive_stream:
        a file that changed while it was read stands twice)."""
        with open(self._copy.archive, "rb") as archive:
            with compress.source(self._manifest.compression, archive, whole=False) as stream:
                self._members(stream, wanted)
        self._faults += [f"{shown(entry.path)}: its content is not in the archive" for entry in wanted.values()]

    def _members(self, stream: IO[bytes], wanted: dict[str, Entry]) -> None:
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK, encoding="utf-8", errors="surrogateescape") as tar:
                for member in tar:
                    entry = wanted.get(member.name)
                    if entry is None or not member.isreg() or member.size != entry.size:
                        continue
                    content = tar.extractfile(member)
                    if content is not None and self._one(entry, content):
                        del wanted[member.name]
                    if not wanted:
                        return
        except tarfile.TarError as exc:
            raise StepFailed(f"{self._copy.archive} cannot be read: {exc}") from exc

    def _one(self, entry: Entry, content: IO[bytes]) -> bool:
        try:
            handle, temp = self._places.temp_file(entry.path)
        except OSError as exc:
            self._faults.append(f"{shown(entry.path)}: {exc.strerror or exc}")
            return True
        try:
            if _pour(content, handle) != entry.sha256:
                return False
            dress(handle, entry)
            self._places.put(entry.path, temp)
            temp = ""
        finally:
            os.close(handle)
            if temp:
                self._places.drop(entry.path, temp)
        self._numbers["restored"] += 1
        return True

    def _link(self) -> None:
        """Names of one file are names of one file again."""
        for entry in self._manifest.entries:
            if entry.type == "hardlink" and not self._same_file(entry):
                self._attempt(entry, lambda entry=entry: self._places.make_link(entry.path, entry.link))  # type: ignore[misc] # bound by default, called at once

    def _same_file(self, entry: Entry) -> bool:
        try:
            return os.path.samestat(self._places.lstat(entry.path), self._places.lstat(entry.link))
        except OSError:
            return False

    def _dress(self, found: Differences) -> None:
        """Owner, mode, attributes and times, the innermost first: work in a folder changes the folder's time."""
        different = {wanted.path for wanted, _now in found.altered} | {entry.path for entry in found.missing}
        for entry in reversed(self._manifest.entries):
            if entry.type == "hardlink":
                continue
            with suppress(FileNotFoundError):
                info = self._places.lstat(entry.path)
                off = entry.path in different or entry.path in self._places.loosened
                if off or info.st_mtime_ns != entry.mtime_ns:
                    self._adjust(entry)

    def _adjust(self, entry: Entry) -> None:
        try:
            self._places.dress(entry)
            self._numbers["adjusted"] += 1
        except OSError as exc:
            self._faults.append(f"{shown(entry.path)}: {exc.strerror or exc}")

    def _check(self, before: Differences) -> list[str]:
        """Everything once more against the manifest; hashed again is what was written here."""
        for root in self._manifest.roots:
            with suppress(OSError):
                fileio.sync_filesystem(root if os.path.isdir(root) else os.path.dirname(root))
        written = {wanted.path for wanted, _now in before.altered} | {entry.path for entry in before.missing}
        trusted = {entry.path: entry.sha256 for entry in before.now.values() if entry.sha256 and entry.path not in written}
        after = compare(self._manifest, trusted=trusted)
        self._numbers["checked"] = len(self._manifest.entries)
        return after.words()


def _kind(entry: Entry) -> str:
    """A file and a further name of a file replace each other by a rename; nothing else does."""
    return "file" if entry.type == "hardlink" else entry.type


def _pour(content: IO[bytes], handle: int) -> str:
    """Copy into an open file, leaving holes where there are only zeros. Returns the digest."""
    digest, place = hashlib.sha256(), 0
    for chunk in iter(lambda: content.read(CHUNK), b""):
        digest.update(chunk)
        for start in range(0, len(chunk), HOLE):
            part = chunk[start : start + HOLE]
            if part != ZEROS[: len(part)]:
                _write_all(handle, part, place + start)
        place += len(chunk)
    os.ftruncate(handle, place)
    return digest.hexdigest()


def _write_all(handle: int, part: bytes, place: int) -> None:
    while part:
        done = os.pwrite(handle, part, place)
        part, place = part[done:], place + done
