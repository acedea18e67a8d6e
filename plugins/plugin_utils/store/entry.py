# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file or folder of records that is kept in PostgreSQL, with as much of `pathlib.Path` as the ledger's readers use."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal

from ansible_collections.itops.maintenance.plugins.plugin_utils.store.database import Database, StoreError

LINES = ".jsonl"  # of files that are only ever added to; all others are replaced whole
HEAD, STREAM = "head.json", "events.jsonl"  # the head of a stream is what the database remembers of its end
END = """
SELECT t.number, t.hash, l.number, l.hash FROM (SELECT %s::text AS file) f LEFT JOIN itops.tail t ON t.file = f.file
LEFT JOIN LATERAL (SELECT number, hash FROM itops.line WHERE file = f.file ORDER BY number DESC LIMIT 1) l ON true
"""


@dataclass(frozen=True)
class Entry:
    """`path` is relative to the root of the records, "" for the root itself. Every look asks the server: nothing here can be out of date."""

    database: Database
    path: str = ""

    def __truediv__(self, name: str) -> Entry:
        return Entry(self.database, f"{self.path}/{name}".lstrip("/"))

    def __str__(self) -> str:
        return f"{self.database.name}/{self.path}".rstrip("/")

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def parent(self) -> Entry:
        return Entry(self.database, self.path.rpartition("/")[0])

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        if self.name == HEAD:
            return (self.parent / STREAM).is_file()
        table = "line" if self.path.endswith(LINES) else "document"
        return bool(self.database.rows(f"SELECT FROM itops.{table} WHERE file = %s LIMIT 1", self.path))

    def is_dir(self) -> bool:
        found = "SELECT FROM itops.{} WHERE starts_with(file, %s)"
        return bool(self.database.rows(f"{found.format('tail')} UNION ALL {found.format('document')} LIMIT 1", *[f"{self.path}/".lstrip("/")] * 2))

    def files(self) -> list[Entry]:
        """Every file below it."""
        found = "SELECT file FROM itops.{} WHERE starts_with(file, %s)"
        below = self.database.rows(f"{found.format('tail')} UNION {found.format('document')} ORDER BY 1", *[f"{self.path}/".lstrip("/")] * 2)
        return [Entry(self.database, file) for (file,) in below]

    def read_bytes(self) -> bytes:
        """The whole file. Raises FileNotFoundError, StoreError."""
        if self.path.endswith(LINES):
            found = [line + b"\n" for line in self.lines()]
        elif self.name == HEAD:
            known = self.database.rows("SELECT number, hash FROM itops.tail WHERE file = %s", str((self.parent / STREAM).path))
            found = [json.dumps({"hash": hash_, "seq": number}, separators=(",", ":")).encode() for number, hash_ in known]
        else:
            found = [bytes(content) for (content,) in self.database.rows("SELECT content FROM itops.document WHERE file = %s", self.path)]
        if not found:
            raise FileNotFoundError(2, "no such file in the store", str(self))
        return b"".join(found)

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self.read_bytes().decode(encoding, errors)

    def open(self, _mode: Literal["rb"] = "rb") -> BinaryIO:
        return io.BytesIO(self.read_bytes())

    def replace(self, content: bytes) -> None:
        """Write the file whole; what is the same already is left alone. Raises StoreError."""
        self.database.rows(
            "INSERT INTO itops.document VALUES (%s, %s) ON CONFLICT (file) DO UPDATE SET content = excluded.content, changed = now()"
            " WHERE document.content <> excluded.content RETURNING 1",
            self.path,
            content,
        )

    # ------------------------------------------------------------------ lines

    def lines(self, after: int = 0) -> list[bytes]:
        """Lines with a higher number, without their newlines."""
        return [
            line.encode() for (line,) in self.database.rows("SELECT line FROM itops.line WHERE file = %s AND number > %s ORDER BY number", self.path, after)
        ]

    def of_runs(self) -> list[tuple[Entry, bytes]]:
        """The lines of all streams that tell of runs, by the index that schema.py makes of them."""
        found = self.database.rows("""SELECT file, line FROM itops.line WHERE strpos(line, '"kind":"run_') > 0 ORDER BY file, number""")
        return [(Entry(self.database, file), line.encode()) for file, line in found]

    def end(self, connection: Any) -> tuple[int, str] | None:
        """Number and hash of the last line; None where there is none. Raises StoreError where it is not the one that is remembered."""
        number, hash_, last, last_hash = connection.execute(END, (self.path,)).fetchone()
        if (number, hash_) != (last, last_hash):
            raise StoreError(f"{self}: its end is not the one that is remembered of it → itops record verify")
        return None if number is None else (number, hash_)

    def add(self, connection: Any, number: int, prev: str, hash_: str, line: bytes) -> None:
        """One more line, within `database.adding`. Raises StoreError."""
        connection.execute("INSERT INTO itops.line VALUES (%s, %s, %s, %s, %s)", (self.path, number, prev, hash_, line.decode()))
