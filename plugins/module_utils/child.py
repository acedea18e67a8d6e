# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a piece of work in a child process that a clock ends, wherever it is: also inside a regular expression."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from .step import StepFailed, os_reason


def bounded(work: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What `work` returns (plain data). Raises StepFailed for its errors, and when it takes longer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _work(work, seconds, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise StepFailed(f"not done after {seconds:g} s")
    if not said:
        raise StepFailed("ended without a word")
    answer: dict[str, Any] = json.loads(said.decode())
    if "failed" in answer:
        raise StepFailed(str(answer["failed"]))
    return answer


def _work(work: Callable[[], dict[str, Any]], seconds: float, writer: int) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _answer(work)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _answer(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except StepFailed as exc:
        return {"failed": str(exc)}
    except OSError as exc:
        return {"failed": os_reason(exc)}
    except Exception as exc:  # noqa: BLE001 (the parent says it)
        return {"failed": f"{type(exc).__name__}: {exc}"}
