# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presentations: every visible slide as a heading and what stands on it, in reading order; a speaker's notes as a quotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from itops_cli.importing import ooxml
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.ooxml import child, local, number, relation, value, within
from itops_cli.importing.package import Element, Package, Related
from itops_cli.importing.tree import Block, Break, Cell, Heading, Inline, Item, Paragraph, Quote, Read, Table, Text, nested, plain

TITLES = ("title", "ctrTitle")
MARGINS = ("ftr", "dt", "sldNum", "hdr")
LISTED = ("body", "obj")  # placeholders whose paragraphs have bullets
YES, NO = ("1", "true"), ("0", "false")
UNNAMED = "PowerPoint "  # what the program itself writes as title
DEEPEST = 8
SPAN = 1000


def read(path: Path, keeper: Keeper) -> Read:
    """Raises Unreadable."""
    package = Package(path)
    main = package.main()
    show, relations = package.xml(main), package.related(main)
    blocks: list[Block] = []
    for at, slide in enumerate(within(show, "sldId"), 1):
        target = relations.get(relation(slide, "id"))
        if target and target.target in package:
            blocks += _slide(package, target.target, keeper, str(at))
    ooxml.left_out(package, keeper)
    title = package.title()
    return Read(blocks, "" if title.startswith(UNNAMED) else title)


def _slide(package: Package, part: str, keeper: Keeper, place: str) -> Iterator[Block]:
    root, relations = package.xml(part), package.related(part)
    if value(root, "show") in NO:
        keeper.lost("hidden_slide", "", place)
        return
    reader = _Slide(package, relations, keeper, place)
    shapes = list(reader.shapes(next(within(root, "spTree"), root)))
    titles = [text for shape in shapes if _placeholder(shape) in TITLES and (text := plain(reader.text(shape)))]
    yield Heading(2, [Text(" ".join(titles) or place)])
    for shape in sorted((one for one in shapes if _placeholder(one) not in (*TITLES, *MARGINS)), key=_corner):
        yield from reader.shape(shape)
    for rel in relations.values():
        if rel.kind == "notesSlide" and rel.target in package:
            yield from _notes(_Slide(package, {}, keeper, place), package.xml(rel.target))
        elif rel.kind == "comments" and rel.target in package:
            for comment in within(package.xml(rel.target), "text"):
                keeper.lost("comment", str(comment.text or ""), place)


def _notes(reader: _Slide, root: Element) -> Iterator[Block]:
    tree = next(within(root, "spTree"), root)
    said = [block for shape in reader.shapes(tree) if _placeholder(shape) == "body" for block in reader.text(shape, listed=False)]
    if said:
        yield Quote(said)


@dataclass
class _Slide:
    package: Package
    relations: Mapping[str, Related]
    keeper: Keeper
    place: str

    def shapes(self, tree: Element) -> Iterator[Element]:
        """All that is seen, groups opened."""
        for node in tree:
            if local(node) == "grpSp":
                yield from self.shapes(node)
            elif local(node) == "AlternateContent":
                yield from self.shapes(next(iter(node), node))
            elif local(node) in ("sp", "pic", "graphicFrame"):
                about = next(within(node, "cNvPr"), None)
                if value(about, "hidden") in YES:
                    self.keeper.lost("hidden_text", value(about, "name"), self.place)
                else:
                    yield node

    def shape(self, node: Element) -> Iterator[Block]:
        if local(node) == "sp":
            yield from self.text(node, listed=_placeholder(node) in LISTED)
        elif local(node) == "pic":
            alt = value(next(within(node, "cNvPr"), None), "descr")
            kept = [ooxml.picture(self.package, self.relations, blip, self.keeper, alt, self.place) for blip in within(node, "blip")]
            yield from (Paragraph([one]) for one in kept if one)
        else:
            yield from map(self.table, within(node, "tbl"))

    def table(self, node: Element) -> Table:
        return Table([[self.cell(cell) for cell in row if local(cell) == "tc" and not _covered(cell)] for row in within(node, "tr")], self.place)

    def cell(self, node: Element) -> Cell:
        columns, rows = (max(1, min(SPAN, number(value(node, name), 1))) for name in ("gridSpan", "rowSpan"))
        return Cell(self.text(node), columns, rows)

    def text(self, node: Element, listed: bool = False) -> list[Block]:
        """Its paragraphs; those that have bullets as a list."""
        made: list[Block] = []
        items: list[Item] = []
        body = next(within(node, "txBody"), None)
        paragraphs = [one for one in body if local(one) == "p"] if body is not None else []
        for paragraph in paragraphs:
            inlines = self.inlines(paragraph)
            if not plain([Paragraph(inlines)]):
                continue
            item = _item(paragraph, inlines, items, listed and len(paragraphs) > 1)
            if item:
                items.append(item)
            else:
                made += [*nested(items), Paragraph(inlines)]
                items = []
        return [*made, *nested(items)]

    def inlines(self, paragraph: Element) -> list[Inline]:
        made: list[Inline] = []
        for node in paragraph:
            if local(node) == "br":
                made.append(Break())
            elif local(node) in ("r", "fld"):
                look = self.look(child(node, "rPr"))
                lines = "".join(str(one.text or "") for one in within(node, "t")).split("\v")
                made += [piece for at, line in enumerate(lines) for piece in ([Break()] * bool(at) + [replace(look, text=line)])]
        return made

    def look(self, properties: Element | None) -> Text:
        click = child(properties, "hlinkClick")
        link = self.relations.get(relation(click, "id")) if click is not None else None
        return Text("", value(properties, "b") in YES, value(properties, "i") in YES, href=link.target if link and link.outside else "")


def _item(node: Element, inlines: list[Inline], before: list[Item], listed: bool) -> Item | None:
    """A paragraph as item of a list; None for one without a bullet."""
    properties = child(node, "pPr")
    level = min(DEEPEST, max(0, number(value(properties, "lvl"))))
    marks = [local(one) for one in properties] if properties is not None else []
    if "buNone" in marks or not (level or listed or "buChar" in marks or "buAutoNum" in marks):
        return None
    last = next((one for one in reversed(before) if one.level <= level), None)
    count = (last.number or 0) + 1 if last and last.level == level else 1
    return Item(level, [Paragraph(inlines)], count if "buAutoNum" in marks else None)


def _placeholder(node: Element) -> str:
    """What a shape stands for in its layout; "" for one that is of no layout."""
    found = next(within(node, "ph"), None)
    return value(found, "type", "obj") if found is not None else ""


def _covered(cell: Element) -> bool:
    return value(cell, "hMerge") in YES or value(cell, "vMerge") in YES


def _corner(node: Element) -> tuple[int, int]:
    """From top to bottom, from left to right; what has no place of its own (the layout's) first."""
    off = next(within(node, "off"), None)
    return (_far(value(off, "y")), _far(value(off, "x"))) if off is not None else (-1, -1)


def _far(text: str) -> int:
    """Rounded, so that things side by side are in one row."""
    return int(text) // 100_000 if text.lstrip("-").isdecimal() and len(text) < 16 else 0
