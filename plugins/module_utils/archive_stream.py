# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a walked tree into a tar stream, hashing every member beside it, and proves a stream equal to it later.

The digest of the stream has two levels: sha256 over, member after member, the header bytes and the 32-byte sha256 of the
content. It covers every byte of the stream but the zeros that fill blocks (read_back looks at those itself), and needs
no second pass over the data: the content is hashed once, by a thread, out of the very buffers that go to the compressor.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Callable
from queue import Queue
from typing import IO, Any, NamedTuple

from .backup_tree import Tree, describe
from .compress import Sink
from .manifest import Entry, shown
from .step import StepFailed

CHUNK = 1 << 20  # bytes read, hashed and handed on at once
BLOCK = 512
ZEROS = bytes(BLOCK)
END = bytes(2 * BLOCK)
TAR_TYPE = {
    "file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE, "char": tarfile.CHRTYPE, "block": tarfile.BLKTYPE,
}  # fmt: skip


class Piece(NamedTuple):
    """One member as it stands in the stream."""

    header: int  # bytes
    size: int  # bytes of content, without the filling
    sha256: bytes


class Written(NamedTuple):
    """What went into the stream."""

    entries: list[Entry]
    stats: list[os.stat_result]
    pieces: list[Piece]
    digest: str
    size: int


def member_name(path: str) -> str:
    return path.lstrip("/") or "."


def header(entry: Entry) -> bytes:
    """The tar header (GNU form; pax where extended attributes are to be kept, as GNU tar's --xattrs writes them)."""
    info = tarfile.TarInfo(member_name(entry.path))
    info.type = TAR_TYPE[entry.type]
    info.size, info.mode, info.mtime = entry.size, entry.mode, entry.mtime_ns // 10**9
    info.uid, info.gid, info.uname, info.gname = entry.uid, entry.gid, entry.owner, entry.group
    if entry.type in ("char", "block"):
        info.devmajor, info.devminor = map(int, entry.link.split(":"))
    elif entry.link:
        info.linkname = member_name(entry.link) if entry.type == "hardlink" else entry.link
    if not entry.xattrs:
        return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    info.pax_headers = {f"SCHILY.xattr.{name}": bytes.fromhex(value).decode("utf-8", "surrogateescape") for name, value in entry.xattrs.items()}
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> int:
    return -size % BLOCK


class _Hasher:
    """A thread that hashes what the writer hands over, in order. Items: (True, header) or (False, content)."""

    def __init__(self) -> None:
        self.digests: list[bytes] = []
        self._stream = hashlib.sha256()
        self._queue: Queue[list[tuple[bool, bytes]] | None] = Queue(16)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._content: Any = None
        self._thread.start()

    def put(self, batch: list[tuple[bool, bytes]]) -> None:
        self._queue.put(batch)

    def finish(self) -> str:
        self._queue.put(None)
        self._thread.join()
        self._close_member()
        return self._stream.hexdigest()

    def _work(self) -> None:
        for batch in iter(self._queue.get, None):
            for is_header, data in batch:
                if is_header:
                    self._close_member()
                    self._stream.update(data)
                    self._content = hashlib.sha256()
                else:
                    self._content.update(data)

    def _close_member(self) -> None:
        if self._content is not None:
            self.digests.append(self._content.digest())
            self._stream.update(self.digests[-1])


