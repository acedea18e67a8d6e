# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gate found: each finding names what is wrong and the command that would resolve it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One guard. `ok` false with severity error refuses the run; a warning is only recorded."""

    id: str
    ok: bool
    message: str
    remedy: str = ""
    severity: str = "error"
    host: str = ""

    def __str__(self) -> str:
        mark = "ok" if self.ok else ("refused" if self.severity == "error" else "warning")
        where = f" [{self.host}]" if self.host else ""
        return f"{mark}: {self.id}{where}: {self.message}" + (f" → {self.remedy}" if self.remedy and not self.ok else "")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    """Those that forbid going on."""
    return [f for f in findings if not f.ok and f.severity == "error"]
