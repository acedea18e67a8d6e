# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watermark: laid over every page as outlines, above images, and no text to anybody who copies or searches."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.typeset import engine, need
from itops_cli.typeset.fonts import Fonts

NAME = "/ItopsMark"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # the mark itself has no time
SVG_PAGE = '#set page(width: {width}pt, height: {height}pt, margin: 0pt, fill: none)\n#image("mark.svg", width: 100%, height: 100%)\n'


def lay_over(pdf: Any, lines: Sequence[str], fonts: Fonts) -> None:
    """Put the mark on every page of an open pikepdf document; pages of one size share it. Raises BadInput where a page is left without."""
    marks: dict[tuple[float, float], Any] = {}
    for page in pdf.pages:
        left, bottom, right, top = (float(edge) for edge in page.cropbox)
        turned = int(page.obj.get("/Rotate", 0)) % 360
        width, height = (right - left, top - bottom) if turned % 180 == 0 else (top - bottom, right - left)
        size = (round(width, 1), round(height, 1))
        if size not in marks:
            marks[size] = _form(pdf, lines, size, fonts)
        page.obj.Resources = page.obj.get("/Resources") or need("pikepdf").Dictionary()
        name = page.add_resource(marks[size], need("pikepdf").Name.XObject, need("pikepdf").Name(NAME))
        matrix = {0: f"1 0 0 1 {left} {bottom}", 90: f"0 1 -1 0 {right} {bottom}", 180: f"-1 0 0 -1 {right} {top}", 270: f"0 -1 1 0 {left} {top}"}[turned]
        page.contents_add(b"q\n", prepend=True)
        page.contents_add(f"\nQ\n/Artifact <</Type /Pagination /Subtype /Watermark>> BDC q {matrix} cm {name} Do Q EMC\n".encode())
    _prove(pdf)


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


def _form(pdf: Any, lines: Sequence[str], size: tuple[float, float], fonts: Fonts) -> Any:
    """The mark for one size of page as a form that pages refer to. Raises Unshown for a sign without a glyph."""
    data = {"lines": list(lines), "width": size[0], "height": size[1], "fonts": list(fonts.text)}
    engine.compile_pdf("mark", data, fonts, EPOCH)  # an SVG would drop a sign without a glyph silently
    outlines = engine.compile_svg("mark", data, fonts)
    made = engine.of_source(SVG_PAGE.format(width=size[0], height=size[1]), {"mark.svg": outlines}, EPOCH)
    with need("pikepdf").open(io.BytesIO(made)) as drawn:
        form = drawn.pages[0].as_form_xobject()
        return pdf.copy_foreign(form)
