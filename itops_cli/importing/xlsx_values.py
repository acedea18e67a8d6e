# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cell of a workbook shows: dates as dates, percentages as such, everything else as it is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from itops_cli.importing import need
from itops_cli.importing.ooxml import child, local, number, value, within
from itops_cli.importing.package import Element, Package, events

EXACT = 1e15  # beyond, a stored number is not exact any more
ZEROS = re.compile(r"0+")
PLACES = re.compile(r"[#,0]*0\.(0+)")
STRING = ("{*}si",)


@dataclass(frozen=True)
class Values:
    """Everything of a workbook that cells refer to."""

    strings: list[str]
    formats: list[str]
    epoch: datetime

    def shown(self, cell: Element) -> str:
        """The text of one cell."""
        kind, stored = str(cell.get("t") or "n"), str(next((node.text for node in cell if local(node) == "v"), "") or "")
        if kind == "inlineStr":
            return phrase(child(cell, "is"))
        if kind == "s":
            index = number(stored, -1)
            return self.strings[index] if 0 <= index < len(self.strings) else ""
        if kind == "b":
            return "TRUE" if stored == "1" else "FALSE" if stored else ""
        return stored if kind != "n" or not stored else self.numeric(stored, number(str(cell.get("s") or "")))

    def numeric(self, stored: str, style: int) -> str:
        try:
            found = float(stored)
        except ValueError:
            return stored
        form = self.formats[style] if 0 <= style < len(self.formats) else ""
        if form and (moment := _moment(found, form, self.epoch)):
            return moment
        if form.endswith("%"):
            return f"{_digits(found * 100)}%"
        places = PLACES.fullmatch(form)
        text = _digits(found)
        if ZEROS.fullmatch(form) and text.isdecimal():
            return text.zfill(len(form))
        whole, _, part = text.partition(".")
        return f"{whole}.{part.ljust(len(places[1]), '0')}" if places and "e" not in text else text


def values(package: Package, parts: Mapping[str, str], old_epoch: bool) -> Values:
    """`parts`: kind of relation -> part. Raises Unreadable."""
    strings = list(_strings(package, parts["sharedStrings"])) if "sharedStrings" in parts else []
    formats = _formats(package.xml(parts["styles"])) if "styles" in parts else []
    times = need("openpyxl.utils.datetime")
    return Values(strings, formats, times.CALENDAR_MAC_1904 if old_epoch else times.CALENDAR_WINDOWS_1900)


def _strings(package: Package, name: str) -> Iterator[str]:
    with package.open(name) as stream:
        yield from (phrase(node) for node in events(stream, name, STRING))


def phrase(node: Element | None) -> str:
    """A rich text without its look; reading aids (rPh) left out."""
    texts = within(node, "t") if node is not None else iter(())
    return "".join(str(text.text or "") for text in texts if local(text.getparent()) != "rPh")


def _formats(root: Element) -> list[str]:
    """Style number -> number format, where it is one that matters."""
    builtin = need("openpyxl.styles.numbers").BUILTIN_FORMATS
    own = {number(value(node, "numFmtId")): value(node, "formatCode") for node in within(root, "numFmt")}
    used = [number(value(node, "numFmtId")) for cells in within(root, "cellXfs") for node in cells]
    return [str(own.get(one) or builtin.get(one) or "") for one in used]


@cache
def _is_date(form: str) -> bool:
    return bool(need("openpyxl.styles.numbers").is_date_format(form))


@cache
def _is_length(form: str) -> bool:
    return bool(need("openpyxl.styles.numbers").is_timedelta_format(form))


def _moment(found: float, form: str, epoch: datetime) -> str:
    """A date or time in ISO form; "" where the format is none of one."""
    if not _is_date(form):
        return ""
    try:
        made: Any = need("openpyxl.utils.datetime").from_excel(found, epoch, _is_length(form))
    except (ValueError, OverflowError):
        return ""
    if isinstance(made, datetime):
        rounded = (made + timedelta(microseconds=500_000)).replace(microsecond=0)
        return rounded.date().isoformat() if rounded.time() == time() else rounded.isoformat(" ", "minutes" if not rounded.second else "seconds")
    return made.isoformat() if isinstance(made, date | time) else str(made)


def _digits(found: float) -> str:
    return str(int(found)) if found.is_integer() and abs(found) < EXACT else f"{found:.15g}"
