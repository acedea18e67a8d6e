# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: one append-only, hash-chained stream of events per change.

One canonical-JSON event a line (RFC 8785), each with the hash of the one before it. Appending takes a lock, redacts,
writes once and takes back what did not fit; a torn line a crash left is set aside, never repaired in place.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import rfc8785
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import LedgerError as LedgerError  # noqa: PLC0414 (the ledger's own word)
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import redact as redact_patterns
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.rows import Rows

STREAM, HEAD, LOCK, EVIDENCE = "events.jsonl", "head.json", ".lock", "evidence"
SEEN = 256  # bytes
TAIL_BLOCK = 64 * 1024  # bytes read at once when looking for the last line
SORTED_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
EXACT = 2**53 - 1  # the largest whole number RFC 8785 allows


@dataclass(frozen=True)
class Event:
    """One line. `at` is RFC 3339 with offset, to the millisecond; `prev` and `hash` are SHA-256 in hexadecimal."""

    seq: int
    at: str
    kind: str
    actor: str
    run: str
    host: str
    phase: str
    data: dict[str, Any]
    prev: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        """Its parts by name; `data` is not copied."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = tuple(f.name for f in fields(Event))
TEXTS = tuple(name for name in NAMES if name not in ("seq", "data"))


def genesis(change: str) -> str:
    """The `prev` of the first event: a stream copied to another change does not verify."""
    return hashlib.sha256(f"itops-ledger\n{change}".encode()).hexdigest()


def digest(event: dict[str, Any]) -> str:
    """SHA-256 of the canonical form without the hash itself."""
    return hashlib.sha256(canonical({key: value for key, value in event.items() if key != "hash"})).hexdigest()


def canonical(value: Any) -> bytes:
    """RFC 8785. Raises LedgerError for what has no canonical form (floats, keys that are no text)."""
    try:
        if _simple(value):
            return SORTED_JSON.encode(value).encode()
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise LedgerError(f"not a canonical value: {error}") from None


def _simple(value: Any) -> bool:
    """Whether sorted compact JSON is the canonical form already, many times faster: keys in ASCII, exact whole numbers, no floats."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and key.isascii() and _simple(item) for key, item in value.items())
    if kind is list:
        return all(map(_simple, value))
    return kind is str or kind is bool or value is None or (kind is int and -EXACT <= value <= EXACT)


class Ledger:
    """The stream of one change, in files or in PostgreSQL. Any number of processes may append at the same time."""

    def __init__(self, directory: Place, change: str, redact: Callable[[Any], Any] = redact_patterns):
        self.directory = directory
        self.path = directory / STREAM
        self.change = change
        self._redact = redact
        self._stream = Rows(directory / STREAM) if isinstance(directory, Entry) else _File(directory, change, self.evidence)
        self._events: list[Event] = []

    def append(
        self, kind: str, data: dict[str, Any] | None = None, *, run: str = "", host: str = "", phase: str = "", actor: str = "", sync: bool = False
    ) -> Event:
        """Add one event; `sync` also waits for the disk. Raises LedgerError, and then nothing was added."""
        with self._stream.open() as handle:
            seq, prev = self._stream.last(handle) or (0, genesis(self.change))
            body: dict[str, Any] = {"seq": seq + 1, "at": now(), "kind": kind, "actor": actor, "run": run, "host": host, "phase": phase,
                    "data": self._redact(plain(data or {})), "prev": prev}  # fmt: skip
            event = Event(**body, hash=digest(body))
            self._stream.write(handle, event, canonical(event.as_dict()), sync)
            return event

    def events(self, after: int = 0) -> list[Event]:
        """All events with a higher `seq`, without a lock; a line that is just being written is left out."""
        try:
            anew, lines = self._stream.read_on()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror}") from None
        self._events = [*([] if anew else self._events), *(event for event in map(parse, lines) if event is not None)]
        return [event for event in self._events if event.seq > after]

    def evidence(self, content: bytes) -> str:
        """Keep a large output beside the stream under its digest, redacted; the digest."""
        text = str(self._redact(content.decode("utf-8", "replace"))).encode()
        name = hashlib.sha256(text).hexdigest()
        folder = self.directory / EVIDENCE
        if isinstance(folder, Path):
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not (folder / name).exists():
            place.write(folder / name, text)
        return name


