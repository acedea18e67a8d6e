# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of digests: GNU (`digest  name`), BSD (`SHA256 (name) = digest`), OpenSSL's spelling of it, and a file with one digest only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import LENGTHS, File, Notice, digest_kind, name_fault
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

GNU = re.compile(r"(\\?)([0-9A-Fa-f]{28,}) [ *](.+)", re.DOTALL)
BSD = re.compile(r"(\\?)([A-Za-z0-9/-]+) ?\((.+)\) ?= ?([0-9A-Fa-f]+)", re.DOTALL)
BARE = re.compile(r"[0-9A-Fa-f]{28,}")
ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
ALLOWED = "`digest  name`, `digest *name`, `SHA256 (name) = digest`, or one digest alone in NAME.sha256"
TAGS = {"SHA256": "sha256", "SHA2-256": "sha256", "SHA512": "sha512", "SHA2-512": "sha512", "SHA1": "sha1", "MD5": "md5"}


class _Wrong(Exception):
    """What is wrong with one line, and what was found there."""

    def __init__(self, message: str, found: str = "", allowed: str = ""):
        self.what = (message, found, allowed)
        super().__init__(message)


@dataclass(frozen=True)
class _Entry:
    line: int
    name: str
    kind: str
    digest: str


def looks_like(text: str) -> bool:
    """Whether the first line that says anything is one of such a list."""
    first = next((line for _number, line in _lines(text)), "")
    return any(form.fullmatch(first) for form in (GNU, BSD, BARE))


def parse(text: str, file: str) -> tuple[Notice, list[Problem]]:
    """The files of a list, and every problem of it. Several digests of one name come together; sizes stay unknown."""
    entries, problems = [], []
    lines = list(_lines(text))
    for number, line in lines:
        try:
            entries.append(_entry(number, line, file, len(lines)))
        except _Wrong as wrong:
            message, found, allowed = wrong.what
            problems.append(Problem(file, number, "", message, found[:80], allowed))
    if not lines:
        problems.append(Problem(file, 0, "", "no digest in it", allowed=ALLOWED))
    files: dict[str, File] = {}
    for entry in entries:
        known = files.get(entry.name, File(entry.name))
        if known.digests.get(entry.kind, entry.digest) != entry.digest:
            problems.append(Problem(file, entry.line, "", f"listed twice with different digests ({entry.kind})", entry.name))
        files[entry.name] = _with(known, entry)
    return Notice(files=tuple(files.values())), problems


def _with(file: File, entry: _Entry) -> File:
    return replace(file, **{entry.kind: entry.digest})  # type: ignore[arg-type]  # the kind is the name of a text field


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of every line that is neither empty nor a comment; ends with LF or CRLF."""
    for number, line in enumerate(text.split("\n"), 1):
        said = line.removesuffix("\r")
        if said.strip() and not said.startswith("#"):
            yield number, said


def _entry(number: int, line: str, file: str, lines: int) -> _Entry:
    if gnu := GNU.fullmatch(line):
        return _Entry(number, _name(gnu[3], bool(gnu[1])), _kind(gnu[2]), gnu[2].lower())
    if bsd := BSD.fullmatch(line):
        return _Entry(number, _name(bsd[3], bool(bsd[1])), _tagged(bsd[2], bsd[4]), bsd[4].lower())
    if BARE.fullmatch(line.strip()):
        if lines > 1:
            raise _Wrong("a digest without a name, and it is not the only one", line, ALLOWED)
        digest = line.strip()
        return _Entry(number, _own_name(file, _kind(digest)), _kind(digest), digest.lower())
    raise _Wrong("not a line of a list of digests", line, ALLOWED)


def _kind(digest: str) -> str:
    kind = digest_kind(digest)
    if not kind:
        raise _Wrong(f"a digest of {len(digest)} digits is not known here", digest, ", ".join(f"{name}: {length}" for name, length in LENGTHS.items()))
    return kind


def _tagged(tag: str, digest: str) -> str:
    kind = TAGS.get(tag.upper())
    if not kind:
        raise _Wrong("algorithm is not known here", tag, ", ".join(TAGS))
    if len(digest) != LENGTHS[kind]:
        raise _Wrong(f"not a {kind} digest", digest, f"{LENGTHS[kind]} hexadecimal digits")
    return kind


def _name(text: str, escaped: bool) -> str:
    """The name as it is on the disk. A backslash is only itself in a line that begins with one; otherwise it parts Windows folders."""
    if not escaped and "\\" in text:
        raise _Wrong("a backslash in the name: folders are not followed", text, "a plain file name")
    if escaped and re.search(r"\\(?![\\nr])", re.sub(r"\\[\\nr]", "", text)):
        raise _Wrong("an unknown escape in the name", text, r"\\, \n, \r")
    name = re.sub(r"\\[\\nr]", lambda match: ESCAPES[match[0]], text) if escaped else text
    name = name.removeprefix("./")
    if wrong := name_fault(name):
        raise _Wrong(wrong, repr(name) if "\n" in name else name, "a plain file name")
    return name


def _own_name(file: str, kind: str) -> str:
    """What a file with one digest alone speaks of: its own name without the ending."""
    path = PurePosixPath(file)
    if path.suffix.lower() not in (f".{kind}", f".{kind}sum"):
        raise _Wrong("one digest alone, and the file's own name does not say of what", path.name, f"NAME.{kind}")
    return _name(path.stem, False)
