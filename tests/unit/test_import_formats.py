# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the content of each format: files made by the libraries others make them with."""

from __future__ import annotations

import base64
import datetime
import http.server
import subprocess
import threading
from html import escape
from pathlib import Path

import docx
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image

from itops_cli.importing import Unreadable, docx_styles, office
from itops_cli.importing import docx as docx_reader
from itops_cli.importing import html as html_reader
from itops_cli.importing import text as text_reader
from itops_cli.importing import xlsx as xlsx_reader
from itops_cli.importing.tree import Break, Cell, Paragraph, Table, Text, plain
from tests.unit import foreign

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEAD = ["机房", "主机", "上线", "占用", "版本", "合计", "密"]
SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
WORDS = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=20)


def body(path: Path, encoding: str = "") -> str:
    return foreign.read(path, encoding).markdown


def test_word(tmp_path: Path) -> None:
    made = foreign.read(foreign.manual(tmp_path / "a.docx"))
    image = next((tmp_path / "images").iterdir())
    assert image.read_bytes().startswith(b"\x89PNG")
    assert made.title == "门户手册"
    assert (
        made.markdown
        == f"""# 门户手册

## 登录

打开 **浏览器**：输入 a\\*b \\<script\\>

- 甲
  - 子项
- 乙

1. 一
2. 二

![图 1 登录页面](images/{image.name})

### 服务器

| 00    | 01     | 02       |
| ----- | ------ | -------- |
| 机房A | 11     | 12       |
| 机房A | 21     | 上<br>下 |
| 30    | 合\\|并 | ←        |

```text
systemctl restart web
  journalctl -u web
```

修订：插入
"""
    )
    assert foreign.kinds(made) == {"comment": 1, "deletion": 1, "header_footer": 1, "hidden_text": 1, "insertion": 1, "merged_cells": 2}
    assert "机密" not in str(made) and "隐藏的" not in made.markdown


def test_headings_of_word_by_local_style_names_and_outline_levels(tmp_path: Path) -> None:
    made = docx.Document()
    made.styles.add_style("标题 2", 1)
    made.styles.add_style("自己的", 1).base_style = made.styles["标题 2"]
    made.add_paragraph("甲", style="标题 2")
    made.add_paragraph("乙", style="自己的")
    made.add_paragraph("丙")._p.get_or_add_pPr().append(foreign.w_xml('<w:outlineLvl w:val="2"/>'))
    made.add_paragraph("丁").add_run("粗").bold = True
    made.save(tmp_path / "a.docx")
    assert body(tmp_path / "a.docx") == "# a\n\n## 甲\n\n## 乙\n\n### 丙\n\n丁**粗**\n"


def test_numbers_of_word_that_markdown_does_not_have(tmp_path: Path) -> None:
    made = docx.Document()
    numbering = made.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{look}"/></w:lvl>'
        for level, (form, look) in enumerate([("chineseCounting", "（%1）"), ("decimal", "%2."), ("decimal", "%2.%3")])
    )
    numbering.insert(0, foreign.w_xml(f'<w:abstractNum w:abstractNumId="90">{levels}</w:abstractNum>'))
    numbering.append(foreign.w_xml('<w:num w:numId="90"><w:abstractNumId w:val="90"/></w:num>'))
    for level in (0, 1, 1, 2, 0, 1):
        made.add_paragraph("条")._p.get_or_add_pPr().append(foreign.w_xml(f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="90"/></w:numPr>'))
    made.save(tmp_path / "a.docx")
    assert body(tmp_path / "a.docx").split("\n\n")[1:] == ["（一） 条", "1. 条\n2. 条", "2.1 条", "（二） 条", "1. 条\n"]


@pytest.mark.parametrize(
    ("count", "form", "shown"),
    [
        (1, "chineseCounting", "一"),
        (10, "chineseCounting", "十"),
        (21, "chineseCounting", "二十一"),
        (3, "lowerLetter", "c"),
        (14, "upperRoman", "XIV"),
        (100, "chineseCounting", "100"),
    ],
)
def test_how_word_counts(count: int, form: str, shown: str) -> None:
    assert docx_styles.counted(count, form) == shown


def test_notes_links_text_boxes_and_contents_of_word(tmp_path: Path) -> None:
    made = docx.Document()
    link = made.part.relate_to("https://example.com/a_(b)", "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink", is_external=True)
    line = made.add_paragraph("见 ")
    names = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    )
    line._p.append(docx.oxml.parse_xml(f'<w:hyperlink {names} r:id="{link}"><w:r><w:t>网站</w:t></w:r></w:hyperlink>'))
    line._p.append(docx.oxml.parse_xml(f"<w:r {names}><w:pict><w:txbxContent><w:p><w:r><w:t>框中</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>"))
    made.add_paragraph("目录行", style=made.styles.add_style("toc 1", 1))
    made.save(tmp_path / "a.docx")
    found = foreign.read(tmp_path / "a.docx")
    assert found.markdown == "# a\n\n见 [网站](https://example.com/a_%28b%29)\n\n框中\n"
    assert foreign.kinds(found) == {"text_box": 1, "contents": 1}


def test_a_document_with_macros_loses_them(tmp_path: Path) -> None:
    foreign.changed(foreign.manual(tmp_path / "a.docx"), tmp_path / "b.docm", {"word/vbaProject.bin": b"x", "word/embeddings/oleObject1.bin": b"y"})
    found = foreign.kinds(foreign.read(tmp_path / "b.docm"))
    assert found["macro"] == 1 and found["embedded"] == 1


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20), max_size=5))
@FEW
def test_any_text_of_word_comes_back(tmp_path: Path, lines: list[str]) -> None:
    made = docx.Document()
    for line in lines:
        made.add_paragraph(line)
    made.save(tmp_path / "a.docx")
    found = docx_reader.read(tmp_path / "a.docx", foreign.keeper(tmp_path)).blocks
    assert [plain([block]) for block in found] == [line.strip() for line in lines if line.strip()]


