# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that calls the typesetting engine: a template, its data and its images in a folder of their own, a PDF out."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import status_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.typeset import need
from itops_cli.typeset.fonts import Fonts

TEMPLATES = status_tables.TEMPLATES / "typst"
STANDARD = "a-2b"  # PDF/A-2b; tags for readers are on by default
UNSHOWN = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
MOST = 50  # different signs without a glyph that are looked for
STAND_IN = "?"


class Unshown(Exception):
    """Signs that no font can show."""

    def __init__(self, signs: list[str]):
        self.signs = signs
        super().__init__(", ".join(signs))


def compile_pdf(template: str, data: Mapping[str, Any], fonts: Fonts, at: datetime, images: Mapping[str, Path] | None = None, pdf_a: bool = True) -> bytes:
    """The PDF. Raises Unshown with every sign without a glyph, BadInput for what the engine cannot take (a broken image)."""
    missing: list[str] = []
    text = json.dumps(data, ensure_ascii=False)
    with tempfile.TemporaryDirectory(prefix="itops-pdf-") as folder:
        root = Path(folder)
        shutil.copy(TEMPLATES / f"{template}.typ", root / "main.typ")
        for name, place in (images or {}).items():
            shutil.copy(place, root / name)
        compiler = need("typst").Compiler(str(root / "main.typ"), root=folder, font_paths=list(fonts.folders), ignore_system_fonts=True)
        for _attempt in range(MOST):
            (root / f"{template}.json").write_text(text, "utf-8")
            try:
                made: bytes = compiler.compile(format="pdf", pdf_standards=[STANDARD] if pdf_a else [], timestamp=at)
            except need("typst").TypstError as error:
                signs = _unshown(str(error), images or {})
                missing += [sign for sign in signs if sign not in missing]
                for sign in signs:
                    text = text.replace(json.dumps(sign, ensure_ascii=False)[1:-1], STAND_IN)
                continue
            if missing:
                break
            return made
    raise Unshown(missing)


def compile_svg(template: str, data: Mapping[str, Any], fonts: Fonts) -> bytes:
    """One page as SVG, its text as outlines."""
    with tempfile.TemporaryDirectory(prefix="itops-pdf-") as folder:
        root = Path(folder)
        shutil.copy(TEMPLATES / f"{template}.typ", root / "main.typ")
        (root / f"{template}.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
        made = need("typst").Compiler(str(root / "main.typ"), root=folder, font_paths=list(fonts.folders), ignore_system_fonts=True).compile(format="svg")
    return bytes(made[0] if isinstance(made, list) else made)


def of_source(source: str, files: Mapping[str, bytes], at: datetime) -> bytes:
    """The PDF of a source of our own with files beside it, without fonts and without tags."""
    with tempfile.TemporaryDirectory(prefix="itops-pdf-") as folder:
        root = Path(folder)
        (root / "main.typ").write_text(source, "utf-8")
        for name, content in files.items():
            (root / name).write_bytes(content)
        return bytes(need("typst").Compiler(str(root / "main.typ"), root=folder, ignore_system_fonts=True).compile(format="pdf", timestamp=at, pdf_tags=False))


def _unshown(message: str, images: Mapping[str, Path]) -> list[str]:
    """The signs the engine names. Raises BadInput for any other complaint, with the image's own name where it is about one."""
    found = [ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in UNSHOWN.findall(message)]
    if not found:
        about = next((place for name, place in images.items() if name in message), None)
        raise BadInput(
            [Problem(str(about or "document"), 0, "", f"cannot be typeset: {message.splitlines()[0]}", remedy="mend or replace it" if about else "")]
        )
    return [sign for text in found for sign in dict.fromkeys(text) if sign != STAND_IN]
