# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the feedback of a command against what the plan expects of it."""

from __future__ import annotations

import re
from typing import Any

QUOTED = 200  # characters of what was found that a reason quotes


def judge(expect: dict[str, Any], rc: int, output: str) -> str:
    """Why the feedback is not as expected, "" when it is. Keys: rc [0], contains, matches, absent."""
    codes = as_list(expect.get("rc")) or [0]
    if rc not in [int(code) for code in codes]:
        return f"exit status {rc}, expected {' or '.join(map(str, codes))}; {last_line(output)}"
    for text in as_list(expect.get("contains")):
        if str(text) not in output:
            return f"expected feedback containing {text!r}, found {quote(output)}"
    for pattern in as_list(expect.get("matches")):
        if not re.search(str(pattern), output, re.MULTILINE):
            return f"expected feedback matching {pattern!r}, found {quote(output)}"
    for pattern in as_list(expect.get("absent")):
        found = re.search(str(pattern), output, re.MULTILINE)
        if found:
            return f"expected feedback without {pattern!r}, found {quote(_line_of(found, output))}"
    return ""


def as_list(value: Any) -> list[Any]:
    """None -> [], one value -> [value]."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def quote(text: str) -> str:
    """A short quotation, "nothing" for an empty text."""
    flat = " ".join(text.split())
    if not flat:
        return "nothing"
    return repr(flat if len(flat) <= QUOTED else flat[:QUOTED] + "…")


def last_line(output: str) -> str:
    """The last thing that was said: mostly the error."""
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return f"last line {said[-1][:QUOTED]!r}" if said else "no output"


def _line_of(found: re.Match[str], output: str) -> str:
    start = output.rfind("\n", 0, found.start()) + 1
    return output[start : output.find("\n", found.end()) if "\n" in output[found.end() :] else len(output)]
