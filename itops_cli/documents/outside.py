# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document would tell outside: all that is typeset, what links and pictures hold besides, and whether any of it is of the inside (U8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import inside_hosts, rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.guard import Guard, Hit
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.typeset import need
from itops_cli.typeset.blocks import Blocks

BESIDE = {"href": "link", "alt": "alternative text", "caption": "caption"}  # of a block, not in its line of text
NOT_SAID = ("words", "fonts")  # of the data: ours, not the document's
END_OF_JPEG = b"\xff\xd9"
REMEDY = "take it out; an endpoint that users are meant to know says public: true in its service record"


@dataclass(frozen=True)
class Said:
    """One text of the document: the lines of its block, and what it is where it is not the running text."""

    lines: range
    where: str
    text: str


class Watch:
    """Lets out what may go outside; the service records are only read where something is to. With `always`, whatever it is classified as."""

    def __init__(self, ws: Workspace, always: bool = False):
        self.ws, self.always = ws, always

    @cached_property
    def guard(self) -> Guard:
        """Raises BadInput where a service record has errors: what it keeps inside would not be known."""
        return Guard(catalogue.load(self.ws).required().services, inside_hosts.find(self.ws))

    def let_out(self, document: Document, data: Mapping[str, Any], content: Blocks) -> None:
        """Raises BadInput with everything that may not go outside: document, line, kind of thing and the field it comes from."""
        if not self.always and document.meta["classification"] != "external":
            return
        problems = list(rules.wrong_side(document))
        if self.always and document.meta["side"] != "user":
            problems.append(document.problem(("side",), "an ops document (管理端) never goes outside", document.meta["side"], "user"))
        lines = document.path.read_text("utf-8-sig").split("\n")
        said = list(texts(data, content, document.line, len(lines)))
        if likely := self.guard.likely(one.text for one in said):
            found = ((one, hit) for one in said for hit in self.guard.hits(one.text, likely))
            problems += [_problem(document, one, hit, _line(self.guard, lines, one, hit)) for one, hit in found]
        if problems:
            raise BadInput(dict.fromkeys(problems))

    def let_out_pdf(self, pages: Iterable[str], beside: Iterable[str], file: Path) -> None:
        """The same for a PDF of somebody else, as far as it is text: on its pages, and what it says beside them."""
        said = [*((f"page {number}", text) for number, text in enumerate(pages, 1)), ("beside its pages", "\n".join(beside))]
        found = [(where, hit) for where, text in said for hit in self.guard.hits(text)]
        if found:
            raise BadInput(Problem(str(file), 0, where, f"{hit}, would go outside", hit.found, remedy="take it out") for where, hit in found)


def texts(data: Mapping[str, Any], content: Blocks, first: int, last: int) -> Iterator[Said]:
    """Everything: cover and properties, then block by block, links and pictures with theirs. The body stands in these lines of the file."""
    for name, part in data.items():
        if name not in ("body", *NOT_SAID):
            yield from (Said(range(1, first), "front matter", text) for text in _strings(part))
    body = data["body"]
    for block, end in zip(body, [*(following["line"] for following in body[1:]), last + 1], strict=bool(body)):
        lines, beside = range(block["line"], max(end, block["line"] + 1)), list[tuple[str, str]]()
        yield Said(lines, "", _text(block, beside))
        for what, text in beside:
            if what == "src":
                yield from (Said(lines, f"inside {content.images[text].name}", found) for found in _picture(content.images[text]))
            else:
                yield Said(lines, BESIDE[what], text)


def _strings(part: Any) -> Iterator[str]:
    """Of properties: a list of nodes is one text."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list) and part and all(isinstance(node, dict) and "t" in node for node in part):
        yield _text(part, [])
    elif isinstance(part, (list, dict)):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _strings(item)


def _text(node: Any, beside: list[tuple[str, str]]) -> str:
    """The running text of blocks and their parts as a reader sees it; what is not in it is added to `beside`."""
    if isinstance(node, list):
        return "".join(_text(part, beside) for part in node)
    if isinstance(node, str):
        return node
    beside += [(key, node[key]) for key in (*BESIDE, "src") if node.get(key)]
    kind = node["t"]
    if kind == "break":
        return "\n"
    if kind == "table":
        return _table([[_text(cell, beside) for cell in row] for row in (node["head"], *node["rows"])])
    inner = node.get("parts") or node.get("s") or node.get("c") or node.get("items") or []
    if kind == "code" and "lines" in node:
        inner = [part for line in node["lines"] for part in (line, "\n")]
    return _text(inner, beside) + ("\n" if "line" in node else "")


def _table(rows: list[list[str]]) -> str:
    """Row by row, and each value once more beside its head: 端口 says what the number below it is."""
    beside_head = [f"{head} {cell}" for row in rows[1:] for head, cell in zip(rows[0], row, strict=False)]
    return "\n".join([*(" ".join(row) for row in rows), *beside_head])


def _picture(file: Path) -> Iterator[str]:
    """The text of an SVG; what a photograph or screenshot says of itself."""
    if file.suffix.lower() == ".svg":
        yield from _drawing(file)
        return
    with need("PIL.Image").open(file) as picture:
        exif = picture.getexif()
        said = [*picture.info.values(), *exif.values(), *exif.get_ifd(0x8769).values(), need("PIL.IptcImagePlugin").getiptcinfo(picture)]
        parts = [part for _name, part in getattr(picture, "applist", [])]  # of a JPEG, which the PDF takes as it is: all that is not its picture
    for value in (*said, *parts, file.read_bytes().rpartition(END_OF_JPEG)[2] if parts else None):
        yield from _words(value)


def _words(value: Any) -> Iterator[str]:
    """Of what a picture says, whatever form that has."""
    if isinstance(value, bytes):
        yield from (value.decode(encoding, "ignore") for encoding in ("utf-8", "utf-16-le", "gb18030"))
    elif isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _words(part)


def _drawing(file: Path) -> Iterator[str]:
    """As the engine reads it: with entities filled in. Raises BadInput for what nobody can look through."""
    try:
        root = ElementTree.fromstring(file.read_bytes())  # noqa: S314 (expat bounds entities, and fetches none)
    except ElementTree.ParseError as error:
        raise BadInput([Problem(str(file), 0, "", f"cannot be looked through: {error}", "", "SVG, not compressed")]) from None
    yield "".join(root.itertext())
    yield "\n".join(value for element in root.iter() for value in element.attrib.values())


def _line(guard: Guard, lines: list[str], said: Said, hit: Hit) -> int:
    """The line that shows it; the first of its block where none does so alone (a footnote belongs to the block that calls it)."""
    return next((number for number in said.lines if number <= len(lines) and guard.hits(lines[number - 1], [hit.thing])), said.lines.start)


def _problem(document: Document, said: Said, hit: Hit, line: int) -> Problem:
    return Problem(str(document.path), line, said.where, f"{hit}, would go outside", hit.found, remedy=REMEDY)
