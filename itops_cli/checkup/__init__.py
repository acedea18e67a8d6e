# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `itops doctor` looks at: one file for each place, every look a generator of findings with their remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

ERROR, WARNING, NOTE, OK = "error", "warning", "info", "ok"
SEVERITIES = (ERROR, WARNING, NOTE, OK)  # worst first


@dataclass(frozen=True)
class Sign:
    """One thing looked at: how bad it is, and the command or setting that mends it."""

    check: str
    severity: str
    message: str
    remedy: str = ""
    change: str = ""
    run: str = ""

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.change, self.run)))
        return f"{self.severity}: {self.check}: {f'{where}: ' if where else ''}{self.message}{f' → {self.remedy}' if self.remedy else ''}"


Look = Callable[[Workspace], Iterator[Sign]]


def judged(check: str, ok: bool, good: str, bad: str, remedy: str, severity: str = ERROR) -> Sign:
    """A look with two ends."""
    return Sign(check, OK, good) if ok else Sign(check, severity, bad, remedy)
