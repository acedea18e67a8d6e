# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Word documents. Tracked insertions are taken, deletions, comments and hidden text left out; all of it is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from itops_cli.importing import Unreadable, ooxml
from itops_cli.importing.docx_inline import TAKEN, WRAPPERS, Inlines, text_of
from itops_cli.importing.docx_styles import Mark, Numbers, Style, Styles, mono, numbering
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.ooxml import child, local, number, on, value, within
from itops_cli.importing.package import ANEW, Element, Package
from itops_cli.importing.tree import Block, Break, Cell, Code, Heading, Inline, Item, Paragraph, Quote, Read, Table, Text, nested, seen

PLACE = 40  # characters of a heading that say where something was


def read(path: Path, keeper: Keeper) -> Read:
    """Raises Unreadable."""
    package = Package(path)
    reader = _Reader(package, keeper)
    blocks = reader.document()
    ooxml.left_out(package, keeper)
    return Read(blocks, package.title())


@dataclass
class _Reader:
    package: Package
    keeper: Keeper

    def __post_init__(self) -> None:
        self.main = self.package.main()
        self.relations = self.package.related(self.main)
        parts = {rel.kind: rel.target for rel in self.relations.values() if rel.target in self.package}
        self.parts = {kind: self.package.xml(parts[kind]) for kind in ("styles", "numbering", "footnotes", "endnotes", "comments") if kind in parts}
        self.styles, self.numbers = Styles(self.parts.get("styles")), Numbers(self.parts.get("numbering"))
        notes = {(kind, value(note, "id")): note for kind in ("footnotes", "endnotes") for note in self.parts.get(kind, ())}
        self.inlines = Inlines(self.package, self.keeper, self.styles, self.relations, notes, self.blocks)

    def document(self) -> list[Block]:
        body = child(self.package.xml(self.main), "body")
        if body is None:
            raise Unreadable("damaged: a Word document without a body", ANEW)
        blocks = self.blocks(body)
        self.margins()
        for comment in self.parts.get("comments", ()):
            self.keeper.lost("comment", f"{value(comment, 'author')}: {text_of(comment)}")
        return blocks

    def margins(self) -> None:
        """Headers and footers belong to pages, and there are none any more."""
        for rel in self.relations.values():
            if rel.kind in ("header", "footer") and rel.target in self.package and (text := text_of(self.package.xml(rel.target))):
                self.keeper.lost("header_footer", text)

    def blocks(self, parent: Element) -> list[Block]:
        """Numbered paragraphs become lists, lines of code one block."""
        made: list[Block] = []
        items: list[Item] = []
        for found in self.each(parent):
            if isinstance(found, Item):
                items.append(found)
                continue
            if items:
                made += nested(items)
                items = []
            if isinstance(found, Code) and made and isinstance(made[-1], Code):
                made[-1] = Code(f"{made[-1].text}\n{found.text}")
            else:
                made.append(found)
        return [*made, *nested(items)]

    def each(self, parent: Element) -> Iterator[Block | Item]:
        for node in parent:
            name = local(node)
            if name == "p":
                yield from self.paragraph(node)
            elif name == "tbl":
                yield from self.table(node)
            elif name in WRAPPERS or name in TAKEN:
                yield from self.each(node)
            elif name == "AlternateContent":
                yield from self.each(next(iter(node), node))
            elif name == "altChunk":
                self.keeper.lost("embedded", "altChunk", self.keeper.place)

    def paragraph(self, node: Element) -> Iterator[Block | Item]:
        properties = child(node, "pPr")
        style = self.styles.get(value(child(properties, "pStyle")))
        if style.kind == "contents":
            self.keeper.lost("contents")
            return
        inlines = self.inlines.read(node, style)
        boxes = self.inlines.boxes()
        if seen(inlines):
            yield self.shaped(node, properties, style, inlines)
        yield from boxes

    def shaped(self, node: Element, properties: Element | None, style: Style, inlines: list[Inline]) -> Block | Item:
        mark = self.mark(properties, style)
        level = number(value(child(properties, "outlineLvl")), 9) if child(properties, "outlineLvl") is not None else 9
        heading = level + 1 if 0 <= level < 9 else style.level
        if heading is not None:
            return self.heading(heading, mark, inlines)
        if style.kind == "code" or (style.mono or _all_mono(node, inlines)):
            return Code("".join("\n" if isinstance(one, Break) else one.text for one in inlines if isinstance(one, Text | Break)))
        if mark is not None and mark.plain:
            return Item(mark.level + style.deeper, [Paragraph(inlines)], mark.number)
        labelled = [Text(f"{mark.label} "), *inlines] if mark else inlines
        made = Paragraph(labelled, caption=style.kind == "caption")
        return Quote([made]) if style.kind == "quote" else made

    def heading(self, level: int, mark: Mark | None, inlines: list[Inline]) -> Heading:
        plain = [replace(one, strong=False, em=False) if isinstance(one, Text) else one for one in inlines]
        text = "".join(one.text for one in plain if isinstance(one, Text))
        self.keeper.place = " ".join(text.split())[:PLACE]
        label = [Text(f"{mark.label} ")] if mark and mark.number is not None else []
        return Heading(level, [*label, *plain])

    def mark(self, properties: Element | None, style: Style) -> Mark | None:
        own = numbering(child(properties, "numPr"))
        found = own or style.numbering
        return self.numbers.next(*found) if found else None

    def table(self, node: Element) -> Iterator[Block]:
        rows: list[list[Cell]] = []
        open_cells: dict[int, Cell] = {}  # column -> the cell that rows below may go on with
        for row in _parts(node, "tr"):
            if child(row, "trPr", "del") is not None:
                self.keeper.lost("deletion", "", self.keeper.place)
            elif on(child(row, "trPr", "hidden")):
                self.keeper.lost("hidden_row", "", self.keeper.place)
            else:
                rows.append(self.row(row, open_cells))
        if len(rows) == 1 and len(rows[0]) == 1 and not isinstance(rows[0][0].content, str):
            yield from rows[0][0].content  # a box around text
        elif rows:
            yield Table(rows, self.keeper.place)

    def row(self, row: Element, open_cells: dict[int, Cell]) -> list[Cell]:
        made = [Cell() for _ in range(min(number(value(child(row, "trPr", "gridBefore"))), 100))]
        column = len(made)
        for node in _parts(row, "tc"):
            properties = child(node, "tcPr")
            span = max(1, min(number(value(child(properties, "gridSpan")), 1), 1000))
            merge = child(properties, "vMerge")
            if merge is not None and value(merge) != "restart" and column in open_cells:
                open_cells[column].rows += 1
            else:
                cell = Cell(self.blocks(node), span)
                made.append(cell)
                open_cells.pop(column, None)
                if merge is not None:
                    open_cells[column] = cell
            column += span
        return made


def _parts(parent: Element, name: str) -> Iterator[Element]:
    """Rows of a table, or cells of a row, whatever is wrapped around them."""
    for node in parent:
        if local(node) == name:
            yield node
        elif local(node) in WRAPPERS or local(node) in TAKEN:
            yield from _parts(node, name)


def _all_mono(node: Element, inlines: Sequence[Inline]) -> bool:
    """A paragraph set in a terminal's font throughout, and nothing but text."""
    runs = [run for run in within(node, "r") if any(str(text.text or "").strip() for text in within(run, "t"))]
    return bool(runs) and all(mono(child(run, "rPr", "rFonts")) for run in runs) and all(isinstance(one, Text | Break) for one in inlines)
