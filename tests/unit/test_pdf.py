# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watermarked PDFs: what is on the pages, what is in the file, what the ledger says, and what is refused by name."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itops_cli import typeset
from itops_cli.typeset import blocks, engine, fonts, watermark
from tests.unit import make

NOTO = Path("/usr/share/fonts/opentype/noto")
DIGEST = "3ff585e49a07d195ecb64948754928b10557e64ef37fc401d2556c6a519c6d17"
META = {
    "id": "svc-web-manual", "title": "使用手册_门户网站", "kind": "manual", "side": "user", "owner": "zhang", "version": "1.2", "classification": "external",
    "versions": [{"version": "1.2", "date": "2026-11-20", "author": "李四", "remark": "补充异常维护"}],
}  # fmt: skip
BODY = f"""# 使用手册

正文 **加粗** 与 `code`，见 [网站](https://example.com/help)。罕见字：𠮷 㛃 𬭚。

## 清单

| 文件名 | 摘要 |
| --- | --- |
| a\\|b.tar.gz | {DIGEST} |

- [ ] 待办
- 嵌套
  1. 第一
  2. 第二

```
[root@web]# ls   -la
```

脚注[^1]。

![登录页面](shot.png)

[^1]: 脚注内容
"""

pytestmark = pytest.mark.skipif(not NOTO.is_dir(), reason="needs a Chinese font: Debian's package fonts-noto-cjk")


def png(width: int = 40, height: int = 20) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([30, 90, 160]) * width for _ in range(height))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = make.workspace(tmp_path / "w")
    write(place)
    (place / "documents/user/shot.png").write_bytes(png())
    return place


def write(root: Path, body: str = BODY, **meta: Any) -> Path:
    path = root / "documents/user/manual.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.text({**META, **meta}, body), "utf-8")
    return path


def itops(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "itops"), "docs", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, **env})


def exported(root: Path, *words: str, lang: str = "zh_CN") -> Path:
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商", "--format", "json", *words)
    assert done.returncode == 0, done.stderr
    return root / str(json.loads(done.stdout)[0]["path"])


def pages(file: Path) -> list[str]:
    opened = pypdfium2.PdfDocument(file)
    return [opened[n].get_textpage().get_text_range() for n in range(len(opened))]


def lines(root: Path) -> list[dict[str, Any]]:
    stream = root / "records/exports/events.jsonl"
    return [json.loads(line) for line in stream.read_text("utf-8").splitlines()] if stream.exists() else []


def test_what_is_on_the_pages(root: Path) -> None:
    text = pages(exported(root))
    whole = "\n".join(text)
    for word in [
        "使用手册_门户网站",
        "svc-web-manual",
        "某某供应商",
        "张三",
        "版本记录",
        "补充异常维护",
        "目录",
        "𠮷 㛃 𬭚",
        "a|b.tar.gz",
        "[root@web]# ls",
        "图 1",
        "登录页面",
        "脚注内容",
    ]:
        assert word in whole, word
    assert DIGEST in whole.replace("\r", "").replace("\n", ""), "a long word is broken on the page and whole in the text"
    assert all(f"第 {n} 页 / 共 {len(text)} 页" in page for n, page in enumerate(text, 1))


def test_what_is_in_the_file(root: Path) -> None:
    with pikepdf.open(exported(root)) as pdf:
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "B") and meta["dc:title"] == "使用手册_门户网站"
        assert pdf.Root.MarkInfo.Marked and "/StructTreeRoot" in pdf.Root and str(pdf.Root.Lang).startswith("zh") and "/OutputIntents" in pdf.Root
        assert [item.title for item in pdf.open_outline().root] == ["使用手册"]
        assert watermark.missing(pdf) == []
        assert all(embedded(font) for page in pdf.pages for font in (page.obj.Resources.get("/Font") or {}).values())
        targets = [str(a.A.URI) for page in pdf.pages for a in page.obj.get("/Annots", []) if "/A" in a and "/URI" in a.A]
        assert targets == ["https://example.com/help"]


