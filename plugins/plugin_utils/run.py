# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a change: its id, how its record is opened, and the proof that it was."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import service_lock
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger, LedgerError, parse
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

RUN_VARIABLE = "ITOPS_RUN"  # set in the process of the callback, inherited by every worker it forks
CONFIRM_VARIABLE = "ITOPS_CONFIRM"  # "ledger": the command line answers confirmations; "answers": from a file
AWX_VARIABLES = ("JOB_ID", "INVENTORY_ID", "PROJECT_REVISION", "AWX_HOST")
INVOCATION_VARIABLE = "ITOPS_INVOCATION"  # lets a caller find its own run among others
TESTED_LOCKS = "locks"


def new_id(now: datetime | None = None) -> str:
    """R<UTC time>-<4 hex>: sorts by time, never the same twice."""
    return f"R{stamp(now)}-{secrets.token_hex(2)}"


def stamp(now: datetime | None = None) -> str:
    """UTC time as the backup's naming rule writes it."""
    return (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def stamp_of(run_id: str) -> str:
    """The time in a run's id."""
    return run_id[1:].split("-", maxsplit=1)[0]


@dataclass
class OpenRun:
    """A run whose record is open. The locks live as long as this object's process."""

    id: str
    ledger: Ledger
    held: list[int] = field(default_factory=list)


def open_run(ws: Workspace, change: str, services: Iterable[str], about: Mapping[str, Any]) -> OpenRun:
    """Take the locks, append `run_opened` and make the run known to this process's workers.

    Raises LedgerError or OSError where the record cannot be written: no record, no maintenance.
    """
    run = OpenRun(new_id(), Ledger(ws.record_dir(change), change))
    if is_closed(run.ledger.events()):
        raise LedgerError(f"{change} is closed, its record is not changed any more → itops change new, or itops record correct {change}")
    taken = {}
    for name in (f"change-{change}", *(f"service-{sid}" for sid in services)):
        lock = service_lock.take(ws.records / ".locks", name, {"change": change, "run": run.id, "pid": os.getpid()})
        taken[name] = f"held: {lock.by}" if isinstance(lock, service_lock.Held) else "taken"
        if isinstance(lock, int):
            run.held.append(lock)
    data = {**_who(), **about, "change": change, "pid": os.getpid(), TESTED_LOCKS: taken}
    run.ledger.append("run_opened", data, run=run.id, phase="gate", actor=data["user"], sync=True)
    os.environ[RUN_VARIABLE] = run.id
    return run


def _who() -> dict[str, Any]:
    """Where and as whom this process runs; AWX's own ids where it is AWX."""
    awx = {name: os.environ[name] for name in AWX_VARIABLES if os.environ.get(name)}
    try:
        user = identity.account()
    except OSError:
        user = f"uid:{os.getuid()}"
    return {
        "controller": socket.gethostname(),
        "user": user,
        "awx": awx,
        "entry": os.environ.get("ITOPS_ENTRY") or ("awx" if awx else "ansible-playbook"),
        "invocation": os.environ.get(INVOCATION_VARIABLE, ""),
    }


def opened(events: Iterable[Event], run: str) -> Event | None:
    """The `run_opened` event of this run."""
    return next((e for e in events if e.kind == "run_opened" and e.run == run), None)


def verb(events: Iterable[Event], run: str) -> str:
    """What this run is for: run, resume, rollback, backup, patch or verify."""
    event = opened(events, run)
    return str(event.data.get("argv_verb", "run")) if event else "run"


def planned(events: Iterable[Event]) -> Event | None:
    """The last `planned` event: what is being executed."""
    found = None
    for event in events:
        found = event if event.kind == "planned" else found
    return found


def authorised(events: Iterable[Event]) -> set[str]:
    """Runs whose gate let them change hosts."""
    return {event.run for event in events if event.kind == "gate" and not event.host and event.data.get("authorised")}


def is_closed(events: Iterable[Event]) -> bool:
    """Whether a person has closed this change for good."""
    return any(event.kind == "decided" and event.data.get("decision") == "close" for event in events)


def open_runs(events: Iterable[Event]) -> list[str]:
    """Runs that were opened and never closed, oldest first."""
    state: dict[str, bool] = {}
    for event in events:
        if event.kind == "run_opened":
            state[event.run] = True
        elif event.kind == "run_closed":
            state[event.run] = False
    return [run for run, is_open in state.items() if is_open]


def left_open(records: Place) -> list[str]:
    """Changes of which a run was opened and never closed. Raises OSError or LedgerError."""
    return [change for change, lines in place.of_runs(records) if open_runs(filter(None, map(parse, lines)))]
