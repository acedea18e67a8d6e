# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of text as Markdown: emphasis, links, code, and everything that could be taken for markup escaped."""

from __future__ import annotations

import re
from urllib.parse import quote

from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import cell, code, plain

from itops_cli.importing.tree import Inline, Text

LINKS = ("http://", "https://", "mailto:", "ftp://")
_STARTS = re.compile(r"^(?:(?=[-+](?: |$)|#{1,6}(?: |$)|[-=: ]+$)|(\d{1,9})(?=[.)](?: |$)))")  # what would begin a heading, a list or a rule
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)  # emphasis that begins and ends with a letter or digit is understood everywhere, also in Chinese
_OPEN_END = re.compile(r"(?<!\\)((?:\\\\)*)(?=[]\[!]$|&#?[A-Za-z0-9]*$)")  # markup together with what follows
_MARKUP = re.compile(r"[\\`*_\[\]<>~&|!$\"]")
_URL_UNSAFE = re.compile(r"[\s<>()\\|`\"\x00-\x1f\x7f]")

Look = tuple[bool, bool, bool, str]


def look_of(inline: Inline) -> Look | None:
    """What neighbours must have in common to be one run."""
    return (inline.strong, inline.em, inline.code, inline.href) if isinstance(inline, Text) else None


def shown(text: str, look: Look, before: str, in_table: bool) -> str:
    """A run in its look, behind what stands `before` it in the line."""
    strong, em, as_code, href = look
    if href.lower().startswith(LINKS) and text.strip():
        return _spaced(text, f"[{literal(text)}]({_URL_UNSAFE.sub(lambda sign: quote(sign[0]), href)})")
    if as_code and text.strip() and not before.endswith("`"):
        made = code(text)
        return _spaced(text, made if in_table or not made.startswith("`") else made.replace("\\|", "|"))
    core = _CORE.search(text) if (strong or em) and "://" not in text else None
    if core is None:
        return _words(text)
    mark = "**" if strong else "*"
    head, tail = _words(text[: core.start()]), _words(text[core.end() :])
    if not head and before.endswith(("*", "`")):
        return _words(text)
    return f"{head}{mark}{_words(core[0])}{mark}{tail}"


def _words(text: str) -> str:
    """Text as Markdown that reads exactly so, also where other text follows."""
    return _OPEN_END.sub(r"\1\\", _spaced(text, cell(text)))


def _spaced(text: str, made: str) -> str:
    """`made` with a space where the text begins or ends with one."""
    if not made:
        return " " if text else ""
    return f"{' ' if text[0].isspace() else ''}{made}{' ' if text[-1].isspace() else ''}"


def literal(text: str) -> str:
    """Text for the label of a link or an image, or its title."""
    return _MARKUP.sub(r"\\\g<0>", plain(text))


def paragraph(text: str) -> str:
    """Lines with hard ends, none of which begins anything but text."""
    return "\\\n".join(_STARTS.sub(r"\1\\", line) for line in text.split("\\\n"))


def heading(text: str) -> str:
    """A heading may not end with `#`, which would be taken for decoration."""
    kept = text.rstrip("#")
    return text if kept == text else f"{kept}\\{text[len(kept) :]}"
