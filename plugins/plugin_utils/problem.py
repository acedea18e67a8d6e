# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape of everything that is wrong with an input file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Problem:
    """One finding in one file. `line` counts from 1 (0 = the file as a whole), `path` is the dotted YAML path."""

    file: str
    line: int
    path: str
    message: str
    found: str = ""
    allowed: str = ""
    severity: Severity = "error"
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        parts = [f"{where}: {self.severity}: {self.path + ': ' if self.path else ''}{self.message}"]
        parts += [f"found: {self.found}"] if self.found else []
        parts += [f"allowed: {self.allowed}"] if self.allowed else []
        parts += [f"→ {self.remedy}"] if self.remedy else []
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Only what forbids loading; warnings left out."""
    return [p for p in problems if p.severity == "error"]


class BadInput(Exception):
    """All problems of one input at once; the CLI prints them and ends with status 2."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


class LedgerError(Exception):
    """The ledger cannot be written or read. No record, no maintenance."""
