# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that calls the typesetting engine: a template, its data and its images in a folder of their own, a PDF out."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.typeset import need
from itops_cli.typeset.fonts import Fonts

TEMPLATES = Path(labels.__file__).parents[2] / "docs_templates/typst"
STANDARD = "a-2b"  # PDF/A-2b; tags for readers are on by default
UNSHOWN = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
AT_IMAGE = re.compile(r"(image-\d+\.\w+):(\d+):")
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
    with tempfile.TemporaryDirectory(prefix="itops-pdf-") as folder:
        root = Path(folder)
        shutil.copy(TEMPLATES / f"{template}.typ", root / "main.typ")
        (root / f"{template}.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
        for name, place in (images or {}).items():
            shutil.copyfile(place, root / name)
        compiler = need("typst").Compiler(str(root / "main.typ"), root=folder, font_paths=fonts.book, ignore_system_fonts=True)
        while len(missing) < MOST:
            try:
                made: bytes = compiler.compile(format="pdf", pdf_standards=[STANDARD] if pdf_a else [], timestamp=at)
            except need("typst").TypstError as error:
                signs = [sign for sign in _unshown(error, images or {}) if sign not in missing]
                missing += signs
                if not signs:  # what was named before could not be replaced
                    break
                _replace(root, signs)
                continue
            if missing:
                break
            return made
    raise Unshown(missing)


def _replace(root: Path, signs: Sequence[str]) -> None:
    """Another sign for these, so that the engine comes to the next one that it cannot show."""
    for path in (*root.glob("*.json"), *root.glob("*.svg")):
        text = path.read_text("utf-8", "surrogateescape")
        for sign in signs:
            text = text.replace(json.dumps(sign, ensure_ascii=False)[1:-1], STAND_IN)
        path.write_text(text, "utf-8", "surrogateescape")


def compile_svg(template: str, data: Mapping[str, Any], fonts: Fonts) -> bytes:
    """One page as SVG, its text as outlines."""
    with tempfile.TemporaryDirectory(prefix="itops-pdf-") as folder:
        root = Path(folder)
        shutil.copy(TEMPLATES / f"{template}.typ", root / "main.typ")
        (root / f"{template}.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
        made = need("typst").Compiler(str(root / "main.typ"), root=folder, font_paths=fonts.book, ignore_system_fonts=True).compile(format="svg")
    return bytes(made[0] if isinstance(made, list) else made)


def of_source(source: str, files: Mapping[str, bytes], at: datetime) -> bytes:
    """The PDF of a source of our own with files beside it, without fonts and without tags."""
    with tempfile.TemporaryDirectory(prefix="itops-pdf-") as folder:
        root = Path(folder)
        (root / "main.typ").write_text(source, "utf-8")
        for name, content in files.items():
            (root / name).write_bytes(content)
        return bytes(need("typst").Compiler(str(root / "main.typ"), root=folder, ignore_system_fonts=True).compile(format="pdf", timestamp=at, pdf_tags=False))


def _unshown(error: Exception, images: Mapping[str, Path]) -> list[str]:
    """The signs the engine names. Raises BadInput for any other complaint, with the image's own name and line where it is about one."""
    found = [ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in UNSHOWN.findall(str(error))]
    if found:
        return list(dict.fromkeys(sign for text in found for sign in text if sign != STAND_IN))
    place = AT_IMAGE.search(str(getattr(error, "diagnostic", "")))
    file, line = (str(images[place[1]]), int(place[2])) if place and place[1] in images else ("document", 0)
    raise BadInput([Problem(file, line, "", f"cannot be typeset: {str(error).splitlines()[0]}", remedy="mend or replace it" if line else "")])
