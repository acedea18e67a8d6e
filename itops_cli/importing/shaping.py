# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is put right about any document before it is printed: where captions stand, how headings follow each other, which one is the title."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from itops_cli.importing.tree import Block, Break, Heading, Paragraph, Picture, Text, plain


def titled(blocks: Sequence[Block], title: str) -> tuple[str, list[Block]]:
    """The title and the blocks with it as heading of level 0: the one there is, else an only first level heading that comes first, else `title`."""
    heads = [(index, block) for index, block in enumerate(blocks) if isinstance(block, Heading) and plain([block])]
    named = next((block for _, block in heads if block.level == 0), None)
    if named:
        return plain([named]), list(blocks)
    if heads and heads[0][0] == 0 and [block.level for _, block in heads].count(1) == heads[0][1].level:
        return plain([heads[0][1]]), [Heading(0, heads[0][1].inlines), *blocks[1:]]
    return title, [Heading(0, [Text(title)]), *blocks]


def captioned(blocks: Sequence[Block]) -> list[Block]:
    """Captions go into the image they belong to: the one before, else the one behind."""
    made: list[Any] = list(blocks)
    for index, block in enumerate(made):
        if isinstance(block, Paragraph) and block.caption:
            text = "".join(one.text for one in block.inlines if isinstance(one, Text)).strip()
            for near in (index - 1, index + 1):
                only = _only_picture(made[near]) if 0 <= near < len(made) else None
                if only and not only.caption and text:
                    made[near] = Paragraph([Picture(only.name, only.alt, text)])
                    made[index] = Paragraph([])
                    break
    return made


def _only_picture(block: Block) -> Picture | None:
    if not isinstance(block, Paragraph):
        return None
    shown = [one for one in block.inlines if not (isinstance(one, Break) or (isinstance(one, Text) and not one.text.strip()))]
    return shown[0] if len(shown) == 1 and isinstance(shown[0], Picture) else None


def levelled(blocks: Iterable[Block]) -> list[Block]:
    """Headings without jumps: the title is level 1, and none stands more than one level below the one above it."""
    made: list[Block] = []
    above: list[int] = []
    for block in blocks:
        if isinstance(block, Heading):
            while above and above[-1] >= block.level:
                above.pop()
            above.append(block.level)
            block = Heading(len(above), block.inlines)  # noqa: PLW2901 (the same block at its level)
        made.append(block)
    return made
