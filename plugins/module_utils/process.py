# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one command: own process group, killed as a group at its timeout, stdout and stderr merged, output bounded."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from .become import Become, BecomeError, become

OUTPUT_LIMIT = 1 << 20  # bytes of output kept: the first and the last half
TIMED_OUT = 124  # as coreutils' timeout says it
NOT_FOUND = 127  # as a shell says it
NOT_EXECUTABLE = 126
KILL_GRACE = 2.0  # seconds between SIGTERM and SIGKILL
DRAIN = 0.2  # seconds we listen on after the command ended: a daemon it left behind may keep the pipe open


@dataclass(frozen=True)
class Completed:
    """How a command ended. `error` says in words why it could not run to its own end ("" when it could)."""

    rc: int
    output: str
    error: str = ""
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.rc == 0 and not self.error


def run(
    argv: Sequence[str],
    run_as: str | None = None,
    timeout: float | None = 300,
    env: dict[str, str] | None = None,
    chdir: str | None = None,
    limit: int = OUTPUT_LIMIT,
    began: Callable[[int], None] | None = None,
) -> Completed:
    """Run argv to its end or its timeout (seconds). Never raises for what the command does; see Completed.error.

    `began` hears the process group as soon as there is one.
    """
    try:
        how = become(list(argv), run_as, {**os.environ, **(env or {})}, sorted(env or {}), timeout)
        started = _start(how, chdir)
    except BecomeError as exc:
        return Completed(NOT_EXECUTABLE, "", str(exc))
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        return _not_started(argv, exc)
    if began is not None:
        began(started.pid)
    output = _Output(limit)
    finished = _follow(started, output, None if timeout is None else time.monotonic() + timeout)
    if not finished:
        note = _kill_group(started)
        return Completed(TIMED_OUT, output.text(), f"timed out after {timeout:g} s{note}", True)
    rc = started.returncode
    text = output.text()
    return Completed(rc, text, _signal_text(rc) or how.complaint(rc, text))


def _start(how: Become, chdir: str | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        how.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=how.env,
        cwd=chdir or None,
        start_new_session=True,
        preexec_fn=how.preexec,  # noqa: PLW1509 (the runner has one thread)
    )


def _not_started(argv: Sequence[str], exc: Exception) -> Completed:
    rc = NOT_FOUND if isinstance(exc, FileNotFoundError) else NOT_EXECUTABLE
    return Completed(rc, "", f"cannot run {argv[0] if argv else ''}: {getattr(exc, 'strerror', None) or exc}")


def _signal_text(rc: int) -> str:
    if rc >= 0:
        return ""
    try:
        return f"killed by {signal.Signals(-rc).name}"
    except ValueError:
        return f"killed by signal {-rc}"


def _follow(started: subprocess.Popen[bytes], output: _Output, until: float | None) -> bool:
    """Collect the output until the command has ended. False when its time is over first."""
    pipe = _pipe(started)
    poller = select.poll()
    poller.register(pipe, select.POLLIN | select.POLLHUP)
    listen_until: float | None = None
    while True:
        now = time.monotonic()
        if until is not None and now >= until and started.poll() is None:
            return False
        if listen_until is None and started.poll() is not None:
            listen_until = now + DRAIN
        if poller.poll(20):
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                pipe.close()
                return _wait(started, until)
            output.add(chunk)
        elif listen_until is not None and now >= listen_until:
            pipe.close()
            return True


def _pipe(started: subprocess.Popen[bytes]) -> IO[bytes]:
    assert started.stdout is not None  # opened with PIPE
    return started.stdout


def _wait(started: subprocess.Popen[bytes], until: float | None) -> bool:
    try:
        started.wait(None if until is None else max(0.0, until - time.monotonic()))
        return True
    except subprocess.TimeoutExpired:
        return False


def _kill_group(started: subprocess.Popen[bytes]) -> str:
    """End the command with everything it started. Returns a remark when that did not work."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(started.pid, number)
        except ProcessLookupError:
            break
        except PermissionError:
            return ", and could not be killed (not permitted)"
        if _wait(started, time.monotonic() + KILL_GRACE) and number == signal.SIGTERM and not _group_alive(started.pid):
            break
    if started.stdout is not None:
        started.stdout.close()
    return "" if started.poll() is not None else ", and could not be killed"


def _group_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
        return True
    except (ProcessLookupError, PermissionError):
        return False


class _Output:
    """Bytes of a command, bounded: the beginning and the end are kept, whole lines where they are cut."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, chunk: bytes) -> None:
        room = self._half - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[max(0, room) :]
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess

    def text(self) -> str:
        if not self._dropped:
            return _decode(bytes(self._head + self._tail))
        # a cut in the middle of a line could halve a secret so that nobody recognises it any more
        head, _newline, lost = bytes(self._head).rpartition(b"\n")
        more, _newline, tail = bytes(self._tail).partition(b"\n")
        dropped = self._dropped + len(lost) + len(more)
        return f"{_decode(head)}\n[… {dropped} bytes left out …]\n{_decode(tail)}"


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def lines(text: str) -> list[str]:
    """Non-empty lines of an output."""
    return [line for line in text.splitlines() if line.strip()]
