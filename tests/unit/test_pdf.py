# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watermarked PDFs: what is on the pages and what is in the file."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli import typeset
from itops_cli.typeset import watermark
from tests.unit import paper
from tests.unit.paper import DIGEST, exported, itops, pages, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return paper.workspace(tmp_path / "w")


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all tests that only look."""
    return exported(paper.workspace(tmp_path_factory.mktemp("once") / "w"))


def test_what_is_on_the_pages(handed_out: Path) -> None:
    text = pages(handed_out)
    whole = "\n".join(text)
    cover, contents, body = text[0], text[1], "\n".join(text[2:])
    for word in ("示例公司", "使用手册_门户网站", "svc-web-manual", "外部", "某某供应商", "张三", "版本记录", "补充异常维护", "1.2"):
        assert word in cover, word
    assert all(word in contents for word in ("目录", "使用手册", "清单", "3"))
    for word in ("𠮷 㛃 𬭚", "a|b.tar.gz", "[root@web]# ls", "图 1", "登录页面", "脚注内容", "☐ 待办", "svc-web-manual 版本 1.2 外部"):
        assert word in " ".join(body.split()), word
    assert DIGEST in whole.replace("\r", "").replace("\n", ""), "a long word is broken on the page and whole in the text"
    assert all(f"第 {n} 页 / 共 {len(text)} 页" in page for n, page in enumerate(text, 1))


def test_what_is_in_the_file(handed_out: Path) -> None:
    assert paper.pdf_a_faults(handed_out) == []
    with pikepdf.open(handed_out) as pdf:
        assert pdf.open_metadata()["dc:title"] == "使用手册_门户网站"
        assert pdf.Root.MarkInfo.Marked and str(pdf.Root.Lang).startswith("zh")
        kinds = {str(item.S) for item in pdf.objects if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/StructElem"}
        assert {"/H1", "/H2", "/P", "/Table", "/TH", "/TD", "/L", "/LI", "/Figure", "/Caption", "/Link", "/TOC"} <= kinds
        assert [item.title for item in pdf.open_outline().root] == ["使用手册"]
        assert [item.title for item in pdf.open_outline().root[0].children] == ["清单"]
        assert watermark.missing(pdf) == []
        outside = [str(mark.A.URI) for page in pdf.pages for mark in page.obj.get("/Annots", []) if "/A" in mark and "/URI" in mark.A]
        inside = [mark for mark in pdf.pages[1].obj.Annots if "/Dest" in mark or mark.get("/A", {}).get("/S") == "/GoTo"]
        assert outside == ["https://example.com/help"] and len(inside) >= 2, "the contents are links"


def test_the_watermark_is_seen_and_is_no_text(root: Path) -> None:
    (root / "documents/user/shot.png").write_bytes(paper.png(400, 300))
    write(root, "# 空\n\n" + "一行。\n\n" * 60 + "![图](shot.png)\n")
    file = exported(root)
    assert not any("示例公司 →" in page or "No. 2" in page for page in pages(file))
    drawn = pypdfium2.PdfDocument(file)
    for number in range(len(drawn)):
        picture = drawn[number].render(scale=1).to_pil().convert("L")
        margin = picture.crop((0, 100, 55, picture.height - 100))  # where nothing else is
        assert min(margin.tobytes()) < 250, f"page {number + 1} has no mark in its margin"
    last = drawn[len(drawn) - 1].render(scale=2).to_pil().convert("RGB")
    colours = {tuple(rgb) for rgb in struct.iter_unpack("3B", last.tobytes())}
    assert len({rgb for rgb in colours if rgb[2] > rgb[0] + 60 and rgb[0] < 90}) > 5, "the mark lies over the picture: its one colour became several"


def test_the_text_of_an_image_is_read_as_markdown(root: Path) -> None:
    (root / "documents/user/shot.png").write_bytes(paper.png())
    write(root, "# 题\n\n![首页 \\[新\\]](shot.png)\n")
    assert "首页 [新]" in "\n".join(pages(exported(root)))


def test_a_page_without_the_mark_is_told(handed_out: Path) -> None:
    with pikepdf.open(handed_out) as pdf:
        pdf.pages[1].Contents = pdf.make_stream(b"q Q")
        del pdf.pages[2].obj.Resources.XObject
        assert watermark.missing(pdf) == [2, 3]


def test_english(root: Path) -> None:
    write(root, "# Manual\n\nText.\n", lang="en", title="Manual of the portal")
    file = exported(root)
    text = "\n".join(pages(file))
    for word in ("Manual of the portal", "Recipient", "Contents", "Page 1 of 3", "Copy number", "external"):
        assert word in text, word
    with pikepdf.open(file) as pdf:
        assert str(pdf.Root.Lang).startswith("en")


def test_a_text_without_headings_has_no_empty_page_of_contents(root: Path) -> None:
    write(root, "只有一行。\n")
    text = pages(exported(root))
    assert len(text) == 2 and "只有一行" in text[1]


def test_a_long_table_repeats_its_head(root: Path) -> None:
    write(root, "# 表\n\n| 甲列 | 乙列 |\n| --- | --- |\n" + "".join(f"| 行 {n} | 值 {n} |\n" for n in range(300)))
    text = [page for page in pages(exported(root)) if "行 " in page]
    assert len(text) > 5 and all("甲列" in page for page in text)
    assert all(f"值 {n}" in "\n".join(text) for n in range(300))


def test_no_page_breaks_a_row_that_fits_on_one(root: Path) -> None:
    rows = [f"| 起{n}。{'字' * 90}。止{n}。 | {'很长的一格' * 900 if n == 7 else n} |\n" for n in range(60)]
    write(root, "# 表\n\n| 甲列 | 乙列 |\n| --- | --- |\n" + "".join(rows))
    text = ["".join(page.split()) for page in pages(exported(root))]
    for n in range(60):
        (first,) = [number for number, page in enumerate(text) if f"起{n}。" in page]
        assert n == 7 or f"止{n}。" in text[first], n
    assert "".join(text).count("很长的一格") > 850, "a cell that is longer than a page goes on over the next ones"


def test_protected(root: Path) -> None:
    with pikepdf.open(exported(root, "--protect")) as pdf:
        assert pdf.is_encrypted and pdf.encryption.R == 6 and not pdf.allow.extract and not pdf.allow.modify_other and pdf.allow.accessibility
        assert "pdfaid:part" not in pdf.open_metadata(), "PDF/A allows no encryption"


def test_flattened(root: Path) -> None:
    file = exported(root, "--flatten", "--protect")
    with pikepdf.open(file) as pdf:
        assert all(list(page.obj.Resources.XObject.keys()) == ["/Page"] for page in pdf.pages) and pdf.is_encrypted
    assert "".join(pages(file)).strip() == "" and json.loads(itops(root, "check", file.name, "--format", "json").stdout)["state"] == "unaltered"


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(BadInput, match="itops\\[pdf\\]"):
        typeset.need("typst")
