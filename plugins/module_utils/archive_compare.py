# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a manifest and the trees as they are now. Times do not count here; content is always hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from .backup_tree import Tree, matcher, walk
from .manifest import Entry, Manifest, shown

CHUNK = 1 << 20
FIELDS = ("type", "size", "mode", "uid", "gid", "link", "xattrs")


@dataclass
class Differences:
    """Of every kind, in the manifest's order. `now`: all that is there, by path (files without sha256 are unhashed)."""

    missing: list[Entry] = field(default_factory=list)
    altered: list[tuple[Entry, Entry]] = field(default_factory=list)  # as it should be, as it is
    extra: list[Entry] = field(default_factory=list)
    now: dict[str, Entry] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.altered) + len(self.extra)

    def words(self, limit: int = 20) -> list[str]:
        """The first differences, one line each."""
        told = [f"missing: {shown(entry.path)}" for entry in self.missing[:limit]]
        told += [f"{_what(*pair)}: {shown(pair[0].path)}" for pair in self.altered[:limit]]
        told += [f"not in the backup: {shown(entry.path)}" for entry in self.extra[:limit]]
        return told[:limit]


def _what(wanted: Entry, found: Entry) -> str:
    """What is different, in words."""
    if wanted.type != found.type:
        return f"a {found.type}, not a {wanted.type}"
    if wanted.mode != found.mode:
        return f"mode {found.mode:04o}, not {wanted.mode:04o}"
    if (wanted.uid, wanted.gid) != (found.uid, found.gid):
        return f"owner {found.uid}:{found.gid}, not {wanted.uid}:{wanted.gid}"
    if wanted.link != found.link:
        return f"points at {shown(found.link)}, not at {shown(wanted.link)}"
    return "other attributes" if wanted.xattrs != found.xattrs and wanted.size == found.size else "other content"


def compare(what: Manifest, ignore: Callable[[str], bool] | None = None, trusted: dict[str, str] | None = None) -> Differences:
    """Walk the roots again. `trusted`: path -> sha256 just computed, not to be hashed a second time. Raises OSError."""
    left_out, ignored = matcher(what.exclude, what.roots), ignore or (lambda path: False)
    tree = walk(what.roots, left_out, missing_ok=True)
    entries = _linked_as(what, tree)
    found = Differences(now={entry.path: entry for entry in entries})
    for wanted in what.entries:
        if ignored(wanted.path):
            continue
        now = found.now.get(wanted.path)
        if now is None:
            found.missing.append(wanted)
            continue
        now = found.now[now.path] = _with_content(wanted, now, (trusted or {}).get(now.path, ""))
        if any(getattr(wanted, name) != getattr(now, name) for name in (*FIELDS, "sha256")):
            found.altered.append((wanted, now))
    listed = {entry.path for entry in what.entries}
    found.extra = [entry for entry in entries if entry.path not in listed and not ignored(entry.path)]
    return found


def _linked_as(what: Manifest, tree: Tree) -> list[Entry]:
    """Hard links seen as the manifest sees them: an extra name met first must not make the wanted one the link."""
    listed = {entry.path: entry for entry in what.entries}
    head: dict[str, str] = {}
    for entry in tree.entries:
        known = listed.get(entry.path)
        if entry.type == "hardlink" and known is not None and known.type == "file":
            head.setdefault(entry.link, entry.path)
    stats = dict(zip((entry.path for entry in tree.entries), tree.stats))
    if not head:
        return tree.entries
    return [_swapped(entry, head, stats) for entry in tree.entries]


def _swapped(entry: Entry, head: dict[str, str], stats: dict[str, os.stat_result]) -> Entry:
    first = entry.link if entry.type == "hardlink" else entry.path
    if first not in head:
        return entry
    if entry.path == head[first]:
        from .backup_tree import xattrs

        return entry._replace(type="file", link="", size=stats[entry.path].st_size, xattrs=xattrs(entry.path))
    return entry._replace(type="hardlink", link=head[first], size=0, xattrs={})


def _with_content(wanted: Entry, now: Entry, known: str) -> Entry:
    if wanted.type != "file" or now.type != "file" or wanted.size != now.size:
        return now
    return now._replace(sha256=known or sha256(now.path))


def sha256(path: str) -> str:
    """Digest of a regular file that is not reached through a symbolic link; "" when it cannot be read."""
    digest = hashlib.sha256()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(handle, "rb", buffering=0) as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()
