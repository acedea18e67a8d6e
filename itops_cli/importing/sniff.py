# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, by its content; its name only says which kind of text it is."""

from __future__ import annotations

from pathlib import Path

from itops_cli.importing import Unreadable
from itops_cli.importing.package import ANEW, Package

TEXTS = {"csv": "csv", "tsv": "csv", "txt": "txt", "log": "txt", "text": "txt", "html": "html", "htm": "html", "xhtml": "html",
         "md": "md", "markdown": "md"}  # fmt: skip
ENDINGS = {  # format -> endings of names it may have
    "docx": ("docx", "docm", "dotx", "dotm"), "xlsx": ("xlsx", "xlsm", "xltx", "xltm"), "pptx": ("pptx", "pptm", "ppsx", "ppsm", "potx"),
    "odt": ("odt", "ott", "fodt"), "pdf": ("pdf",), "doc": ("doc", "dot", "wps", "wpt"), "xls": ("xls", "xlt", "et", "ett"),
    "ppt": ("ppt", "pps", "dps", "dpt"), "rtf": ("rtf", "doc"), "ods": ("ods",), "odp": ("odp",),
}  # fmt: skip
OFFICE = {"doc": "docx", "xls": "xlsx", "ppt": "pptx", "rtf": "docx", "ods": "xlsx", "odp": "pptx"}  # format -> what LibreOffice makes of it
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
STREAMS = {"WordDocument": "doc", "Workbook": "xls", "Book": "xls", "PowerPoint Document": "ppt"}  # names in the directory of an OLE file
OPEN = {"text": "odt", "text-template": "odt", "spreadsheet": "ods", "presentation": "odp"}
MAIN = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}
NO_PASSWORD = "save it without a password, then import that"  # noqa: S105 (a remedy)
HEAD = 4096
FILE_BYTES = 512 << 20
FORMATS = "docx, xlsx, pptx, html, odt, csv, txt, md, pdf; with LibreOffice also doc, xls, ppt, wps, et, dps, rtf, ods, odp"


def sniff(path: Path) -> str:
    """The format. Raises Unreadable for one that is not known, is encrypted, or is not what the name says; OSError."""
    ending = path.suffix.lower().lstrip(".")
    if not path.is_file():
        raise Unreadable("no file to read from")
    if path.stat().st_size > FILE_BYTES:
        raise Unreadable(f"larger than {FILE_BYTES >> 20} MB", "make its images smaller, or split it")
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head:
        raise Unreadable("empty")
    found = _found(path, head)
    if not found:
        if ending in TEXTS:
            return TEXTS[ending]
        raise Unreadable(*_unknown(ending))
    if ending not in ENDINGS[found]:
        raise Unreadable(f"called .{ending}, but its content is {found}", f"rename it to {path.stem}.{ENDINGS[found][0]}")
    return found


def named(path: Path, found: str) -> str:
    """The format as front matter says it: wps, et and dps by their names, what the schema does not name as `other`."""
    ending = path.suffix.lower().lstrip(".")
    return ending if ending in ("wps", "et", "dps") else "other" if found in ("rtf", "ods", "odp") else found


def _unknown(ending: str) -> tuple[str, str]:
    if any(ending in endings for endings in ENDINGS.values()):
        return f"called .{ending}, but its content is not: truncated, damaged or another format", ANEW
    return f"no format this command knows; known are {FORMATS}", ""


def _found(path: Path, head: bytes) -> str:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _of_zip(path)
    if head.startswith(OLE):
        return _of_ole(path)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return "rtf" if head.startswith(b"{\\rtf") else ""


def _of_zip(path: Path) -> str:
    package = Package(path)
    if "mimetype" in package:
        kind = package.read("mimetype").decode("ascii", "replace").strip()
        found = OPEN.get(kind.removeprefix("application/vnd.oasis.opendocument."), "")
        if found and b"encryption-data" in (package.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in package else b""):
            raise Unreadable("encrypted", NO_PASSWORD)
    else:
        found = next((kind for start, kind in MAIN.items() if package.main().startswith(start)), "")
    if not found:
        raise Unreadable(f"an archive, but no document; known are {FORMATS}", "unpack it, and import what is in it")
    return found


def _of_ole(path: Path) -> str:
    """By the names of the streams in it, which stand as UTF-16 somewhere in the file."""
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise Unreadable("encrypted", NO_PASSWORD)
    found = next((kind for name, kind in STREAMS.items() if f"{name}\0".encode("utf-16-le") in content), "")
    if not found:
        raise Unreadable("an OLE file, but no document of Word, Excel or PowerPoint", f"known are {FORMATS}")
    return found
