# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes between the two markers of a hand-written Markdown file and touches nothing else of it.

The markers are lines of their own: `<!-- itops:status begin -->` and `<!-- itops:status end -->`; with a name (of a
service, say) `<!-- itops:status web begin -->` and `<!-- itops:status web end -->`. Other texts have a word of their own for `status`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem


def marker(edge: str, name: str = "", what: str = "status") -> str:
    """The line that begins or ends the part which is ours."""
    return " ".join(filter(None, (f"<!-- itops:{what}", name, edge, "-->")))


def into(file: Path, text: str, name: str = "", what: str = "status") -> bool:
    """Put `text` between the markers; whether the file had to be written. Line ends, byte order mark, mode and owner stay.

    Raises BadInput where the markers are not there exactly once and in order, and OSError; then nothing is written.
    """
    place = Path(os.path.realpath(file))  # a link stays a link
    old = place.read_bytes()
    new = spliced(old, text, name, str(file), what)
    if new == old:
        return False
    before = place.stat()
    atomic.write(place, new, mode=before.st_mode & 0o7777)
    with suppress(PermissionError):  # only root can give a file back to its owner
        os.chown(place, before.st_uid, before.st_gid)
    return True


def spliced(old: bytes, text: str, name: str = "", file: str = "", what: str = "status") -> bytes:
    """The content with `text` between its markers, in the line ends of the begin marker."""
    if fault := _not_text(old):
        raise BadInput([Problem(file, fault, "", "not UTF-8 text, so nothing can be put into it", allowed="UTF-8")])
    lines = old.splitlines(keepends=True)  # of bytes: only \n, \r and \r\n end a line
    begin, end = positions(lines, {edge: marker(edge, name, what) for edge in ("begin", "end")}, file, "write both markers, each on a line of its own")
    ending = lines[begin][len(lines[begin].rstrip(b"\r\n")) :]
    body = [line.encode() + ending for line in ["", *text.strip("\n").split("\n"), ""]]
    return b"".join([*lines[: begin + 1], *body, *lines[end:]])


def _not_text(content: bytes) -> int:
    """The line that is not UTF-8; 0 where all is."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 0


def positions(lines: list[bytes], edges: Mapping[str, str], file: str, remedy: str) -> tuple[int, int]:
    """Where the two markers (`begin` and `end` of `edges`) stand, each exactly once and the begin first. Raises BadInput otherwise."""
    found = {edge: [number for number, line in enumerate(lines) if _plain(line) == text.encode()] for edge, text in edges.items()}
    problems = [
        Problem(file, number + 1, "", "marker stands twice", edges[edge], "each marker once") for edge, numbers in found.items() for number in numbers[1:]
    ]
    for edge, other in (("begin", "end"), ("end", "begin")):
        if not found[edge]:
            line = found[other][0] + 1 if found[other] else max(1, len(lines))
            problems.append(Problem(file, line, "", f"no {edge} marker", allowed=edges[edge], remedy=remedy))
    if not problems and found["end"][0] < found["begin"][0]:
        problems.append(Problem(file, found["end"][0] + 1, "", "the end marker stands before the begin marker", edges["end"], "the begin marker first"))
    if problems:
        raise BadInput(problems)
    return found["begin"][0], found["end"][0]


def _plain(line: bytes) -> bytes:
    return line.removeprefix("\ufeff".encode()).strip(b" \t\r\n")
