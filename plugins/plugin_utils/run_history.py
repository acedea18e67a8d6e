# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the register and the newest ledgers tell of each service's runs: how often, how long, with what backups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

WORKS = (*status.MAINTAINS, status.UNDOES)
LOOKS_BACK = 5  # newest changes of a service that are searched for a backup

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Backup:
    """The newest archive of one service on one host; `size` in bytes."""

    at: datetime
    size: int
    verified: bool


@dataclass(frozen=True)
class Counts:
    """How often runs of a service ended so: by (service, result) and, where it went back, by (service, backout)."""

    results: Mapping[tuple[str, str], int]
    backouts: Mapping[tuple[str, str], int]


def carried_out(lines: Iterable[Line]) -> Iterator[Line]:
    """The register's lines of runs that were no rehearsal and not refused."""
    return (line for line in lines if line.get("verb", WORKS[0]) in WORKS and not line.get("check") and line.get("exit") != outcome.REFUSED)


def counts(lines: Iterable[Line]) -> Counts:
    results, backouts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for line in carried_out(lines):
        for sid in line["services"]:
            results[sid, str(line.get("result"))] += 1
            if line.get("backout") not in (None, "", outcome.NOT_NEEDED):
                backouts[sid, str(line["backout"])] += 1
    return Counts(results, backouts)


def newest_changes(lines: Sequence[Line], last: int = LOOKS_BACK) -> dict[str, list[tuple[str, str]]]:
    """Service -> its newest (change, run), newest first, each change once. Runs that only backed up count as well."""
    found: dict[str, dict[str, str]] = {}
    for line in reversed([line for line in lines if not line.get("check") and line.get("exit") != outcome.REFUSED]):
        for sid in line["services"]:
            known = found.setdefault(sid, {})
            if len(known) < last:
                known.setdefault(str(line["change"]), str(line["run"]))
    return {sid: list(known.items()) for sid, known in found.items()}


def phases(events: Iterable[Event], run: str) -> dict[str, float]:
    """Seconds from the first to the last event of each phase of one run."""
    seen: dict[str, list[datetime]] = {}
    for event in events:
        if event.run == run and event.phase:
            seen.setdefault(event.phase, []).append(datetime.fromisoformat(event.at))
    return {phase: (max(times) - min(times)).total_seconds() for phase, times in seen.items()}


def backups(events: Iterable[Event], service: str) -> dict[str, Backup]:
    """Host -> its newest archive of this service; verified where every agreed site has read it back."""
    on: dict[str, str] = {}
    agreed: set[str] = set()
    found: dict[str, Backup] = {}
    for event in events:
        if event.kind == "planned":
            on |= {str(host["host"]): str(host["service"]) for host in event.data.get("hosts") or []}
            record = (event.data.get("services") or {}).get(service) or {}
            agreed = set((record.get("backup") or {}).get("sites") or [])
        elif event.kind == "backup_made" and on.get(event.host) == service:
            told = {str(site["site"]): bool(site.get("verified")) for site in event.data.get("sites") or []}
            whole = bool(told) and all(told.get(site) for site in agreed | told.keys())  # a copy that never came is in no event
            found[event.host] = Backup(datetime.fromisoformat(event.at), int(event.data.get("size") or 0), whole)
    return found
