# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts feedback to what a journal line carries."""

from __future__ import annotations

from collections.abc import Callable

FEEDBACK = 4000  # characters shown of a step's feedback
EVIDENCE = 64 << 10  # characters kept of it altogether, unless the segment says otherwise


def shown(text: str, limit: int, redact: Callable[[str], str], output: str = "") -> dict[str, str]:
    """feedback (short) and, when that is not all of it or there is an `output` to keep, output (up to `limit` characters, for the ledger's evidence).

    Redacted before it is cut: half a secret would not be recognised.
    """
    clean = redact(text.replace("\x00", "\ufffd"))
    whole = redact(output.replace("\x00", "\ufffd")) or (clean if len(clean) > FEEDBACK else "")
    kept = {"output": middle_out(whole, limit or EVIDENCE)} if whole else {}
    return {"feedback": middle_out(clean, FEEDBACK), "evidence": "", **kept}


def middle_out(text: str, limit: int) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= limit:
        return text
    note = f"\n[… {len(text) - limit} characters left out …]\n"
    half = max(0, limit - len(note)) // 2
    return text[:half] + note + text[len(text) - half :]
