# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step is given (Context) and what it gives back (StepResult). Every step type is a function of both.

A step function has the form `function(ctx: Context, args: Dict[str, Any]) -> StepResult`. It may raise StepFailed for an
abnormal end and any OSError; the segment turns both into an abnormal result. It never writes to the journal.
In phase "backup" a StepResult whose data has the keys `archive` and `sha256` becomes a `backup_made` line of its own.
All numbers in `data` are integers (bytes, milliseconds, epoch seconds): the ledger takes no floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import leftover, process

OK = "ok"
ABNORMAL = "abnormal"
SKIPPED = "skipped"


class StepFailed(Exception):
    """The step ended abnormally for a reason that is worth telling as it stands."""


@dataclass(frozen=True)
class StepResult:
    """How a step ended. `feedback` is what the host said, `reason` why it is abnormal (or skipped), `output` what becomes evidence as a whole."""

    result: str
    rc: int | None = None
    feedback: str = ""
    changed: bool = False
    reason: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    output: str = ""

    @property
    def ok(self) -> bool:
        return self.result != ABNORMAL


def done(feedback: str = "", changed: bool = False, **data: Any) -> StepResult:
    """A step that ended as expected."""
    return StepResult(OK, None, feedback, changed, "", data)


def abnormal(reason: str, feedback: str = "", changed: bool = False, **data: Any) -> StepResult:
    """A step that did not; `changed` says whether it may have altered the host before."""
    return StepResult(ABNORMAL, None, feedback, changed, reason, data)


@dataclass
class Context:
    """Where a step works: the segment it belongs to and the directories of its change on this host (all 0700)."""

    segment: dict[str, Any]
    state: Path  # the state directory, e.g. /var/lib/itops
    change_dir: Path  # state/<change>: files/, originals/, backup.json
    run_dir: Path  # state/<change>/<run>
    segment_dir: Path  # state/<change>/<run>/<segment>
    step: dict[str, Any] = field(default_factory=dict)  # the compiled step that is executed now
    marks: dict[str, Any] = field(default_factory=dict)  # log positions at the begin of the segment

    @property
    def env(self) -> dict[str, str]:
        """The segment's environment; in memory only, never written to disk."""
        return {str(k): str(v) for k, v in (self.segment.get("env") or {}).items()}

    @property
    def timeout(self) -> float:
        """Seconds the current step may take."""
        return float(self.step.get("timeout") or 300)

    def run(
        self,
        argv: Sequence[str],
        run_as: str | None = None,
        timeout: float | None = None,
        env: dict[str, str] | None = None,
        chdir: str | None = None,
    ) -> process.Completed:
        """Run a command as the step's user, in the segment's environment, within the step's time; see process.run."""
        try:
            return process.run(
                argv,
                run_as=self.step.get("run_as") if run_as is None else run_as,
                timeout=self.timeout if timeout is None else timeout,
                env={**self.env, **(env or {})},
                chdir=chdir,
                began=lambda pid: leftover.note(self.segment_dir, pid),
            )
        finally:
            leftover.clear(self.segment_dir)


def os_reason(exc: OSError) -> str:
    """An OSError in words: what, and on which file."""
    place = f": {exc.filename}" if exc.filename else ""
    return f"{exc.strerror or exc}{place}"
