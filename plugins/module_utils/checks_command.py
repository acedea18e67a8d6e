# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that ask a program: its feedback, or its version."""

from __future__ import annotations

import re
from typing import Any

from .expect import quote
from .step import ABNORMAL, OK, Context, StepResult, abnormal
from .steps_command import reason_of, run_line


def command(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: command, args, shell, chdir, env, expect."""
    done = run_line(ctx, args, limit)
    reason = reason_of(done, args.get("expect") or ctx.step.get("expect") or {})
    return StepResult(ABNORMAL if reason else OK, done.rc, done.output, False, reason)


def version(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: command, args, equals (a whole word of the feedback) and/or matches (regular expression)."""
    done = run_line(ctx, args, limit)
    reason = reason_of(done, ctx.step.get("expect") or {})
    if reason:
        return abnormal(reason, done.output)
    wanted, pattern = args.get("equals"), args.get("matches")
    if wanted is not None and str(wanted) not in words(done.output):
        return abnormal(f"expected version {wanted}, found {quote(done.output)}", done.output)
    if pattern is not None and not re.search(str(pattern), done.output, re.MULTILINE):
        return abnormal(f"expected a version matching {pattern!r}, found {quote(done.output)}", done.output)
    return StepResult(OK, done.rc, done.output)


def words(output: str) -> set[str]:
    """The whole feedback, its lines, and its words without the dress: "nginx/1.22.1," holds 1.22.1, "v2.0" holds 2.0."""
    found = {output.strip(), *(line.strip() for line in output.splitlines())}
    for word in re.split(r"[\s/,;:()=\"']+", output):
        found |= {word, re.sub(r"^[vV](?=\d)", "", word)}
    return found