def test_workbook(tmp_path: Path) -> None:
    path = foreign.workbook(tmp_path / "a.xlsx", [["清单"], [], HEAD], 隐藏=[["x"]], 另一=[["a", "b"], [1, 2.5]])
    book = openpyxl.load_workbook(path)
    sheet = book["表"]
    sheet.append(["A", "web1", datetime.date(2026, 1, 2), 0.15, 1.1, "=A1", "秘"])
    sheet.append([None, "甲\n乙", datetime.datetime(2026, 1, 2, 3, 4), 1, 20261123, True, "秘"])
    sheet.append(["藏"])
    sheet.merge_cells("A4:A5")
    sheet["D4"].number_format, sheet["D5"].number_format, sheet["E4"].number_format = "0%", "0.0%", "0.00"
    sheet.column_dimensions["G"].hidden = sheet.row_dimensions[6].hidden = True
    sheet["B4"].comment = Comment("注意", "李四")
    (tmp_path / "p.png").write_bytes(foreign.png())
    sheet.add_image(Image(tmp_path / "p.png"), "H1")
    book["隐藏"].sheet_state = "veryHidden"
    book.save(path)
    made = foreign.read(path)
    assert (
        made.markdown.split("\n\n![")[0]
        == """# a

## 表

清单

| 机房 | 主机     | 上线             | 占用 | 版本     | 合计 |
| ---- | -------- | ---------------- | ---- | -------- | ---- |
| A    | web1     | 2026-01-02       | 15%  | 1.10     |      |
| A    | 甲<br>乙 | 2026-01-02 03:04 | 100% | 20261123 | TRUE |"""
    )
    assert made.markdown.endswith("## 另一\n\n| a   | b   |\n| --- | --- |\n| 1   | 2.5 |\n")
    assert foreign.kinds(made) == {"hidden_sheet": 1, "hidden_row": 1, "hidden_column": 3, "comment": 1, "formula_empty": 1, "merged_cells": 1}


def test_values_of_formulas_are_taken(tmp_path: Path) -> None:
    path = foreign.workbook(tmp_path / "a.xlsx", [["a", "b"], [1, "=1+1"]])
    sheet = SHEET.format('<row><c t="inlineStr"><is><t>=x</t></is></c><c><f>1+1</f><v>2</v></c></row>').encode()
    made = foreign.read(foreign.changed(path, tmp_path / "b.xlsx", {"xl/worksheets/sheet1.xml": sheet}))
    assert "| =x  | 2   |" in made.markdown and foreign.kinds(made) == {"formula": 1}


@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=4))
@FEW
def test_any_text_of_a_workbook_comes_back(tmp_path: Path, rows: list[list[str]]) -> None:
    made = openpyxl.Workbook()
    for row, texts in enumerate(rows, 1):
        for column, text in enumerate(texts, 1):
            made.active.cell(row, column, text).data_type = "s"
    made.save(tmp_path / "a.xlsx")
    found = xlsx_reader.read(tmp_path / "a.xlsx", foreign.keeper(tmp_path)).blocks
    said = [cell.content for block in found if isinstance(block, Table) for row in block.rows for cell in row if str(cell.content).strip()]
    said += [plain([block]) for block in found if isinstance(block, Paragraph)]
    assert sorted(str(text).strip() for text in said) == sorted(text.strip() for row in rows for text in row if text.strip())


