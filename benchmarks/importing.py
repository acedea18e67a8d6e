# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign documents to Markdown: a Word document of 200 pages, and a workbook of 10,000 rows.

Peers do the same on the same files: pandoc (the system's, docx only; it also unpacks the images) and markitdown (an environment of its own). Ours
is the whole command: it also reads front matter, hashes, keeps the images and writes the report of losses, and reads in a guarded process. Each
peer's Markdown must hold the last words of the document.
"""

from __future__ import annotations

import io
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Entrant

PANDOC, MARKITDOWN = "pandoc", "markitdown"
PAGES, ROWS = 200, 10_000
LAST = "最后一行 the last words"
TEXT = "本节说明门户网站的维护步骤：先停止服务，再更新文件，然后启动服务并验证。每一步都要单独确认，出现异常时按回退方案处理。" * 4


def run(quick: bool) -> None:
    """200 pages and 10,000 rows (quick: 10 and 500)."""
    pages, rows, runs = (10, 500, 1) if quick else (PAGES, ROWS, 5)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "itops.yml").write_text("organisation: x\n", "utf-8")
        (root / "inventory").mkdir()
        (root / "inventory/people.yml").write_text("people: []\n", "utf-8")
        missing = "" if quick else measure.installed(root / "peer", "markitdown[docx,xlsx]")
        absent = "not asked for with --quick" if quick else missing
        measure.apart(lay_out_word, root / "a.docx", pages)
        compare(root, "a.docx", runs, f"a Word document of {pages} pages, {(root / 'a.docx').stat().st_size / 1e3:,.0f} kB", absent)
        measure.apart(lay_out_workbook, root / "b.xlsx", rows)
        compare(root, "b.xlsx", runs, f"a workbook of {rows:,} rows and 12 columns", absent)


def compare(root: Path, name: str, runs: int, title: str, absent: str) -> None:
    result, ours = root / "out.md", root / f"documents/ops/{Path(name).stem}.md"
    pandoc = "" if shutil.which("pandoc") else "not installed"
    if name.endswith(".xlsx"):
        pandoc = "does not read workbooks"
    entrants = [
        Entrant("itops docs import", measure.itops("docs", "import", name, "--owner", "x"), before=lambda: gone(root / "documents"), after=lambda: whole(ours)),
        Entrant(PANDOC, ["pandoc", name, "-t", "gfm", "--extract-media", "media", "-o", result], after=lambda: whole(result), absent=pandoc),
        Entrant(MARKITDOWN, [root / "peer/bin/markitdown", name, "-o", result], after=lambda: whole(result), absent=absent),
    ]
    measure.alternate(entrants, runs, root)
    base = PANDOC if not pandoc else MARKITDOWN if not absent else "itops docs import"
    for ratio in ("cpu", "memory"):
        measure.table(title, entrants, base, ratio)


def gone(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def whole(result: Path) -> None:
    """All of the document is there."""
    assert result.is_file() and LAST in result.read_text("utf-8"), "the end of the document is missing"


def lay_out_word(path: Path, pages: int) -> None:
    """Per page: a heading, six paragraphs with bold words, a list, a table with a merged cell; an image on every tenth."""
    import docx

    made = docx.Document()
    for page in range(1, pages + 1):
        made.add_heading(f"{page} 节", 1 + page % 3)
        for _ in range(6):
            line = made.add_paragraph(TEXT[: 60 + page % 90])
            line.add_run("重要").bold = True
            line.add_run(TEXT[:80])
        for item in range(4):
            made.add_paragraph(f"事项 {item}", style="List Bullet")
        table = made.add_table(5, 4)
        for row in table.rows:
            for column, cell in enumerate(row.cells):
                cell.text = f"值 {page}-{column}"
        table.cell(1, 0).merge(table.cell(2, 0))
        if page % 10 == 0:
            made.add_picture(io.BytesIO(png(page)))
        made.add_page_break()
    made.add_paragraph(LAST)
    made.save(str(path))


def lay_out_workbook(path: Path, rows: int) -> None:
    import openpyxl

    made = openpyxl.Workbook(write_only=True)
    sheet = made.create_sheet("服务器")
    sheet.append([f"列{column}" for column in range(12)])
    for row in range(rows):
        sheet.append([f"web{row}", "门户网站", row, row / 7, *[f"值{row}-{column}" for column in range(8)]])
    sheet.append([LAST, "x"])
    made.save(path)


def png(shade: int) -> bytes:
    """300 × 200 points of one colour, as the smallest writer makes them."""
    rows = b"".join(b"\0" + bytes([shade % 256, 90, 160]) * 300 for _ in range(200))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 300, 200, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