class _File:
    """A stream as a file."""

    def __init__(self, directory: Path, change: str, keep: Callable[[bytes], str]):
        self._directory = directory
        self._path = directory / STREAM
        self._change = change
        self._keep = keep  # as evidence, what is set aside
        self._known: tuple[int, int, str] | None = None  # size of the stream, last seq, last hash as last seen here
        self._read = 0  # bytes of the stream that were read
        self._seen = b""  # the end of them: a hash, so nothing else looks like it

    def read_on(self) -> tuple[bool, list[bytes]]:
        """Lines added since the last look: a stream only grows (a torn line behind the last newline is no event). And whether to begin anew."""
        anew = False
        with self._path.open("rb") as stream:
            stream.seek(self._read - len(self._seen))
            if stream.read(len(self._seen)) != self._seen:  # a line was taken back after it was read here
                self._read, anew = 0, True
                stream.seek(0)
            whole, newline, _torn = stream.read().rpartition(b"\n")
        self._read += len(whole) + len(newline)
        self._seen = ((self._seen if self._read > len(whole) + len(newline) else b"") + whole + newline)[-SEEN:]
        return anew, whole.split(b"\n")

    @contextmanager
    def open(self) -> Iterator[int]:
        """The stream, opened for appending, under the lock of this change."""
        try:
            lock = self._lock()
        except OSError as error:
            raise LedgerError(f"{self._directory}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise LedgerError(f"{self._path}: {error.strerror or error}") from None
        finally:
            os.close(lock)

    def _lock(self) -> int:
        path = self._directory / LOCK
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except FileNotFoundError:
            self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def last(self, handle: int) -> tuple[int, str] | None:
        """Sequence number and hash of the last whole line; a torn one behind it goes into the evidence first."""
        size = os.fstat(handle).st_size
        if self._known and self._known[0] == size:
            return self._known[1], self._known[2]
        line, torn = tail(handle, size)
        if torn:
            self._set_aside(handle, size, torn)
            return self.last(handle)
        if not line:
            return None
        event = parse(line)
        if event is None:
            raise LedgerError(f"{self._path}: the last line is no event → itops record verify {self._change}")
        self._remembered(event)
        return event.seq, event.hash

    def _remembered(self, last: Event) -> None:
        """A stream that was cut is not written on: what is missing would never be seen again. Raises LedgerError."""
        try:
            head = json.loads((self._directory / HEAD).read_bytes())
            cut = int(head["seq"]) > last.seq or (int(head["seq"]) == last.seq and head["hash"] != last.hash)
        except FileNotFoundError:
            cut = last.seq > 1  # only the very first event may be without: the machine stopped between the two writes
        except (ValueError, KeyError, TypeError):
            cut = True
        if cut:
            raise LedgerError(f"{self._path}: its end is not the one that is remembered of it → itops record verify {self._change}")

    def _set_aside(self, handle: int, size: int, torn: bytes) -> None:
        name = self._keep(torn)
        os.ftruncate(handle, size - len(torn))
        self._known = None
        seq, prev = self.last(handle) or (0, genesis(self._change))
        body: dict[str, Any] = {"seq": seq + 1, "at": now(), "kind": "torn_line", "actor": "", "run": "", "host": "", "phase": "",
                "data": {"evidence": name, "bytes": len(torn)}, "prev": prev}  # fmt: skip
        event = Event(**body, hash=digest(body))
        self.write(handle, event, canonical(event.as_dict()), True)

    def write(self, handle: int, event: Event, line: bytes, sync: bool) -> None:
        """Add this line whole, or nothing."""
        size = os.fstat(handle).st_size
        line += b"\n"
        try:
            if os.write(handle, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if sync or event.seq == 1:
                os.fsync(handle)
                atomic.write(self._directory / HEAD, canonical({"seq": event.seq, "hash": event.hash}), sync=False)
        except OSError:
            os.ftruncate(handle, size)  # nothing half-written stays
            raise
        self._known = (size + len(line), event.seq, event.hash)


def parse(line: bytes) -> Event | None:
    """One line as an event; None where it is none."""
    try:
        raw = json.loads(line)
        fits = type(raw["seq"]) is int and type(raw["data"]) is dict and all(type(raw[name]) is str for name in TEXTS)
        return Event(**{name: raw[name] for name in NAMES}) if fits else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def tail(handle: int, size: int) -> tuple[bytes, bytes]:
    """The last whole line (without its newline), and what stands behind it."""
    block, start = b"", size
    while start > 0:
        step = min(TAIL_BLOCK, start)
        start -= step
        block = os.pread(handle, step, start) + block
        whole, newline, torn = block.rpartition(b"\n")
        if newline and (b"\n" in whole or start == 0):
            return whole.rpartition(b"\n")[2], torn
    return b"", block


def plain(value: Any) -> Any:
    """The value with plain types: other texts, numbers and paths become text, floats whole numbers; `?` for what is no Unicode."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and abs(value) <= EXACT:
        return round(value)
    if isinstance(value, dict):
        return {_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def now() -> str:
    """RFC 3339, local offset, milliseconds."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