def test_slides(tmp_path: Path) -> None:
    made = foreign.read(foreign.slides(tmp_path / "a.pptx"))
    image = next((tmp_path / "images").iterdir()).name
    assert made.markdown.split("\n\n") == [
        "# a", "## 培训", "- 第一点\n  - 子点\n- 第二点", f"![image.png](images/{image})",
        "| 00  | 01  |\n| --- | --- |\n| 10  | 11  |\n| 10  | 21  |", "> 讲稿\n",
    ]  # fmt: skip
    assert foreign.kinds(made) == {"hidden_slide": 1, "merged_cells": 1}


def test_opendocument(tmp_path: Path) -> None:
    styles = """<style:style style:name="B" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>
        <text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1"/></text:list-style>"""
    content = """<text:tracked-changes><text:changed-region><text:deletion><text:p>机密</text:p></text:deletion></text:changed-region></text:tracked-changes>
        <text:h text:outline-level="1">手册</text:h>
        <text:p>见<text:span text:style-name="B">粗</text:span><text:s text:c="3"/>尾<office:annotation><text:p>批注</text:p></office:annotation><text:note>
          <text:note-body><text:p>脚注</text:p></text:note-body></text:note></text:p>
        <text:list text:style-name="L"><text:list-item><text:p>一</text:p>
          <text:list><text:list-item><text:p>子</text:p></text:list-item></text:list></text:list-item></text:list>
        <table:table><table:table-row><table:table-cell table:number-columns-spanned="2"><text:p>甲</text:p></table:table-cell>
          <table:covered-table-cell/></table:table-row>
          <table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell></table:table-row>
        </table:table>
        <text:p><draw:frame><draw:image xlink:href="Pictures/p.png"/></draw:frame></text:p>"""
    made = foreign.read(foreign.odt(tmp_path / "a.odt", content, {"Pictures/p.png": foreign.png()}, styles))
    name = next((tmp_path / "images").iterdir()).name
    assert made.markdown.split("\n\n") == [
        "# 手册", "见**粗** 尾[^1]", "1. 一\n   - 子", "| 甲  | ←   |\n| --- | --- |\n| 1   | 2   |", f"![](images/{name})", "[^1]: 脚注\n",
    ]  # fmt: skip
    assert foreign.kinds(made) == {"comment": 1, "deletion": 1, "merged_cells": 1, "no_alt": 1}


