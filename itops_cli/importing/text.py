# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain text and CSV, in whatever encoding: a byte order mark, UTF-8, UTF-16, else GB18030, else what the operator says."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path

from itops_cli.importing import Unreadable
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.markdown import CELLS
from itops_cli.importing.tree import Block, Break, Cell, Code, Inline, Paragraph, Read, Table, Text

BYTES = 64 << 20
SAMPLE = 200  # lines a delimiter is guessed from
DELIMITERS = ",;\t|"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SAY = "say which it is: --encoding big5"
ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}
INDENTED = re.compile(r"^(?:\t| {2,})\S", re.MULTILINE)
UNTEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def content(path: Path) -> bytes:
    """The file. Raises Unreadable beyond the bound."""
    if path.stat().st_size > BYTES:
        raise Unreadable(f"more than {BYTES >> 20} MB of text", "split it")
    return path.read_bytes()


def decode(data: bytes, keeper: Keeper, encoding: str = "", declared: str = "") -> str:
    """The text. `encoding` is what the operator says, `declared` what the file itself says. Raises Unreadable."""
    told = encoding or next((name for mark, name in MARKS if data.startswith(mark)), "") or ALIASES.get(declared.lower(), declared)
    for name in [told] if told else ["utf-8", *_wide(data), "gb18030"]:
        try:
            text = data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
        if UNTEXT.search(text):
            continue
        if name == "gb18030" and not told:
            keeper.lost("encoding", "GB18030")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise Unreadable(f"no text in {told}" if told else "no text in UTF-8, UTF-16 or GB18030", SAY)


def _wide(data: bytes) -> list[str]:
    """UTF-16 without a mark shows in zeros at every other place."""
    head = data[:1000]
    return ["utf-16-le"] if head[1::2].count(0) > len(head) // 8 else ["utf-16-be"] if head[::2].count(0) > len(head) // 8 else []


def read_text(path: Path, keeper: Keeper, encoding: str = "") -> Read:
    """Paragraphs between empty lines; one with indented lines is kept as it is."""
    parts = re.split(r"\n(?:[ \t]*\n)+", decode(content(path), keeper, encoding).strip("\n"))
    return Read([_part(part) for part in parts if part.strip()])


def _part(part: str) -> Block:
    if INDENTED.search(part):
        return Code(part)
    inlines: list[Inline] = []
    for line in part.split("\n"):
        inlines += [Break()] * bool(inlines) + [Text(line)]
    return Paragraph(inlines)


def read_csv(path: Path, keeper: Keeper, encoding: str = "") -> Read:
    """One table. A cell that begins with = is text here as everywhere."""
    text = decode(content(path), keeper, encoding)
    csv.field_size_limit(BYTES)
    rows: list[list[Cell]] = []
    count = 0
    reader = csv.reader(io.StringIO(text), delimiter=delimiter(text), strict=True)
    try:
        for row in reader:
            count += len(row)
            if count > CELLS:
                raise Unreadable(f"more than {CELLS:,} cells", "keep it as data, or split it")
            if any(one.strip() for one in row):
                rows.append([Cell(one) for one in row])
    except csv.Error as error:
        raise Unreadable(f"line {reader.line_num}: {error}", "mend the quotes of that line") from None
    return Read([Table(rows)] if rows else [])


def delimiter(text: str) -> str:
    """The one that cuts most of the first lines into equally many parts."""

    def score(sign: str) -> tuple[int, int]:
        try:
            rows = [len(row) for row in csv.reader(io.StringIO("\n".join(text.split("\n", SAMPLE)[:SAMPLE])), delimiter=sign) if row]
        except csv.Error:
            return 0, 0
        width, times = Counter(rows).most_common(1)[0] if rows else (0, 0)
        return (times, width) if width > 1 else (0, 0)

    return max(DELIMITERS, key=score)
