# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A number of bytes on the command line."""

from __future__ import annotations

import re
from typing import Any

import click

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Size(click.ParamType[int]):
    """Bytes, or with K, M, G, T (powers of 1024)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"([0-9]+)([KMGT]?)", str(value).upper())
        if not match:
            self.fail(f"{value!r} is not a size; allowed: 1048576, 512M, 4G", param, ctx)
        return int(match[1]) * UNITS[match[2]]