def test_web_page(tmp_path: Path) -> None:
    (tmp_path / "beside.png").write_bytes(foreign.png("blue"))
    inside = base64.b64encode(foreign.png()).decode()
    page = f"""<html><head><meta charset="gb2312"><title>通知</title><style>p{{}}</style><script>alert(1)</script></head><body>
    <h1>系统  通知</h1><p>各位<b>同事：</b>请看 <a href="https://example.com/a(b)">网站</a>。<br>谢谢 <a href="javascript:x()">坏</a></p>
    <ul><li>甲<ol><li>子</ol><li>乙</ul><table><tr><th>名<th colspan=2>值<tr><td rowspan=2>a<td>1<td>2<tr><td>3<td><p>4<p>5</table>
    <pre>ls
      total</pre><img src="http://x.example/t.png" alt="远程"><figure><img src="data:image/png;base64,{inside}"><figcaption>图 1</figcaption></figure>
    <img src="beside.png" alt="旁"><img src="../up.png" alt="上"><p hidden>藏</p><iframe src="x"></iframe></body></html>"""
    (tmp_path / "a.html").write_bytes(page.encode("gb18030"))
    (tmp_path.parent / "up.png").write_bytes(foreign.png("green"))
    made = foreign.read(tmp_path / "a.html")
    one, two = (text.split(")")[0] for text in made.markdown.split("](images/")[1:])
    assert (
        made.markdown
        == f"""# 系统 通知

各位**同事**：请看 [网站](https://example.com/a%28b%29)。\\
谢谢 坏

- 甲
  1. 子
- 乙

| 名  | 值  | ←      |
| --- | --- | ------ |
| a   | 1   | 2      |
| a   | 3   | 4<br>5 |

```text
ls
      total
```

远程

![图 1](images/{one})

![旁](images/{two})上
"""
    )
    assert foreign.kinds(made) == {"script": 1, "remote_picture": 1, "picture_missing": 1, "hidden_text": 1, "embedded": 1, "merged_cells": 2}
    assert len(list((tmp_path / "images").iterdir())) == 2


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=20), min_size=1, max_size=5))
@FEW
def test_any_text_of_a_page_comes_back(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "a.html").write_text("<meta charset=utf-8>" + "".join(f"<p>{escape(line)}</p>" for line in lines), "utf-8")
    found = html_reader.read(tmp_path / "a.html", foreign.keeper(tmp_path)).blocks
    assert [" ".join(plain([block]).split()) for block in found] == [" ".join(line.split()) for line in lines if line.strip()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "主机;地址\nweb1;甲乙丙\nab;cd\n" * 3
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    made = foreign.read(tmp_path / "a.csv")
    assert "| web1 | 甲乙丙 |" in made.markdown
    assert foreign.kinds(made) == ({"encoding": 1} if encoding == "gb18030" else {})


def test_an_encoding_nobody_can_guess_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("caf\xe9 ".encode("latin-1"))
    with pytest.raises(Unreadable, match="no text in UTF-8, UTF-16 or GB18030") as caught:
        foreign.read(tmp_path / "a.txt")
    assert "--encoding" in caught.value.remedy
    assert "café" in body(tmp_path / "a.txt", "latin-1")


def test_csv_cells_are_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('名,公式\n"a,b","=cmd|\'/c calc\'!A1"\n"多\n行",@x\nzu,viel,e\n', "utf-8")
    assert body(tmp_path / "a.csv") == (
        "# a\n\n| 名       | 公式               |     |\n| -------- | ------------------ | --- |\n"
        "| a,b      | =cmd\\|'/c calc'!A1 |     |\n| 多<br>行 | @x                 |     |\n| zu       | viel               | e   |\n"
    )


def test_plain_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("第一段\n- 二\n\n1. 三\n\n  缩进\n    a*b\n", "utf-8")
    assert body(tmp_path / "a.txt") == "# a\n\n第一段\\\n\\- 二\n\n1\\. 三\n\n```text\n  缩进\n    a*b\n```\n"


@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \n"), max_size=60))
@FEW
def test_any_plain_text_comes_back(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text, "utf-8")
    found = text_reader.read_text(tmp_path / "a.txt", foreign.keeper(tmp_path)).blocks
    assert "".join(plain(found).split()) == "".join(text.split())


def test_pdf(tmp_path: Path) -> None:
    """Set by our own engine from Markdown: the text comes back, headings by their size."""
    paragraph = "正文一段，足够长，会在行末折到下一行，而且折行处不应多出空格；这一段还要再长一些才行，所以继续写下去，直到第二行为止，最后结束。"
    path = foreign.pdf(tmp_path / "a.pdf", f"== 第一章\n{paragraph}\n\nSecond paragraph.")
    made = foreign.read(path)
    assert made.markdown == f"# 第一章\n\n{paragraph}\n\nSecond paragraph.\n"
    assert foreign.kinds(made) == {"pdf_layout": 1}


def test_old_formats_through_libreoffice(tmp_path: Path) -> None:
    """The real program where it is installed, as in CI; elsewhere the error that says what to install."""
    foreign.workbook(tmp_path / "a.xlsx", [["甲", "乙"], ["1", "x|y"]])
    program = next((name for name in office.PROGRAMS if office.shutil.which(name)), None)
    if program is None:
        (tmp_path / "a.xls").write_bytes(foreign.ole("Workbook"))
        with pytest.raises(Unreadable, match="needs LibreOffice, which is not installed") as caught:
            foreign.read(tmp_path / "a.xls")
        assert caught.value.remedy.startswith("apt install libreoffice")
        return
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    subprocess.run([program, "--headless", profile, "--convert-to", "xls", "--outdir", tmp_path, tmp_path / "a.xlsx"], check=True, capture_output=True)
    (tmp_path / "a.xls").rename(tmp_path / "a.et")
    made = foreign.read(tmp_path / "a.et")
    assert made.markdown == "# a\n\n## 表\n\n| 甲  | 乙   |\n| --- | ---- |\n| 1   | x\\|y |\n"
    assert foreign.kinds(made) == {"by_libreoffice": 1}


def test_nothing_is_fetched_through_libreoffice(tmp_path: Path) -> None:
    """It would load linked images by itself; here it asks nobody, and the missing image is reported. Without LibreOffice: the error."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_PROPFIND = do_GET

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = foreign.ods(tmp_path / "a.ods", f"http://127.0.0.1:{server.server_port}/p.png")
        try:
            found = foreign.kinds(foreign.read(path))
            assert found == {"by_libreoffice": 1, "picture_missing": 1}
        except Unreadable as error:
            assert "needs LibreOffice, which is not installed" in str(error) and not any(map(office.shutil.which, office.PROGRAMS))
        finally:
            server.shutdown()
    assert asked == []


def test_cells_and_lines_of_the_tree_read_as_text() -> None:
    assert plain([Table([[Cell("a"), Cell([Paragraph([Text("b"), Break(), Text("c")])])]])]) == "a b c"


def test_without_libreoffice_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xls").write_bytes(foreign.ole("Workbook"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreadable, match="needs LibreOffice, which is not installed") as caught:
        foreign.read(tmp_path / "a.xls")
    assert caught.value.remedy.startswith("apt install libreoffice")
