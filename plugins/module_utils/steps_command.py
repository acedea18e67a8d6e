# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type command: one command line, its feedback judged by the plan's expectation."""

from __future__ import annotations

import shlex
from typing import Any

from .expect import judge
from .process import Completed
from .step import ABNORMAL, OK, Context, StepFailed, StepResult


def command(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: command, args, shell, chdir, env. Expectation: the step's `expect`."""
    done = run_line(ctx, args)
    reason = reason_of(done, ctx.step.get("expect") or {})
    return StepResult(ABNORMAL if reason else OK, done.rc, done.output, True, reason, {"timed_out": done.timed_out})


def run_line(ctx: Context, args: dict[str, Any], timeout: float | None = None) -> Completed:
    """Run {command, args, shell, chdir, env}. Raises StepFailed for a line that is no command line."""
    env = {str(key): str(value) for key, value in (args.get("env") or {}).items()}
    return ctx.run(argv_of(args), timeout=timeout, env=env, chdir=args.get("chdir"))


def argv_of(args: dict[str, Any]) -> list[str]:
    """The line split as a shell would, or handed to one; `args` are added unsplit."""
    line, more = str(args["command"]), [str(item) for item in args.get("args") or []]
    if args.get("shell"):
        return ["/bin/sh", "-c", line, "sh", *more]
    try:
        argv = [*shlex.split(line), *more]
    except ValueError as exc:
        raise StepFailed(f"not a command line ({exc}): {line}") from None
    if not argv:
        raise StepFailed("the command line is empty")
    return argv


def reason_of(done: Completed, expect: dict[str, Any]) -> str:
    """Why this is abnormal; what kept the command from ending by itself comes before what it said."""
    if done.error and (done.timed_out or done.rc in (126, 127) or done.error.startswith("cannot")):
        return done.error
    reason = judge(expect, done.rc, done.output)
    return f"{done.error}; {reason}" if reason and done.error else reason
