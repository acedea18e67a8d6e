# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks as Markdown that reads the same everywhere: whatever a document holds, it comes out as text.

Markdown has no merged cells. A value that spans rows is repeated in each, so that every row can be read by itself; of one that spans columns, the
further columns hold `←`. The first row of a table is its head.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from urllib.parse import quote

from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import Cell as Ready
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import cell, plain, table

from itops_cli.importing import Unreadable
from itops_cli.importing.inline import heading, literal, look_of, paragraph, shown
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.shaping import captioned, levelled
from itops_cli.importing.tree import Block, Break, Cell, Code, Footnote, Heading, Inline, List, Paragraph, Picture, Quote, Table, Text

LEFT = "←"  # the value stands to the left
LINE = "<br>"  # a line end within a cell
WIDEST = 40  # columns a cell is padded to at most
CELLS = 500_000  # of one table, what spans cover included
DEEPEST = 6  # level of a heading


class Writer:
    """Prints one document. `folder` is where its images lie, as a link from the document."""

    def __init__(self, keeper: Keeper, folder: str):
        self.keeper, self.folder = keeper, quote(folder)
        self.notes: list[str] = []

    def document(self, blocks: Sequence[Block]) -> str:
        """All of it, with footnotes at the end."""
        body = self.blocks(levelled(captioned(blocks)))
        return "\n\n".join([*body, *(f"[^{number}]: {note}" for number, note in enumerate(self.notes, 1))]) + "\n"

    def blocks(self, blocks: Iterable[Block]) -> list[str]:
        made: list[str] = []
        before: Block | None = None
        for block in blocks:
            text = self.block(block)
            if text and isinstance(before, List) and isinstance(block, List) and before.ordered and block.ordered:
                made.append("<!-- -->")  # two lists, each with numbers of its own
            if text:
                made.append(text)
                before = block
        return made

    def block(self, block: Block) -> str:
        match block:
            case Heading(level, inlines):
                text = self.line(inlines, " ")
                return f"{'#' * min(max(level, 1), DEEPEST)} {heading(text)}" if text else ""
            case Paragraph(inlines):
                return paragraph(self.line(inlines, "\\\n"))
            case Code(text):
                return fenced(text)
            case Quote(blocks):
                return _prefixed("\n\n".join(self.blocks(blocks)), "> ", "> ")
            case List():
                return self.listing(block)
            case Table():
                return self.table(block)

    def listing(self, block: List) -> str:
        made = []
        for number, item in enumerate(block.items, block.start):
            mark = f"{min(number, 999_999_999)}. " if block.ordered else "- "
            inner = self.blocks(item)
            text = ("\n" if all(map(_interrupts, item[1:])) else "\n\n").join(inner)
            made.append(_prefixed(text, mark, " " * len(mark)) if inner else mark.rstrip())
        return "\n".join(made)

    def table(self, block: Table) -> str:
        rows = self.grid(block)
        width = max((len(row) for row in rows), default=0)
        return table(_filled(rows[0], width), rows[1:], widest=WIDEST) if any(map(any, rows)) else ""

    def grid(self, block: Table) -> list[list[str]]:
        """The table with every place filled. Raises Unreadable beyond the bound."""
        rows: list[list[str]] = []
        hanging: dict[int, tuple[str, int]] = {}  # column -> what spans into the rows below, and how many of them
        count = merged = 0
        for row in block.rows:
            made: list[str] = []
            for one in row:
                _hang(hanging, made)
                shown = [self.cell(one), *[LEFT] * (min(one.columns, CELLS) - 1)]
                if one.rows > 1:
                    hanging.update({len(made) + number: (text, one.rows - 1) for number, text in enumerate(shown)})
                merged += one.columns > 1 or one.rows > 1
                made += shown
            _hang(hanging, made)
            count += len(made)
            if count > CELLS:
                raise Unreadable(f"a table of more than {CELLS:,} cells", "keep it as data, or split it")
            rows.append([Ready(text) for text in made])
        if merged:
            self.keeper.lost("merged_cells", "", block.place, merged)
        return rows

    def cell(self, one: Cell) -> str:
        if isinstance(one.content, str):
            return LINE.join(filter(None, map(cell, one.content.split("\n")))) if "\n" in one.content else cell(one.content)
        return LINE.join(line for block in one.content for line in self.in_cell(block, ""))

    def in_cell(self, block: Block, indent: str) -> list[str]:
        """A block as lines of a cell."""
        match block:
            case Heading(_, inlines) | Paragraph(inlines):
                text = self.line(inlines, LINE)
                return [indent + text] if text else []
            case Code(text):
                return [cell(line) for line in text.split("\n") if line.strip()]
            case Quote(blocks):
                return [line for inner in blocks for line in self.in_cell(inner, indent)]
            case List():
                return [line for number, item in enumerate(block.items, block.start) for line in self.item_in_cell(block, number, item, indent)]
            case Table(rows):
                self.keeper.lost("nested_table")
                return [" / ".join(filter(None, map(self.cell, row))) for row in rows]

    def item_in_cell(self, block: List, number: int, item: Sequence[Block], indent: str) -> list[str]:
        lines = [line for inner in item for line in self.in_cell(inner, indent if isinstance(inner, Paragraph) else indent + "&emsp;")]
        mark = f"{number}. " if block.ordered else "• "
        return [indent + mark + lines[0].removeprefix(indent), *lines[1:]] if lines else []

    def line(self, inlines: Iterable[Inline], ending: str) -> str:
        """Inlines, with `ending` for every line end; empty lines left out."""
        parts: list[list[Inline]] = [[]]
        for inline in inlines:
            if isinstance(inline, Break):
                parts.append([])
            else:
                parts[-1].append(inline)
        return ending.join(text for part in parts if (text := self.run(part, in_table=ending == LINE).strip()))

    def run(self, inlines: Sequence[Inline], in_table: bool) -> str:
        """Inlines without line ends; neighbours of one look as one."""
        made = ""
        for look, group in groupby(inlines, look_of):
            if look is None:
                made += "".join(map(self.other, group))
            else:
                made += shown("".join(one.text for one in group if isinstance(one, Text)), look, made, in_table)
        return made

    def other(self, inline: Inline) -> str:
        if isinstance(inline, Picture):
            alt = inline.alt or plain(inline.caption)
            if not alt:
                self.keeper.lost("no_alt", inline.name)
            title = f' "{literal(inline.caption)}"' if inline.caption and inline.caption != alt else ""
            return f"![{literal(alt)}]({self.folder}/{inline.name}{title})"
        assert isinstance(inline, Footnote)
        text = " ".join(line for block in inline.blocks for line in self.in_cell(block, ""))
        self.notes.append(text.replace(LINE, " ") or "—")
        return f"[^{len(self.notes)}]"


def fenced(text: str) -> str:
    """Lines as a code block: indentation and blanks stay, what cannot be seen does not."""
    lines = [" ".join(map(plain, line.expandtabs(4).split(" "))).rstrip() for line in text.split("\n")]
    fence = "`" * max(3, 1 + max(len(run) for run in re.findall("`*", "\n".join(lines))))
    return "\n".join([fence + "text", *lines, fence]) if any(lines) else ""


def _interrupts(block: Block) -> bool:
    """Whether it needs no empty line between a paragraph and itself."""
    return isinstance(block, List) and (not block.ordered or block.start == 1)


def _prefixed(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join((f"{first if number == 0 else rest}{line}").rstrip() for number, line in enumerate(lines))


def _filled(row: list[str], width: int) -> list[str]:
    return row + [Ready("")] * (width - len(row))


def _hang(hanging: dict[int, tuple[str, int]], made: list[str]) -> None:
    """Fill up with what spans down from the rows above."""
    while len(made) in hanging:
        column = len(made)
        text, left = hanging.pop(column)
        if left > 1:
            hanging[column] = (text, left - 1)
        made.append(text)
