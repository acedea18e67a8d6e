# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks the trees of a backup without following any symbolic link, and says what each thing is."""

from __future__ import annotations

import fnmatch
import grp
import os
import pwd
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from .manifest import Entry, below
from .step import StepFailed

KEPT_XATTRS = ("user.", "security.capability", "system.posix_acl_")


@dataclass
class Tree:
    """What was found: entries in walking order (folders before their content), their lstat, and the sockets."""

    roots: list[str]
    entries: list[Entry] = field(default_factory=list)
    stats: list[os.stat_result] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)


def roots_of(paths: Iterable[str]) -> list[str]:
    """The trees to walk: absolute, each once; a path that is a symbolic link brings what it points at along.
    Raises StepFailed when one does not exist."""
    found: list[str] = []
    for path in paths:
        if not path.startswith("/"):
            raise StepFailed(f"not an absolute path: {path!r}")
        plain = os.path.normpath("/" + path.lstrip("/"))
        if not os.path.lexists(plain):
            raise StepFailed(f"there is no {plain} on this host, so it cannot be backed up")
        found.append(plain)
        if os.path.islink(plain):
            found.append(_pointed_at(plain))
    if not found:
        raise StepFailed("no paths are named for the backup")
    return outermost(found)


def _pointed_at(link: str) -> str:
    target = os.path.realpath(link)
    if not os.path.lexists(target):
        raise StepFailed(f"{link} points at {target}, which does not exist")
    return target


def outermost(paths: Iterable[str]) -> list[str]:
    """Without those that lie inside another."""
    kept: list[str] = []
    for path in sorted(set(paths), key=len):
        if not below(path, kept):
            kept.append(path)
    return sorted(kept)


def matcher(globs: Iterable[str], roots: Iterable[str]) -> Callable[[str], bool]:
    """Does a path match one of the globs? A glob without slash is compared with the last name, one with a leading
    slash with the whole path, any other with the path below its root; `*` also crosses folders."""
    patterns = [re.escape(root.rstrip("/") + "/") for root in roots]
    under = f"(?:{'|'.join(patterns)})" if patterns else "/"
    parts = []
    for glob in globs:
        body = fnmatch.translate(glob.rstrip("/") or "/")
        parts.append(body if glob.startswith("/") else (under if "/" in glob.rstrip("/") else "(?:.*/)") + body)
    if not parts:
        return lambda path: False
    found = re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL)
    return lambda path: found.match(path) is not None


def walk(roots: Iterable[str], exclude: Callable[[str], bool], missing_ok: bool = False) -> Tree:
    """Everything below the roots, names sorted, sha256 empty. Raises OSError (a folder we cannot read ends it)."""
    tree = Tree(sorted(roots))
    first: dict[tuple[int, int], str] = {}
    pending = list(reversed(tree.roots))
    while pending:
        path = pending.pop()
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            if missing_ok or path not in tree.roots:
                continue  # went away since its folder was read
            raise
        if stat.S_ISSOCK(info.st_mode):
            tree.sockets.append(path)
            continue
        tree.entries.append(describe(path, info, first))
        tree.stats.append(info)
        if stat.S_ISDIR(info.st_mode):
            names = sorted(os.listdir(path), reverse=True)
            front = path.rstrip("/") + "/"
            pending.extend(inner for inner in (front + name for name in names) if not exclude(inner))
    return tree


def describe(path: str, info: os.stat_result, first: dict[tuple[int, int], str]) -> Entry:
    """One entry; `first` remembers where each multiply linked file was met first."""
    kind, size, link = _kind(path, info, first)
    return Entry(
        path, kind, size, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, user(info.st_uid), group(info.st_gid),
        info.st_mtime_ns, link, "", {} if kind in ("link", "hardlink") else xattrs(path),
    )  # fmt: skip


def _kind(path: str, info: os.stat_result, first: dict[tuple[int, int], str]) -> tuple[str, int, str]:
    mode = info.st_mode
    if stat.S_ISREG(mode):
        if info.st_nlink > 1:
            known = first.setdefault((info.st_dev, info.st_ino), path)
            if known != path:
                return "hardlink", 0, known
        return "file", info.st_size, ""
    if stat.S_ISDIR(mode):
        return "dir", 0, ""
    if stat.S_ISLNK(mode):
        return "link", 0, os.readlink(path)
    if stat.S_ISFIFO(mode):
        return "fifo", 0, ""
    return "char" if stat.S_ISCHR(mode) else "block", 0, f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"


def xattrs(path: str) -> dict[str, str]:
    """Extended attributes that belong to the data: user's, capabilities, access lists. {} where there are none."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return {}  # a filesystem without them
    kept = (name for name in names if name.startswith(KEPT_XATTRS))
    return {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in kept}


@lru_cache(maxsize=None)
def user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=None)
def group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
