# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workspace: its files, folders and ledgers."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, ledger, policy, progress, register, run, service_lock
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import watched
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.checkup import ERROR, NOTE, OK, WARNING, Sign, judged

LEAST, LITTLE = 100 << 20, 1 << 30  # bytes of free space: below the first nothing can be recorded safely, below the second soon
AHEAD = timedelta(minutes=5)  # so far an event may lie in the future before the clock is doubted
NTH = 3  # problems shown


def records(ws: Workspace) -> Iterator[Sign]:
    """Whether services, people, policy and register are as they should be."""
    for name, found, remedy in (("catalogue", catalogue.load(ws).problems, "itops lint"), ("policy", policy.read(ws)[1], "itops lint")):
        bad = errors(found)
        yield judged(name, not bad, "clean", f"{len(bad)} errors: {'; '.join(map(str, bad[:NTH]))}", remedy)
    wrong = register.verify(ws.records)
    yield judged("register", not wrong, "verifies", "; ".join(map(str, wrong[:NTH])), "itops record verify")


def folders(ws: Workspace) -> Iterator[Sign]:
    """Records, patches and facts can be written, by us and not by everybody."""
    for name, folder in (("records", ws.records), ("staging", ws.staging), ("facts", ws.facts)):
        if isinstance(folder, Entry):
            yield from _store(ws, folder)
            continue
        there = _existing(folder)
        why = _unwritable(there)
        yield judged(name, not why, f"{folder} can be written", f"{there}: {why}", f"chown or chmod {there}, or set {name}: in itops.yml")
        if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & stat.S_IWOTH:
            yield Sign(name, ERROR, f"{folder} can be written by everybody: no record in it proves anything", f"chmod o-w {folder}")
        yield from _space(name, there)


def _store(ws: Workspace, kept: Entry) -> Iterator[Sign]:
    """Whether the database answers, and whether our role may do no more than add."""
    role, owner = kept.database.owner()
    yield Sign("records", OK, f"{kept} answers, as {role}", "")
    if owner:
        said = f"{role} owns the tables of {kept}, or may change lines: the database does not keep it from taking the guard off"
        yield Sign("records", WARNING, said, "itops record prepare --writer ROLE, and connect as ROLE")
    left = place.changes(ws.root / "records")
    if left:
        yield Sign("records", WARNING, f"{len(left)} records lie in {ws.root / 'records'}, where nobody looks", "itops record push records")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above that is there: a run makes the rest."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _unwritable(folder: Path) -> str:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".itops-doctor-") as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _space(name: str, folder: Path) -> Iterator[Sign]:
    free = shutil.disk_usage(folder).free
    severity = ERROR if free < LEAST else WARNING if free < LITTLE else OK
    yield Sign("disk", severity, f"{name}: {free >> 20} MiB free on the disk of {folder}", f"make room below {folder}" if severity != OK else "")


def ledgers(ws: Workspace) -> Iterator[Sign]:
    """Records that were left open, runs under way, and events from the future."""
    now = datetime.now(UTC)
    for name in ws.recorded():
        try:
            events = ledger.Ledger(ws.record_dir(name), name).events()
        except (ledger.LedgerError, OSError) as error:
            yield Sign("ledger", ERROR, str(error), f"itops record verify {name}", change=name)
            continue
        yield from _open(ws, name, events)
        yield from _silent(ws, name, events)
        last = max((_moment(event.at) for event in events), default=now)
        if last > now + AHEAD:
            yield Sign("clock", ERROR, f"the last event is of {last:%Y-%m-%dT%H:%M:%SZ}, which is still to come", "set the clock right", change=name)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _open(ws: Workspace, change: str, events: list[ledger.Event]) -> Iterator[Sign]:
    running = service_lock.is_held(ws.records / ".locks", f"change-{change}")
    for left in run.open_runs(events):
        hosts = [f"{state.host} {'/'.join(state.running)}" for state in progress.hosts(events).values() if state.running]
        message = f"the record is open{'; on the hosts: ' + ', '.join(hosts) if hosts else ''}"
        if running:
            yield Sign("open_record", NOTE, f"is being carried out now; {message}", f"itops watch {change}", change, left)
        else:
            yield Sign("open_record", ERROR, f"its controller is gone; {message}", f"itops resume {change}, or itops rollback {change}", change, left)


def _silent(ws: Workspace, change: str, events: list[ledger.Event]) -> Iterator[Sign]:
    """Silences of runs that are over; what cannot be lifted now ends by itself."""
    for event in () if service_lock.is_held(ws.records / ".locks", f"change-{change}") else watched.left(events, datetime.now(UTC)):
        message = f"{event.data['service']}: {event.data['monitor']} is silent until {event.data['until']}, and no run is alive"
        remedy = f"itops resume {change} or itops rollback {change} lifts silence {event.data['silence']}, or lift it there"
        yield Sign("silence", WARNING, message, remedy, change, event.run)


def locks(ws: Workspace) -> Iterator[Sign]:
    """Locks of services that somebody holds now. One whose holder died is free by itself, so none is ever stale."""
    for name in service_lock.held(ws.records / ".locks", "service-"):
        yield Sign("lock", NOTE, f"{name.removeprefix('service-')} is being maintained now", "itops doctor, or wait")
