# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a segment: one JSON line each time something begins or ended, on the disk before we go on.

A ballast file keeps room for the end of the story: when the disk is full it is given up, and the line written again.
"""

from __future__ import annotations

import errno
import json
import os

from . import clock

TYPE_CHECKING = False  # typing and pathlib take longer to import than a poll may
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

BALLAST = 1 << 20  # bytes; about twenty steps with a page of feedback each
STRUCTURE = frozenset(
    (
        "segment",
        "step",
        "seq",
        "kind",
        "type",
        "phase",
        "result",
        "rc",
        "changed",
        "started",
        "ended",
        "duration_ms",
        "pid",
    )
)  # fields we have made ourselves: a secret that reads "ok" must not make a line unreadable
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class JournalError(Exception):
    """A line could not be written; the text says why. Nothing of it is left behind."""


class Journal:
    """Appends to a new journal. Raises JournalError also when there is no room for the ballast it must reserve."""

    def __init__(self, path: Path, redact: Callable[[Any], Any], must_reserve: bool = True) -> None:
        self.redact = redact
        self._ballast = path.parent / "ballast"
        self._count = 0
        self.full = False
        self._reserve(BALLAST, must_reserve)
        self._handle = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)

    def append(self, event: str, **data: Any) -> None:
        """Write one line and sync it. Raises JournalError."""
        told = {key: value if key in STRUCTURE else self.redact(value) for key, value in data.items()}
        line = {"n": self._count + 1, "at": clock.now(), "event": event, **told}
        raw = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace") + b"\n"
        try:
            self._write(raw)
        except OSError as exc:
            if exc.errno not in FULL or not self._give_up_ballast():
                raise JournalError(f"the journal cannot be written: {exc.strerror}") from exc
            self._again(raw)
        self._count += 1

    def close(self) -> None:
        """Give the room back."""
        os.close(self._handle)
        self._give_up_ballast()

    def _again(self, raw: bytes) -> None:
        self.full = True
        try:
            self._write(raw)
        except OSError as exc:
            raise JournalError(f"the journal cannot be written: {exc.strerror}") from exc

    def _write(self, raw: bytes) -> None:
        size = os.fstat(self._handle).st_size
        try:
            written = os.write(self._handle, raw)
            if written != len(raw):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._handle)
        except OSError:
            os.ftruncate(self._handle, size)
            raise

    def _reserve(self, size: int, must: bool) -> None:
        try:
            handle = os.open(str(self._ballast), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                os.posix_fallocate(handle, 0, size)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as exc:
            self._give_up_ballast()
            if must:
                raise JournalError(f"no room for the journal (needs {size} bytes): {exc.strerror}") from exc

    def _give_up_ballast(self) -> bool:
        try:
            os.unlink(self._ballast)
            return True
        except OSError:
            return False


def read(path: Path | str, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Complete lines from a byte offset on, and the offset after them. A torn last line waits. Raises OSError."""
    with open(path, "rb") as stream:
        stream.seek(offset)
        raw = stream.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def ended(lines: list[dict[str, Any]]) -> bool:
    """Whether the story has its end."""
    return bool(lines) and lines[-1].get("event") == "segment_finished"
