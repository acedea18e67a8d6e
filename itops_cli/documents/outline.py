# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Markdown body as its checks see it: headings with anchors, links and images, sections without content. Lines are those of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

COMMENT = re.compile(r"(<!--.*?-->\s*)*", re.DOTALL)
NAMED = re.compile(r"<a\s[^>]*(?:id|name)=[\"']([^\"']+)[\"']", re.IGNORECASE)
TEXTS = ("text", "text_special", "code_inline")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
NOTE = re.compile(r"^ {0,3}(?=\[\^[^\]\s]+\]:)", re.MULTILINE)  # a footnote of one word looks like the address of a link
CELL_EDGE = re.compile(r"(?<!\\)\|")
CELL_END = re.compile(r"(?<!\\)\|$")


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    line: int
    anchor: str


@dataclass(frozen=True)
class Link:
    """`target` is `href` decoded; of an image `text` is what it shows."""

    href: str
    text: str
    line: int
    image: bool

    @property
    def target(self) -> str:
        return unquote(self.href)

    @property
    def foreign(self) -> bool:
        return bool(SCHEME.match(self.target))


@dataclass
class Outline:
    """One body. `sentences` are its texts with their lines, markup taken off; `faults` what makes a reader see less than was written."""

    headings: list[Heading] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    empty: list[Heading] = field(default_factory=list)
    sentences: list[tuple[int, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    faults: list[tuple[int, str]] = field(default_factory=list)


def of(body: str, first_line: int = 1) -> Outline:
    """`first_line` is the line of the body's first line in its file."""
    tokens, made = _parser().parse(NOTE.sub(r"\\", body)), Outline()
    lines, seen = body.split("\n"), dict[str, int]()
    for index, token in enumerate(tokens):
        line = first_line + (token.map[0] if token.map else 0)
        if token.type == "heading_open":
            text = _plain(tokens[index + 1].children or [])
            made.headings.append(Heading(int(token.tag[1:]), text, line, _anchor(text, seen)))
        elif token.type == "inline":
            made.sentences.append((line, _plain(token.children or [])))
            made.links += _links(token.children or [], line)
            made.anchors.update(name for child in token.children or [] if child.type == "html_inline" for name in NAMED.findall(child.content))
        elif token.type == "html_block":
            made.anchors.update(NAMED.findall(token.content))
        elif token.type in ("fence", "table_open"):
            made.faults += [(first_line + at, fault) for at, fault in _faults(token, lines)]
    made.anchors.update(heading.anchor for heading in made.headings)
    made.empty += _empty(tokens, made.headings)
    return made


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _plain(children: Sequence[Token]) -> str:
    """Text as read, that of links and images included."""
    return "".join(
        _plain(child.children or []) if child.type == "image" else "\n" if child.type.endswith("break") else child.content if child.type in TEXTS else ""
        for child in children
    )


def _links(children: Sequence[Token], line: int) -> Iterator[Link]:
    opened: list[int] = []
    for index, child in enumerate(children):
        if child.type.endswith("break"):
            line += 1
        elif child.type == "link_open":
            opened.append(index)
        elif child.type == "link_close":
            start = opened.pop()
            yield Link(str(children[start].attrs.get("href", "")), _plain(children[start + 1 : index]), line, False)
        elif child.type == "image":
            yield Link(str(child.attrs.get("src", "")), _plain(child.children or []), line, True)


def _anchor(text: str, seen: dict[str, int]) -> str:
    """As code hosts make it: lower case, blanks to hyphens, other signs left out; a second one is numbered."""
    base = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    count = seen[base] = seen.get(base, -1) + 1
    return f"{base}-{count}" if count else base


def _faults(token: Token, lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Of a code block or a table: (line within the body, what is wrong)."""
    begin, end = token.map or (0, 0)
    if token.type == "fence":
        closing = lines[end - 1].strip("> \t\r") if end - 1 > begin else ""
        if not closing.startswith(token.markup) or closing.strip(token.markup[0]):
            yield begin, "the code block is never closed: all that follows is in it"
        return
    columns = _cells(lines[begin])
    for number in range(begin + 2, end):
        if _cells(lines[number]) > columns:
            yield number, f"more cells than the {columns} of the table's head: they are not shown"


def _cells(row: str) -> int:
    inner = row.strip().removeprefix("|")
    return len(CELL_EDGE.findall(CELL_END.sub("", inner))) + 1


def _empty(tokens: Sequence[Token], headings: Sequence[Heading]) -> Iterator[Heading]:
    """Headings with nothing below but comments; a deeper heading is something."""
    waiting: Heading | None = None
    following = iter(headings)
    for token in tokens:
        if token.type == "heading_open":
            heading = next(following)
            if waiting and heading.level <= waiting.level:
                yield waiting
            waiting = heading
        elif token.type == "inline" or token.nesting < 0:
            continue
        elif token.type != "html_block" or not COMMENT.fullmatch(token.content.strip()):
            waiting = None
    if waiting:
        yield waiting
