# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was read from the service files last time, so that an unchanged file is not parsed again.

It can never serve stale data:
- an entry holds only for the same path, size, mtime, ctime and inode (ctime cannot be set back by a program);
- a file changed less than two seconds before it was read is not kept: a second change in the same tick would not show;
- everything is void when the schema, the labels, this code, Python or PyYAML change;
- a cache that is damaged, or that somebody else could have written, is ignored. It is plain JSON, nothing that runs.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import clauses, labels, schema, spec
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Vaulted

RACY_NS = 2_000_000_000

Stamp = tuple[int, int, int, int, int]  # size, mtime_ns, ctime_ns, inode, device
Path_ = list[str | int]


@dataclass(frozen=True)
class Entry:
    """What one file gave: a record (what could be made of it, if not `good`) and its problems (`file` left empty)."""

    stamp: Stamp
    record: dict[str, Any]
    good: bool
    problems: list[Problem]
    read_ns: int  # a time before the stamp was taken
    kept: bool = False


class Cache:
    """The entries of one folder, in one file; without a path it holds nothing."""

    def __init__(self, path: Path | None, folder: str):
        self.path = path
        self.key = f"{_program()} {folder}"

    def load(self) -> dict[str, Entry]:
        """The entries of the last run; none where the cache is not there, not ours, of another version, or damaged."""
        if self.path is None:
            return {}
        with suppress(OSError, ValueError, TypeError, KeyError, LookupError, RecursionError):
            with self.path.open("rb") as stream:
                if not _trusted(os.fstat(stream.fileno())):
                    return {}
                key, digest, body = (
                    stream.readline().decode().strip(),
                    stream.readline().decode().strip(),
                    stream.read(),
                )
            if key == self.key and digest == hashlib.sha256(body).hexdigest():
                return {name: _thawed(frozen) for name, frozen in json.loads(body).items()}
        return {}

    def valid(self, known: Mapping[str, Entry], name: str, stamp: Stamp) -> Entry | None:
        """The kept entry if the file is still the same."""
        entry = known.get(name)
        return entry if entry is not None and entry.stamp == stamp else None

    def save(self, known: Mapping[str, Entry], entries: Mapping[str, Entry]) -> None:
        """Replace the cache whole if there is anything new to keep. A cache that cannot be written is no error."""
        if self.path is None:
            return
        lasting = {name: entry for name, entry in entries.items() if entry.kept or _lasting(entry)}
        if lasting.keys() == known.keys() and all(entry.kept for entry in lasting.values()):
            return
        body = json.dumps({name: _frozen(entry) for name, entry in lasting.items()}, ensure_ascii=False, separators=(",", ":")).encode()
        with suppress(OSError):
            _replace(self.path, f"{self.key}\n{hashlib.sha256(body).hexdigest()}\n".encode() + body)


def stamp(path: str | Path) -> Stamp:
    """What tells one state of a file from another. Raises OSError."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


@contextmanager
def no_collection() -> Iterator[None]:
    """Loading makes millions of objects and no cycles; looking for cycles all the time costs a quarter of it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _lasting(entry: Entry) -> bool:
    """Old enough when it was read that another change must show in its times."""
    return max(entry.stamp[1], entry.stamp[2]) < entry.read_ns - RACY_NS


@cache
def _program() -> str:
    """A digest of everything that decides what a file becomes."""
    here = Path(__file__).parent
    parts = [f"{sys.version} {yaml.__version__} {schema.INTEGER.pattern}".encode()]
    files = [
        *here.rglob("*.py"),
        *labels.FOLDER.glob("*.yml"),
        clauses.FILE,
        *(spec.ROLES / role / "meta" / "argument_specs.yml" for role in ("service", "step")),
    ]
    parts += [path.read_bytes() for path in sorted(files)]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _trusted(found: os.stat_result) -> bool:
    """Only the user (or root) can have written it: a record decides what runs on hosts."""
    return found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _frozen(entry: Entry) -> list[Any]:
    problems = [list(astuple(problem)) for problem in entry.problems]
    return [list(entry.stamp), entry.record, entry.good, problems, entry.read_ns, list(_vaulted(entry.record, []))]


def _thawed(frozen: list[Any]) -> Entry:
    stamp_, record, good, problems, read_ns, vaulted = frozen
    for path in vaulted:
        holder: Any = record
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = Vaulted(holder[path[-1]])
    size, mtime, ctime, inode, device = stamp_
    return Entry((size, mtime, ctime, inode, device), record, good, [Problem(*p) for p in problems], read_ns, kept=True)


def _vaulted(value: Any, path: Path_) -> Iterator[Path_]:
    """JSON knows no types of text, so where a vaulted one stands is kept beside the record."""
    if type(value) is Vaulted:
        yield path
    elif type(value) is dict:
        for key, item in value.items():
            yield from _vaulted(item, [*path, key])
    elif type(value) is list:
        for index, item in enumerate(value):
            yield from _vaulted(item, [*path, index])
