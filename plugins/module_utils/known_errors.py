# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which known error a failure is. The patterns are people's own: each is tried in a child that the kernel kills when it takes too long.

An entry is {n, type, event, pattern, action (pause, retry, rollback), retries, steps}; the first in order that matches counts.
"""

from __future__ import annotations

import os
import re
import signal

TYPE_CHECKING = False  # typing takes longer to import than a poll may
if TYPE_CHECKING:
    from typing import Any

    from .step import StepResult

TAIL = 64 << 10  # characters of a failure's text that are looked at: its end
SECONDS = 2.0  # one pattern may take
HANGING = 3  # so many may take too long before the others are not tried any more
REPEATABLE = ("command", "service")  # of those that change a host: its author, or its service manager, knows what a second time means
RETRY = "retry"
TOLD = ("n", "type", "event", "action", "steps")


def find(entries: list[dict[str, Any]], text: str, seconds: float = SECONDS) -> tuple[dict[str, Any] | None, list[str]]:
    """The first entry whose pattern is found in the last TAIL characters, and which patterns could not be tried, with the reason."""
    tail, faults, first = text[-TAIL:], [], 0  # type: tuple[str, list[str], int]
    while first < len(entries):
        if len(faults) >= HANGING:
            faults.append(f"{len(entries) - first} further known errors were not tried")
            break
        reached, found = _tried(entries[first:], tail, seconds)
        if found:
            return entries[first + reached], faults
        if first + reached < len(entries):
            faults.append(f"the pattern of {entries[first + reached].get('type')} took longer than {seconds:g} s: counted as no match")
        first += reached + 1
    return None, faults


def told(entry: dict[str, Any], attempt: int, taken: str) -> dict[str, Any]:
    """A match as the journal tells it: which entry, at which attempt, and `taken`, RETRY where the step is done again."""
    return {**{key: entry.get(key) for key in TOLD}, "attempt": attempt, "taken": taken}


def judged(entries: list[dict[str, Any]], kind: str, result: StepResult, attempt: int) -> dict[str, Any]:
    """What the journal says of an abnormal step: `match` (None: unknown) and what could not be tried (`match_faults`)."""
    entry, faults = find(entries, f"{result.feedback}\n{result.reason}")
    if entry is None:
        return {"match": None, **({"match_faults": faults} if faults else {})}
    taken = ""
    if entry.get("action") == RETRY and attempt <= int(entry.get("retries") or 0):
        taken = RETRY if _repeatable(kind, result) else ""
        faults += [] if taken else [f"a step of type {kind} that may have left something half is not tried again"]
    return {"match": told(entry, attempt, taken), **({"match_faults": faults} if faults else {})}


def repeats(known: dict[str, Any]) -> bool:
    """Whether the step this was said of is to be done again."""
    return (known.get("match") or {}).get("taken") == RETRY


def _repeatable(kind: str, result: StepResult) -> bool:
    """Files half replaced would be kept as the originals at a second attempt: those steps only where they changed nothing."""
    return kind in REPEATABLE or not result.changed


def _tried(entries: list[dict[str, Any]], text: str, seconds: float) -> tuple[int, bool]:
    """How many patterns a child got through, and whether it stopped at one that matches (else: at the end, or it was killed there)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _search(entries, text, seconds, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said.count(b"-"), said.endswith(b"+")


def _search(entries: list[dict[str, Any]], text: str, seconds: float, writer: int) -> None:
    """In the child: one sign for each pattern, "-" no, "+" yes. The alarm ends the process even inside a search."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        for entry in entries:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            hit = _matches(str(entry.get("pattern") or ""), text)
            os.write(writer, b"+" if hit else b"-")
            if hit:
                break
    finally:
        os._exit(0)


def _matches(pattern: str, text: str) -> bool:
    try:
        return bool(pattern) and re.search(pattern, text, re.MULTILINE) is not None
    except (re.error, OverflowError, RecursionError):
        return False
