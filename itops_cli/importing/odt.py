# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of OpenDocument. Tracked insertions are taken; deletions lie apart in such a file and stay there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from itops_cli.importing import Unreadable
from itops_cli.importing.docx_styles import CAPTION, CODE, QUOTE, TITLE
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.odt_styles import Styles
from itops_cli.importing.ooxml import child, local, number, value, within
from itops_cli.importing.package import ANEW, Element, Package
from itops_cli.importing.tree import Block, Break, Cell, Code, Footnote, Heading, Inline, List, Paragraph, Picture, Quote, Read, Table, Text, seen

REPEATED = 1000  # at most so many cells or rows does one stand for, or does one span
SPACES = 200
PLACE = 40
SILENT = {"sequence-decls", "forms", "soft-page-break", "change", "change-start", "bookmark", "bookmark-start", "bookmark-end", "title", "desc",
          "table-column", "table-columns", "annotation-end", "tracked-changes", "variable-decls", "user-field-decls"}  # fmt: skip
INDEXES = {"table-of-content", "illustration-index", "table-index", "alphabetical-index", "user-index", "object-index", "bibliography"}
CAPTIONS = {"Illustration", "Figure", "Table", "Drawing"}  # names of styles, besides those that say caption


def read(path: Path, keeper: Keeper) -> Read:
    """Raises Unreadable."""
    package = Package(path)
    if "content.xml" not in package:
        raise Unreadable("damaged: no content.xml", ANEW)
    roots = [package.xml(name) for name in ("styles.xml", "content.xml") if name in package]
    body = child(roots[-1], "body", "text")
    if body is None:
        raise Unreadable("damaged: a text without a body", ANEW)
    blocks = _Reader(package, keeper, Styles(roots)).blocks(body)
    _left_out(package, keeper, roots)
    meta = package.xml("meta.xml") if "meta.xml" in package else None
    return Read(blocks, next((_text(node) for node in within(meta, "title")), "") if meta is not None else "")


def _left_out(package: Package, keeper: Keeper, roots: list[Element]) -> None:
    """Tracked changes by kind, headers and footers, macros."""
    for region in within(roots[-1], "changed-region"):
        for kind in ("deletion", "insertion"):
            if child(region, kind) is not None:
                keeper.lost(kind)
    for text in (part for root in roots for kind in ("header", "footer") for part in within(root, kind)):
        if said := _text(text):
            keeper.lost("header_footer", said)
    for name in package.infos:
        if name.startswith(("Basic/", "Scripts/")) and not name.endswith(("/", "script-lc.xml", "script-lb.xml")):
            keeper.lost("macro", name)


