# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web pages: what a reader sees. Scripts and styles are dropped, nothing is fetched."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from itops_cli.importing import Unreadable, need
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.ooxml import number
from itops_cli.importing.package import Element
from itops_cli.importing.text import content, decode
from itops_cli.importing.tree import Block, Break, Cell, Code, Heading, Inline, List, Paragraph, Picture, Quote, Read, Table, Text, plain, seen

CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
DROPPED = {"script": "script", "noscript": "script", "iframe": "embedded", "object": "embedded", "embed": "embedded", "applet": "embedded", "audio": "media",
           "video": "media", "canvas": "picture_format", "svg": "picture_format", "math": "equation"}  # fmt: skip
SILENT = {"style", "template", "title", "link", "meta", "base", "colgroup", "col", "datalist"}
FORMS = {"input": "form", "select": "form", "textarea": "form", "button": "form"}
BLOCKS = {"p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "figure", "figcaption", "address", "form", "fieldset", "body", "html",
          "center", "dl", "dt", "dd", "details", "summary", "caption", "li", "ul", "ol", "table", "pre", "blockquote", "hr",
          "h1", "h2", "h3", "h4", "h5", "h6", "tr", "td", "th", "tbody", "thead", "tfoot"}  # fmt: skip
STRONG, EM, CODE = {"b", "strong", "th"}, {"i", "em", "cite", "var", "dfn"}, {"code", "kbd", "samp", "tt"}
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
PICTURE_BYTES = 64 << 20
SPAN = 1000  # columns or rows a cell may span
DATA = re.compile(r"data:image/[\w.+-]+(;base64)?,", re.IGNORECASE)
BLANKS = re.compile(r"[ \t\n\r\f]+")


def read(path: Path, keeper: Keeper, encoding: str = "") -> Read:
    """Raises Unreadable."""
    data = content(path)
    declared = CHARSET.search(data[:4096])
    text = decode(data, keeper, encoding, declared[1].decode("ascii") if declared else "")
    html = need("lxml.html")
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)  # its encoding is not that of a text any more
    parser = html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text, parser=parser) if text.strip() else None
    except need("lxml.etree").ParserError:
        root = None
    if root is None:
        raise Unreadable("a page without anything on it")
    title = root.findtext(".//title") or ""
    return Read(_Reader(path.parent, keeper).blocks(root), " ".join(title.split()))


