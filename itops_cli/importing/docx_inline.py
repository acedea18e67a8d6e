# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a paragraph of a Word document: runs in their looks, links, fields, tracked changes, images, notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from itops_cli.importing import ooxml
from itops_cli.importing.docx_styles import Style, Styles
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.ooxml import child, local, on, value, within
from itops_cli.importing.package import Element, Package, Related
from itops_cli.importing.tree import Block, Break, Footnote, Inline, Text

WRAPPERS = {"sdt", "sdtContent", "smartTag", "customXml", "fldSimple", "dir", "bdo"}  # only what is in them counts
TAKEN, DROPPED = {"ins": "insertion", "moveTo": "insertion"}, {"del": "deletion", "moveFrom": "deletion"}
SIGNS = {"tab": " ", "ptab": " ", "noBreakHyphen": "-"}
TARGET = re.compile(r'HYPERLINK\s+"([^"]+)"')


@dataclass
class _Field:
    """A field that is open: its code, and whether its result has begun."""

    code: str = ""
    shown: bool = False


@dataclass
class Inlines:
    """Reads them; `blocks` reads what is a document of its own: notes and text boxes. Where it is, says `keeper.place`."""

    package: Package
    keeper: Keeper
    styles: Styles
    relations: Mapping[str, Related]
    notes: Mapping[tuple[str, str], Element]
    blocks: Callable[[Element], list[Block]]
    fields: list[_Field] = field(default_factory=list)
    behind: list[Block] = field(default_factory=list)  # text boxes of the paragraph being read

    def boxes(self) -> list[Block]:
        """The text boxes since the last call."""
        found, self.behind = self.behind, []
        return found

    def read(self, parent: Element, style: Style, href: str = "") -> list[Inline]:
        made: list[Inline] = []
        for node in parent:
            name = local(node)
            if name == "r":
                made += self.run(node, style, href)
            elif name in DROPPED:
                self.keeper.lost(DROPPED[name], "", self.keeper.place)
            elif name in TAKEN:
                self.keeper.lost(TAKEN[name], text_of(node), self.keeper.place)
                made += self.read(node, style, href)
            elif name == "hyperlink":
                found = self.relations.get(ooxml.relation(node, "id"))
                made += self.read(node, style, found.target if found and found.outside else href)
            elif name in WRAPPERS:
                made += self.read(node, style, href)
            elif name == "AlternateContent":
                made += self.read(next(iter(node), node), style, href)
            elif name in ("oMath", "oMathPara"):
                text = "".join(str(part.text or "") for part in within(node, "t"))
                self.keeper.lost("equation", text, self.keeper.place)
                made.append(Text(text))
        return made

    def run(self, node: Element, style: Style, href: str) -> list[Inline]:
        properties = child(node, "rPr")
        own = self.styles.get(value(child(properties, "rStyle"))) if child(properties, "rStyle") is not None else Style()
        vanish = child(properties, "vanish")
        if on(vanish) or (vanish is None and (own.hidden or style.hidden)):
            if text_of(node):
                self.keeper.lost("hidden_text", "", self.keeper.place)
            return []
        bold = child(properties, "b")
        look = Text("", (on(bold) if bold is not None else own.strong) and not style.strong, on(child(properties, "i")), False, href or self.link())
        return [inline for part in node for inline in self.part(part, look, style)]

    def link(self) -> str:
        found = next((TARGET.search(one.code) for one in reversed(self.fields) if one.shown and "HYPERLINK" in one.code), None)
        return found[1] if found else ""

    def part(self, node: Element, look: Text, style: Style) -> Iterator[Inline]:
        name = local(node)
        if name == "t":
            yield replace(look, text=str(node.text or ""))
        elif name in SIGNS:
            yield replace(look, text=SIGNS[name])
        elif name in ("br", "cr") and value(node, "type") not in ("page", "column"):
            yield Break()
        elif name == "sym":
            yield from self.symbol(node, look)
        elif name in ("drawing", "pict", "object"):
            yield from self.drawn(node)
        elif name in ("footnoteReference", "endnoteReference"):
            note = self.notes.get((name.removesuffix("Reference") + "s", value(node, "id")))
            if note is not None:
                yield Footnote(self.blocks(note))
        elif name == "AlternateContent":
            yield from (inline for inner in next(iter(node), node) for inline in self.part(inner, look, style))
        elif name == "ruby":
            yield from self.read(next(within(node, "rubyBase"), node), style)
        elif name in ("fldChar", "instrText"):
            self.in_field(name, node)

    def in_field(self, name: str, node: Element) -> None:
        kind = value(node, "fldCharType")
        if kind == "begin":
            self.fields.append(_Field())
        elif self.fields and name == "instrText":
            self.fields[-1].code += str(node.text or "")
        elif self.fields and kind == "separate":
            self.fields[-1].shown = True
        elif self.fields and kind == "end":
            self.fields.pop()

    def symbol(self, node: Element, look: Text) -> Iterator[Inline]:
        """A sign of a symbol font has no code point of its own."""
        self.keeper.lost("symbol", f"{value(node, 'font')} {value(node, 'char')}", self.keeper.place)
        yield replace(look, text="□")

    def drawn(self, node: Element) -> Iterator[Inline]:
        about = next((one for name in ("docPr", "shape") for one in within(node, name)), None)
        alt = value(about, "descr") or value(about, "title") or value(about, "alt")
        for box in within(node, "txbxContent"):
            self.keeper.lost("text_box", text_of(box), self.keeper.place)
            outer = self.boxes()
            content = self.blocks(box)
            self.behind = [*outer, *content]
        for shown in (one for name in ("blip", "imagedata") for one in within(node, name) if not _in_box(one, node)):
            kept = ooxml.picture(self.package, self.relations, shown, self.keeper, alt, self.keeper.place)
            if kept:
                yield kept


def _in_box(node: Element, top: Element) -> bool:
    """Whether it stands in a text box of `top`, which is read by itself."""
    while (node := node.getparent()) is not None and node is not top:
        if local(node) == "txbxContent":
            return True
    return False


def text_of(node: Element) -> str:
    """All text in it, as one line."""
    return " ".join("".join(str(part.text or "") for part in within(node, "t")).split())
