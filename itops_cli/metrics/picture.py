# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the metrics are made of, read from the workspace once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, register, run, run_history, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import view
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.view import Capacity
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import register as documents_register
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.run_history import Backup, Counts
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.catalogue.status import world
from itops_cli.records import verified
from itops_cli.records.verified import Verified


@dataclass(frozen=True)
class Picture:
    """Every number is of `status.now`; None is what nobody knows, and is not exported."""

    status: Status
    capacity: Sequence[Capacity]  # one for each row of the status
    counts: Counts
    backouts: Mapping[str, str]  # service -> how its last run went back
    backups: Mapping[tuple[str, str], Backup]  # (service, host)
    phases: Mapping[tuple[str, str], float]  # (service, phase) of its last run, seconds
    open_records: int
    reviews_overdue: int | None  # of documents; None where one cannot be read
    verified: Verified | None


def read(ws: Workspace) -> Picture:
    """Raises BadInput where records are wrong, Exit where the register is damaged, LedgerError where a ledger cannot be read."""
    known = catalogue.load(ws).required()
    found = status.roll_up(world(ws, known))
    lines = register.read(ws.records)
    books = _Books(ws)
    changes = run_history.newest_changes(lines)
    return Picture(
        status=found,
        capacity=[view.of(found, row, ws.facts) for row in found.rows],
        counts=run_history.counts(lines),
        backouts={sid: str(line.get("backout")) for line in run_history.carried_out(lines) for sid in line["services"] if sid in known.services},
        backups={key: made for sid in known.services for key, made in _backups(books, sid, changes.get(sid, [])).items()},
        phases={key: seconds for sid in known.services for key, seconds in _phases(books, sid, changes.get(sid, [])).items()},
        open_records=len(run.left_open(ws.records)),
        reviews_overdue=_reviews(ws, found.now),
        verified=verified.last(ws),
    )


def _reviews(ws: Workspace, now: datetime) -> int | None:
    documents, problems = documents_register.load(ws)
    today = now.astimezone(ZoneInfo(ws.timezone)).date()
    return None if errors(problems) else documents_register.overdue_reviews(documents, today)


class _Books:
    """Ledgers, each read once."""

    def __init__(self, ws: Workspace):
        self._ws = ws
        self._read: dict[str, list[Event]] = {}

    def events(self, change: str) -> list[Event]:
        if change not in self._read:
            self._read[change] = Ledger(self._ws.record_dir(change), change).events()
        return self._read[change]


def _backups(books: _Books, sid: str, changes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Backup]:
    """Of the newest change that has some."""
    for change, _run in changes:
        if made := run_history.backups(books.events(change), sid):
            return {(sid, host): backup for host, backup in made.items()}
    return {}


def _phases(books: _Books, sid: str, changes: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    found = run_history.phases(books.events(changes[0][0]), changes[0][1]) if changes else {}
    return {(sid, phase): seconds for phase, seconds in found.items()}
