# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign documents to Markdown: a reader for each format, one small tree of blocks, one writer, one report of what got lost.

Needs the extra `import`. Nothing here knows commands, workspaces or front matter; nothing is fetched, and every reader runs within bounds.
The readers of docx, xlsx, pptx and odt go to the XML themselves: the libraries that write such files hide what has to be reported here (tracked
changes, hidden rows, formulas beside their values, spans) and take everything into memory before anybody has counted it.
"""

from __future__ import annotations

from typing import Any

from itops_cli import extras


class Unreadable(Exception):
    """This file cannot be imported; the message says why, `remedy` what to do about it."""

    def __init__(self, message: str, remedy: str = ""):
        self.remedy = remedy
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Unreadable], tuple[str, str]]:
        """It travels between processes."""
        return type(self), (str(self), self.remedy)


def need(module: str) -> Any:
    """A module of the extra `import`. Raises BadInput saying how to install it."""
    return extras.need(module, "import")