class Writer:
    """Writes one tree into a sink. `watch` is called every now and then and may raise to stop."""

    def __init__(self, sink: Sink, watch: Callable[[], None]) -> None:
        self._sink, self._watch = sink, watch
        self._hasher = _Hasher()
        self._batch: list[tuple[bool, bytes]] = []
        self._out: list[bytes] = []
        self._held = 0
        self._pieces: list[tuple[int, int]] = []
        self._size = 0

    def tree(self, tree: Tree) -> Written:
        """Every entry, each file as it was in one moment. Raises StepFailed naming files that would not hold still."""
        entries, stats, members, restless = [], [], [], []
        for entry, info in zip(tree.entries, tree.stats):
            for attempt in (1, 2):
                final = self._member(entry, info)
                if final:
                    break
                if attempt == 2 or not os.path.lexists(entry.path):
                    restless.append(entry.path)
                    break
                info = os.lstat(entry.path)
                entry = describe(entry.path, info, {})
            entries.append(entry)
            stats.append(info)
            members.append(len(self._pieces) - 1)
        self._bytes(END)
        self._flush()
        digest = self._hasher.finish()
        if restless:
            raise StepFailed(_restless(restless))
        shas = self._hasher.digests
        pieces = [Piece(head, size, sha) for (head, size), sha in zip(self._pieces, shas)]
        named = [e._replace(sha256=shas[m].hex()) if e.type == "file" else e for e, m in zip(entries, members)]
        return Written(named, stats, pieces, digest, self._size)

    def stop(self) -> None:
        self._hasher.finish()

    def _member(self, entry: Entry, info: os.stat_result) -> bool:
        if entry.type != "file":
            self._head(entry)
            return True
        try:
            handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as exc:
            if isinstance(exc, PermissionError):
                raise
            return False  # gone, or something else now
        try:
            return self._small(handle, entry, info) if entry.size <= CHUNK else self._large(handle, entry, info)
        finally:
            os.close(handle)

    def _small(self, handle: int, entry: Entry, info: os.stat_result) -> bool:
        data = os.read(handle, entry.size + 1)
        if len(data) != entry.size or not same(info, os.fstat(handle)):
            return False
        self._head(entry)
        if data:
            self._content(data)
            self._bytes(bytes(padding(entry.size)))
        return True

    def _large(self, handle: int, entry: Entry, info: os.stat_result) -> bool:
        """Streamed: when it changes on the way, the member is filled up and a later one of that name replaces it."""
        if not same(info, os.fstat(handle)):
            return False
        self._head(entry)
        left = entry.size
        while left:
            data = os.read(handle, min(CHUNK, left))
            if not data:
                break
            left -= len(data)
            self._content(data)
        short = left > 0
        while left:
            filling = bytes(min(CHUNK, left))
            left -= len(filling)
            self._content(filling)
        self._bytes(bytes(padding(entry.size)))
        return not short and same(info, os.fstat(handle))

    def _head(self, entry: Entry) -> None:
        data = header(entry)
        self._pieces.append((len(data), entry.size if entry.type == "file" else 0))
        self._batch.append((True, data))
        self._bytes(data)

    def _content(self, data: bytes) -> None:
        self._batch.append((False, data))
        self._bytes(data)

    def _bytes(self, data: bytes) -> None:
        self._out.append(data)
        self._held += len(data)
        if self._held >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        self._hasher.put(self._batch)
        self._sink.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._size += self._held
        self._batch, self._out, self._held = [], [], 0
        self._watch()


def same(before: os.stat_result, after: os.stat_result) -> bool:
    """Nobody wrote, replaced or re-moded the file between the two looks."""
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino, before.st_dev) == (
        after.st_size, after.st_mtime_ns, after.st_ctime_ns, after.st_ino, after.st_dev,
    )  # fmt: skip


def _restless(paths: list[str]) -> str:
    named = ", ".join(map(shown, paths[:20]))
    return f"changed while read, twice: {named} ({len(paths)} in all); stop what writes there or exclude them"


def prove(stream: IO[bytes], written: Written) -> None:
    """Read a decompressed stream to its end and prove it equal to the one written. Raises StepFailed.

    The argument: `written.pieces` holds, for every member, the sha256 of the buffers that were handed to the compressor.
    Here the same number of header bytes and content bytes is cut from what comes out of the file, each content must
    have the digest of its member, all headers and digests together must have the stream's digest, the fillings must be
    zeros, and nothing may follow. So what the archive yields is, byte for byte, what was read from the tree.
    """
    reader = io.BufferedReader(stream, CHUNK)  # type: ignore[type-var] # a pipe has no seek, and needs none
    total = hashlib.sha256()
    room = memoryview(bytearray(CHUNK))
    for number, piece in enumerate(written.pieces, 1):
        total.update(reader.read(piece.header))
        found = _content_digest(reader, piece.size, room)
        filling = padding(piece.size)
        if found != piece.sha256 or reader.read(filling) != ZEROS[:filling]:
            raise StepFailed(f"the archive does not give back what was put in (member {number})")
        total.update(found)
    if reader.read(len(END)) != END or reader.read(1) or total.hexdigest() != written.digest:
        raise StepFailed("the archive does not give back what was put in (its frame differs)")


def _content_digest(reader: IO[bytes], size: int, room: memoryview) -> bytes:
    digest = hashlib.sha256()
    if 0 < size <= BLOCK * 8:
        digest.update(reader.read(size))
        return digest.digest()
    while size:
        got = reader.readinto(room[: min(size, len(room))])  # type: ignore[attr-defined] # BufferedReader has it
        if not got:
            break
        digest.update(room[:got])
        size -= got
    return digest.digest()
