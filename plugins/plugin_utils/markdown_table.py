# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown tables whose columns line up on a terminal: East Asian wide characters count two columns.

Whatever a field holds, it comes out as text: it cannot end a cell, start a row, a link, markup or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

import wcwidth

EMPTY = "—"  # what a report prints where there is no value
MIN_WIDTH = 3  # the shortest delimiter every Markdown reader takes

Align = Literal["left", "right", "center"]

# Whatever would break the line: blanks of every kind, and the separators some programs take for a line end.
_BLANKS = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")
# Controls, lone surrogates (not encodable), and marks that reorder what a reader sees or cannot be seen at all.
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_SPECIAL = re.compile(r"[\\|<>`*_~&\[\]:!@#$]|www", re.IGNORECASE)
_URL = re.compile(r"https?://[A-Za-z0-9.\-:/?#=%+,()@_~&]*[A-Za-z0-9/=]", re.IGNORECASE)
_ESCAPE = re.compile(
    r"[\\|<>`*~$]"  # always markup somewhere
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # within a word it is none
    r"|&(?=#?[A-Za-z0-9]+;)"
    r"|\[(?=\^)|\](?=[(\[:])"  # a footnote, a link
    r"|!(?=\[)"
)
_BLOCK = re.compile(r"^(\d{0,9})([#+=.)-])")  # what begins a heading, a list, a rule
_CLOSING = re.compile(r"(?<!\\)#(?=#*$)")  # what a heading would swallow at its end


class Cell(str):
    """Text that is Markdown already; `table` takes it as it is and escapes every other text."""

    __slots__ = ()


def plain(value: object) -> str:
    """One line of visible text: blanks become one space, invisible characters U+FFFD."""
    text = str(value)
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return _UNSEEN.sub("\ufffd", _BLANKS.sub(" ", text)).strip()


@lru_cache(maxsize=65536)
def _escaped(text: str) -> str:
    clean = plain(text)
    if not _SPECIAL.search(clean):
        return clean
    parts, end = [], 0
    for url in _URL.finditer(clean):  # <...> : a bare address would be a link in one reader and none in another
        parts += [_ESCAPE.sub(r"\\\g<0>", clean[end : url.start()]), f"<{url.group()}>"]
        end = url.end()
    return "".join([*parts, _ESCAPE.sub(r"\\\g<0>", clean[end:])])


def cell(text: object) -> Cell:
    """`text` as Markdown that reads exactly so, in one line, safe in a table and in a paragraph."""
    return text if isinstance(text, Cell) else Cell(_escaped(str(text)))


def line(text: object) -> Cell:
    """`text` as a line of its own (paragraph, list item, heading) that reads exactly so: nothing at its edges makes it another block."""
    return Cell(_CLOSING.sub(r"\\\g<0>", _BLOCK.sub(r"\1\\\2", cell(text))))


def code(text: object) -> Cell:
    """`text` as a code span that is safe in a table; as ordinary text where no code span can hold it."""
    clean = plain(text)
    if not clean or "\\|" in clean or clean.endswith("\\"):  # readers disagree about these
        return cell(clean)
    fence = "`" * (max((len(run) for run in re.findall("`+", clean)), default=0) + 1)
    gap = " " if clean[0] == "`" or clean[-1] == "`" else ""
    return Cell(f"{fence}{gap}{clean.replace('|', chr(92) + '|')}{gap}{fence}")


@lru_cache(maxsize=65536)
def _measured(text: str) -> int:
    found = wcwidth.wcswidth(text)
    return found if found >= 0 else sum(max(0, wcwidth.wcwidth(char)) for char in text)


def width(text: str) -> int:
    """Columns the text takes on a terminal."""
    return len(text) if text.isascii() else _measured(str(text))


def pad(text: str, columns: int, align: Align | None = None) -> str:
    """`text` filled up with spaces to so many columns; a longer one as it is."""
    missing = max(0, columns - width(text))
    before = {"right": missing, "center": missing // 2}.get(align or "left", 0)
    return f"{' ' * before}{text}{' ' * (missing - before)}"


def table(
    headers: Sequence[object],
    rows: Iterable[Sequence[object]],
    align: Sequence[Align | None] | None = None,
    widest: int | None = None,
) -> str:
    """A Markdown table without a final line end. Values are escaped unless they are `Cell`s.

    Short rows are filled up. Columns are padded to their widest cell, or to at most `widest` columns where given, so
    that one long text does not blow up every row. Raises ValueError for a row longer than the head.
    """
    head = [cell(text) for text in headers]
    body = [_filled([cell(text) for text in row], len(head)) for row in rows]
    ways = list(align) if align else [None] * len(head)
    widths = [max(MIN_WIDTH, *map(width, column)) for column in zip(head, *body, strict=True)]
    widths = [max(MIN_WIDTH, min(found, widest)) for found in widths] if widest else widths
    rules = [_rule(columns, way) for columns, way in zip(widths, ways, strict=True)]
    return "\n".join(_line(row, widths, ways) for row in (head, rules, *body))


def _filled(row: list[Cell], columns: int) -> list[Cell]:
    if len(row) > columns:
        raise ValueError(f"a row of {len(row)} cells in a table of {columns} columns")
    return row + [Cell()] * (columns - len(row))


def _rule(columns: int, align: Align | None) -> Cell:
    left, right = align in ("left", "center"), align in ("right", "center")
    return Cell((":" if left else "") + "-" * (columns - left - right) + (":" if right else ""))


def _line(row: Sequence[str], widths: Sequence[int], ways: Sequence[Align | None]) -> str:
    return f"| {' | '.join(map(pad, row, widths, ways))} |"
