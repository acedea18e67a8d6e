# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How wide the columns of a table are: no word runs over its border, and what has more to say gets more room. Widths count narrow signs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import width

LONG = re.compile(r"[!-~]{16,}")  # a digest, a path, an address: it may be broken, and stays one word when copied
PIECE = re.compile(r"[A-Za-z]{1,12}(?![A-Za-z0-9])[^A-Za-z0-9]?|[A-Za-z0-9]{1,6}[^A-Za-z0-9]?|[^A-Za-z0-9]{1,6}")  # between two places where it may be broken
WORD = re.compile(r"[^\s\u2e80-\U0003ffff]+")  # what is never broken; Chinese may be after each character
PAGE = 94  # signs in a line of a table over the whole page
PADDING = 3.6  # of a cell, both sides together; letters are not all as narrow as a digit
SHORT = 6  # what is not wider than this is not broken, though it be Chinese
ROOM = 0.2  # of the page, for the columns that have more to say than their longest word
MOST = 64  # more text than this makes a column no wider
WHOLE, LINES = 240, 8  # signs and line ends of a cell that is not parted by a page's end
GROWTH = 0.7  # a column with four times the text gets not quite three times the room


@dataclass(frozen=True)
class Columns:
    """Shares of the width, and by how much the letters have to shrink so that the longest words fit (1: not at all)."""

    shares: list[int]
    shrink: float = 1.0


def fit(rows: Sequence[Sequence[str]]) -> Columns:
    """For a table of these texts; lines of a cell are parted by a line feed."""
    texts = list(zip(*rows, strict=True))
    least = [PADDING + max(map(_longest_word, column)) for column in texts]
    wanted = [max(low, PADDING + min(MOST, max(map(_longest_line, column)))) for low, column in zip(least, texts, strict=True)]
    if sum(wanted) <= PAGE:
        return Columns([round(100 * share) for share in wanted])
    shrink = min(1.0, (1 - ROOM) * PAGE / sum(least))
    more = [(full - low) ** GROWTH for full, low in zip(wanted, least, strict=True)]
    each = (PAGE / shrink - sum(least)) / (sum(more) or 1)
    return Columns([round(100 * (low + each * extra)) for low, extra in zip(least, more, strict=True)], shrink)


def whole(row: Sequence[str]) -> bool:
    """Whether the row surely fits on a page, however narrow its columns are: then no page breaks it."""
    return all(width(text) <= WHOLE and text.count("\n") < LINES for text in row)


def parts(word: str) -> list[str]:
    """A long word in parts between which a line may end: words of a path or an address are not taken apart."""
    return PIECE.findall(word)


def _longest_word(text: str) -> int:
    """At least a Chinese character."""
    words = [max(map(len, parts(word))) if LONG.fullmatch(word) else width(word) for word in WORD.findall(text)]
    whole = _longest_line(text)
    return max([2, *words, whole if whole <= SHORT else 0])


def _longest_line(text: str) -> int:
    return max(width(line) for line in text.split("\n"))
