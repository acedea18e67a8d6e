# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run from the command line: starts the playbook, shows the ledger as it grows, answers, stops, and judges the outcome."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import click
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import answers, outcome, record, report, run
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import watched
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli import output, runner
from itops_cli.errors import Exit, say
from itops_cli.runs import live, signals

CHECKED = "检查通过，未执行 / everything looked at holds, nothing was changed (exit 0)"
POLL = 0.2  # seconds between two looks at the ledger


@dataclass
class Execution:
    """What was asked for on the command line."""

    ws: Workspace
    change: str
    verb: str  # run | resume | rollback
    playbook: str
    limit: str | None = None
    check: bool = False
    fmt: str = "text"
    answers: list[tuple[str, str]] | None = None  # each with its reason
    invocation: str = field(default_factory=lambda: secrets.token_hex(8))
    seen: int = 0
    run_id: str = ""
    stop: int = 0  # a signal that asks to stop and is not in the ledger yet
    asking: bool = False
    blind: bool = False  # the ledger could not be read; said once

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.ws.record_dir(self.change), self.change)

    def carry_out(self) -> int:
        """Run to the end; the documented exit status of the outcome. Raises BadInput where there is no such change."""
        change_file.services_of(change_file.find(self.ws, self.change))
        ledger = self.ledger
        if run.is_closed(ledger.events()):
            raise Exit(outcome.REFUSED, f"{self.change} is closed, its record is not changed any more → itops change new --from {self.change}")
        self.seen = max((event.seq for event in ledger.events()), default=0)
        started = runner.start(self.ws, self.playbook, self._extra(), self.check, self._environment())
        with signals.handled(self._stop):
            while started.alive():
                self._look(ledger)
                time.sleep(POLL)
        code = started.finish()
        self._turn(ledger)
        return self._judge(ledger, code, started.last_lines())

    def _look(self, ledger: Ledger) -> None:
        """While it runs: a store that cannot be reached ends the run by itself, at a step boundary. Ending here would kill it."""
        try:
            self._turn(ledger)
        except LedgerError as error:
            if not self.blind:
                say(f"{error}: the run stops where its record can no longer be written")
            self.blind = True

    def _turn(self, ledger: Ledger) -> None:
        if self.stop and self.run_id:
            self._note_stop(ledger)
        for event in ledger.events(self.seen):
            self.seen = event.seq
            if event.kind == "run_opened" and event.data.get("invocation") == self.invocation:
                self.run_id = event.run
            if not self.run_id or event.run != self.run_id:
                continue
            if self.fmt == "text" and live.line(event):
                with output.unheard():
                    click.echo(live.line(event))
            if event.kind == "confirmation_requested":
                self._answer(ledger, event)

    def _answer(self, ledger: Ledger, event: Event) -> None:
        choices = list(event.data["choices"])
        if self.answers is None:
            given, reason, channel = *self._typed(f"{event.host}: {report.visible(event.data['question'])}\n", choices), "cli"
        else:
            given, reason, channel = *(self.answers.pop(0) if self.answers else (answers.STOP, "")), "answers-file"
        if given not in choices:
            reason = f"not an answer: {given or 'interrupted, or end of input'}"
        data = {"token": event.data["token"], "answer": given if given in choices else "stop", "by": identity.account(), "channel": channel, "reason": reason}
        ledger.append("confirmation_given", data, run=event.run, host=event.host, phase=event.phase, actor=identity.account())

    def _typed(self, question: str, choices: list[str]) -> tuple[str, str]:
        """What is typed, with its reason where one is needed; nothing where Ctrl-C, Ctrl-D or a terminal that went away came instead."""
        answer = self._prompt(question, click.Choice(choices))
        reason = self._prompt(f"{answer}: 原因 / why", None) if answer in answers.NEEDS_REASON else ""
        return ("" if answers.lacks_reason(answer, reason) else answer), reason

    def _prompt(self, question: str, kind: click.Choice[str] | None) -> str:
        self.asking = True
        try:
            return str(click.prompt(question, type=kind, default=None))
        except (click.Abort, OSError):
            return ""
        finally:
            self.asking = False

    def _judge(self, ledger: Ledger, code: int, tail: list[str]) -> int:
        events = ledger.events()
        mine = [event for event in events if event.run == self.run_id] if self.run_id else []
        closed = next((event for event in mine if event.kind == "run_closed"), None)
        if closed is None:
            return self._unclosed(code, tail)
        folded = record.fold(events)
        status = int(closed.data["exit"])
        verdict = CHECKED if self.check and status == 0 else outcome.describe(status)
        papers = [str(ledger.directory / name) for name in ("record.zh_CN.md", "record.en.md")]
        with output.unheard():
            output.emit({"run": self.run_id, "exit": status, "record": folded}, self.fmt, "\n".join(["", verdict, *papers, self._next(status, events)]))
        return status

    def _unclosed(self, code: int, tail: list[str]) -> int:
        for text in tail[-20:]:
            say(text)
        if not self.run_id:
            raise Exit(outcome.RECORD_LOST, f"no record was opened, nothing was changed (ansible ended with {code}) → itops lint, then itops doctor")
        raise Exit(
            outcome.RECORD_LOST,
            f"run {self.run_id} ended without closing its record → itops doctor; then itops resume {self.change} or itops rollback {self.change}",
        )

    def _next(self, status: int, events: list[Event]) -> str:
        if status == 0:
            words = [f"itops {'run' if self.check else 'record verify'} {self.change}"]
        else:
            words = [f"itops record show {self.change}", *([f"itops rollback {self.change}"] if status in outcome.NEEDS_ROLLBACK else [])]
        if watched.alarmed(events):
            words.append(f"when the alerts have cleared, look again: itops resume {self.change}")
        if services := watched.by_hand(events):
            words.append(f"watch {', '.join(services)}, no monitor does, and say what you see: itops change observe {self.change} --remark …")
        return f"next: {'; '.join(words)}"

    def _extra(self) -> dict[str, str]:
        return {"change": self.change, "verb": self.verb, "itops_limit": self.limit or ""}

    def _environment(self) -> dict[str, str]:
        asks = "answers" if self.answers is not None else "cli" if sys.stdin.isatty() else ""
        return {"ITOPS_ENTRY": os.environ.get("ITOPS_ENTRY") or "cli", run.INVOCATION_VARIABLE: self.invocation, run.CONFIRM_VARIABLE: asks}

    def _note_stop(self, ledger: Ledger) -> None:
        number, self.stop = self.stop, 0
        try:
            by = identity.account()
            ledger.append("cancel_requested", {"signal": signal.Signals(number).name, "by": by}, run=self.run_id, actor=by, sync=True)
        except (LedgerError, OSError) as error:
            say(f"the wish to stop could not be recorded: {error}")

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        """SIGINT and SIGTERM become an event; the run stops at the next step boundary, nothing is killed. A question ends unanswered."""
        self.stop = number
        if self.asking:
            raise KeyboardInterrupt


def read_answers(path: str | None) -> list[tuple[str, str]] | None:
    """A rehearsal's answers with their reasons: a YAML list of words, or of {answer: skip, reason: …}. Raises Exit 2 where it is not one."""
    if path is None:
        return None
    try:
        given: Any = yaml.safe_load(Path(path).read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Exit(2, f"{path}: cannot be read: {error}") from None
    if not isinstance(given, list):
        raise Exit(2, f"{path}: not a list of answers, such as [continue, {{answer: skip, reason: …}}, stop]")
    pairs = [(str(item.get("answer")), str(item.get("reason") or "")) if isinstance(item, dict) else (str(item), "") for item in given]
    bare = [(number, word) for number, (word, why) in enumerate(pairs, 1) if answers.lacks_reason(word, why)]
    if bare:
        raise Exit(2, "\n".join(f"{path}: answer {number}: {word} needs a reason: {{answer: {word}, reason: …}}" for number, word in bare))
    return pairs
