# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic of error rates, exact: two rates that are equal are never told apart by rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

MINUTE_MS = 60000


@dataclass(frozen=True)
class Rate:
    """So many errors in so many milliseconds (more than 0)."""

    errors: int
    ms: int

    @property
    def per_minute(self) -> Fraction:
        return Fraction(self.errors * MINUTE_MS, self.ms)

    def __str__(self) -> str:
        return f"{shown(self.per_minute)} a minute ({self.errors} in {shown(Fraction(self.ms, 1000))} s)"


def allowed(args: Mapping[str, Any], before: Rate) -> Fraction:
    """Errors a minute that are still normal: the larger of max_per_minute and factor times the rate before."""
    limits = [Fraction(str(args["max_per_minute"]))] if args.get("max_per_minute") is not None else []
    limits += [Fraction(str(args["factor"])) * before.per_minute] if args.get("factor") is not None else []
    return max(limits, default=Fraction(0))


def shown(number: Fraction) -> str:
    """For people: two places, more where there would be nothing but zeros, none where they are zeros."""
    text = f"{float(number):.2f}" if not number or number >= Fraction(1, 10) else f"{float(number):.2g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
