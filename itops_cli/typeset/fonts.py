# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fonts of a PDF: those of the workspace's setting, else the system's, else those of an installed package. Regular and bold must be faces of their own."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.typeset import need

VARIABLE = "ITOPS_FONTS"  # folders with fonts (as in PATH); nothing else is looked at where it is set
SYSTEM = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
PACKAGE, PLACE = "weblate_fonts", "static/weblate_fonts/kurinto/ttf"  # the extra `fonts`
FAMILIES = (  # first wins; all hold Chinese, Latin and the signs of our forms
    "Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN", "Noto Sans SC", "Sarasa Gothic SC", "HarmonyOS Sans SC", "MiSans", "Microsoft YaHei",
    "Kurinto Sans SC",
)  # fmt: skip
RARE = ("Kurinto Sans JP", "Kurinto Sans")  # what a Chinese font may lack: rare characters of names; ticks and circled numbers
MONO = ("Noto Sans Mono CJK SC", "DejaVu Sans Mono")  # the second comes with the engine
SIGNS = ("DejaVu Sans Mono",)  # boxes and ticks that all of them may lack
REGULAR, BOLD = range(350, 451), range(600, 801)
REMEDY = "apt install fonts-noto-cjk, or pip install 'itops[fonts]', or put fonts: FOLDER into itops.yml"


@dataclass(frozen=True)
class Fonts:
    """The families in their order, the folders where they lie, and `book`, what the engine knows of them (read once, it takes longer than a page)."""

    folders: tuple[str, ...]
    book: Any
    text: tuple[str, ...]
    mono: tuple[str, ...]


def find(configured: Sequence[Path] = ()) -> Fonts:
    """Raises BadInput where no family has a regular and a bold face; then nothing can be typeset as it should look."""
    folders = tuple(str(folder) for folder in _folders(configured) if folder.is_dir())
    book = need("typst").Fonts(include_system_fonts=False, font_paths=list(folders))
    weights: dict[str, set[int]] = {}
    for face in book.fonts():
        weights.setdefault(face.family, set()).add(int(face.weight))
    wanted = [family for family in FAMILIES if family in weights]
    whole = [family for family in wanted if weights[family] & set(REGULAR) and weights[family] & set(BOLD)]
    if not whole:
        raise BadInput([_fault(folders, wanted)])
    mono = [family for family in MONO[:1] if family in weights]
    rare = [family for family in RARE if family in weights]
    return Fonts(folders, book, (*whole, *rare, *SIGNS), (*mono, MONO[-1], *whole, *rare))


def _fault(folders: Sequence[str], halves: Sequence[str]) -> Problem:
    why = f"{', '.join(halves)} has no regular and bold face" if halves else "no font with Chinese characters"
    return Problem(", ".join(folders) or "fonts", 0, "", why, "", f"one of {', '.join(FAMILIES)}", remedy=REMEDY)


def _folders(configured: Sequence[Path]) -> Iterator[Path]:
    if given := os.environ.get(VARIABLE):
        yield from (Path(part).expanduser() for part in given.split(os.pathsep) if part)
    elif configured:
        yield from configured
    else:
        yield from (Path(folder).expanduser() for folder in SYSTEM)
        yield from _package()


def _package() -> Iterator[Path]:
    """The fonts of the extra, where it is installed; its code is not run."""
    if (found := importlib.util.find_spec(PACKAGE)) and found.origin:
        yield Path(found.origin).parent / PLACE
