# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the styles of an OpenDocument text say, with what they inherit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from itops_cli.importing.ooxml import child, local, number, value, within
from itops_cli.importing.package import Element

MONO = ("mono", "courier", "consolas")
BOLD = ("bold", "600", "700", "800", "900")


@dataclass(frozen=True)
class Style:
    """One style: its name as people see it, and its looks."""

    name: str = ""
    parent: str = ""
    strong: bool = False
    em: bool = False
    mono: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class ListStyle:
    """Which levels (from 1) are numbered, and where the first one starts."""

    numbered: frozenset[int] = frozenset()
    start: int = 1


class Styles:
    """Those of one document; later roots (content.xml) go before earlier ones."""

    def __init__(self, roots: Sequence[Element]):
        self.styles = dict(pair for root in roots for pair in _styles(root))
        self.lists = dict(pair for root in roots for pair in _lists(root))

    def chain(self, name: str) -> list[Style]:
        """A style and those it comes from."""
        made: list[Style] = []
        while (style := self.styles.get(name)) and style not in made:
            made.append(style)
            name = style.parent
        return made

    def of_list(self, name: str) -> ListStyle:
        return self.lists.get(name, ListStyle())


def _styles(root: Element) -> Iterator[tuple[str, Style]]:
    for node in within(root, "style"):
        look, name = child(node, "text-properties"), value(node, "name")
        mono = any(word in value(look, "font-name").casefold() for word in MONO)
        shown, parent = value(node, "display-name") or name, value(node, "parent-style-name")
        yield name, Style(shown, parent, value(look, "font-weight") in BOLD, value(look, "font-style") == "italic", mono, value(look, "display") == "none")


def _lists(root: Element) -> Iterator[tuple[str, ListStyle]]:
    for node in within(root, "list-style"):
        levels = {number(value(one, "level")): one for one in node if local(one) == "list-level-style-number" and value(one, "num-format")}
        yield value(node, "name"), ListStyle(frozenset(levels), number(value(levels.get(1), "start-value"), 1))
