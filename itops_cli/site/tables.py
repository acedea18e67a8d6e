# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of plain text as HTML: records are full of them, so they are made here and not cell by cell in a template."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import report
from markupsafe import Markup

UNSEEN = ' class="unseen"'
REMEMBERED = 1 << 15  # cells: most of a record's are in many others


@dataclass(frozen=True)
class Table:
    """A head and rows of plain text."""

    head: Sequence[object]
    rows: Sequence[Sequence[object]]


def html(name: str, caption: object, made: Table, heads: Collection[int] = (0,), hidden: bool = False) -> Markup:
    """The table `name`, an id of ours. `heads` are the columns that head their row; a `hidden` caption is for those who do not see the heading above."""
    head = "".join(f'<th scope="col">{cell(str(text))}</th>' for text in made.head)
    caption = f'<caption id="{name}-caption"{UNSEEN if hidden else ""}>{cell(str(caption))}</caption>'
    body = "".join(f"<tr>{row(texts, heads)}</tr>\n" for texts in made.rows)
    table = f'<table id="{name}">{caption}{f"<thead><tr>{head}</tr></thead>" if head else ""}<tbody>\n{body}</tbody></table>'
    return Markup(f'<div class="scroll" role="group" aria-labelledby="{name}-caption" tabindex="0">{table}</div>')  # noqa: S704 (escaped cell by cell)


def row(texts: Sequence[object], heads: Collection[int]) -> str:
    return "".join(f'<th scope="row">{cell(str(text))}</th>' if place in heads else f"<td>{cell(str(text))}</td>" for place, text in enumerate(texts))


@lru_cache(maxsize=REMEMBERED)
def cell(text: str) -> str:
    return escape(report.visible(text))


def shown(value: Any) -> Any:
    """No text can steer the browser or hide itself: controls and changes of direction become visible."""
    return report.visible(value) if isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable() else value
