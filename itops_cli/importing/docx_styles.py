# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Word document's styles and numberings say about a paragraph: heading or list, code or caption, and its number."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from itops_cli.importing.ooxml import child, local, number, on, value, within
from itops_cli.importing.package import Element

HEADING = re.compile(r"(?:heading|标题|標題|überschrift|titre|título|見出し)\s*([1-9])", re.IGNORECASE)
TITLE = re.compile(r"(?:title|标题|標題|document title|文档标题)", re.IGNORECASE)
CAPTION = re.compile(r"caption|题注|題注|图注|图题", re.IGNORECASE)
CODE = re.compile(r"\b(?:code|preformatted|source|verbatim)\b|代码|命令行", re.IGNORECASE)
QUOTE = re.compile(r"(?:intense )?quote|(?:明显)?引用", re.IGNORECASE)
DEEPER = re.compile(r"(?:list (?:bullet|number)|列表(?:项目符号|编号)?)\s*([2-5])", re.IGNORECASE)  # its list is one of level 1, only indented
CONTENTS = re.compile(r"^(?:(?:toc|目录)\s*(?:\d|heading|标题)?|table of (?:contents|figures)|contents \d)$", re.IGNORECASE)
KINDS = {"contents": CONTENTS, "caption": CAPTION, "code": CODE, "quote": QUOTE}
MONO = {
    "consolas",
    "courier",
    "courier new",
    "menlo",
    "monaco",
    "lucida console",
    "dejavu sans mono",
    "source code pro",
    "cascadia mono",
    "liberation mono",
    "sf mono",
}
COUNTED = re.compile(r"[（(]?%\d+[.．、)）]?")  # looks that Markdown's own numbers stand for
DIGITS = "〇一二三四五六七八九"
BODY = 9  # outline level of text
LEVELS = 9


@dataclass(frozen=True)
class Style:
    """A style with what it inherits. `level`: of a heading from 1, 0 of the title, None of text; `numbering` is (numId, ilvl)."""

    level: int | None = None
    kind: str = ""
    numbering: tuple[str, int] | None = None
    deeper: int = 0
    strong: bool = False
    mono: bool = False
    hidden: bool = False


class Styles:
    """Those of one document."""

    def __init__(self, root: Element | None):
        nodes = [node for node in (root if root is not None else []) if local(node) == "style"]
        self.nodes = {value(node, "styleId"): node for node in nodes}
        self.default = next((value(node, "styleId") for node in nodes if value(node, "type") == "paragraph" and value(node, "default") in ("1", "true")), "")
        self.get: Callable[[str], Style] = cache(self._made)

    def _made(self, style_id: str) -> Style:
        chain = self._chain(style_id or self.default)
        names = [value(child(node, "name")) for node in chain]
        own = names[0].strip() if names else ""
        return Style(
            level=self._level(own, chain, names),
            kind=next((kind for kind, words in KINDS.items() if words.search(own)), ""),
            numbering=next((found for node in chain if (found := numbering(child(node, "pPr", "numPr")))), None),
            deeper=int(indented[1]) - 1 if (indented := DEEPER.fullmatch(own)) else 0,
            strong=any(on(child(node, "rPr", "b")) for node in chain[:1]),
            mono=any(mono(child(node, "rPr", "rFonts")) for node in chain),
            hidden=any(on(child(node, "rPr", "vanish")) for node in chain),
        )  # fmt: skip

    def _chain(self, style_id: str) -> list[Element]:
        """The style, and those it is based on."""
        chain: list[Element] = []
        while (node := self.nodes.get(style_id)) is not None and node not in chain:
            chain.append(node)
            style_id = value(child(node, "basedOn"))
        return chain

    def _level(self, own: str, chain: list[Element], names: list[str]) -> int | None:
        if TITLE.fullmatch(own):
            return 0
        if named := next((found for name in names if (found := HEADING.fullmatch(name.strip()))), None):
            return int(named[1])
        level = next((number(value(found), BODY) for node in chain if (found := child(node, "pPr", "outlineLvl")) is not None), BODY)
        return level + 1 if 0 <= level < BODY else None


def mono(fonts: Element | None) -> bool:
    """Whether these fonts are those of a terminal."""
    return value(fonts, "ascii").casefold() in MONO


