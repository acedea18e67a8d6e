# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes one archive with its manifest: written beside, synced, read back, and only then given its name."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from . import archive_stream, compress, fileio, manifest
from .archive_stream import Written
from .backup_tree import Tree
from .manifest import Manifest
from .step import StepFailed

TOOL = "itops 1"
WATCH_EVERY = 64  # chunks (of about 1 MiB) between two looks at the free space
PARTIAL = ".partial"


@dataclass(frozen=True)
class Job:
    """What to package and where to. `reserve`: bytes that stay free on the filesystem of dest."""

    dest: Path
    name: str
    exclude: list[str]
    compression: str
    reserve: int
    about: dict[str, str] = field(default_factory=dict)  # change, host, service

    @property
    def archive(self) -> Path:
        return self.dest / (self.name + compress.SUFFIX[self.compression])

    @property
    def manifest(self) -> Path:
        return self.dest / (self.name + manifest.SUFFIX)


@dataclass(frozen=True)
class Made:
    """A verified archive that stands under its name."""

    archive: Path
    manifest_path: Path
    manifest: Manifest
    manifest_sha256: str
    stats: list[os.stat_result] = field(default_factory=list)


def make(job: Job, tree: Tree) -> Made:
    """Package the tree. Raises StepFailed or OSError, and then nothing is left behind."""
    partial = job.archive.with_name(job.archive.name + PARTIAL)
    try:
        _room(job, tree)
        written = _write(job, tree, partial)
        digest, size = read_back(partial, job.compression, written)
        archive = {"file": job.archive.name, "sha256": digest, "size": size}
        return publish(job, partial, _manifest(job, tree, written, archive), written.stats)
    except (compress.CompressError, OSError) as exc:
        raise StepFailed(_why(job, tree, exc)) from exc
    finally:
        fileio.discard(partial)


def publish(job: Job, partial: Path, what: Manifest, stats: list[os.stat_result]) -> Made:
    """Give a proven archive its name; the manifest comes last, so a manifest always has its archive."""
    content = manifest.encode(what)
    os.rename(partial, job.archive)
    try:
        fileio.write_atomic(job.manifest, content)
    except BaseException:
        fileio.discard(job.archive)
        raise
    return Made(job.archive, job.manifest, what, hashlib.sha256(content).hexdigest(), stats)


def _manifest(job: Job, tree: Tree, written: Written, archive: dict[str, object]) -> Manifest:
    return Manifest(
        **job.about,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        tool=TOOL,
        compression=job.compression,
        roots=tree.roots,
        exclude=job.exclude,
        entries=written.entries,
        archive=archive,
        stream={"digest": written.digest, "size": written.size},
        skipped=tree.sockets,
        known=manifest.fingerprint(written.entries),
    )


def _write(job: Job, tree: Tree, partial: Path) -> Written:
    with open(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as out:
        sink = compress.sink(job.compression, out)
        writer = archive_stream.Writer(sink, _Watch(job))
        try:
            written = writer.tree(tree)
            sink.close()
        except BaseException:
            writer.stop()
            sink.abort()
            raise
        _to_disk(out)
        return written


def _to_disk(out: IO[bytes]) -> None:
    """Synced, and dropped from memory, so that the read back reads the disk."""
    os.fsync(out.fileno())
    with suppress(OSError):
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_back(path: Path, kind: str, written: Written) -> tuple[str, int]:
    """Decompress the whole file, prove it (archive_stream.prove) and hash it. Returns sha256 and size of the file."""
    hashed: list[str] = []
    beside = threading.Thread(target=lambda: hashed.append(fileio.sha256_file(path)), daemon=True)
    beside.start()
    with open(path, "rb") as archive, compress.source(kind, archive) as stream:
        archive_stream.prove(stream, written)
    beside.join()
    if not hashed:
        raise StepFailed(f"{path.name} cannot be read back")
    return hashed[0], path.stat().st_size


class _Watch:
    """Keeps the reserve: the backup must never fill the disk of the service it is to protect."""

    def __init__(self, job: Job) -> None:
        self._job, self._calls = job, 0

    def __call__(self) -> None:
        self._calls += 1
        if self._calls % WATCH_EVERY == 0 and free(self._job.dest) < self._job.reserve:
            raise compress.CompressError(f"the reserve of {self._job.reserve} bytes was reached")


def free(place: Path) -> int:
    """Bytes we may still write there."""
    info = os.statvfs(place)
    return info.f_bavail * info.f_frsize


def _room(job: Job, tree: Tree) -> None:
    have = free(job.dest)
    if have < job.reserve:
        raise StepFailed(f"{have} bytes free in {job.dest}, but {job.reserve} are to stay free: no backup is made")


def _why(job: Job, tree: Tree, exc: Exception) -> str:
    place = f" ({exc.filename})" if isinstance(exc, OSError) and exc.filename else ""
    what = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    need = sum(entry.size for entry in tree.entries)
    return f"no backup was made: {what}{place}; {free(job.dest)} bytes free in {job.dest}, the data has {need} bytes uncompressed"
