# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalars of a YAML file before anything has decided what they are, and vaulted ones, which nothing looks into."""

from __future__ import annotations

import re
from typing import Any

AMBIGUOUS = re.compile(r"~|null|yes|no|true|false|on|off|y|n|[-+]?\.?[0-9][0-9a-fA-FxXoOeE_.:+\-TtZz ]*|[-+]?\.inf|\.nan", re.IGNORECASE)
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?")  # as Ansible's YAML: 1e3 is text
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Plain(str):
    """An unquoted scalar exactly as written, which YAML could also read as a number, a boolean, a date or nothing."""

    __slots__ = ()

    def natural(self) -> str | int | float | bool | None:
        """What it means where no schema says: numbers and booleans yes; dates, times and leading zeros stay text."""
        lower = self.lower()
        if lower in ("", "~", "null"):
            return None
        if lower in _WORDS:
            return _WORDS[lower]
        if _INT.fullmatch(self):
            return int(self.replace("_", ""))
        return float(self.replace("_", "")) if _FLOAT.fullmatch(self) else str(self)


class Vaulted(str):
    """The text of an inline `!vault` value: never decrypted, shown or compared here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Vaulted(…)"


def natural(value: Any) -> Any:
    """The value with every Plain scalar in its natural type."""
    if type(value) is Plain:
        return value.natural()
    if type(value) is dict:
        return {key: natural(item) for key, item in value.items()}
    if type(value) is list:
        return [natural(item) for item in value]
    return value


def texts(value: Any) -> Any:
    """The value with every Plain scalar as the text that stands in the file."""
    if type(value) is Plain:
        return str(value)
    if type(value) is dict:
        return {key: texts(item) for key, item in value.items()}
    if type(value) is list:
        return [texts(item) for item in value]
    return value
