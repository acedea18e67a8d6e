# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any text in any field comes out as text: in a table of Markdown, on the page, in the watermark; nothing of it is a command."""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
from ansible_collections.itops.maintenance.plugins.plugin_utils import markdown_table
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from hypothesis import example, given, settings
from hypothesis import strategies as st

from itops_cli.documents import layout
from itops_cli.typeset import blocks, columns, engine, fonts, watermark
from itops_cli.typeset.blocks import Blocks
from tests.unit.paper import META, PACKAGE

SHOT = Path(__file__).parents[2] / "documents/services/web/home.svg"
AT = datetime(2026, 11, 23, tzinfo=UTC)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=25)
SHOWN = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_categories=["Cc"]) | st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=12
)
MARKUP = st.sampled_from(
    ["#emph[x]", '#read("/etc/passwd")', '"); #panic("x', "\\u{41}", "*a*", "_b_", "$x$", "<b>c</b>", "| d", "a\\|b", "`e`", "[f](javascript:g)", "![h](i.png)",
     "http://example.com/j", "[^1]", "// k", "/* l", "@m", "- n", "1. o", "&lt;p", "\\", "#", "=", "q\nr", "{{ s }}", "%t", "~u~", "--- v"]
)  # fmt: skip
TEXT = st.lists(SHOWN | MARKUP, max_size=3).map("".join)
FIELDS = ("title", "owner", "audience", "remark", "organisation", "recipient")
TURNED = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"}  # what is read from right to left, and what decides it


@cache
def faces() -> fonts.Fonts:
    return fonts.find([PACKAGE])


def set_in_type(fields: dict[str, str], cells: list[str]) -> bytes:
    """The PDF with these properties, and these cells in a table of Markdown. Raises Unshown."""
    body = markdown_table.table(["序号", "内容"], [[str(number), cell] for number, cell in enumerate(cells)])
    meta = {**META, **fields, "lang": "zh_CN", "versions": [{"version": "1", "date": "2026", "author": fields["owner"], "remark": fields["remark"]}]}
    content = blocks.parse(body, Path("x.md"))
    (table,) = content.body
    assert [blocks.plain(row[1]) for row in table["rows"]] == [markdown_table.plain(cell) or "" for cell in cells], "Markdown gives back what was put in"
    copy = layout.Copy(fields["organisation"], fields["recipient"], AT, {}, 7)
    data = layout.data(Document(Path("x.md"), meta, body, 1), content, copy, faces())
    return engine.compile_pdf("document", data, faces(), AT)


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, TEXT)), st.lists(TEXT, min_size=1, max_size=4), st.just("") | ANYTHING)
@settings(max_examples=25, deadline=None)
@example(dict.fromkeys(FIELDS, '"#panic()\\ '), ["\\u{41}#emph[x]", "|", "<!--"], "")
def test_any_text_in_any_field(fields: dict[str, str], cells: list[str], strange: str) -> None:
    cells = [*cells, strange]
    try:
        made = set_in_type(fields, cells)
    except engine.Unshown as error:
        assert error.signs and set("".join(error.signs)) <= set("".join([*fields.values(), *map(markdown_table.plain, cells)]))
        return
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert pdf.check_pdf_syntax() == [] and len(pdf.pages) >= 2
        assert all(str(mark.A.get("/URI", "http")).startswith("http") for page in pdf.pages for mark in page.obj.get("/Annots", []) if "/A" in mark)
    opened = pypdfium2.PdfDocument(made)
    text = "".join(opened[number].get_textpage().get_text_range() for number in range(len(opened)))
    for field in [*fields.values(), *map(markdown_table.plain, cells)]:
        if not TURNED & {unicodedata.bidirectional(sign) for sign in field}:
            assert sure(field) in sure(text), field


