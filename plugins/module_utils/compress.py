# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compresses a stream into a file and back: zstd where the host has it, else pigz, else zlib on all cores."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, Any, Protocol

from .step import StepFailed

SUFFIX = {"zstd": ".tar.zst", "gzip": ".tar.gz"}
PIPE_SIZE = 1 << 20  # bytes; the default of 64 KiB costs a context switch per 64 KiB
BLOCK = 4 << 20  # bytes per gzip member when zlib does it on several cores
F_SETPIPE_SZ = 1031  # Linux; fcntl.F_SETPIPE_SZ only since Python 3.10


class Sink(Protocol):
    """Where a stream is written to. close() waits until everything has been handed to the file."""

    def write(self, data: Any) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


class CompressError(StepFailed):
    """The compressor failed; the text is what it said."""


def choose(wanted: str) -> str:
    """zstd or gzip for auto|zstd|gzip. Raises StepFailed when zstd is asked for and the host has none."""
    if wanted not in ("auto", "zstd", "gzip"):
        raise StepFailed(f"unknown compression {wanted!r} (auto, zstd, gzip)")
    if wanted == "gzip":
        return "gzip"
    if shutil.which("zstd"):
        return "zstd"
    if wanted == "zstd":
        raise StepFailed("this host has no zstd command; use compression auto or gzip")
    return "gzip"


def sink(kind: str, out: IO[bytes]) -> Sink:
    """A compressor that writes into an open file."""
    if kind == "zstd":
        return _Process(["zstd", "-1", "-T0", "-q", "-c"], out)
    if shutil.which("pigz"):
        return _Process(["pigz", "-1", "-c"], out)
    return _Zlib(out)


@contextmanager
def source(kind: str, archive: IO[bytes], whole: bool = True) -> Iterator[IO[bytes]]:
    """The decompressed stream of an open archive, to be read to its end unless `whole` is false.
    Raises CompressError at the end when the archive is damaged."""
    command = {"zstd": "zstd", "gzip": "pigz" if shutil.which("pigz") else "gzip"}[kind]
    with tempfile.TemporaryFile() as said:
        try:
            unpacker = subprocess.Popen([command, "-dc"], stdin=archive, stdout=subprocess.PIPE, stderr=said, bufsize=0)
        except OSError as exc:
            raise CompressError(f"cannot decompress: no {command} on this host ({exc.strerror})") from exc
        try:
            yield _widened(unpacker.stdout)
            if whole and unpacker.wait() != 0:
                raise CompressError(f"{command} cannot read the archive: {_words(said)}")
        finally:
            _end(unpacker, unpacker.stdout)


class _Process:
    """A compressor that is a process of its own."""

    def __init__(self, argv: list[str], out: IO[bytes]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close and abort)
        self._name = argv[0]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=out, stderr=self._said, bufsize=0)
        self._handle = _widened(self._process.stdin).fileno()

    def write(self, data: Any) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
        except BrokenPipeError as exc:
            self._process.wait()
            raise CompressError(f"{self._name} failed: {_words(self._said)}") from exc

    def close(self) -> None:
        assert self._process.stdin is not None  # opened with PIPE
        self._process.stdin.close()
        rc = self._process.wait()
        words = _words(self._said)
        self._said.close()
        if rc != 0:
            raise CompressError(f"{self._name} failed ({rc}): {words}")

    def abort(self) -> None:
        _end(self._process, self._process.stdin)
        self._said.close()


class _Zlib:
    """gzip members of BLOCK bytes each, compressed side by side: together one valid gzip file (RFC 1952, 2.2)."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._cores = os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._cores)
        self._pending: deque[Future[bytes]] = deque()
        self._block = bytearray()

    def write(self, data: Any) -> None:
        self._block += data
        if len(self._block) >= BLOCK:
            self._submit()

    def _submit(self) -> None:
        self._pending.append(self._pool.submit(_member, bytes(self._block)))
        self._block = bytearray()
        while len(self._pending) > self._cores + 1:
            self._out.write(self._pending.popleft().result())

    def close(self) -> None:
        self._submit()
        while self._pending:
            self._out.write(self._pending.popleft().result())
        self._out.flush()
        self._pool.shutdown()

    def abort(self) -> None:
        self._pool.shutdown()


def _member(block: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(block) + packer.flush()


def _widened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # opened with PIPE
    try:
        fcntl.fcntl(pipe.fileno(), F_SETPIPE_SZ, PIPE_SIZE)
    except OSError:
        pass  # a smaller pipe is slower, nothing else
    return pipe


def _words(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read(500).decode("utf-8", errors="replace").strip() or "it said nothing"


def _end(process: subprocess.Popen[bytes], pipe: IO[bytes] | None) -> None:
    """Nothing is left running, whatever happened."""
    if process.poll() is None:
        process.kill()
    if pipe is not None:
        try:
            pipe.close()
        except BrokenPipeError:
            pass
    process.wait()
