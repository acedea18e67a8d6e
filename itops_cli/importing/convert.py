# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file to Markdown: LibreOffice where it is needed, the format's reader, the writer."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from itops_cli.importing import Unreadable, bounds, need, office, plain, shaping, sniff
from itops_cli.importing.keeping import Keeper, Loss
from itops_cli.importing.markdown import Writer

TEXTS = {"html": "html:read", "csv": "text:read_csv", "txt": "text:read_text"}  # format -> module:function; these take an encoding
READERS = {**TEXTS, "docx": "docx:read", "xlsx": "xlsx:read", "pptx": "pptx:read", "odt": "odt:read", "pdf": "pdf:read"}
MODULES = {"html": ("lxml.html",), "pdf": ("pypdfium2",), "xlsx": ("lxml.etree", "openpyxl.styles.numbers"), "csv": (), "txt": (), "md": ()}  # of the extra


@dataclass(frozen=True)
class Order:
    """What to convert. `found` is the format; `images`: where they go; `link`: what the document calls that folder ("": it stays where it is);
    `title`: "" for its own.
    """

    path: Path
    found: str
    images: Path
    link: str
    title: str = ""
    encoding: str = ""


@dataclass(frozen=True)
class Converted:
    """What became of one file: its title, its Markdown, and what was not carried over."""

    title: str
    markdown: str
    losses: tuple[Loss, ...]


def convert(order: Order) -> Converted:
    """Within bounds. Raises Unreadable, BadInput where the extra is not installed, OSError."""
    kind = sniff.OFFICE.get(order.found, order.found)
    for module in MODULES.get(kind, ("lxml.etree",)):
        need(module)
    with tempfile.TemporaryDirectory() as folder:
        path = office.converted(order.path, kind, Path(folder)) if kind != order.found else order.path
        return bounds.apart(_read, order, path, kind)


def _read(order: Order, path: Path, kind: str) -> Converted:
    keeper = Keeper(order.images)
    if kind == "md":
        return _markdown(order, keeper)
    module, _, name = READERS[kind].partition(":")
    reader = getattr(importlib.import_module(f"itops_cli.importing.{module}"), name)
    found = reader(path, keeper, order.encoding) if kind in TEXTS else reader(path, keeper)
    if kind != order.found:
        keeper.lost("by_libreoffice", order.found)
    title, blocks = shaping.titled(found.blocks, order.title or found.title or order.path.stem)
    text = Writer(keeper, order.link).document(blocks)
    if not found.blocks:
        raise Unreadable("; ".join(["nothing in it that could be carried over", *(loss.line("en") for loss in keeper.losses()[:3])]))
    return Converted(order.title or title, text, tuple(keeper.losses()))


def _markdown(order: Order, keeper: Keeper) -> Converted:
    title, text = plain.read(order.path, keeper, order.encoding, order.link)
    named = order.title or title or order.path.stem
    return Converted(named, text if title else f"# {named}\n\n{text}", tuple(keeper.losses()))
