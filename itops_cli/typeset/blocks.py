# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown as plain data that the template sets: headings, paragraphs, lists, tables, code, images, footnotes. Raw HTML is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

from itops_cli.typeset import columns, need

LINKS = ("http://", "https://", "mailto:")
TICKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
NUMBERED = re.compile(r"(?:图|圖|表|Fig(?:ure|\.)?|Table)\s*[A-Z]?\d", re.IGNORECASE)  # a caption with a number of its own, which its text refers to
ALIGN = {"text-align:left": "left", "text-align:right": "right", "text-align:center": "center"}

Block = dict[str, Any]


@dataclass
class Blocks:
    """The document as data, the images it needs (name in the data -> file), and what is wrong with those it cannot have."""

    body: list[Block]
    images: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(text: str, path: Path, first_line: int = 1) -> Blocks:
    """All of a Markdown body. `path` is the document: images are found from its folder."""
    tree = need("markdown_it.tree").SyntaxTreeNode(_parser().parse(text))
    reader = _Reader(path, first_line)
    return Blocks(reader.blocks(tree.children), reader.images, reader.problems)


def _parser() -> Any:
    parser = need("markdown_it").MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.use(need("mdit_py_plugins.footnote").footnote_plugin)


class _Reader:
    """One walk over one document."""

    def __init__(self, path: Path, first_line: int):
        self.path = path
        self.offset = first_line
        self.problems: list[Problem] = []
        self.images: dict[str, Path] = {}
        self.notes: dict[int, list[Block]] = {}
        self.line = first_line

    def blocks(self, nodes: Sequence[Any]) -> list[Block]:
        """Each with the line of the file at which it begins."""
        made: list[Block] = []
        for node in nodes:  # footnotes stand last, and are set where they are called
            if node.type == "footnote_block":
                self.notes = {note.meta["id"]: self.blocks(note.children) for note in node.children}
        for node in nodes:
            line = self.offset + node.map[0] if node.map else self.line
            made += [{**block, "line": line} for block in self.block(node)]
        return made

    def block(self, node: Any) -> Iterator[Block]:
        self.line = self.offset + node.map[0] if node.map else self.line
        if node.type == "heading":
            yield {"t": "heading", "level": int(node.tag[1:]), "c": self.inline(node.children[0].children)}
        elif node.type == "paragraph":
            yield from self.paragraph(node.children[0].children if node.children else [])
        elif node.type in ("bullet_list", "ordered_list"):
            start = int(node.attrs.get("start", 1))
            yield {"t": "list", "ordered": node.type == "ordered_list", "start": start, "items": [self.blocks(item.children) for item in node.children]}
        elif node.type in ("fence", "code_block"):
            yield {"t": "code", "lines": [pieces(line) for line in node.content.rstrip("\n").split("\n")]}
        elif node.type == "blockquote":
            yield {"t": "quote", "c": self.blocks(node.children)}
        elif node.type == "table":
            yield self.table(node)
        elif node.type == "hr":
            yield {"t": "rule"}

    def paragraph(self, nodes: Sequence[Any]) -> Iterator[Block]:
        shown = [node for node in nodes if node.type != "softbreak"]
        if len(shown) == 1 and shown[0].type == "image":  # an image of its own is a figure
            yield self.image(shown[0], figure=True)
        elif made := self.inline(nodes):
            yield {"t": "para", "c": made}

    def table(self, node: Any) -> Block:
        rows = [[self.cell(cell) for cell in row.children] for part in node.children for row in part.children]
        head = rows[0] if rows else []
        align = [ALIGN.get(str(cell.attrs.get("style", "")), "left") for cell in node.children[0].children[0].children]
        texts = [[plain(cell) for cell in row] for row in rows]
        widths, whole = columns.fit(texts), [columns.whole(row) for row in texts[1:]]
        return {"t": "table", "head": head, "rows": rows[1:], "whole": whole, "align": align, "shares": widths.shares, "shrink": widths.shrink}

    def cell(self, node: Any) -> list[Block]:
        return self.inline(node.children[0].children) if node.children else []

    def image(self, node: Any, figure: bool = False) -> Block:
        source, alt = unquote(str(node.attrs.get("src", ""))), plain(self.inline(node.children or []))
        file = (self.path.parent / source).resolve()
        if "://" in source or source.startswith("/") or not file.is_file():
            self.problems.append(Problem(str(self.path), self.line, "", "no such image", source, "a file beside the document"))
            return {"t": "text", "s": alt}
        if fault := picture_fault(file):
            self.problems.append(Problem(str(file), 0, "", fault, "", "PNG, JPEG, GIF, WebP or SVG", remedy="mend or replace it"))
            return {"t": "text", "s": alt}
        name = next((known for known, place in self.images.items() if place == file), f"image-{len(self.images) + 1}{file.suffix.lower()}")
        self.images[name] = file
        caption = str(node.attrs.get("title") or alt)
        return {"t": "figure" if figure else "image", "src": name, "alt": alt, "caption": caption, "numbered": bool(NUMBERED.match(caption))}

    def inline(self, nodes: Sequence[Any]) -> list[Block]:
        made: list[Block] = []
        for node in nodes:
            made += self.one(node)
        return made

    def one(self, node: Any) -> list[Block]:
        if node.type == "text":
            tick = TICKS.get(node.content[:4]) if node.parent and node.parent.children[0] is node else None
            return pieces(tick + node.content[4:] if tick else node.content)
        if node.type in ("strong", "em", "s"):
            return [{"t": node.type, "c": self.inline(node.children)}]
        if node.type == "code_inline":
            return [{"t": "code", "c": pieces(node.content)}]
        if node.type == "link":
            target = str(node.attrs.get("href", ""))
            inner = self.inline(node.children)
            return [{"t": "link", "href": target, "c": inner}] if target.startswith(LINKS) else inner
        if node.type == "image":
            return [self.image(node)]
        if node.type == "footnote_ref":
            return [{"t": "note", "c": self.notes.get(node.meta["id"], [])}]
        return (
            [{"t": "break"}]
            if node.type == "hardbreak" or node.content.lower() in ("<br>", "<br/>", "<br />")
            else [{"t": "text", "s": " "}]
            if node.type == "softbreak"
            else []
        )


def picture_fault(file: Path) -> str:
    """Why an image cannot be shown; "" where it can. The engine judges an SVG, but leaves out what is HTML in it."""
    if file.suffix.lower() == ".svg":
        text = file.read_text("utf-8", "replace")
        return "has text that only a browser shows (foreignObject)" if "<foreignObject" in text and "<switch" not in text else ""
    try:
        with need("PIL.Image").open(file) as picture:
            picture.verify()
    except Exception as error:  # Pillow raises whatever its format readers raise
        return f"not a whole image: {str(error)[:200]}"
    return ""


def pieces(text: str) -> list[Block]:
    """Text, its long words in parts between which a line may end."""
    made: list[Block] = []
    end = 0
    for word in columns.LONG.finditer(text):
        made += [{"t": "text", "s": text[end : word.start()]}] if word.start() > end else []
        made.append({"t": "long", "parts": columns.parts(word[0])})
        end = word.end()
    return [*made, {"t": "text", "s": text[end:]}] if end < len(text) else made


def plain(nodes: Sequence[Block]) -> str:
    """The text of inline nodes."""
    return "".join("\n" if node["t"] == "break" else "".join(node.get("parts", [])) or node.get("s", "") or plain(node.get("c", [])) for node in nodes)