@dataclass
class _Reader:
    folder: Path
    keeper: Keeper
    place: str = ""

    def blocks(self, node: Element) -> list[Block]:
        """Blocks in it; text between them as paragraphs."""
        made: list[Block] = []
        loose: list[Inline] = []

        def end() -> None:
            if seen(loose):
                made.append(Paragraph(_trimmed(loose)))
            loose.clear()

        for part in self.parts(node, Text("")):
            if isinstance(part, Text | Break | Picture):
                loose.append(part)
            else:
                end()
                made += self.block(part)
        end()
        return made

    def parts(self, node: Element, look: Text) -> Iterator[Inline | Element]:
        """Inlines, and the elements that are blocks, in their order."""
        if node.text:
            yield replace(look, text=BLANKS.sub(" ", node.text))
        for inner in node:
            yield from self.part(inner, look)
            if inner.tail:
                yield replace(look, text=BLANKS.sub(" ", inner.tail))

    def part(self, node: Element, look: Text) -> Iterator[Inline | Element]:
        tag = str(node.tag).lower()
        if tag in SILENT or self.dropped(node, tag):
            return
        if tag == "br":
            yield Break()
        elif tag == "img":
            yield from self.picture(node)
        elif tag in BLOCKS:
            yield node
        else:
            yield from self.parts(node, _looking(node, tag, look))

    def dropped(self, node: Element, tag: str) -> bool:
        if kind := DROPPED.get(tag) or (FORMS.get(tag) if node.get("type") != "hidden" else ""):
            self.keeper.lost(kind, f"<{tag}>", self.place)
        elif node.get("hidden") is not None or HIDDEN.search(node.get("style") or ""):
            self.keeper.lost("hidden_text", "", self.place)
            return True
        return bool(kind) or tag in FORMS

    def block(self, node: Element) -> list[Block]:
        tag = str(node.tag).lower()
        if re.fullmatch("h[1-6]", tag):
            inlines = self.inlines(node)
            self.place = plain(inlines)[:40]
            return [Heading(int(tag[1]), inlines)] if seen(inlines) else []
        if tag == "pre":
            return [Code(_raw(node).strip("\n"))]
        if tag in ("ul", "ol"):
            items = [self.blocks(item) for item in node if str(item.tag).lower() in ("li", "ul", "ol")]
            return [List(items, tag == "ol", max(0, number(node.get("start") or "", 1)))] if items else []
        if tag == "blockquote":
            return [Quote(self.blocks(node))]
        if tag == "table":
            return self.table(node)
        if tag in ("figcaption",):
            return [Paragraph(_trimmed(self.inlines(node)), caption=True)]
        return self.blocks(node)

    def inlines(self, node: Element) -> list[Inline]:
        """All of it as one line; blocks in it lose their ends."""
        made: list[Inline] = []
        for part in self.parts(node, Text("")):
            made += [part] if isinstance(part, Text | Break | Picture) else self.inlines(part)
        return _trimmed(made)

    def table(self, node: Element) -> list[Block]:
        head = [block for caption in node if str(caption.tag).lower() == "caption" for block in self.blocks(caption)]
        rows = [row for row in (self.row(tr) for tr in _own_rows(node)) if row]
        if len(rows) == 1 and len(rows[0]) == 1 and not isinstance(rows[0][0].content, str):
            return [*head, *rows[0][0].content]
        return [*head, Table(rows, self.place)] if rows else head

    def row(self, node: Element) -> list[Cell]:
        if node.get("hidden") is not None or HIDDEN.search(node.get("style") or ""):
            self.keeper.lost("hidden_row", "", self.place)
            return []
        cells = [cell for cell in node if str(cell.tag).lower() in ("td", "th")]
        return [Cell(self.blocks(cell), _span(cell, "colspan"), _span(cell, "rowspan")) for cell in cells if not self.dropped(cell, "td")]

    def picture(self, node: Element) -> Iterator[Inline]:
        source, alt = (node.get("src") or "").strip(), node.get("alt") or node.get("title") or ""
        data = self.data(source)
        kept = self.keeper.picture(data, alt, self.place) if data else None
        if data is None:
            self.keeper.lost("remote_picture" if "://" in source or source.startswith("//") else "picture_missing", source[:200], self.place)
        if kept:
            yield kept
        elif alt:
            yield Text(alt)

    def data(self, source: str) -> bytes | None:
        """An image in the page itself, or in a file beside it; never from elsewhere."""
        if found := DATA.match(source):
            try:
                return base64.b64decode(unquote(source[found.end() :])) if found[1] else unquote_to_bytes(source[found.end() :])
            except (binascii.Error, ValueError):
                return None
        if not source or ":" in source or source.startswith("//"):
            return None
        file = (self.folder / unquote(source.partition("?")[0]).replace("\0", "")).resolve()
        fit = file.is_relative_to(self.folder.resolve()) and file.is_file() and file.stat().st_size <= PICTURE_BYTES
        return file.read_bytes() if fit else None


def _looking(node: Element, tag: str, look: Text) -> Text:
    href = (node.get("href") or "").strip() if tag == "a" else ""
    return replace(look, strong=look.strong or tag in STRONG, em=look.em or tag in EM, code=look.code or tag in CODE, href=href or look.href)


def _own_rows(node: Element) -> Iterator[Element]:
    for inner in node:
        tag = str(inner.tag).lower()
        if tag == "tr":
            yield inner
        elif tag in ("thead", "tbody", "tfoot"):
            yield from _own_rows(inner)


def _span(cell: Element, name: str) -> int:
    return max(1, min(SPAN, number(cell.get(name) or "", 1)))


def _raw(node: Element) -> str:
    """Text as written, line ends of <br> included."""
    made = node.text or ""
    for inner in node:
        made += ("\n" if str(inner.tag).lower() == "br" else "" if str(inner.tag).lower() in ("script", "style") else _raw(inner)) + (inner.tail or "")
    return made


def _trimmed(inlines: list[Inline]) -> list[Inline]:
    """Blanks that follow blanks are none."""
    made: list[Inline] = []
    for one in inlines:
        if isinstance(one, Text) and made and isinstance(made[-1], Text) and made[-1].text.endswith(" ") and one.text.startswith(" "):
            one = replace(one, text=one.text[1:])  # noqa: PLW2901 (the rest of the same one)
        if not isinstance(one, Text) or one.text:
            made.append(one)
    return made
