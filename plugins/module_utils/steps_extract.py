# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing step type journal_extract: what the host's journal says of the maintenance, as evidence where no log is collected. Never fails."""

from __future__ import annotations

from typing import Any

from . import marks
from .expect import quote
from .step import OK, SKIPPED, Context, StepResult

SECONDS = 30.0


def journal_extract(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: unit; without one everything of priority warning and above."""
    unit = str(args.get("unit") or "")
    command = ["journalctl", f"--since=@{marks.began(ctx)}", *(("-u", unit) if unit else ("-p", "warning")), "--no-pager", "-o", "short-iso"]
    said = ctx.run(command, run_as="", timeout=SECONDS)
    if not said.ok:
        return StepResult(SKIPPED, None, "", False, f"no journal extract: {said.error or quote(said.output)}")
    if not _has_journal(ctx):
        return StepResult(SKIPPED, None, "", False, "no journal extract: this host keeps no journal, or it may not be read")
    return StepResult(OK, None, f"{len(said.output.splitlines())} lines", output=f"# {' '.join(command)}\n{said.output}")


def _has_journal(ctx: Context) -> bool:
    return ctx.run(["journalctl", "-n", "1", "-q", "--no-pager", "-o", "json"], run_as="", timeout=SECONDS).output.startswith("{")
