# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of a tree that has not changed since the last one: the same archive under one more name.

Unchanged means: every entry has the type, size, mode, owner, times, link and attributes of the last manifest, and every
file also the same inode, device and change time (ctime, which no program can set). A file whose ctime lies within
RACY_NS before the last look may have been written again within the same tick of the clock: it is hashed, not trusted.
The archive itself is hashed again as a whole and must have its recorded sha256; it is not decompressed a second time.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import archive_write, fileio, manifest
from .archive_stream import same
from .archive_write import Job, Made
from .backup_tree import Tree
from .manifest import Manifest
from .places import private_dir
from .step import StepFailed

RACY_NS = 2 * 10**9


def index_path(state: Path, job: Job) -> Path:
    """One index per service, host and destination."""
    key = "\0".join([job.about["service"], job.about["host"], str(job.dest)])
    return state / "backup-index" / (hashlib.sha256(os.fsencode(key)).hexdigest()[:24] + ".json")


def remember(path: Path, made: Made, looked_ns: int) -> None:
    """Keep what unchanged will mean the next time. `looked_ns`: the clock before the tree was walked."""
    private_dir(path.parent)
    identities = [[info.st_ctime_ns, info.st_ino, info.st_dev] for info in made.stats]
    content = {"manifest": str(made.manifest_path), "looked_ns": looked_ns, "identities": identities}
    fileio.write_atomic(path, json.dumps(content, separators=(",", ":")).encode())


def reuse(path: Path, job: Job, tree: Tree) -> Made | None:
    """The last archive under the new name, or None when anything is different or in doubt. Raises OSError on writing."""
    last = _last(path, job)
    if last is None or not _unchanged(last[0], last[1], tree, job):
        return None
    old, _index, home = last
    source = home / str(old.archive["file"])
    partial = job.archive.with_name(job.archive.name + archive_write.PARTIAL)
    try:
        os.link(source, partial)
        if fileio.sha256_file(partial) != old.archive["sha256"]:
            return None
        stored = {**old.archive, "file": job.archive.name}
        fresh: dict[str, Any] = {**job.about, "created": _now(), "archive": stored, "reused_from": str(old.archive["file"])}
        again = replace(old, **fresh)
        return archive_write.publish(job, partial, again, tree.stats)
    except OSError:
        return None  # gone, or a filesystem without hard links: then it is made anew
    finally:
        fileio.discard(partial)


def _now() -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _last(path: Path, job: Job) -> tuple[Manifest, dict[str, Any], Path] | None:
    try:
        index = fileio.read_json(path)
        if not index:
            return None
        home = Path(index["manifest"])
        old = manifest.load(home)
    except (OSError, ValueError, KeyError, TypeError, StepFailed):
        return None
    fits = home.parent == job.dest and old.compression == job.compression and old.exclude == job.exclude
    return (old, index, home.parent) if fits and len(index["identities"]) == len(old.entries) else None


def _unchanged(old: Manifest, index: dict[str, Any], tree: Tree, job: Job) -> bool:
    if old.roots != tree.roots or old.skipped != tree.sockets or len(old.entries) != len(tree.entries):
        return False
    settled = int(index["looked_ns"]) - RACY_NS
    for was, now, info, identity in zip(old.entries, tree.entries, tree.stats, index["identities"]):
        if was[:10] != now[:10] or was.xattrs != now.xattrs:
            return False
        if was.type != "file" or (identity == [info.st_ctime_ns, info.st_ino, info.st_dev] and info.st_ctime_ns < settled):
            continue
        if not _same_content(was.path, was.sha256, info):
            return False
    return True


def _same_content(path: str, sha256: str, info: os.stat_result) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb", buffering=0) as stream:
            digest = hashlib.sha256()
            for chunk in iter(lambda: stream.read(1 << 20), b""):
                digest.update(chunk)
            return digest.hexdigest() == sha256 and same(info, os.fstat(stream.fileno()))
    except OSError:
        return False
