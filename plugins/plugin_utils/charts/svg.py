# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as plain SVG 1.1, the same for the site and for a PDF: no style sheet, no script, no outside reference.

Colours stand in presentation attributes; every coloured shape also has a class, by which a page may give it other colours. What
a colour says, a shape, a pattern or a word says as well. Each picture comes with its title, one sentence, and its numbers as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import plain

SECTION = "chart"
INK = "#1f2933"  # text and axes; a page overrides it by `color`
COLOURS = {  # told apart by people who see red and green alike: blue, orange, dark red, grey differ in lightness
    "good": "#0b6e99", "part": "#8a6d00", "back": "#c2570c", "bad": "#9b1c31", "plan": "#5b6673", "pale": "#dfe5ec", "line": "#c3ccd6",
}  # fmt: skip
FAMILY = "Noto Sans CJK SC, Noto Sans, PingFang SC, Microsoft YaHei, sans-serif"
SMALL, NORMAL = 11, 12  # font sizes
LONGEST = 24  # characters of a name that are drawn


@dataclass(frozen=True)
class Chart:
    """A picture and its equivalent in words. `name` is unique within a page; `rows` are the numbers behind it."""

    name: str
    lang: str
    title: str
    summary: str
    size: tuple[int, int]
    body: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def svg(self) -> str:
        """The whole picture as one element."""
        width, height = self.size
        return element(
            "svg", element("title", plain(self.title), id=f"{self.name}-title"), element("desc", plain(self.summary), id=f"{self.name}-desc"), Drawn(self.body),
            xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=width, height=height, role="img", class_="chart",
            color=INK, fill="currentColor", font_family=FAMILY, font_size=NORMAL,
            aria_labelledby=f"{self.name}-title {self.name}-desc", lang=self.lang.partition("_")[0],
        )  # fmt: skip


class Drawn(str):
    """Text that is SVG already; `element` takes it as it is and escapes every other text."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: Any) -> Drawn:
    """One element. `class_` and `font_size` are written class and font-size; an attribute that is None is left out."""
    told = "".join(f' {attribute(key)}="{escape(number(value))}"' for key, value in attributes.items() if value is not None)
    inner = "".join(child if isinstance(child, Drawn) else escape(plain(child), quote=False) for child in children)
    return Drawn(f"<{name}{told}>{inner}</{name}>" if inner else f"<{name}{told}/>")


def attribute(key: str) -> str:
    return key if key == "viewBox" else key.rstrip("_").replace("_", "-")


def number(value: object) -> str:
    """Numbers with at most two decimals, anything else as one line of text."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else plain(value)


def label(name: str, lang: str, **values: Any) -> str:
    """A word of a picture."""
    return labels.label(SECTION, name, lang).format(**values)


def text(x: float, y: float, content: object, anchor: str = "start", size: int = NORMAL, **more: Any) -> Drawn:
    return element("text", str(content), x=x, y=y, text_anchor=anchor, font_size=size, **more)


def cut(content: object, limit: int = LONGEST) -> str:
    """As much of a text as there is room for; the table beside the picture has all of it."""
    return wording.shorten(content, limit)


def filled(colour: str, **more: Any) -> dict[str, Any]:
    """Attributes of a filled shape."""
    return {"class_": f"fill-{colour}", "fill": COLOURS[colour], **more}


def stroked(colour: str, width: float = 1.5, **more: Any) -> dict[str, Any]:
    """Attributes of a line."""
    return {"class_": f"line-{colour}", "stroke": COLOURS[colour], "stroke_width": width, "fill": "none", **more}


def box(x: float, y: float, width: float, height: float, **more: Any) -> Drawn:
    return element("rect", x=x, y=y, width=width, height=height, **more)


def path(commands: str, **more: Any) -> Drawn:
    return element("path", d=commands, **more)


def rule(x1: float, y1: float, x2: float, y2: float, colour: str = "line", **more: Any) -> Drawn:
    return path(f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", **stroked(colour, 1, **more))


def drawn(*parts: str | Sequence[str]) -> str:
    """All parts one after the other."""
    return "".join(part if isinstance(part, str) else "".join(part) for part in parts)
