# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a notice of any kind: what kind it is follows from what stands in it, unless somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.notice import csaf, ours, sums
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import File, Notice, digest_kind, faults
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import dotted

SIZE_LIMIT = 32 << 20  # bytes of a notice; the largest advisories have a few million
AUTO, ITOPS, CSAF, SUMS, HAND = "auto", "itops", "csaf", "sums", "hand"
KINDS = (AUTO, ITOPS, CSAF, SUMS, HAND)
CLEARSIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
PARSERS: dict[str, Callable[[str, str], tuple[Notice, list[Problem]]]] = {ITOPS: ours.parse, CSAF: csaf.parse, SUMS: sums.parse}


def detect(text: str) -> str:
    """The kind of a notice by its content: an object of JSON, a list of digests, else our YAML."""
    if text.lstrip().startswith("{"):
        return CSAF
    return SUMS if sums.looks_like(text) else ITOPS


def read(path: Path, kind: str = AUTO) -> tuple[str, Notice]:
    """Kind and notice of a file. Raises BadInput with every problem of it, OSError where it cannot be read."""
    if path.stat().st_size > SIZE_LIMIT:
        raise BadInput([Problem(str(path), 0, "", "too large for a notice", str(path.stat().st_size), f"{SIZE_LIMIT} bytes")])
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadInput([Problem(str(path), line, "", "not UTF-8 text", allowed="UTF-8", remedy="iconv -f GB18030 -t UTF-8 FILE")]) from None
    if text.lstrip().startswith(CLEARSIGNED):
        way = f"gpg --output {path.stem}.plain --decrypt {path}, which verifies it; then import {path.stem}.plain"
        raise BadInput([Problem(str(path), 1, "", "a clearsigned text: text and signature in one file", allowed="the text alone", remedy=way)])
    kind = detect(text) if kind == AUTO else kind
    notice, problems = PARSERS[kind](text, str(path))
    if errors(problems):
        raise BadInput(errors(problems))
    return kind, notice


def by_hand(files: Iterable[str]) -> Notice:
    """A notice of files given as NAME:SIZE:DIGEST[:URL]; SIZE may be empty. Raises BadInput with every problem."""
    made, problems = [], []
    for number, text in enumerate(files, 1):
        name, size, digest, url = ([*text.split(":", 3), "", "", ""])[:4]
        kind = digest_kind(digest)
        if not kind or not ((size.isascii() and size.isdigit()) or not size):
            problems.append(Problem("--file", number, "", "not NAME:SIZE:DIGEST[:URL]", text[:80], "app.tar.gz:1048576:<64 hexadecimal digits>"))
            continue
        made.append(replace(File(name, int(size) if size else None, url=url), **{kind: digest.lower()}))  # type: ignore[arg-type]  # a text field
    notice = Notice(files=tuple(made))
    problems += [Problem("--file", 0, dotted(path), message, found, allowed) for path, message, found, allowed in faults(notice)]
    if problems:
        raise BadInput(problems)
    return notice
