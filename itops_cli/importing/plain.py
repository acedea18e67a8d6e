# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown that is no document yet: its text stays as it is; only the pictures beside it come along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote

from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from markdown_it import MarkdownIt
from markdown_it.token import Token

from itops_cli.importing import Unreadable
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.text import content, decode


def read(path: Path, keeper: Keeper, encoding: str, folder: str) -> tuple[str, str]:
    """Its title ("" where it has none) and its text. `folder` is what pictures are called by; "" where the text stays where it is. Raises Unreadable."""
    text = decode(content(path), keeper, encoding)
    if document.split(text)[0] is not None:
        raise Unreadable("has front matter, so it is a document already", "put it under documents/, as UTF-8")
    tokens = MarkdownIt("commonmark").parse(text)
    title = next((inner.content for head, inner in pairwise(tokens) if head.type == "heading_open" and head.tag == "h1"), "")
    for token in tokens if folder else ():
        for source in _pictures(token.children or []):
            text = _brought(text, source, path, keeper, folder)
    return title, text


def _pictures(inline: Sequence[Token]) -> Iterator[str]:
    yield from (str(one.attrs["src"]) for one in inline if one.type == "image")


def _brought(text: str, source: str, path: Path, keeper: Keeper, folder: str) -> str:
    """The text with this picture in its new place; what cannot come along is noted."""
    file = (path.parent / unquote(source)).resolve()
    written = next((way for way in (source, unquote(source), f"<{unquote(source)}>") if f"]({way}" in text), "")
    if "://" in source or source.startswith("//"):
        keeper.lost("remote_picture", source)
    elif not written or not file.is_relative_to(path.parent.resolve()) or not file.is_file():  # a stranger's text fetches nothing from elsewhere here
        keeper.lost("picture_missing", source)
    elif kept := keeper.picture(file.read_bytes(), source):
        return text.replace(f"]({written}", f"]({quote(folder)}/{kept.name}")
    return text
