# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops watch CHANGE`: a second pair of eyes. Follows a run from its ledger, writes nothing, and cannot disturb it."""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, report, run, service_lock, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.completing import CHANGE
from itops_cli.errors import Exit, say
from itops_cli.runs import live

POLL = 0.2  # seconds between two looks
SILENCE = 15  # seconds without an event until the runner's lock is looked at


@click.command("watch")
@click.argument("change", type=CHANGE)
@click.option("--wait", is_flag=True, help="Wait for a run to begin where none is going on.")
@click.option("--from-start", is_flag=True, help="Show what has happened in this run so far, too.")
@click.option(
    "--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For a person, or one event a line for a program."
)
def command(change: str, wait: bool, from_start: bool, fmt: str) -> None:
    """Follow a run live from another terminal: every step, every question and its answer.

    Ends by itself with the run, and with its exit status; 5 where its controller is gone, 3 where no run is going on. Ctrl-C ends only the watching.

    Example: itops watch CHG-20261123-01 --from-start
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where whoever started us ignores it
    ws = workspace.find()
    change_file.find(ws, change)
    raise Exit(_Watch(ws, change, fmt).follow(wait, from_start))


@dataclass
class _Watch:
    """One change, watched."""

    ws: Workspace
    change: str
    fmt: str
    seen: int = 0

    def follow(self, wait: bool, from_start: bool) -> int:
        """To the end of the run; its exit status."""
        ledger = Ledger(self.ws.record_dir(self.change), self.change)
        run_id = self._find(ledger, wait)
        began = next(event.seq for event in ledger.events() if event.run == run_id)
        self.seen = began - 1 if from_start else max(event.seq for event in ledger.events())
        heard, told = time.monotonic(), False
        while True:
            for event in ledger.events(self.seen):
                self.seen, heard, told = event.seq, time.monotonic(), False
                if event.run == run_id:
                    self._show(event)
                if event.run == run_id and event.kind == "run_closed":
                    return self._end(int(event.data["exit"]))
            if not told and time.monotonic() - heard > SILENCE:
                told = True
                if not service_lock.is_held(self.ws.records / ".locks", f"change-{self.change}"):
                    say(
                        f"{self.change}: the controller of run {run_id} is gone → itops doctor; then itops resume {self.change} or itops rollback {self.change}"
                    )
                    return outcome.CODES["unhealthy"]
                self._still(ledger.events(), run_id)
            time.sleep(POLL)

    def _find(self, ledger: Ledger, wait: bool) -> str:
        """The run that is going on. Raises Exit 3 where there is none and nobody wants to wait."""
        told = False
        while True:
            going = run.open_runs(ledger.events())
            if going:
                return going[-1]
            if not wait:
                raise Exit(outcome.REFUSED, f"no run of {self.change} is going on → itops record show {self.change}, or itops watch {self.change} --wait")
            if not told:
                say(f"waiting for a run of {self.change} …")
                told = True
            time.sleep(POLL)

    def _show(self, event: Event) -> None:
        if self.fmt == "json":
            click.echo(json.dumps(event.as_dict(), ensure_ascii=False))
            return
        if text := live.line(event) or _asked(event):
            click.echo(text)

    def _still(self, events: list[Event], run_id: str) -> None:
        """On a terminal: what it is waiting for."""
        last = next((event for event in reversed(events) if event.run == run_id and event.kind in ("step_started", "confirmation_requested")), None)
        if last and self.fmt == "text" and sys.stdout.isatty():
            what = last.data.get("title") or "a person's answer"
            click.echo(f"… {last.host} still at: {report.visible(str(what))}")

    def _end(self, status: int) -> int:
        if self.fmt == "text":
            click.echo(f"\n{outcome.describe(status)}\nnext: itops record show {self.change}")
        return status


def _asked(event: Event) -> str:
    """Questions and answers: whoever watches is not asked, and sees who was."""
    data: dict[str, Any] = event.data
    if event.kind == "confirmation_requested":
        return report.visible(f"{event.at[11:19]}  {event.host}  asked: {data['question']} [{'/'.join(data['choices'])}]")
    if event.kind == "confirmation_given":
        return report.visible(
            f"{event.at[11:19]}  {event.host}  answered: {data['answer']} by {data['by']}" + (f": {data['reason']}" if data.get("reason") else "")
        )
    return ""
