# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sign that no font can show, named with its code point, file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

MOST = 3  # places that are named for one sign
REMEDY = "use other signs, or a font that has them (fonts: in itops.yml)"


def in_document(signs: Iterable[str], document: Document, images: Iterable[Path]) -> BadInput:
    """Where the document and its drawings have them; the front matter is meant where neither does."""
    drawings = [path for path in images if path.suffix.lower() == ".svg"]
    return BadInput([_problem(sign, *place) for sign in signs for place in _places(sign, document, drawings) or [(str(document.path), 0)]])


def in_text(signs: Sequence[str], what: str, text: str) -> BadInput:
    """In a text that stands in no file."""
    return BadInput([_problem("".join(signs), what, 0, text)])


def _places(sign: str, document: Document, drawings: Iterable[Path]) -> list[tuple[str, int]]:
    found = list(_lines(sign, str(document.path), document.body, document.line))
    for path in drawings:
        found += _lines(sign, str(path), path.read_text("utf-8", "replace"), 1)
    return found[:MOST]


def _lines(sign: str, file: str, text: str, first: int) -> Iterator[tuple[str, int]]:
    yield from ((file, number) for number, line in enumerate(text.split("\n"), first) if sign in line)


def _problem(signs: str, file: str, line: int, found: str = "") -> Problem:
    named = ", ".join(f"U+{ord(sign):04X} {sign if sign.isprintable() else ''}".strip() for sign in signs)
    return Problem(file, line, "", f"no font has {named}", found, remedy=REMEDY)
