# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every reader makes and the writer prints: a document as blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text in one look; `href` makes it a link."""

    text: str
    strong: bool = False
    em: bool = False
    code: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """A line end within a paragraph."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that has been kept under this name beside the document."""

    name: str
    alt: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Footnote:
    """A note, where it is called."""

    blocks: Sequence[Block]


Inline = Text | Break | Picture | Footnote


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` from 1; the title of the document is level 0."""

    level: int
    inlines: Sequence[Inline]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`caption`: of the image before it, or else of the one behind it."""

    inlines: Sequence[Inline]
    caption: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be kept as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody else says, or a speaker's notes."""

    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class List:
    """Each item is blocks of its own; `start` is the first number of an ordered list."""

    items: Sequence[Sequence[Block]]
    ordered: bool = False
    start: int = 1


@dataclass(slots=True)
class Cell:
    """`columns` and `rows`: how many it spans. Not frozen: a reader may learn the span from later rows."""

    content: str | Sequence[Block] = ""
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as HTML writes them: what a span covers is left out. The first row is the head."""

    rows: Sequence[Sequence[Cell]]
    place: str = ""


Block = Heading | Paragraph | Code | Quote | List | Table


@dataclass(frozen=True)
class Read:
    """A document as its reader found it; `title` is that of its properties, "" where it has none."""

    blocks: Sequence[Block]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One paragraph of a list in a format that knows no lists: how deep it stands, and its number where it has one."""

    level: int
    blocks: Sequence[Block]
    number: int | None = None


@dataclass
class _Open:
    level: int
    ordered: bool
    start: int
    items: list[list[Block]] = field(default_factory=list)

    def made(self) -> List:
        return List(self.items, self.ordered, self.start)


def nested(items: Iterable[Item]) -> list[List]:
    """Numbered paragraphs one after the other, as lists within lists."""
    made: list[List] = []
    stack: list[_Open] = []

    def close() -> None:
        ready = stack.pop().made()
        (stack[-1].items[-1] if stack else made).append(ready)  # type: ignore[arg-type] # both are lists of blocks

    for item in items:
        ordered = item.number is not None
        while stack and (stack[-1].level > item.level or (stack[-1].level == item.level and stack[-1].ordered != ordered)):
            close()
        if not stack or stack[-1].level < item.level:
            stack.append(_Open(item.level, ordered, item.number or 1))
        stack[-1].items.append(list(item.blocks))
    while stack:
        close()
    return made


def seen(inlines: Sequence[Inline]) -> bool:
    """Whether there is more than blanks."""
    return any(not isinstance(one, Text | Break) or (isinstance(one, Text) and one.text.strip()) for one in inlines)


def plain(blocks: Iterable[Block | Inline]) -> str:
    """The text alone, one space where something ends."""
    words: list[str] = []
    for block in blocks:
        if isinstance(block, Text | Code):
            words.append(block.text)
        elif isinstance(block, Heading | Paragraph):
            words.append(plain(block.inlines) + " ")
        elif isinstance(block, Quote):
            words.append(plain(block.blocks) + " ")
        elif isinstance(block, List):
            words += [plain(item) + " " for item in block.items]
        elif isinstance(block, Table):
            words += [(cell.content if isinstance(cell.content, str) else plain(cell.content)) + " " for row in block.rows for cell in row]
        elif isinstance(block, Break):
            words.append(" ")
    return "".join(words).strip()