def numbering(node: Element | None) -> tuple[str, int] | None:
    """(numId, ilvl) of w:numPr."""
    return (value(child(node, "numId"), default=""), number(value(child(node, "ilvl")))) if node is not None and child(node, "numId") is not None else None


@dataclass
class Level:
    """One level of a numbering."""

    form: str = "decimal"
    look: str = "%1."
    start: int = 1


@dataclass(frozen=True)
class Mark:
    """What stands before a numbered paragraph. `number` is None for a bullet; `label` as Word shows it; `plain` where Markdown's number says the same."""

    level: int
    number: int | None
    label: str
    plain: bool


@dataclass
class Numbers:
    """Counts as Word does while the document is read."""

    root: Element | None
    counters: dict[str, list[int]] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        tops = list(self.root) if self.root is not None else []
        abstract = {value(node, "abstractNumId"): _levels(node) for node in tops if local(node) == "abstractNum"}
        self.levels: dict[str, dict[int, Level]] = {}
        self.shared: dict[str, str] = {}  # numId -> whose counters it goes on with
        self.restarts: dict[tuple[str, int], int] = {}
        for node in tops:
            if local(node) == "num":
                self._num(node, abstract)

    def _num(self, node: Element, abstract: dict[str, dict[int, Level]]) -> None:
        num_id, base = value(node, "numId"), value(child(node, "abstractNumId"))
        self.shared[num_id] = base
        self.levels[num_id] = {**abstract.get(base, {})}
        for override in within(node, "lvlOverride"):
            level = number(value(override, "ilvl"))
            self.levels[num_id].update(_levels(override))
            if (start := child(override, "startOverride")) is not None:
                self.restarts[num_id, level] = number(value(start), 1)

    def next(self, num_id: str, ilvl: int) -> Mark | None:
        """The mark of the next paragraph in this list; None where it has none."""
        levels = self.levels.get(num_id)
        if not levels or not 0 <= ilvl < LEVELS:
            return None
        level = levels.get(ilvl, Level())
        counters = self.counters.setdefault(self.shared[num_id], [])
        self._count(counters, num_id, ilvl, levels)
        if level.form == "bullet":
            return Mark(ilvl, None, "•", True)
        if level.form == "none" or not level.look.strip():
            return None
        label = re.sub(r"%([1-9])", lambda place: _part(levels, counters, int(place[1]) - 1), level.look)
        return Mark(ilvl, counters[ilvl], label.strip(), level.form == "decimal" and bool(COUNTED.fullmatch(level.look.strip())))

    def _count(self, counters: list[int], num_id: str, ilvl: int, levels: dict[int, Level]) -> None:
        while len(counters) <= ilvl:
            above = len(counters)
            counters.append(levels.get(above, Level()).start - (above == ilvl))
        del counters[ilvl + 1 :]
        restart = self.restarts.get((num_id, ilvl))
        if restart is not None and (num_id, ilvl) not in self.begun:
            counters[ilvl] = restart - 1
        self.begun.add((num_id, ilvl))
        counters[ilvl] += 1


def _levels(node: Element) -> dict[int, Level]:
    return {
        number(value(lvl, "ilvl")): Level(value(child(lvl, "numFmt"), default="decimal"), value(child(lvl, "lvlText")), number(value(child(lvl, "start")), 1))
        for lvl in node
        if local(lvl) == "lvl"
    }


def _part(levels: dict[int, Level], counters: list[int], index: int) -> str:
    return counted(counters[index], levels.get(index, Level()).form) if index < len(counters) else ""


def counted(count: int, form: str) -> str:
    """A number in one of Word's forms; digits for those that are rare."""
    if form in ("chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCountingThousand", "ideographDigital") and 0 < count < 100:
        tens, ones = divmod(count, 10)
        return (DIGITS[tens] if tens > 1 else "") + ("十" if tens else "") + (DIGITS[ones] if ones else "")
    if form in ("lowerLetter", "upperLetter") and 0 < count <= 26:
        return chr((97 if form == "lowerLetter" else 65) + count - 1)
    if form in ("lowerRoman", "upperRoman") and 0 < count < 40:
        roman = "X" * (count // 10) + ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"][count % 10]
        return roman.lower() if form == "lowerRoman" else roman
    return str(count)