@given(st.fixed_dictionaries(dict.fromkeys(("id", "version", "heading", "item", "code", "alt", "caption"), TEXT)))
@settings(max_examples=25, deadline=None)
@example(dict.fromkeys(("id", "version", "heading", "item", "code", "alt", "caption"), '"); #panic("x'))
def test_any_text_in_any_part_of_the_body(parts: dict[str, str]) -> None:
    """Straight into the template's data, past Markdown: what only an escape of Markdown keeps harmless would be seen here."""
    text = {key: [{"t": "text", "s": value}] for key, value in parts.items()}
    code = {"t": "code", "lines": [text["code"]], "line": 1}
    figure = {"t": "figure", "src": "shot.svg", "alt": parts["alt"], "caption": parts["caption"], "numbered": False, "line": 1}
    item = {"t": "para", "c": [*text["item"], {"t": "link", "href": "https://example.com/" + parts["id"], "c": text["item"]}], "line": 1}
    body = [
        {"t": "heading", "level": 1, "c": text["heading"], "line": 1},
        {"t": "list", "ordered": True, "start": 1, "items": [[item]], "line": 1},
        code,
        figure,
    ]
    meta = {**META, "id": parts["id"], "version": parts["version"], "lang": "en"}
    data = layout.data(Document(Path("x.md"), meta, "", 1), Blocks(body), layout.Copy("甲", "乙", AT, {}, 7), faces())
    try:
        made = engine.compile_pdf("document", data, faces(), AT, {"shot.svg": SHOT})
    except engine.Unshown as error:
        assert error.signs and set("".join(error.signs)) <= set("".join(parts.values()))
        return
    opened = pypdfium2.PdfDocument(made)
    shown = "".join(page.get_textpage().get_text_range() for page in opened)
    assert all(sure(parts[key]) in sure(shown) for key in parts if key != "alt" and not TURNED & {unicodedata.bidirectional(sign) for sign in parts[key]})


def sure(text: str) -> str:
    """What every reader gives back as it is: the letters and digits of ASCII, and plain Chinese characters."""
    return "".join(sign for sign in text if (sign.isascii() and sign.isalnum()) or "\u4e00" <= sign <= "\u9fa5")


@given(TEXT | ANYTHING)
@settings(max_examples=20, deadline=None)
def test_any_recipient_in_the_mark(recipient: str) -> None:
    lines = ["甲 → " + recipient, "2026"]
    try:
        watermark.prove(lines, faces())
    except engine.Unshown as error:
        assert set("".join(error.signs)) <= set(recipient)
        return
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        watermark.lay_over(pdf, lines, faces())
        assert pdf.check_pdf_syntax() == [] and watermark.missing(pdf) == []
        out = io.BytesIO()
        pdf.save(out)
    assert pypdfium2.PdfDocument(out.getvalue())[0].get_textpage().get_text_range() == ""


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=80))
def test_a_long_word_is_parted_and_nothing_of_it_is_lost(word: str) -> None:
    assert "".join(columns.parts(word)) == word and all(len(part) <= 13 for part in columns.parts(word))


@given(st.lists(st.lists(TEXT.map(markdown_table.plain), min_size=3, max_size=3), min_size=1, max_size=5))
def test_columns_have_room_for_their_longest_word(rows: list[list[str]]) -> None:
    found = columns.fit(rows)
    page = columns.PAGE / found.shrink * min(1.0, sum(found.shares) / (100 * columns.PAGE / found.shrink))
    assert 0 < found.shrink <= 1 and all(share >= 100 * columns.PADDING for share in found.shares)
    for share, column in zip(found.shares, zip(*rows, strict=True), strict=True):
        short = [word for text in column for word in text.split() if word.isascii() and len(word) < 16]
        assert page * share / sum(found.shares) >= max(map(len, short), default=0), (share, column)


def test_html_and_dangerous_links_are_left_out() -> None:
    found = blocks.parse("a<script>alert(1)</script> *b*\n\n<div>raw</div>\n\n[x](javascript:alert(1))\n", Path("x.md"))
    assert "alert" not in json.dumps([b for b in found.body if b["t"] != "para"]) and all("href" not in json.dumps(b) for b in found.body)


def test_a_long_word_is_whole_in_the_data() -> None:
    digest: dict[str, Any] = blocks.pieces("x " + "0123456789abcdef" * 4)[1]
    assert "".join(digest["parts"]) == "0123456789abcdef" * 4 and max(map(len, digest["parts"])) == 6
    assert columns.parts("/srv/portal/[semi-automatic|manual]") == ["/", "srv/", "portal/", "[", "semi-", "automatic|", "manual]"]