@dataclass
class _Reader:
    package: Package
    keeper: Keeper
    styles: Styles
    place: str = ""
    behind: list[Block] = field(default_factory=list)  # text boxes of the block being read

    # ------------------------------------------------------------------ blocks

    def blocks(self, parent: Element) -> list[Block]:
        made: list[Block] = []
        for node in parent:
            for block in self.block(node):
                if isinstance(block, Code) and made and isinstance(made[-1], Code):
                    made[-1] = Code(f"{made[-1].text}\n{block.text}")
                else:
                    made.append(block)
        return made

    def block(self, node: Element) -> Iterator[Block]:
        name = local(node)
        outer, self.behind = self.behind, []
        if name in INDEXES:
            self.keeper.lost("contents")
        elif name == "section" and value(node, "display") == "none":
            self.keeper.lost("hidden_text", value(node, "name"), self.place)
        elif name in ("h", "p"):
            yield from self.paragraph(node, name == "h")
        elif name == "list":
            yield from self.listing(node, 1, value(node, "style-name"))
        elif name == "table":
            yield from self.table(node)
        elif name in ("frame", "a"):
            inlines = list(self.inline(node, Text("")))
            yield from [Paragraph(inlines)] if inlines else []
        elif name not in SILENT:
            yield from self.blocks(node)
        yield from self.behind
        self.behind = outer

    def paragraph(self, node: Element, heading: bool) -> Iterator[Block]:
        if self.hidden(node):
            return
        names = [style.name for style in self.styles.chain(value(node, "style-name"))]
        inlines = self.inlines(node, Text(""))
        if not seen(inlines):
            return
        if heading or any(TITLE.fullmatch(name) for name in names):
            plain = [replace(one, strong=False, em=False) if isinstance(one, Text) else one for one in inlines]
            self.place = "".join(one.text for one in plain if isinstance(one, Text)).strip()[:PLACE]
            yield Heading(max(1, number(value(node, "outline-level"), 1)) if heading else 0, plain)
        elif any(CODE.search(name) for name in names) or all(isinstance(one, Break) or (isinstance(one, Text) and one.code) for one in inlines):
            yield Code("".join("\n" if isinstance(one, Break) else one.text for one in inlines if isinstance(one, Text | Break)))
        elif any(QUOTE.fullmatch(name) for name in names):
            yield Quote([Paragraph(inlines)])
        else:
            yield Paragraph(inlines, caption=any(CAPTION.search(name) or name in CAPTIONS for name in names))

    def hidden(self, node: Element) -> bool:
        if any(style.hidden for style in self.styles.chain(value(node, "style-name"))):
            self.keeper.lost("hidden_text", "", self.place)
            return True
        return False

    def listing(self, node: Element, level: int, style: str) -> Iterator[Block]:
        known = self.styles.of_list(style)
        items = [self.item(one, level, style) for one in node if local(one) in ("list-item", "list-header")]
        if kept := [one for one in items if one]:
            if len(kept) == 1 and len(kept[0]) == 1 and isinstance(kept[0][0], Heading):
                yield kept[0][0]  # a numbered heading
            else:
                yield List(kept, level in known.numbered, known.start if level == 1 else 1)

    def item(self, node: Element, level: int, style: str) -> list[Block]:
        made: list[Block] = []
        for inner in node:
            made += self.listing(inner, level + 1, value(inner, "style-name") or style) if local(inner) == "list" else self.block(inner)
        return made

    def table(self, node: Element) -> Iterator[Block]:
        rows = [row for row in self.rows(node) if row]
        while rows and not any(cell.content for cell in rows[-1]):
            rows.pop()
        if len(rows) == 1 and len(rows[0]) == 1 and not isinstance(rows[0][0].content, str):
            yield from rows[0][0].content
        elif rows:
            yield Table(rows, self.place)

    def rows(self, node: Element) -> Iterator[list[Cell]]:
        for inner in node:
            if local(inner) == "table-row":
                cells = [cell for one in inner for cell in self.cells(one)]
                yield from [cells] * (_times(inner, "rows") if any(cell.content for cell in cells) else 1)
            elif local(inner) in ("table-header-rows", "table-rows", "table-row-group"):
                yield from self.rows(inner)

    def cells(self, node: Element) -> Iterator[Cell]:
        """What is covered is left out: the cell that covers it says so."""
        if local(node) == "table-cell":
            content = self.blocks(node)
            columns, rows = (max(1, min(REPEATED, number(value(node, f"number-{name}-spanned"), 1))) for name in ("columns", "rows"))
            yield from [Cell(content, columns, rows) for _ in range(_times(node, "columns") if content else 1)]

    # ------------------------------------------------------------------ inlines

    def inlines(self, node: Element, look: Text) -> list[Inline]:
        made: list[Inline] = [replace(look, text=str(node.text))] if node.text else []
        for inner in node:
            made += self.inline(inner, look)
            if inner.tail:
                made.append(replace(look, text=str(inner.tail)))
        return made

    def inline(self, node: Element, look: Text) -> Iterator[Inline]:
        name = local(node)
        if name == "span":
            yield from self.span(node, look)
        elif name == "a":
            yield from self.inlines(node, replace(look, href=value(node, "href")))
        elif name == "s":
            yield replace(look, text=" " * min(SPACES, max(1, number(value(node, "c"), 1))))
        elif name in ("tab", "line-break"):
            yield Break() if name == "line-break" else replace(look, text="    ")
        elif name == "annotation":
            self.keeper.lost("comment", _text(node), self.place)
        elif name == "note":
            yield Footnote(self.blocks(next(within(node, "note-body"), node)))
        elif name == "frame":
            yield from self.frame(node)
        elif name == "hidden-text":
            self.keeper.lost("hidden_text", "", self.place)
        elif name not in SILENT:
            yield from self.inlines(node, look)

    def span(self, node: Element, look: Text) -> Iterator[Inline]:
        if not self.hidden(node):
            chain = self.styles.chain(value(node, "style-name"))
            strong, em, mono = (any(getattr(style, name) for style in chain) for name in ("strong", "em", "mono"))
            yield from self.inlines(node, replace(look, strong=look.strong or strong, em=look.em or em, code=look.code or mono))

    def frame(self, node: Element) -> Iterator[Inline]:
        box, shown = child(node, "text-box"), child(node, "image")
        if box is not None:
            content = self.blocks(box)
            if not any(isinstance(one, Picture) for block in content if isinstance(block, Paragraph) for one in block.inlines):
                self.keeper.lost("text_box", _text(box), self.place)
            self.behind += content
        elif child(node, "object") is not None or child(node, "object-ole") is not None:
            self.keeper.lost("embedded", value(node, "name"), self.place)
        elif shown is not None and (kept := self.image(shown, _text(child(node, "desc")) or _text(child(node, "title")))):
            yield kept

    def image(self, node: Element, alt: str) -> Picture | None:
        target = value(node, "href").removeprefix("./")
        if target in self.package:
            return self.keeper.picture(self.package.read(target), alt, self.place)
        self.keeper.lost("remote_picture" if "://" in target else "picture_missing", target, self.place)
        return None


def _times(node: Element, what: str) -> int:
    """How many rows or columns it stands for. Raises Unreadable beyond the bound."""
    found = number(value(node, f"number-{what}-repeated"), 1)
    if found > REPEATED:
        raise Unreadable(f"a table repeats the same {found:,} times", "split it")
    return max(1, found)


def _text(node: Element | None) -> str:
    return " ".join("".join(map(str, node.itertext())).split()) if node is not None else ""
