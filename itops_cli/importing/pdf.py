# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of PDFs. A page knows where letters stand, not what they are: lines, paragraphs and headings are inferred, tables stay lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from itops_cli.importing import Unreadable, need
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.tree import Block, Heading, Paragraph, Read, Text

PAGES = 3_000
PASSWORD = "password"  # noqa: S105 (a word of the library's message)
LARGER = 1.15  # times the size of the text makes a heading
HEADING_LENGTH = 100
GAP = 1.6  # times the usual distance of lines begins a paragraph
ENDS = re.compile(r"[.!?:;。！？：；]$")
WIDE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")
LEADERS = re.compile(r"(?:\s?[.…·]){6,}\s*\w+$")  # a line of a table of contents
REPEATS = 3  # pages at least, for a line at the same place to be a header or footer


@dataclass(frozen=True)
class Line:
    """One line of a page, in points; `top` counts from the page's upper edge."""

    text: str
    right: float
    top: float
    size: float


def read(path: Path, keeper: Keeper) -> Read:
    """Raises Unreadable for what is encrypted or no whole PDF."""
    pdfium = need("pypdfium2")
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if PASSWORD in str(error).lower():
            raise Unreadable("encrypted", "ask its author for one without a password") from None
        raise Unreadable(f"truncated or damaged: {error}", "get it from its author anew") from None
    if len(document) > PAGES:
        raise Unreadable(f"more than {PAGES:,} pages", "split it")
    pages = [_page(document, index, keeper) for index in range(len(document))]
    if not any(pages):
        raise Unreadable("no text on any page: these are pictures of pages", "recognise the text first (OCR), or import what it was made from")
    keeper.lost("pdf_layout")
    title = str(document.get_metadata_dict().get("Title") or "").strip()
    return Read(list(_blocks(_without_margins(pages, keeper))), title)


def _page(document: Any, index: int, keeper: Keeper) -> list[Line]:
    place = str(index + 1)
    try:
        page = document[index]
        lines = list(_lines(page, keeper))
        pictures = len(list(page.get_objects(filter=[need("pypdfium2.raw").FPDF_PAGEOBJ_IMAGE], max_depth=2)))
    except need("pypdfium2").PdfiumError as error:
        keeper.lost("page", str(error), place)
        return []
    if not lines:
        keeper.lost("page_without_text", "", place)
    if pictures:
        keeper.lost("picture_of_pdf", "", place, pictures)
    return lines


def _lines(page: Any, keeper: Keeper) -> Iterator[Line]:
    raw, text, height = need("pypdfium2.raw"), page.get_textpage(), page.get_height()
    signs, start = [chr(raw.FPDFText_GetUnicode(text, index)) for index in range(text.count_chars())], 0
    for end in [index for index, sign in enumerate(signs) if sign == "\n"] + [len(signs)]:
        kept = [index for index in range(start, end) if signs[index].isprintable() and not signs[index].isspace() and signs[index] != "\ufffe"]
        words = "".join(signs[kept[0] : kept[-1] + 1]).replace("\ufffe", "").replace("\x02", "") if kept else ""
        if LEADERS.search(words):
            keeper.lost("contents")
        elif words:
            first, last = text.get_charbox(kept[0]), text.get_charbox(kept[-1])
            yield Line(words, last[2], height - first[1], float(raw.FPDFText_GetFontSize(text, kept[0])) or first[3] - first[1])
        start = end + 1


def _without_margins(pages: Sequence[Sequence[Line]], keeper: Keeper) -> list[list[Line]]:
    """Lines that stand at the same place of most pages, numbers aside, are headers and footers."""
    seen = Counter(key for page in pages for key in {_key(line) for line in [*page[:1], *page[-1:]]})
    margins = {key for key, count in seen.items() if count >= REPEATS and count > len(pages) / 2}
    for key in margins:
        keeper.lost("header_footer", key[0], "", seen[key])
    return [[line for line in page if _key(line) not in margins] for page in pages]


def _key(line: Line) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text), round(line.top / 5)


def _blocks(pages: Sequence[Sequence[Line]]) -> Iterator[Block]:
    lines = [line for page in pages for line in page]
    weights = Counter[float]()
    for line in lines:
        weights[round(line.size, 1)] += len(line.text)
    body = weights.most_common(1)[0][0] if weights else 0.0
    larger = sorted({round(line.size, 1) for line in lines if _is_heading(line, body)}, reverse=True)
    for part in (part for page in pages for part in _paragraphs(page, body)):
        words = [Text(_joined(part))]
        yield Heading(larger.index(round(part[0].size, 1)) + 1, words) if _is_heading(part[0], body) else Paragraph(words)


def _is_heading(line: Line, body: float) -> bool:
    return line.size >= body * LARGER and len(line.text) <= HEADING_LENGTH


def _paragraphs(page: Sequence[Line], body: float) -> Iterator[list[Line]]:
    """Lines that belong together."""
    gaps = [after.top - before.top for before, after in pairwise(page) if after.top > before.top]
    usual, right = (median(gaps) if gaps else 0.0), max((line.right for line in page), default=0.0)
    part: list[Line] = []
    for line in page:
        if part and _begins(part[-1], line, usual, right):
            yield part
            part = []
        part.append(line)
    if part:
        yield part


def _begins(before: Line, line: Line, usual: float, right: float) -> bool:
    """A gap, another size, or a line before that ends early: a paragraph ends there."""
    apart = line.top - before.top > usual * GAP or line.top < before.top
    early = before.right < right - 3 * line.size or (bool(ENDS.search(before.text)) and before.right < right - line.size)
    return apart or early or abs(line.size - before.size) > 0.5


def _joined(lines: Sequence[Line]) -> str:
    """Without a space between two characters of Chinese."""
    made = lines[0].text
    for line in lines[1:]:
        gap = "" if WIDE.match(made[-1]) and WIDE.match(line.text[0]) else " "
        made = made + gap + line.text
    return made
