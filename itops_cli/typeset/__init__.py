# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown to PDF: fonts, blocks, the engine, the watermark. Needs the extra `pdf`; nothing here knows commands or the ledger."""

from __future__ import annotations

from typing import Any

from itops_cli import extras


def need(module: str) -> Any:
    """A module of the extra `pdf`. Raises BadInput saying how to install it."""
    return extras.need(module, "pdf")
