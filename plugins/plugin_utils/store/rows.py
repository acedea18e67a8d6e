# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of events as rows in PostgreSQL: the ledger's other way of keeping its lines."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry


class Link(Protocol):
    """What of an event the database compares."""

    @property
    def seq(self) -> int: ...
    @property
    def prev(self) -> str: ...
    @property
    def hash(self) -> str: ...


class Rows:
    """One stream. Every line is on the server's disk when it is written, whether asked for or not."""

    def __init__(self, entry: Entry):
        self._entry = entry
        self._read = 0  # number of the last line that was read here

    def read_on(self) -> tuple[bool, list[bytes]]:
        """Lines added since the last look; nothing is ever taken back, so never anew."""
        found = self._entry.lines(self._read)
        self._read += len(found)
        return False, found

    def open(self) -> AbstractContextManager[Any]:
        """A transaction in which nobody else adds to this stream."""
        return self._entry.database.adding(self._entry.path)

    def last(self, handle: Any) -> tuple[int, str] | None:
        return self._entry.end(handle)

    def write(self, handle: Any, event: Link, line: bytes, _sync: bool) -> None:
        self._entry.add(handle, event.seq, event.prev, event.hash, line)
