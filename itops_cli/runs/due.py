# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops run --due`: starts what is due, a process for each change, and judges all of them by the worst.

No state is kept: the register and the ledgers say what was done. A lock lets one such command at a time look and start.
"""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from datetime import UTC
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, outcome, service_lock
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import due, precedents
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.due import Candidate, Turn
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli import output
from itops_cli.errors import Exit
from itops_cli.runs import signals
from itops_cli.schedule import looking

LOCK = "due"
ENTRY = "schedule"  # how the record says that nobody started it by hand
LOG_SIZE, LOG_FILES = 5 << 20, 4  # bytes, so many older ones are kept
Tell = Callable[[str], None]
ITOPS = (sys.executable, "-c", "from itops_cli.main import main; main()")


@dataclass(frozen=True)
class Wish:
    """What was asked for: at most so many runs at a time, only look, for whom, seconds to wait at random, where to write."""

    most: int = 1
    check: bool = False
    fmt: str = "text"
    jitter: int = 0
    log: Path | None = None


def carry_out(ws: Workspace, wish: Wish) -> int:
    """Start what may be started, and wait for it; the worst exit status, 0 where there was nothing to do."""
    time.sleep(secrets.randbelow(wish.jitter * 1000 + 1) / 1000)
    tell = _teller(wish)
    if wish.check:
        return _report(ws, wish, tell, look(ws), {})
    lock = service_lock.take(ws.records / ".locks", LOCK, {"pid": os.getpid()})
    if isinstance(lock, service_lock.Held):
        tell(f"another itops run --due is at work ({lock.by}), which starts whatever is due")
        return 0
    try:
        return _Starter(ws, wish, tell).to_the_end()
    finally:
        os.close(lock)


@dataclass(frozen=True)
class Seen:
    """What is due here and now with what keeps its changes back, and files that might be a change of it, which nobody can read."""

    turns: Sequence[Turn] = ()
    unreadable: Sequence[str] = ()


def look(ws: Workspace) -> Seen:
    """Raises BadInput for a bad record, Exit 4 for a damaged register."""
    known, found, lines = looking.look(ws)
    return Seen(due.turns(ws, known, found.rows, lines, found.now), due.unreadable(ws, lines))


@dataclass
class _Starter:
    """Runs under way and those that have ended, by change."""

    ws: Workspace
    wish: Wish
    tell: Tell
    ended: dict[str, int] = field(default_factory=dict)
    running: dict[Future[int], Candidate] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    stopped: bool = False
    trouble: int = 0  # the exit status of what kept it from looking again

    def to_the_end(self) -> int:
        """Look again whenever a run has ended: a guard may not hold any more, a window be over."""
        found = look(self.ws)
        with ThreadPoolExecutor(self.wish.most) as pool, signals.handled(self._stop):
            self._start(pool, found)
            while self.running:
                for future in wait(self.running, return_when=FIRST_COMPLETED).done:
                    self.ended[self.running.pop(future).change] = future.result()
                found = self._again()
                self._start(pool, found)
        return _report(self.ws, self.wish, self.tell, found, self.ended, self.trouble)

    def _again(self) -> Seen:
        """What cannot be looked at any more starts nothing, and hides no run that is under way or has ended."""
        try:
            return look(self.ws)
        except (Exit, BadInput, LedgerError, OSError) as error:
            self.tell(f"nothing more is started: {error} → itops run --due --check")
            self.trouble = error.code if isinstance(error, Exit) else outcome.CODES["internal"]
            return Seen()

    def _start(self, pool: ThreadPoolExecutor, found: Seen) -> None:
        busy = [sid for candidate in self.running.values() for sid in candidate.services]
        room = self.wish.most - len(self.running)
        for candidate in due.ready(found.turns, busy, self.processes)[:room]:
            if not self.stopped:
                self.tell(f"{candidate.change}: started, {', '.join(candidate.services)}")
                self.processes[candidate.change] = process = subprocess.Popen(
                    [*ITOPS, "run", candidate.change], env={**os.environ, "ITOPS_WORKSPACE": str(self.ws.root), "ITOPS_ENTRY": ENTRY}, cwd=self.ws.root,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
                )  # fmt: skip
                self.running[pool.submit(self._follow, candidate.change, process)] = candidate

    def _follow(self, change: str, process: subprocess.Popen[str]) -> int:
        """Pass on what it says, line by line; its exit status."""
        with process:
            for line in filter(str.strip, process.stdout or ()):
                self.tell(f"{change}: {line.rstrip()}")
        return process.returncode

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """SIGINT and SIGTERM go to the runs, which stop at their next step boundary; nothing more is started."""
        self.stopped = True
        for process in self.processes.values():
            process.send_signal(number)  # of one that has ended this does nothing


def _teller(wish: Wish) -> Tell:
    """Where progress goes: the log file with its times where there is one, else the terminal; beside JSON standard error."""
    if wish.log is None:
        return partial(_print, err=wish.fmt == "json")
    wish.log.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(wish.log, maxBytes=LOG_SIZE, backupCount=LOG_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger(f"itops.due.{wish.log}")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    return log.info


def _print(line: str, err: bool = False) -> None:
    with output.unheard():
        click.echo(line, err=err)


def _report(ws: Workspace, wish: Wish, tell: Tell, found: Seen, ended: dict[str, int], trouble: int = 0) -> int:
    """The last word: what was started and how it ended, what waits and why. With a log only a failure is printed, so that cron mails nothing else."""
    code = outcome.worst([*ended.values(), trouble, *(outcome.CODES["bad_input"] for _file in found.unreadable)])
    lines = list(_lines(found, ended, wish.check))
    if wish.log:
        for line in lines:
            tell(line)
    if wish.fmt == "json":
        data = {
            "exit": code,
            "runs": [_run(ws, change, ended[change]) for change in ended],
            "due": [_data(turn, ended) for turn in found.turns],
            "unreadable": found.unreadable,
        }
        output.emit(data, wish.fmt, "")
    elif code or not wish.log:
        _print("\n".join([*lines, *([f"log: {wish.log}"] if wish.log else [])]))
    return code


def _lines(found: Seen, ended: dict[str, int], check: bool) -> Iterator[str]:
    for change, code in ended.items():
        yield f"{change}: {outcome.describe(code)}" + (f" → itops record show {change}" if code else "")
    starting = {candidate.change for candidate in due.ready(found.turns)} - set(ended)
    yield from (f"{fault}: could be a change of any service → itops change lint" for fault in found.unreadable)
    for turn in found.turns:
        yield f"{turn.service}: {turn.due.state.replace('_', ' ')}, {_at(turn)}" + (f": no change → {turn.next}" if turn.next else "")
        for candidate in (candidate for candidate in turn.candidates if candidate.change not in ended):
            if candidate.change in starting:
                yield f"  {candidate.change}: {'would be started' if check else 'may be started → itops run --due'}"
            else:
                yield from (f"  {candidate.change}: {why}" for why in candidate.hindrances or ["after another change of its services"])
    if not found.turns and not ended:
        yield "nothing is due"


def _at(turn: Turn) -> str:
    at = turn.due.at
    return "" if at is None else calendar.printed(at, at.tzinfo or UTC, turn.due.whole_day)


def _run(ws: Workspace, change: str, code: int) -> dict[str, Any]:
    try:
        begun = list(precedents.begun(Ledger(ws.record_dir(change), change).events()))
    except LedgerError:  # its exit status says so
        begun = []
    return {"change": change, "run": begun[-1] if begun else None, "exit": code, "meaning": outcome.describe(code)}


def _data(turn: Turn, ended: dict[str, int]) -> dict[str, Any]:
    at = turn.due.at.isoformat(timespec="seconds") if turn.due.at else None
    candidates = [asdict(candidate) for candidate in turn.candidates if candidate.change not in ended]
    return {"service": turn.service, "at": at, "state": turn.due.state, "changes": candidates, "next": turn.next or None}
