# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workbooks: every visible sheet as a heading and its tables, row by row, so that a long sheet does not fill the memory.

Empty rows separate tables. Declared dimensions are not believed: only cells that are there count.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from itops_cli.importing import Unreadable, ooxml
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.markdown import CELLS
from itops_cli.importing.ooxml import local, number, relation, value, within
from itops_cli.importing.package import Element, Package, Related, events
from itops_cli.importing.tree import Block, Cell, Heading, Paragraph, Read, Table, Text
from itops_cli.importing.xlsx_values import Values, phrase, values

TAGS = ("{*}row", "{*}col", "{*}mergeCell")
REFERENCE = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")
SPLIT = "keep it as data (CSV in the files of a change, say), or split it"
YES = ("1", "true")

Range = tuple[int, int, int, int]  # first row, first column, last row, last column


def read(path: Path, keeper: Keeper) -> Read:
    """Raises Unreadable."""
    package = Package(path)
    main = package.main()
    book, relations = package.xml(main), package.related(main)
    parts = {rel.kind: rel.target for rel in relations.values() if rel.target in package}
    known = values(package, parts, any(value(node, "date1904") in YES for node in within(book, "workbookPr")))
    blocks: list[Block] = []
    left = CELLS
    for sheet in within(book, "sheet"):
        name, state = value(sheet, "name"), value(sheet, "state", "visible")
        target = relations.get(relation(sheet, "id"))
        if state != "visible":
            keeper.lost("hidden_sheet", name)
        elif target and target.kind == "worksheet" and target.target in package:
            found = _read(package, target.target, known, keeper, name, left)
            left -= found.count
            blocks += [Heading(2, [Text(name)]), *tables(found, keeper), *_around(package, target.target, keeper, name)]
        elif target:
            keeper.lost("chart", name)
    ooxml.left_out(package, keeper)
    return Read(blocks, package.title())


@dataclass
class Sheet:
    """The visible cells of one sheet: rows in order, each with its number and the texts of its columns."""

    name: str
    rows: list[tuple[int, dict[int, str]]] = field(default_factory=list)
    hidden: list[tuple[int, int]] = field(default_factory=list)  # columns from, to
    merged: list[Range] = field(default_factory=list)
    count: int = 0


def _read(package: Package, part: str, known: Values, keeper: Keeper, name: str, left: int) -> Sheet:
    sheet, last = Sheet(name), 0
    with package.open(part) as stream:
        for node in events(stream, part, TAGS):
            kind = local(node)
            if kind == "col" and node.get("hidden") in YES:
                sheet.hidden.append((number(value(node, "min")), number(value(node, "max"))))
            elif kind == "mergeCell":
                sheet.merged.append(_range(value(node, "ref")))
            elif kind == "row":
                last = number(value(node, "r"), last + 1)
                _row(node, last, sheet, known, keeper)
            if sheet.count > left or len(sheet.merged) > left:
                raise Unreadable(f"more than {CELLS:,} cells", SPLIT)
    return sheet


def _row(node: Element, at: int, sheet: Sheet, known: Values, keeper: Keeper) -> None:
    if node.get("hidden") in YES:
        if len(node):
            keeper.lost("hidden_row", "", f"{sheet.name}!{at}")
        return
    found: dict[int, str] = {}
    column = 0
    for cell in node:
        place = REFERENCE.fullmatch(str(cell.get("r") or ""))
        column = _column(place[1]) if place else column + 1
        text = known.shown(cell)
        if any(local(inner) == "f" for inner in cell):
            keeper.lost("formula" if text else "formula_empty", "", f"{sheet.name}!{cell.get('r') or at}")
        if text.strip() and _hidden(sheet, column):
            keeper.lost("hidden_column", "", f"{sheet.name}!{_letters(column)}")
        elif text.strip():
            found[column] = text
    sheet.count += len(found)
    if found:
        sheet.rows.append((at, found))


def _hidden(sheet: Sheet, column: int) -> bool:
    return any(first <= column <= last for first, last in sheet.hidden)


