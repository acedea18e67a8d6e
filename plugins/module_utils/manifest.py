# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a backup: what it holds, entry by entry, and the fingerprint of that tree.

Paths are text with surrogateescape, so that every name a filesystem can hold survives; in the JSON file such bytes stand
as \\udcXX escapes. Sizes are bytes, times nanoseconds since the epoch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from .step import StepFailed

FORMAT = 1
SUFFIX = ".manifest.json"
COMPACT = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # made once: json.dumps would make one per entry
LINE = json.JSONEncoder(separators=(",", ":"))
TYPES = ("file", "dir", "link", "hardlink", "fifo", "char", "block")


class Entry(NamedTuple):
    """One thing of the tree. `link`: target of a symbolic link, first path of a hard link, major:minor of a device."""

    path: str
    type: str
    size: int
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    mtime_ns: int
    link: str
    sha256: str
    xattrs: dict[str, str]  # name -> value in hex

    def canonical(self) -> list[Any]:
        """What the fingerprint sees: no times, no names of owners (numbers count)."""
        seen: list[Any] = [self.path, self.type, self.size, self.mode, self.uid, self.gid, self.link, self.sha256]
        return [*seen, self.xattrs] if self.xattrs else seen

    def as_json(self) -> dict[str, Any]:
        facts = self._asdict()
        return {key: value for key, value in facts.items() if value not in ("", {}) or key in ("path", "type")}


@dataclass(frozen=True)
class Manifest:
    """What an archive holds. `archive`: {file, sha256, size}; `stream`: {digest, size} of the tar stream in it.
    `known`: the fingerprint of these entries where it has been computed already."""

    change: str
    host: str
    service: str
    created: str
    tool: str
    compression: str
    roots: list[str]
    exclude: list[str]
    entries: list[Entry]
    archive: dict[str, Any]
    stream: dict[str, Any]
    skipped: list[str] = field(default_factory=list)  # sockets: they cannot be kept
    reused_from: str = ""
    known: str = ""

    def counts(self) -> dict[str, int]:
        found = {kind: 0 for kind in TYPES}
        for entry in self.entries:
            found[entry.type] += 1
        return {**found, "entries": len(self.entries), "bytes": sum(entry.size for entry in self.entries)}

    def fingerprint(self) -> str:
        return self.known or fingerprint(self.entries)


def fingerprint(entries: Iterable[Entry]) -> str:
    """sha256 over the canonical entries, sorted by path."""
    digest = hashlib.sha256(b"itops-tree-1\n")
    for entry in sorted(entries, key=lambda item: os.fsencode(item.path)):
        digest.update(COMPACT.encode(entry.canonical()).encode() + b"\n")
    return digest.hexdigest()


def encode(manifest: Manifest) -> bytes:
    """The manifest file: a head one can read, then one line per entry."""
    head = {
        "format": FORMAT,
        **{key: getattr(manifest, key) for key in ("change", "host", "service", "created", "tool", "compression")},
        **{key: getattr(manifest, key) for key in ("roots", "exclude", "skipped", "reused_from", "archive", "stream")},
        "not_kept": ["sockets", "holes of sparse files (they are made again on restore)", "security.selinux", "atime"],
        "counts": manifest.counts(),
        "fingerprint": manifest.fingerprint(),
    }
    text = json.dumps(head, indent=1)[:-2]
    lines = ",\n".join(LINE.encode(entry.as_json()) for entry in manifest.entries)
    return f'{text},\n "entries": [\n{lines}\n ]\n}}\n'.encode("ascii")


def load(path: Path) -> Manifest:
    """Read a manifest and prove that its own fingerprint fits. Raises StepFailed, OSError."""
    return decode(path.read_bytes(), str(path))


def decode(content: bytes, name: str) -> Manifest:
    """Raises StepFailed when this is not a manifest of ours, or one that was altered."""
    try:
        raw = json.loads(content)
        if raw["format"] != FORMAT:
            raise StepFailed(f"{name}: manifest format {raw['format']!r} is not known here ({FORMAT})")
        keys = ("change", "host", "service", "created", "tool", "compression", "roots", "exclude", "archive", "stream")
        found = Manifest(
            **{key: raw[key] for key in keys},
            entries=[_entry(item) for item in raw["entries"]],
            skipped=raw["skipped"],
            reused_from=raw["reused_from"],
        )
        _check(found, name)
        expected = str(raw["fingerprint"])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StepFailed(f"{name} is not a readable manifest: {type(exc).__name__}: {exc}") from exc
    if found.fingerprint() != expected:
        raise StepFailed(f"{name} was altered: its entries do not have its fingerprint")
    return replace(found, known=expected)


def _entry(item: dict[str, Any]) -> Entry:
    fields: dict[str, Any] = {key: str(item.get(key, "")) for key in ("owner", "group", "link", "sha256")}
    fields.update({key: int(item.get(key, 0)) for key in ("size", "mode", "uid", "gid", "mtime_ns")})
    return Entry(path=str(item["path"]), type=str(item["type"]), xattrs=dict(item.get("xattrs") or {}), **fields)


def _check(found: Manifest, name: str) -> None:
    """Nothing a manifest says may lead out of its roots."""
    if any(not clean(root) for root in found.roots):
        raise StepFailed(f"{name}: a root is not a plain absolute path")
    roots = tuple(found.roots)
    for entry in found.entries:
        if entry.type not in TYPES or not clean(entry.path) or not below(entry.path, roots):
            raise StepFailed(f"{name}: refused entry {shown(entry.path)} ({entry.type})")
        if entry.type == "hardlink" and not (clean(entry.link) and below(entry.link, roots)):
            raise StepFailed(f"{name}: refused hard link {shown(entry.path)} to {shown(entry.link)}")


def clean(path: str) -> bool:
    """Absolute, and no step of it is empty, `.` or `..`."""
    return path.startswith("/") and "\0" not in path and os.path.normpath(path) == path and not path.startswith("//")


def below(path: str, roots: Iterable[str]) -> bool:
    """One of the roots, or inside one."""
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def shown(path: str) -> str:
    """A path as text that any log can hold."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in os.fsencode(path).decode("utf-8", "backslashreplace"))
