# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `itops run --due` may start: the services that are due, their changes, and what keeps each of these back.

The rules (docs/decisions/0009):
- A service is due by its cycle and by what the register says was achieved; no state of its own is kept anywhere.
- Its changes are those that name it and were never carried out. So a change is begun by itself once, however that ended.
- A planned window may lie in the warning time before the due point. Without one the change waits for the due point and for
  `business_low`, where the service names any.
- Every guard of the life cycle holds, the mode is auto, and it is no emergency.
- One change for each service at a time; whose service has been due the longest goes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, plan, service_lock
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.calendar import DUE_SOON, OVERDUE, Due
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import facts, precedents, standing, windows
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.periods import Period
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Maintained, Row
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Candidate:
    """A change of a service that is due. `hindrances`: each with its remedy; without any it may be started now."""

    change: str
    services: tuple[str, ...]
    hindrances: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """A service that is due, and its changes, oldest first. `next` is the command where there is none."""

    service: str
    due: Due
    candidates: tuple[Candidate, ...]
    next: str = ""


def turns(ws: Workspace, known: Catalogue, rows: Sequence[Row], lines: Iterable[Line], now: datetime) -> list[Turn]:
    """Every service that is due or due soon, the longest due first. `rows` and `lines` are those of the status table and the register, as they are now."""
    late = {row.id: row.due.at for row in rows if row.due and row.due.at and row.due.state in (DUE_SOON, OVERDUE)}
    tried = _tried(lines)
    found = [candidate for path in change_file.paths(ws) if path.stem not in tried for candidate in _candidates(ws, known, path, late, now)]
    waiting = sorted((row for row in rows if row.id in late), key=lambda row: (late[row.id], row.id))
    return [_turn(row, [candidate for candidate in found if row.id in candidate.services], tried.values()) for row in waiting]


def unreadable(ws: Workspace, lines: Iterable[Line]) -> list[str]:
    """What is wrong with each file that was not carried out and is no change at all: it could be one of a service that is due."""
    tried = _tried(lines)
    return [fault for path in change_file.paths(ws) if path.stem not in tried and (fault := _fault(path))]


def ready(found: Iterable[Turn], busy: Collection[str] = (), begun: Collection[str] = ()) -> list[Candidate]:
    """What may be started now, in its order: one for each service, nothing of a `busy` service, nothing that was `begun` before."""
    taken, chosen = set(busy), list[Candidate]()
    for candidate in (candidate for turn in found for candidate in turn.candidates):
        if not candidate.hindrances and candidate.change not in begun and not taken & set(candidate.services):
            taken |= set(candidate.services)
            chosen.append(candidate)
    return chosen


def _tried(lines: Iterable[Line]) -> dict[str, Line]:
    """Change -> the last line of those that carried it out."""
    return {str(line["change"]): line for line in lines if line.get("verb") in precedents.CARRIED_OUT and not line.get("check")}


def _fault(path: Path) -> str:
    try:
        change_file.services_of(path)
    except BadInput as bad:
        return str(bad.problems[0])
    return ""


def _turn(row: Row, candidates: list[Candidate], tried: Iterable[Line]) -> Turn:
    assert row.due is not None
    begun = [line for line in tried if row.id in line["services"] and _since(row, line)]
    over = [Candidate(str(line["change"]), tuple(line["services"]), (_over(line),)) for line in begun]
    return Turn(row.id, row.due, (*over, *candidates), "" if over or candidates else _begin(row.id, row.last))


def _since(row: Row, line: Line) -> bool:
    """Whether this run belongs to what is due now, and not to what was settled before."""
    ended = calendar.moment(str(line.get("ended") or ""), calendar.zone("UTC"))
    return ended is not None and (row.last.achieved_at is None or ended > row.last.achieved_at)


def _over(line: Line) -> str:
    return f"was carried out already (exit {line['exit']}), what comes next is decided by a person → itops record show {line['change']}"


def _begin(service: str, last: Maintained) -> str:
    return f"itops change new --from {last.achieved_change}" if last.achieved_change else f"itops change new --service {service} --title …"


def _candidates(ws: Workspace, known: Catalogue, path: Path, late: Mapping[str, datetime], now: datetime) -> Iterator[Candidate]:
    """The change of this file, where it is one of a service that is due; `late`: the due points."""
    try:
        services = tuple(change_file.services_of(path))
    except BadInput:
        return  # nobody knows whose it is: see `unreadable`
    if mine := [late[sid] for sid in services if sid in late]:
        yield Candidate(path.stem, services, tuple(dict.fromkeys(_hindrances(ws, known, path, min(mine), now))))


def _hindrances(ws: Workspace, known: Catalogue, path: Path, due_at: datetime, now: datetime) -> Iterator[str]:
    try:
        change = change_file.load(path, known.services, known.people)
        events = Ledger(ws.record_dir(change.id), change.id).events()
        here = facts.gather(ws, change, known.services, known.people, events)
    except BadInput as bad:
        yield f"is not complete: {bad.problems[0]}" + (f" and {len(bad.problems) - 1} more" if bad.problems[1:] else "") + f" → itops change lint {path.stem}"
        return
    except LedgerError as error:
        yield f"its record cannot be read: {error} → itops record verify {path.stem}"
        return
    if begun := precedents.begun(events):
        yield f"was begun already ({', '.join(begun)}) → itops watch {change.id}, itops resume {change.id} or itops rollback {change.id}"
        return
    yield from _by_hand(here)
    yield from _too_early(here, due_at, now)
    yield from (str(finding) for finding in refusals(standing.may_run(here, "run")))
    locks = ws.records / ".locks"
    yield from (f"{sid} is being maintained now → itops doctor" for sid in change.services if service_lock.is_held(locks, f"service-{sid}"))


def _by_hand(here: Facts) -> Iterator[str]:
    """What is never started by itself."""
    mode = plan.mode(here.change, here.services)
    if mode != "auto":
        yield f"mode {mode} asks a person → itops run {here.change.id}"
    if here.change.data["category"] == "emergency":
        yield f"an emergency is begun by a person → itops run {here.change.id}"


def _too_early(here: Facts, due_at: datetime, now: datetime) -> Iterator[str]:
    """A planned window was agreed on; without one the due point and the hours of little business count."""
    if windows.planned(here.change) is not None:
        return
    if now < due_at:
        yield f"has no window, so it waits until {calendar.printed(due_at, calendar.zone(here.ws.timezone))} → itops window {here.change.id}"
    needed = Period(now, now + here.expected)
    for sid in here.change.services:
        low = here.services[sid]["maintenance"]["business_low"]
        offered = windows.offered(here.services[sid], "business_low", here.policy["calendar"], here.ws.timezone, needed.start, needed.end) if low else [needed]
        if not any(period.covers(needed) for period in offered):
            yield f"has no window, so it waits for business_low of {sid} → itops window {here.change.id}"