def embedded(font: Any) -> bool:
    inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
    return any(key in inner.FontDescriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def test_the_watermark_is_seen_and_is_no_text(root: Path) -> None:
    write(root, "# 空\n\n" + "一行。\n\n" * 60)
    file = exported(root)
    assert not any("示例公司 →" in page or "No. 2" in page for page in pages(file))
    drawn = pypdfium2.PdfDocument(file)
    for number in range(len(drawn)):
        picture = drawn[number].render(scale=1).to_pil().convert("L")
        margin = picture.crop((0, 100, 55, picture.height - 100))  # where nothing else is
        assert min(margin.tobytes()) < 250, f"page {number + 1} has no mark in its margin"


def test_english(root: Path) -> None:
    write(root, "# Manual\n\nText.\n", lang="en", title="Manual of the portal")
    text = "\n".join(pages(exported(root)))
    for word in ("Manual of the portal", "Recipient", "Contents", "Page 1 of 3", "Copy number", "external"):
        assert word in text, word


def test_a_long_table_repeats_its_head(root: Path) -> None:
    write(root, "# 表\n\n| 甲列 | 乙列 |\n| --- | --- |\n" + "".join(f"| 行 {n} | 值 {n} |\n" for n in range(300)))
    text = [page for page in pages(exported(root)) if "行 " in page]
    assert len(text) > 5 and all("甲列" in page for page in text)
    assert all(f"值 {n}" in "\n".join(text) for n in range(300))


def test_the_ledger_knows_every_export(root: Path) -> None:
    first, second = exported(root), exported(root)
    done = [line for line in lines(root) if line["kind"] == "exported"]
    assert len({line["data"]["number"] for line in done}) == 2 and {line["data"]["recipient"] for line in done} == {"某某供应商"}
    check = itops(root, "check", first.name, "--format", "json")
    assert check.returncode == 0 and json.loads(check.stdout)["state"] == "unaltered"
    second.write_bytes(second.read_bytes() + b"\n%")
    told = itops(root, "check", second.name)
    assert told.returncode == 4 and "not as it was handed out" in told.stdout and "某某供应商" in told.stdout
    (root / "other.pdf").write_bytes(b"%PDF-1.4 nothing")
    assert itops(root, "check", "other.pdf").returncode == 4
    stream = root / "records/exports/events.jsonl"
    stream.write_text(stream.read_text("utf-8").replace("某某供应商", "别的公司", 1), "utf-8")
    assert itops(root, "check", first.name).returncode == 4, "a ledger that does not verify proves nothing"
    verified = subprocess.run([str(Path(sys.executable).parent / "itops"), "record", "verify"], cwd=root, capture_output=True, text=True, check=False)
    assert verified.returncode == 4 and "exports" in verified.stdout


def without_fonts(root: Path) -> dict[str, str]:
    (root / "bare").mkdir()
    return {"ITOPS_FONTS": str(root / "bare")}


def only_regular(root: Path) -> dict[str, str]:
    (root / "half").mkdir()
    (root / "half/NotoSansCJK-Regular.ttc").symlink_to(NOTO / "NotoSansCJK-Regular.ttc")
    return {"ITOPS_FONTS": str(root / "half")}


def strange_signs(root: Path) -> dict[str, str]:
    write(root, "# 题\n\n护符 \U0001f9ff 与楔形 \U00012000\n\n| 表 |\n| --- |\n| \U0001f9ff |\n")
    return {}


def no_image(root: Path) -> dict[str, str]:
    write(root, "# 题\n\n![甲](none.png)\n\n![乙](https://example.com/x.png)\n")
    return {}


def broken_image(root: Path) -> dict[str, str]:
    (root / "documents/user/shot.png").write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    return {}


def internal(root: Path) -> dict[str, str]:
    write(root, classification="internal")
    return {}


REFUSED: dict[str, tuple[Callable[[Path], dict[str, str]], list[str]]] = {
    "no font": (without_fonts, ["no font with Chinese characters", "apt install fonts-noto-cjk"]),
    "no bold": (only_regular, ["Noto Sans CJK SC has no regular and bold face"]),
    "signs": (strange_signs, ["U+1F9FF", "U+12000", "manual.md:18", "manual.md:22"]),
    "images": (no_image, ["none.png", "https://example.com/x.png"]),
    "broken image": (broken_image, ["shot.png", "not a whole image"]),
    "internal": (internal, ["stays Markdown", "--internal"]),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused_by_name_and_nothing_is_written(root: Path, why: str) -> None:
    spoil, words = REFUSED[why]
    env = spoil(root)
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商", **env)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not list(root.glob("*.pdf")) and lines(root) == []


def test_a_recipient_that_no_font_can_show(root: Path) -> None:
    done = itops(root, "pdf", "svc-web-manual", "--to", "𒀀")
    assert done.returncode == 2 and "U+12000" in done.stderr and not list(root.glob("*.pdf"))


def test_without_a_ledger_nothing_is_handed_out(root: Path) -> None:
    (root / "records").write_text("not a folder", "utf-8")
    done = itops(root, "pdf", "svc-web-manual", "--to", "某某供应商")
    assert done.returncode != 0 and "Traceback" not in done.stderr and not list(root.glob("*.pdf"))


def test_internal_when_said_so(root: Path) -> None:
    write(root, classification="internal")
    exported(root, "--internal")
    assert lines(root)[-1]["data"]["classification"] == "internal"


def test_protected(root: Path) -> None:
    with pikepdf.open(exported(root, "--protect")) as pdf:
        assert pdf.is_encrypted and pdf.encryption.R == 6 and not pdf.allow.extract and not pdf.allow.modify_other and pdf.allow.accessibility
        assert "pdfaid:part" not in pdf.open_metadata(), "PDF/A allows no encryption"


def test_flattened(root: Path) -> None:
    file = exported(root, "--flatten")
    assert "".join(pages(file)).strip() == "" and json.loads(itops(root, "check", file.name, "--format", "json").stdout)["state"] == "unaltered"


def foreign(root: Path) -> Path:
    """A PDF with upright, turned and odd pages."""
    with pikepdf.new() as pdf:
        for size, turn in (((595, 842), 0), ((595, 842), 90), ((300, 200), 180), ((842, 595), 270)):
            pdf.add_blank_page(page_size=size)
            pdf.pages[-1].obj.Rotate = turn
        pdf.save(root / "vendor.pdf")
    return root / "vendor.pdf"


def test_a_foreign_pdf_is_stamped(root: Path) -> None:
    done = itops(root, "stamp", foreign(root).name, "--to", "某某供应商", "--id", "vendor-manual", "--version", "3.2", "--format", "json")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    with pikepdf.open(root / line["path"]) as pdf:
        assert len(pdf.pages) == 4 and watermark.missing(pdf) == []
    drawn = pypdfium2.PdfDocument(root / line["path"])
    assert all(min(drawn[n].render(scale=1).to_pil().convert("L").tobytes()) < 250 for n in range(4)), "seen on every page"
    assert itops(root, "check", line["file"]).returncode == 0


@pytest.mark.parametrize("how", ["encrypted", "broken"])
def test_what_cannot_be_stamped(root: Path, how: str) -> None:
    file = foreign(root)
    if how == "encrypted":
        with pikepdf.open(file, allow_overwriting_input=True) as pdf:
            pdf.save(file, encryption=pikepdf.Encryption(owner="a", user="b", R=6))
    else:
        file.write_bytes(b"%PDF-1.7 and no more")
    done = itops(root, "stamp", file.name, "--to", "某某", "--id", "x")
    assert done.returncode == 2 and "vendor.pdf" in done.stderr and "Traceback" not in done.stderr and lines(root) == []


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(BadInput, match="itops\\[pdf\\]"):
        typeset.need("typst")


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], max_codepoint=0x9FA5), min_size=1, max_size=30), min_size=1, max_size=4
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_set_as_it_is_or_named(tmp_path: Path, cells: list[str]) -> None:
    """Nothing in a text is a command to the engine."""
    faces = fonts.find()
    row = [[{"t": "text", "s": cell}] for cell in cells]
    table = {"t": "table", "head": row, "rows": [row], "align": ["left"] * len(row), "shares": [1] * len(row)}
    meta = {key: "x" for key in ("title", "author", "id", "version", "classification", "organisation")} | {"language": "zh", "region": "cn", "keywords": ["x"]}
    words = {name: name for name in ("version", "page", "figure", "versions", "contents")}
    data = {"meta": meta, "words": words, "fonts": {"text": list(faces.text), "mono": list(faces.mono)}, "properties": [], "versions": [], "body": [table]}
    try:
        made = engine.compile_pdf("document", data, faces, watermark.EPOCH)
    except engine.Unshown as error:
        assert set(error.signs) <= set("".join(cells))
        return
    text = "".join(pypdfium2.PdfDocument(io.BytesIO(made))[2].get_textpage().get_text_range().split())
    for cell in cells:
        wanted = [char for char in cell if char.isalnum() and char.isascii()]
        assert all(char in text for char in wanted), (cell, text)


def test_markdown_as_data() -> None:
    found = blocks.parse("a<script>alert(1)</script> *b*\n\n<div>raw</div>\n\n[x](javascript:alert(1))\n", Path("x.md"))
    assert "alert" not in json.dumps([b for b in found.body if b["t"] != "para"]) and all("href" not in json.dumps(b) for b in found.body)
