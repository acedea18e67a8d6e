# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawings in a PDF: their text is text in our fonts, and what they cannot show is an error that names file and line."""

from __future__ import annotations

import struct
from pathlib import Path

import pikepdf
import pypdfium2
import pytest

from tests.unit import paper
from tests.unit.paper import exported, itops, lines, pages, write

BODY = '# 趋势\n\n![每月容量](trend.svg "容量趋势")\n'
SVG = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 400 120" width="400" height="120">
<title>每月容量</title>
{inner}
</svg>
"""
CHART = """<rect x="20" y="40" width="60" height="70" fill="#c00000" fill-opacity="0.9"/>
<text x="20" y="20" font-size="14" font-family="sans-serif">十一月 80 %</text>
<text x="200" y="20" font-size="14" font-weight="bold" font-family="Arial">加粗吉𠮷</text>"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = paper.workspace(tmp_path / "w")
    write(place, BODY)
    return place


def drawn(root: Path, inner: str) -> None:
    (root / "documents/user/trend.svg").write_text(SVG.format(inner=inner), "utf-8")


def test_a_drawing_with_its_caption(root: Path) -> None:
    drawn(root, CHART)
    file = exported(root, ITOPS_FONTS=str(paper.PACKAGE))
    text = " ".join(pages(file)[-1].split())
    assert all(word in text for word in ("十一月 80 %", "加粗吉𠮷", "图 1", "容量趋势"))
    assert paper.pdf_a_faults(file) == []
    with pikepdf.open(file) as pdf:
        assert all("Kurinto" in name or "DejaVu" in name for name in paper.fonts_of(pdf)), "whatever family the drawing asks for"
        alts = [str(item.Alt) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/Figure" and "/Alt" in item]
        assert alts == ["每月容量"]
    drawing = pypdfium2.PdfDocument(file)[2].render(scale=1).to_pil().convert("RGB").tobytes()
    assert any(red > 150 and green < 60 and blue < 60 for red, green, blue in struct.iter_unpack("3B", drawing)), "the bar of the chart"


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ('<text x="1" y="20">护符 \U0001f9ff\n楔形 \U00012000</text>', ["U+1F9FF", "trend.svg:3", "U+12000", "trend.svg:4"]),
        ('<text x="1" y="20">&#x1f9ff;</text>', ["U+1F9FF"]),
        ('<image xlink:href="none.png" width="9" height="9"/>', ["trend.svg:1", "none.png"]),
        ('<image xlink:href="file:///etc/passwd" width="9" height="9"/>', ["trend.svg:1", "absolute paths are not allowed"]),
        ("<text>no end", ["trend.svg:", "failed to parse SVG"]),
        ('<foreignObject width="99" height="20"><p>容量</p></foreignObject>', ["trend.svg", "only a browser shows"]),
    ],
    ids=["glyph", "glyph as a reference", "no such picture", "foreign file", "broken", "HTML"],
)
def test_what_a_drawing_cannot_show_is_named(root: Path, inner: str, words: list[str]) -> None:
    drawn(root, inner)
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某")
    assert done.returncode == 2 and "Traceback" not in done.stderr and all(word in done.stderr for word in words), done.stderr
    assert not list(root.glob("*.pdf")) and lines(root) == []


def test_a_caption_that_brings_its_number_along_gets_no_second_one(root: Path) -> None:
    """An imported one, to which the text refers; the next picture goes on counting."""
    drawn(root, CHART)
    write(root, '# 题\n\n见图 1。\n\n![甲](trend.svg "图 1 登录")\n\n![乙](trend.svg "退出")\n')
    text = " ".join(pages(exported(root))[-1].split())
    assert text.count("图 1") == 2 and "图 1 登录" in text and "图 2" in text and "退出" in text
