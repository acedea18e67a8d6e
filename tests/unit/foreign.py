# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign files for tests of the import: made by the libraries others make them with, and by hand where they are evil."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import typst
from ansible_collections.itops.maintenance.plugins.plugin_utils import schema
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from PIL import Image

from itops_cli.importing import bounds, convert, docx_inline, html, ooxml, sniff
from itops_cli.importing.convert import Converted, Order
from itops_cli.importing.keeping import Keeper

ODT = {
    "mimetype": b"application/vnd.oasis.opendocument.text",
    "META-INF/manifest.xml": b"<manifest/>",
}
ODT_NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in [("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing")]
) + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"'  # fmt: skip


def png(colour: str = "red") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (4, 3), colour).save(made, "PNG")
    return made.getvalue()


def read(path: Path, encoding: str = "") -> Converted:
    """Converted as the command does it; images go beside. Raises Unreadable."""
    return convert.convert(Order(path, bounds.apart(sniff.sniff, path), path.parent / "images", "images", "", encoding))


def kinds(made: Converted) -> dict[str, int]:
    """How often each kind of loss was noted."""
    found: dict[str, int] = {}
    for loss in made.losses:
        found[loss.kind] = found.get(loss.kind, 0) + loss.count
    return found


def keeper(folder: Path) -> Keeper:
    return Keeper(folder / "images")


def w_xml(text: str) -> Any:
    """An element in Word's namespace."""
    return parse_xml(text.replace(">", f" {nsdecls('w')}>", 1) if "/>" not in text.split(">")[0] + ">" else text.replace("/>", f" {nsdecls('w')}/>", 1))


def manual(path: Path) -> Path:
    """A Word document with most of what there is."""
    made = docx.Document()
    made.add_paragraph("门户手册", style="Title")
    made.add_heading("登录", 1)
    line = made.add_paragraph("打开 ")
    line.add_run("浏览器：").bold = True
    line.add_run("输入 a*b <script>")
    for text, style in [("甲", "List Bullet"), ("子项", "List Bullet 2"), ("乙", "List Bullet"), ("一", "List Number"), ("二", "List Number")]:
        made.add_paragraph(text, style=style)
    made.add_picture(io.BytesIO(png()))
    made.add_paragraph("图 1 登录页面", style="Caption")
    made.add_heading("服务器", 3)
    table = made.add_table(4, 3)
    for row in range(4):
        for column in range(3):
            table.cell(row, column).text = f"{row}{column}"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "机房A"
    table.cell(3, 1).merge(table.cell(3, 2)).text = "合|并"
    table.cell(2, 2).text = "上\n下"
    for text in ("systemctl restart web", "  journalctl -u web"):
        made.add_paragraph().add_run(text).font.name = "Consolas"
    changed = made.add_paragraph("修订：")
    changed._p.append(w_xml('<w:ins w:id="1" w:author="x"><w:r><w:t>插入</w:t></w:r></w:ins>'))
    changed._p.append(w_xml('<w:del w:id="2" w:author="x"><w:r><w:delText>机密</w:delText></w:r></w:del>'))
    changed.add_run("隐藏的").font.hidden = True
    made.sections[0].header.paragraphs[0].text = "页眉"
    made.add_comment(line.runs[0], text="这里要改", author="王五")
    made.save(path)
    return path


def slides(path: Path) -> Path:
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "培训"
    frame = slide.placeholders[1].text_frame
    frame.text = "第一点"
    for text, level in [("子点", 1), ("第二点", 0)]:
        line = frame.add_paragraph()
        line.text, line.level = text, level
    slide.notes_slide.notes_text_frame.text = "讲稿"
    slide.shapes.add_picture(io.BytesIO(png()), 0, 5_000_000)
    table = slide.shapes.add_table(3, 2, 0, 6_000_000, 4_000_000, 1_000_000).table
    for row in range(3):
        for column in range(2):
            table.cell(row, column).text = "" if (row, column) == (2, 0) else f"{row}{column}"
    table.cell(1, 0).merge(table.cell(2, 0))
    hidden = made.slides.add_slide(made.slide_layouts[5])
    hidden.shapes.title.text = "隐藏页"
    hidden._element.set("show", "0")
    made.save(path)
    return path


def workbook(path: Path, rows: list[list[Any]], **sheets: list[list[Any]]) -> Path:
    made = openpyxl.Workbook()
    made.active.title = "表"
    for name, content in {"表": rows, **sheets}.items():
        sheet = made[name] if name in made.sheetnames else made.create_sheet(name)
        for row in content:
            sheet.append(row)
    made.save(path)
    return path


def odt(path: Path, body: str, more: Mapping[str, bytes] | None = None, styles: str = "") -> Path:
    """A text with this body."""
    content = (
        f"<office:document-content {ODT_NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    return archive(path, {**ODT, "content.xml": content.encode(), **(more or {})})


def ods(path: Path, image: str) -> Path:
    """A sheet with one word, and an image that lies elsewhere."""
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    entries = f'<m:file-entry m:full-path="/" m:media-type="{kind}"/><m:file-entry m:full-path="content.xml" m:media-type="text/xml"/>'
    content = f"""<office:document-content {ODT_NAMES} xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" office:version="1.2">
        <office:body><office:spreadsheet><table:table table:name="表"><table:shapes><draw:frame svg:width="2cm" svg:height="2cm">
        <draw:image xlink:href="{image}" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/></draw:frame></table:shapes><table:table-column/>
        <table:table-row><table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell></table:table-row></table:table>
        </office:spreadsheet></office:body></office:document-content>"""
    manifest = f'<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">{entries}</m:manifest>'
    return archive(path, {"mimetype": kind.encode(), "META-INF/manifest.xml": manifest.encode(), "content.xml": content.encode()})


def archive(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def changed(path: Path, target: Path, members: Mapping[str, bytes]) -> Path:
    """A copy of an archive with some members replaced or added."""
    with zipfile.ZipFile(path) as old:
        kept = {info.filename: old.read(info) for info in old.infolist()}
    return archive(target, {**kept, **members})


def ole(stream: str) -> bytes:
    """The beginning of an OLE file with a stream of this name; no program could read it."""
    return sniff.OLE + bytes(504) + f"{stream}\0".encode("utf-16-le") + bytes(512)


def pdf(path: Path, text: str) -> Path:
    """Set by typst from its own markup."""
    path.with_suffix(".typ").write_text(f'#set page(width: 12cm)\n#set text(font: ("Noto Sans CJK SC"), size: 10pt)\n{text}\n', "utf-8")
    typst.compile(path.with_suffix(".typ"), output=path)
    return path


def schema_formats() -> set[str]:
    """What front matter may name as the format of an original."""
    return set(schema.options("document")["source"]["options"]["format"]["choices"])


TABLES_OF_KINDS = {*ooxml.LEFT_OUT.values(), *docx_inline.DROPPED.values(), *docx_inline.TAKEN.values(), *html.DROPPED.values(), *html.FORMS.values()} | {
    "remote_picture", "picture_missing", "formula", "formula_empty",
}  # fmt: skip