def tables(sheet: Sheet, keeper: Keeper) -> Iterator[Block]:
    """The sheet's blocks of rows, each as a table; lines of a single column as paragraphs."""
    for _, group in groupby(enumerate(sheet.rows), lambda pair: pair[1][0] - pair[0]):
        rows = [row for _, row in group]
        columns = sorted({column for _, row in rows for column in row})
        if len(columns) == 1:
            yield from (Paragraph([Text(line)]) for _, row in rows for line in row[columns[0]].split("\n") if line.strip())
            continue
        if len(rows) * len(columns) > CELLS:
            raise Unreadable(f"{sheet.name}: a table of {len(rows):,} rows and {len(columns):,} columns, more than {CELLS:,} cells", SPLIT)
        yield Table(_spanned(rows, columns, sheet.merged), sheet.name)


def _spanned(rows: Sequence[tuple[int, dict[int, str]]], columns: Sequence[int], merged: Sequence[Range]) -> list[list[Cell]]:
    numbers = [at for at, _ in rows]
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    covered: set[tuple[int, int]] = set()
    for top, left, bottom, right in merged:
        first, last = bisect_left(numbers, top), bisect_right(numbers, bottom)
        begin, end = bisect_left(columns, left), bisect_right(columns, right)
        if (last - first) * (end - begin) > 1 and numbers[first] == top and columns[begin] == left and not _meets(covered, first, last, begin, end):
            spans[first, begin] = (last - first, end - begin)
            covered.update((row, column) for row in range(first, last) for column in range(begin, end))
    made = []
    for index, (_, row) in enumerate(rows):
        line = []
        for place, column in enumerate(columns):
            height, width = spans.get((index, place), (1, 1))
            if (index, place) in spans or (index, place) not in covered:
                line.append(Cell(row.get(column, ""), width, height))
        made.append(line)
    return made


def _meets(covered: set[tuple[int, int]], first: int, last: int, begin: int, end: int) -> bool:
    """Whether a merge meets an earlier one, which no honest workbook has: it is ignored then. Corners tell it of rectangles in order."""
    return any((row, column) in covered for row in {first, last - 1} for column in {begin, end - 1})


def _around(package: Package, part: str, keeper: Keeper, name: str) -> Iterator[Block]:
    """Images and text boxes that lie on the sheet; its comments are left out."""
    for rel in package.related(part).values():
        if rel.target not in package or rel.outside:
            continue
        if rel.kind == "comments":
            for comment in within(package.xml(rel.target), "comment"):
                keeper.lost("comment", phrase(comment), f"{name}!{value(comment, 'ref')}")
        elif rel.kind == "drawing":
            yield from _drawn(package, rel, keeper, name)


def _drawn(package: Package, rel: Related, keeper: Keeper, name: str) -> Iterator[Block]:
    root, relations = package.xml(rel.target), package.related(rel.target)
    for shape in within(root, "sp"):
        if text := phrase(shape).strip():
            keeper.lost("text_box", text, name)
            yield Paragraph([Text(text)])
    for pic in within(root, "pic"):
        alt = next((value(about, "descr") for about in within(pic, "cNvPr")), "")
        kept = [one for blip in within(pic, "blip") if (one := ooxml.picture(package, relations, blip, keeper, alt, name))]
        yield from (Paragraph([one]) for one in kept)


def _range(text: str) -> Range:
    places = [REFERENCE.fullmatch(corner) for corner in text.split(":")]
    if len(places) != 2 or not places[0] or not places[1]:
        return 0, 0, 0, 0
    return int(places[0][2]), _column(places[0][1]), int(places[1][2]), _column(places[1][1])


def _column(letters: str) -> int:
    made = 0
    for letter in letters:
        made = made * 26 + ord(letter) - 64
    return made


def _letters(column: int) -> str:
    made = ""
    while column:
        column, rest = divmod(column - 1, 26)
        made = chr(65 + rest) + made
    return made
