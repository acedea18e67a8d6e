# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files nobody should have to open: each is refused by what is wrong with it, within bounds of time and memory."""

from __future__ import annotations

import faulthandler
import io
import os
import re
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from openpyxl.utils import get_column_letter

from itops_cli.importing import Unreadable, bounds, convert, package, sniff
from tests.unit import foreign

PART = "xl/worksheets/sheet1.xml"
SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s<sheetData>%s</sheetData>%s</worksheet>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><x>&c;</x>'
FOREIGN = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'

Maker = Callable[[Path], Path]


def word(path: Path, members: dict[str, bytes]) -> Path:
    return foreign.changed(foreign.manual(path / "good.docx"), path / "bad.docx", members)


def sheet(path: Path, rows: bytes, before: bytes = b"", after: bytes = b"") -> Path:
    good = foreign.workbook(path / "good.xlsx", [["a", "b"]])
    return foreign.changed(good, path / "bad.xlsx", {PART: SHEET % (before, rows, after)})


def cut(path: Path) -> Path:
    """Without its end."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def encrypted_zip(path: Path) -> Path:
    """With the flag of an encrypted member set."""
    data = bytearray(foreign.manual(path / "a.docx").read_bytes())
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := data.find(start, place + 1)) >= 0:
            data[place + at] |= 1
    return written(path / "a.docx", bytes(data))


def encrypted_pdf(path: Path) -> Path:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(path / "a.pdf", encryption=pikepdf.Encryption(user="x", owner="y"))
    return path / "a.pdf"


def scan(path: Path) -> Path:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(path / "a.pdf")
    return path / "a.pdf"


def nested_page(path: Path) -> Path:
    return written(path / "a.html", b"<table><tr><td>" * 3000 + b"x")


def diagonal(path: Path) -> Path:
    """Few cells, which span a table of millions."""
    return sheet(path, b"".join(b'<row r="%d"><c r="%s%d"><v>1</v></c></row>' % (n, get_column_letter(n).encode(), n) for n in range(1, 1500)))


def lying_sizes(path: Path) -> Path:
    """A bomb whose directory says that it is small."""
    bomb = word(path, {"word/document.xml": bytes(64 << 20)})
    data = bytearray(bomb.read_bytes())
    at = data.find(b"PK\x01\x02", data.rfind(b"word/document.xml") - 60)
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    return written(bomb, bytes(data))


BAD: dict[str, tuple[Maker, str]] = {
    "document": (lambda p: written(p / "a.md", b"---\nid: a\n---\n# a"), "has front matter, so it is a document already"),
    "pipe": (lambda p: os.mkfifo(p / "a.txt") or p / "a.txt", "no file to read from"),
    "empty": (lambda p: written(p / "a.docx", b""), "empty"),
    "truncated docx": (lambda p: cut(foreign.manual(p / "a.docx")), "truncated or damaged"),
    "truncated xlsx": (lambda p: cut(foreign.workbook(p / "a.xlsx", [["a"]])), "truncated or damaged"),
    "truncated pdf": (lambda p: written(p / "a.pdf", b"%PDF-1.7\n1 0 obj"), "truncated or damaged"),
    "damaged member": (lambda p: word(p, {"word/document.xml": b"<w:document"}), "damaged: word/document.xml is no XML"),
    "no document at all": (lambda p: written(p / "a.docx", b"hello"), "called .docx, but its content is not"),
    "an archive": (lambda p: foreign.archive(p / "a.docx", {"x": b"y"}), "an archive, but no document"),
    "pdf called docx": (lambda p: written(p / "a.docx", b"%PDF-1.7"), "called .docx, but its content is pdf"),
    "xlsx called docx": (lambda p: foreign.workbook(p / "a.xlsx", [["a"]]).rename(p / "a.docx"), "called .docx, but its content is xlsx"),
    "docx called txt": (lambda p: foreign.manual(p / "a.docx").rename(p / "a.txt"), "called .txt, but its content is docx"),
    "unknown": (lambda p: written(p / "a.bin", b"\x01\x02"), "no format this command knows"),
    "binary text": (lambda p: written(p / "a.txt", b"a\x01\x02b"), "no text in UTF-8"),
    "encrypted ooxml": (lambda p: written(p / "a.docx", foreign.ole("EncryptedPackage")), "encrypted"),
    "encrypted zip": (encrypted_zip, "encrypted"),
    "encrypted pdf": (encrypted_pdf, "encrypted"),
    "encrypted odt": (lambda p: foreign.odt(p / "a.odt", "", {"META-INF/manifest.xml": b"<manifest:encryption-data/>"}), "encrypted"),
    "other OLE": (lambda p: written(p / "a.doc", foreign.ole("Something")), "an OLE file, but no document"),
    "bomb": (lambda p: word(p, {"word/document.xml": bytes(64 << 20)}), "a ZIP bomb"),
    "bomb of lies": (lying_sizes, "a ZIP bomb|truncated or damaged"),
    "many members": (lambda p: foreign.archive(p / "a.docx", {f"{n}": b"" for n in range(package.MEMBERS + 1)}), "more than 10000 members"),
    "traversal": (lambda p: word(p, {"word/../../../evil.png": b""}), "a member name leads out of the archive"),
    "billion laughs": (lambda p: word(p, {"word/document.xml": LAUGHS}), "document type definition"),
    "external entity": (lambda p: foreign.odt(p / "a.odt", "", {"content.xml": FOREIGN}), "document type definition"),
    "laughs in a sheet": (lambda p: foreign.changed(sheet(p, b""), p / "b.xlsx", {PART: LAUGHS.replace(b"x>", b"row>")}), "document type"),
    "scan": (scan, "no text on any page"),
    "far away": (diagonal, "more than 500,000 cells"),
    "nothing": (lambda p: written(p / "a.csv", b"\n\n"), "nothing in it that could be carried over"),
    "broken csv": (lambda p: written(p / "a.csv", b'a,b\n"x,y\n'), "line 2"),
    "nothing but hidden": (lambda p: word(p, {"word/document.xml": b'<w:document xmlns:w="w"><w:body/></w:document>'}), "nothing in it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    make, message = BAD[name]
    path = make(tmp_path)
    with pytest.raises(Unreadable, match=message):
        foreign.read(path)
    assert not (tmp_path / "images").exists() or not list((tmp_path / "images").iterdir()), "nothing half-written that anybody would see"


def test_a_page_nested_without_end_is_refused_or_read(tmp_path: Path) -> None:
    try:
        assert foreign.read(nested_page(tmp_path)).markdown
    except Unreadable as error:
        assert "nested too deeply" in str(error) or "nothing in it" in str(error)


def test_ten_thousand_rows_are_read(tmp_path: Path) -> None:
    row = b'<row r="%d"><c r="A%d"><v>%d</v></c><c r="B%d" t="inlineStr"><is><t>host-%d</t></is></c></row>'
    path = sheet(tmp_path, b"".join(row % (n, n, n, n, n) for n in range(1, 10_001)))
    lines = foreign.read(path).markdown.splitlines()
    assert lines[-1].split() == ["|", "10000", "|", "host-10000", "|"] and len(lines) == 10_005


def test_declared_dimensions_are_not_believed(tmp_path: Path) -> None:
    cells = b'<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row><row r="1048576"><c r="XFD1048576"><v>3</v></c></row>'
    merges = b'<mergeCells><mergeCell ref="A1:XFD1048576"/><mergeCell ref="A1:XFD1"/><mergeCell ref="nonsense"/></mergeCells>'
    made = foreign.read(sheet(tmp_path, cells, b'<dimension ref="A1:XFD1048576"/><cols><col min="2" max="16383" hidden="1"/></cols>', merges))
    assert made.markdown.endswith("| 1   | ←   |\n| --- | --- |\n\n3\n")


def test_spaces_and_repetitions_of_opendocument_are_bounded(tmp_path: Path) -> None:
    body = (
        '<text:p>a<text:s text:c="999999999"/>b</text:p><table:table><table:table-row table:number-rows-repeated="999999999">'
        '<table:table-cell table:number-columns-repeated="999999999"><text:p>x</text:p></table:table-cell></table:table-row></table:table>'
    )
    with pytest.raises(Unreadable, match="repeats the same"):
        foreign.read(foreign.odt(tmp_path / "a.odt", body))


def test_entities_are_not_read_from_files(tmp_path: Path) -> None:
    """The root of it, below every reader."""
    with pytest.raises(Unreadable):
        package.xml(FOREIGN, "x")


def endless() -> None:
    while True:
        pass


def test_memory_and_time_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreadable, match="needs more than 4 GB of memory"):
        bounds.apart(bytes, 8 << 30)
    monkeypatch.setattr(bounds, "SECONDS", 1)
    with pytest.raises(Unreadable, match="takes more than 1 s"):
        bounds.apart(endless)


def test_a_reader_that_is_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        faulthandler.disable()  # pytest's own tells of every crash
        os.kill(os.getpid(), signal.SIGSEGV)

    monkeypatch.setattr(convert, "_read", crash)
    with pytest.raises(Unreadable, match="SIGSEGV"):
        foreign.read(written(tmp_path / "a.txt", b"x"))


def test_an_image_that_is_none_is_reported(tmp_path: Path) -> None:
    good = foreign.manual(tmp_path / "a.docx")
    with zipfile.ZipFile(io.BytesIO(good.read_bytes())) as old:
        image = next(name for name in old.namelist() if name.startswith("word/media/"))
    made = foreign.read(foreign.changed(good, tmp_path / "b.docx", {image: b"<svg onload=alert(1)>"}))
    assert foreign.kinds(made)["picture_format"] == 1 and "![" not in made.markdown


def test_every_loss_has_a_label() -> None:
    sources = [path.read_text("utf-8") for path in Path(convert.__file__).parent.glob("*.py")]
    kinds = {kind for text in sources for kind in re.findall(r'lost\("(\w+)"', text)} | set(foreign.TABLES_OF_KINDS)
    assert {kind for kind in kinds if kind not in labels.catalogue()["import_loss"]} == set()
    assert set(labels.catalogue()["import_loss"]) - kinds == set(), "no label for what never happens"


def test_known_formats_are_those_of_the_schema() -> None:
    assert {sniff.named(Path(f"a.{ending}"), found) for found, endings in sniff.ENDINGS.items() for ending in endings} <= foreign.schema_formats()
