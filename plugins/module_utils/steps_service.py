# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type service: reach a state of the service, and wait until it is really reached."""

from __future__ import annotations

import time
from typing import Any

from .service_control import BROKEN, RUNNING, STOPPED, UNKNOWN, Control, Status, control_of, has_status
from .step import ABNORMAL, OK, Context, StepResult, abnormal, done

VERBS = {"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}
PAUSE = 0.05  # seconds between two looks at the service, growing to a second


def service(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: state (started|stopped|restarted|reloaded), control. Feedback: what the provider says in the end."""
    wanted = str(args.get("state"))
    if wanted not in VERBS:
        return abnormal(f"unknown service state {wanted!r}; known are {', '.join(VERBS)}")
    settings = args.get("control") or {}
    control = control_of(ctx, settings)
    asks = has_status(settings)
    before = control.status()
    if asks and wanted in ("started", "stopped") and _reached(before, wanted):
        return done(before.text, before=before.word)
    acted = control.act(VERBS[wanted])
    if not acted.ok:
        reason = acted.error or f"{VERBS[wanted]} ended with exit status {acted.rc}, expected 0"
        return StepResult(ABNORMAL, acted.rc, _story(acted.output, control), True, reason, {"before": before.word})
    if not asks:
        return StepResult(OK, acted.rc, acted.output, True, "", {"before": UNKNOWN})
    return _judge(wanted, before, _wait(control, wanted, ctx.timeout), control, acted.output)


def _judge(wanted: str, before: Status, after: Status, control: Control, said: str) -> StepResult:
    data = {"before": before.word, "after": after.word}
    if _reached(after, wanted):
        return StepResult(OK, 0, after.text, True, "", data)
    expected = STOPPED if wanted == "stopped" else RUNNING
    return StepResult(ABNORMAL, 0, _story(said, control), True, f"expected the service {expected}, found {after.text}", data)


def _story(said: str, control: Control) -> str:
    return "\n".join(part.strip() for part in (said, control.status().text, control.why()) if part.strip())


def _wait(control: Control, wanted: str, timeout: float) -> Status:
    """Look until the state is reached, cannot be reached any more, or the time is over."""
    until, pause = time.monotonic() + timeout, PAUSE
    while True:
        status = control.status()
        lost = status.word == BROKEN and wanted != "stopped"
        if _reached(status, wanted) or lost or time.monotonic() >= until:
            return status
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)


def _reached(status: Status, wanted: str) -> bool:
    if wanted == "stopped":
        return status.word in (STOPPED, BROKEN)
    return status.word == RUNNING
