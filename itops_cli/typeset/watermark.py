# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watermark: laid over every page as outlines, above images, and no text to anybody who copies or searches."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.typeset import engine, need
from itops_cli.typeset.fonts import Fonts

NAME = "/ItopsMark"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # the mark itself has no time
SVG_PAGE = '#set page(width: auto, height: auto, margin: 0pt, fill: none)\n#image("mark.svg")\n'
SLOPE = math.radians(28)
APART = (40, 90)  # points between two marks of a row, and between two rows


def lay_over(pdf: Any, lines: Sequence[str], fonts: Fonts) -> None:
    """Put the mark on every page of an open pikepdf document; pages of one size share it. Raises BadInput where a page is left without."""
    tile = _tile(pdf, lines, fonts)
    marks: dict[tuple[float, float], Any] = {}
    for page in pdf.pages:
        left, bottom, right, top = (float(edge) for edge in page.cropbox)
        turned = int(page.obj.get("/Rotate", 0)) % 360
        width, height = (right - left, top - bottom) if turned % 180 == 0 else (top - bottom, right - left)
        size = (round(width, 1), round(height, 1))
        if size not in marks:
            marks[size] = _sheet(pdf, tile, size)
        page.obj.Resources = page.obj.get("/Resources") or need("pikepdf").Dictionary()
        name = page.add_resource(marks[size], need("pikepdf").Name.XObject, need("pikepdf").Name(NAME))
        matrix = {0: f"1 0 0 1 {left} {bottom}", 90: f"0 1 -1 0 {right} {bottom}", 180: f"-1 0 0 -1 {right} {top}", 270: f"0 -1 1 0 {left} {top}"}[turned]
        page.contents_add(b"q\n", prepend=True)
        page.contents_add(f"\nQ\n/Artifact <</Type /Pagination /Subtype /Watermark>> BDC q {matrix} cm {name} Do Q EMC\n".encode())
    _prove(pdf)


def prove(lines: Sequence[str], fonts: Fonts) -> None:
    """Raises Unshown for signs of the mark without a glyph: its outlines would lack them silently."""
    engine.compile_pdf("mark", _data(lines, fonts), fonts, EPOCH)


def missing(pdf: Any) -> list[int]:
    """Numbers of the pages (from 1) that do not draw the mark."""
    return [number for number, page in enumerate(pdf.pages, 1) if NAME not in _forms(page) or f"{NAME} Do".encode() not in _content(page)]


def _prove(pdf: Any) -> None:
    if pages := missing(pdf):
        raise BadInput([Problem("watermark", 0, "", f"missing on page {', '.join(map(str, pages))}")])


def _forms(page: Any) -> set[str]:
    return set((page.obj.get("/Resources") or {}).get("/XObject", {}).keys())


def _content(page: Any) -> bytes:
    page.contents_coalesce()
    return bytes(page.Contents.read_bytes())


def _data(lines: Sequence[str], fonts: Fonts) -> dict[str, Any]:
    return {"lines": list(lines), "fonts": list(fonts.text)}


def _tile(pdf: Any, lines: Sequence[str], fonts: Fonts) -> Any:
    """The mark once, as a form."""
    made = engine.of_source(SVG_PAGE, {"mark.svg": engine.compile_svg("mark", _data(lines, fonts), fonts)}, EPOCH)
    with need("pikepdf").open(io.BytesIO(made)) as drawn:
        return pdf.copy_foreign(drawn.pages[0].as_form_xobject())


def _sheet(pdf: Any, tile: Any, size: tuple[float, float]) -> Any:
    """The mark over and over, for one size of page, as a form that pages refer to."""
    pikepdf = need("pikepdf")
    sheet = pikepdf.Stream(pdf, "\n".join(_places(size, [float(edge) for edge in tile.BBox])).encode())
    sheet.Type, sheet.Subtype, sheet.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, [0, 0, *size]
    sheet.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Tile=tile))
    return sheet


def _places(size: tuple[float, float], box: Sequence[float]) -> Iterator[str]:
    """Sloping rows, every other one half a step to the right, so that no strip of the page is without."""
    wide, high = box[2] - box[0] + APART[0], box[3] - box[1] + APART[1]
    turn = f"{math.cos(SLOPE):.4f} {math.sin(SLOPE):.4f} {-math.sin(SLOPE):.4f} {math.cos(SLOPE):.4f}"
    for row in range(-math.ceil((size[0] + wide) * math.sin(SLOPE) / high), math.ceil(size[1] / high) + 1):
        for column in range(-1, math.ceil(size[0] / wide) + 1):
            yield f"q {turn} {(column + row % 2 / 2) * wide:.1f} {row * high:.1f} cm /Tile Do Q"
