# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a segment: one step after the other, each judged, each in the journal before it begins and after it ended.

An unattended segment that goes wrong goes its way back at once, whether or not anybody is still connected.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from . import clock, confirmation, known_errors, marks, way_back
from .cancel import Cancel
from .dispatch import execute
from .journal import Journal, JournalError
from .step import SKIPPED, Context, StepResult
from .trim import shown

FULL = "the disk is full, the journal lives on its reserve"
RETRY_PAUSE = 1.0  # seconds before a step is tried again


@dataclass(frozen=True)
class Stop:
    """Why the steps did not go on: at which step, and whether somebody wanted it so."""

    step: str
    message: str
    cancelled: bool = False


class Run:
    """One execution of one segment."""

    def __init__(self, ctx: Context, journal: Journal, cancel: Cancel) -> None:
        self.ctx = ctx
        self.segment = ctx.segment
        self._journal = journal
        self.cancel = cancel
        self._changed = False
        self._outcomes: list[tuple[dict[str, Any], StepResult]] = []
        self._began = time.monotonic()

    def begin(self) -> None:
        """The first line. Raises JournalError: then nothing may follow."""
        self._line("segment_started", detached=bool(self.segment.get("detach")), pid=os.getpid(),
                   journal=str(self.ctx.segment_dir / "journal.jsonl"))  # fmt: skip

    def go(self) -> str:
        """All steps, the confirmation, the way back if needed. Returns the segment's result."""
        self.ctx.marks = marks.at_begin(self.ctx)
        stop = self._forward()
        if stop is None and self.segment.get("confirm_within_s"):
            stop = self._confirmation()
        if self.segment.get("phase") == "rollback":
            return self._end_of_rollback(stop)
        if stop is None:
            return self._end("done")
        if self._goes_back(stop):
            return self._back(stop)
        return self._end("cancelled" if stop.cancelled else "abnormal", stop)

    def close(self) -> None:
        """After the last line."""
        self._journal.close()

    def _forward(self) -> Stop | None:
        persistent = self._is_unattended_rollback()
        first: Stop | None = None
        for step in self.segment.get("steps") or []:
            stop = self._may_begin(step) or self._one(step, self._outcomes)
            if stop is not None and (stop.cancelled or not persistent):
                return stop
            first = first or stop
        return first

    def _is_unattended_rollback(self) -> bool:
        """Then every step is tried: a service half back is better than one that is not."""
        return self.segment.get("phase") == "rollback" and bool(self.segment.get("unattended"))

    def _may_begin(self, step: dict[str, Any]) -> Stop | None:
        wanted = self.cancel.requested()
        if wanted is not None:
            return self._cancelled(wanted, str(step.get("id")))
        deadline = self.segment.get("deadline")
        expected = float(step.get("expected_s") or 0)
        if deadline is not None and self.segment.get("phase") != "rollback" and time.time() + expected > float(deadline):
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(float(deadline)))
            return Stop(str(step.get("id")), "step not begun: the window ends at {}, it takes about {:.0f} s".format(ends, expected))
        return None

    def _cancelled(self, wanted: dict[str, Any], step: str) -> Stop:
        self._try_line("cancel_requested", **wanted)
        return Stop(step, f"cancelled before step {step}" if step else "cancelled while waiting to be confirmed", True)

    def _one(self, step: dict[str, Any], outcomes: list[tuple[dict[str, Any], StepResult]], must_write: bool = True) -> Stop | None:
        """The step, and again as often as a known error allows; only its last attempt counts."""
        attempt = 1
        while True:
            again, stop = self._attempt(step, outcomes, must_write, attempt)
            if not again:
                return stop
            time.sleep(RETRY_PAUSE)
            attempt += 1
            forbidden = self._may_begin(step) if must_write else None
            if forbidden is not None:
                return forbidden
            outcomes.pop()

    def _attempt(self, step: dict[str, Any], outcomes: list[tuple[dict[str, Any], StepResult]], must_write: bool, attempt: int) -> tuple[bool, Stop | None]:
        """One attempt: whether it is to be repeated, and why the steps do not go on after it."""
        name = str(step.get("id"))
        facts = {key: step.get(key) for key in ("seq", "kind", "type", "title", "display", "run_as")}
        where = {
            "segment": self.segment["segment"],
            "step": name,
            **facts,
            "attempt": attempt,
            "phase": step.get("phase") or self.segment.get("phase"),
        }
        try:
            self._journal.append("step_started", **where)
        except JournalError as exc:
            if must_write:
                return False, Stop(name, f"step not begun: {exc}")
        if must_write and self._on_reserve():
            self._finished(where, StepResult(SKIPPED, reason=FULL), {})
            return False, Stop(name, f"step not begun: {FULL}")
        self.ctx.marks = marks.before_step(self.ctx, step)
        started, clock_began = clock.now(), time.monotonic()
        result = execute(self.ctx, step)
        outcomes.append((step, result))
        self._changed = self._changed or result.changed
        end = {"started": started, "ended": clock.now(), "duration_ms": clock.since_ms(clock_began)}
        known = {} if result.ok else known_errors.judged(self.segment.get("known_errors") or [], str(step.get("type")), result, attempt)
        lost = self._finished(where, result, {**end, **known})
        if not result.ok:
            return not lost and not self._on_reserve() and known_errors.repeats(known), Stop(name, result.reason)
        lost = lost or (FULL if self._on_reserve() else "")
        return False, Stop(name, lost) if lost and must_write else None

    def _on_reserve(self) -> bool:
        """Whether what is left of the disk belongs to the end of the story. A way back may use it."""
        return self._journal.full and self.segment.get("phase") != "rollback"

    def _finished(self, where: dict[str, Any], result: StepResult, end: dict[str, Any]) -> str:
        limit = int(self.segment.get("journal_evidence_limit") or 0)
        said = shown(result.feedback, limit, self._journal.redact, result.output)
        facts = {
            "result": result.result,
            "rc": result.rc,
            "changed": result.changed,
            "reason": result.reason,
            "data": result.data,
        }
        try:
            self._journal.append("step_finished", **{**where, **facts, **end, **said})
            if self.segment.get("phase") == "backup" and result.ok and {"archive", "sha256"} <= result.data.keys():
                self._journal.append("backup_made", **{**result.data, "phase": "backup"})
        except JournalError as exc:
            return str(exc)
        return ""

    def _confirmation(self) -> Stop | None:
        seconds = int(self.segment["confirm_within_s"])
        self._try_line("confirm_wait", within_s=seconds, until=int(time.time()) + seconds)
        answer = confirmation.wait(self.ctx.segment_dir, seconds, self.cancel)
        if answer == confirmation.CONFIRMED:
            return None
        if answer == confirmation.CANCELLED:
            return self._cancelled(self.cancel.requested() or {}, "")
        return Stop("", f"not confirmed in time ({seconds} s)")

    def _goes_back(self, stop: Stop) -> bool:
        if not self.segment.get("unattended") or not (self.segment.get("rollback") or {}).get("steps"):
            return False
        return self._changed or not stop.cancelled

    def _back(self, stop: Stop) -> str:
        """Every step of the way back, also after one of them failed; the first error stays the headline."""
        self.ctx.marks = marks.at_rollback(self.ctx)
        outcomes: list[tuple[dict[str, Any], StepResult]] = []
        for step in self.segment["rollback"]["steps"]:
            self._one(step, outcomes, must_write=False)
        result, second = way_back.verdict(outcomes)
        return self._end(result, stop, second)

    def _end_of_rollback(self, stop: Stop | None) -> str:
        if stop is not None and stop.cancelled:
            return self._end("cancelled", stop)
        result, why = way_back.verdict(self._outcomes)
        if stop is not None and result == way_back.ROLLED_BACK:
            result = way_back.FAILED  # a step that was never begun
        return self._end(result, stop or Stop("", why))

    def _end(self, result: str, stop: Stop | None = None, second: str = "") -> str:
        self._closing(result)
        message = stop.message if stop else ""
        if second:
            message = f"{message}; way back: {second}"
        self._try_line("segment_finished", result=result, changed=self._changed, step=stop.step if stop else "",
                       message=message, duration_ms=clock.since_ms(self._began))  # fmt: skip
        return result

    def _closing(self, result: str) -> None:
        """What is gathered at the end, however it went; it decides nothing."""
        closing = self.segment.get("closing") or {}
        if result != "done" or closing.get("when_done"):
            for step in closing.get("steps") or []:
                self._one(step, [], must_write=False)

    def _line(self, event: str, **data: Any) -> None:
        self._journal.append(event, segment=self.segment["segment"], phase=self.segment.get("phase"), **data)

    def _try_line(self, event: str, **data: Any) -> None:
        try:
            self._line(event, **data)
        except JournalError:
            pass  # nothing can be written any more: then `state` says interrupted, which is the truth
