# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier changes that are like a planned one (M4), and the runbook it follows.

Which ones: changes that the register says were carried out (no check run, nothing the gate refused), whose ledger verifies
and has no open run. Of a service's changes the latest LATEST are looked at, and as many of other services with the same package.

Ranking: by points, then the latest first. Points of 100: 40 the services they have in common, 20 the same kind, 20 the packages
in common (file names without their version), 10 the same supplier, 10 how alike the steps are in kind and order. From 60 on two
changes are called similar; only those count in `summary`.

A precedent proper was achieved, is closed (by a person, where people have decided about it at all), and is about the same: it
covers every service, is of the same kind and package; where neither names a package the steps are the same. A check run is none.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, outcome, register, run, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import ID, Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import likeness
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.likeness import Key
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import STREAM, Event, Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

LATEST = 50  # changes looked at; every one of their ledgers is verified
CARRIED_OUT = ("run", "resume", "patch", "rollback")  # verbs that change something
UNTOUCHED = (outcome.NOT_STARTED, outcome.SKIPPED)
NOT_ACHIEVED, NOT_CLOSED = "not_achieved", "not_closed"

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Precedent:
    """One earlier change. `lacking` says why it is no precedent proper (a label's id of the section `precedents`), "" where it is one.

    `packages` are names without versions, `closed_at` is RFC 3339, `duration_s` all its runs together.
    """

    change: str
    title: str
    services: tuple[str, ...]
    kind: str
    supplier: str
    packages: tuple[str, ...]
    closed_at: str
    result: str
    backout: str
    duration_s: int
    score: int
    lacking: str

    @property
    def proper(self) -> bool:
        return not self.lacking

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "services": list(self.services), "packages": list(self.packages), "proper": self.proper}


def find(change: Change | Key, ws: Workspace) -> list[Precedent]:
    """Earlier changes of its services or its packages, the most similar first. Raises LedgerError for a damaged register."""
    wanted = change if isinstance(change, Key) else likeness.key(change.data)
    made = [_precedent(wanted, ws, name, lines) for name, lines in _candidates(wanted, ws)]
    found = [p for p in made if p and (set(p.services) & set(wanted.services) or set(p.packages) & set(wanted.packages))]
    return sorted(found, key=lambda p: (p.score, datetime.fromisoformat(p.closed_at), p.change), reverse=True)


def summary(precedents: Iterable[Precedent]) -> dict[str, Any]:
    """Numbers of the similar ones. Rates in whole percent and the median in whole seconds (a ledger holds no fractions); None without any.

    Rolled back are those where a way back was tried, whether or not it succeeded.
    """
    alike = [p for p in precedents if p.score >= likeness.ALIKE]
    achieved = sum(p.result == outcome.ACHIEVED for p in alike)
    back = sum(p.backout in (outcome.SUCCEEDED, outcome.FAILED) for p in alike)
    return {
        "count": len(alike),
        "achieved": achieved,
        "rolled_back": back,
        "success_rate": round(100 * achieved / len(alike)) if alike else None,
        "rollback_rate": round(100 * back / len(alike)) if alike else None,
        "median_duration_s": round(statistics.median(p.duration_s for p in alike)) if alike else None,
    }


def best(precedents: Iterable[Precedent]) -> Precedent | None:
    """The one to start from: the most similar that is proper."""
    return next((p for p in precedents if p.proper), None)


def _candidates(wanted: Key, ws: Workspace) -> Iterator[tuple[str, list[Line]]]:
    """Changes with all their lines of the register: of the same services, then those in whose ledger a package is named."""
    lines: dict[str, list[Line]] = {}
    try:
        for line in register.lines(ws.records):
            lines.setdefault(str(line.get("change")), []).append(line)
    except ValueError as error:
        raise LedgerError(f"{register.path(ws.records)}: {error} → itops record verify") from None
    done = [name for name in lines if ID.fullmatch(name) and name != wanted.change and any(map(_carried_out, lines[name]))]
    own = [name for name in done if any(set(wanted.services) & set(line["services"]) for line in lines[name])]
    others = [name for name in done if name not in set(own)]
    chosen = [*own[-LATEST:], *(name for name in others[-LATEST:] if _names(ws.record_dir(name) / STREAM, wanted.packages))]
    return ((name, lines[name]) for name in chosen)


def _carried_out(line: Line) -> bool:
    return line.get("verb") in CARRIED_OUT and not line.get("check") and line.get("exit") != outcome.REFUSED


def _names(path: Place, packages: Sequence[str]) -> bool:
    """Whether one of them stands anywhere in this stream: cheaper than to verify it."""
    if not packages:
        return False
    try:
        content = path.read_bytes().decode("utf-8", "replace").casefold()
    except OSError:
        return False
    return any(name.casefold() in content for name in packages)


def verified(ws: Workspace, change: str, lines: Iterable[Line] = ()) -> list[Event] | None:
    """The events of a change whose chain holds against all that is remembered of it; None where it does not, or there are none.

    `lines`: what the register says of it, where the caller has read them already.
    """
    folder = ws.record_dir(change)
    try:
        heads = {int(line["seq"]): str(line["head"]) for line in lines} or register.heads(ws.records, change)
        if chain.verify(folder, change, heads, checkpoint.head(folder)):
            return None
        return Ledger(folder, change).events() or None
    except (OSError, ValueError, KeyError, TypeError, LedgerError):
        return None


def executed(events: Sequence[Event]) -> Event | None:
    """The `planned` event of the last run that was more than a check; None where there was none, or one is still open."""
    runs = _runs(events)
    found = [event for event in events if event.kind == "planned" and event.run in runs and isinstance(event.data.get("change"), dict)]
    return found[-1] if found and not run.open_runs(events) else None


def begun(events: Iterable[Event]) -> dict[str, Event]:
    """Runs that were to change something, by id as they were opened; what the gate refused is among them."""
    return {e.run: e for e in events if e.kind == "run_opened" and not e.data.get("check") and e.data.get("argv_verb", "run") in CARRIED_OUT}


def _runs(events: Sequence[Event]) -> dict[str, tuple[Event, Event]]:
    """Runs that were to change something and were not refused, as opened and closed."""
    opened = begun(events)
    closed = [e for e in events if e.kind == "run_closed" and e.run in opened and e.data.get("exit") != outcome.REFUSED]
    return {e.run: (opened[e.run], e) for e in closed}


def _precedent(wanted: Key, ws: Workspace, name: str, lines: Sequence[Line]) -> Precedent | None:
    events = verified(ws, name, lines)
    planned = executed(events) if events else None
    if not events or planned is None:
        return None
    runs = _runs(events)
    last = list(runs.values())[-1][1]
    if all(host in UNTOUCHED for host in (last.data.get("hosts") or {}).values()):
        return None
    data = planned.data["change"]
    mine = likeness.key(data)
    close = next((e for e in reversed(events) if _is_close(e)), last)
    return Precedent(
        name, str(data.get("title") or ""), mine.services, mine.kind, mine.supplier, mine.packages, close.at, str(last.data.get("result") or ""),
        str(last.data.get("backout") or ""), sum(_seconds(*pair) for pair in runs.values()), likeness.score(wanted, mine),
        _lacking(wanted, mine, events, last),
    )  # fmt: skip


def _lacking(wanted: Key, mine: Key, events: Sequence[Event], last: Event) -> str:
    if last.data.get("result") != outcome.ACHIEVED:
        return NOT_ACHIEVED
    if any(event.kind == "decided" for event in events) and not any(map(_is_close, events)):
        return NOT_CLOSED
    differs = likeness.differs(wanted, mine)
    return f"other_{differs}" if differs else ""


def _is_close(event: Event) -> bool:
    return event.kind == "decided" and event.data.get("decision") == "close"


def _seconds(opened: Event, closed: Event) -> int:
    return max(0, round((datetime.fromisoformat(closed.at) - datetime.fromisoformat(opened.at)).total_seconds()))


def runbook(change: Change, ws: Workspace) -> Finding:
    """Whether the manual that the plan names can be followed: a file of the workspace with something in it. A plan that names none is no refusal."""
    named = change.plan.get("runbook")
    if not named:
        return Finding("runbook", True, "the plan names no runbook")
    fault = _runbook_fault(str(named), ws)
    message = f"runbook {named}: {fault}" if fault else f"runbook {named}"
    return Finding("runbook", not fault, message, f"set plan.runbook in {change.path.name} to a manual of this workspace, such as docs/web-update.md")


def runbook_digest(change: Change, ws: Workspace) -> str:
    """SHA-256 of the manual the plan names; "" where it names none, or none that can be followed."""
    named = change.plan.get("runbook")
    return staging.digest(ws.root / named) if named and not _runbook_fault(str(named), ws) else ""


def _runbook_fault(named: str, ws: Workspace) -> str:
    path, root = (ws.root / named).resolve(), ws.root.resolve()
    if Path(named).is_absolute() or not path.is_relative_to(root):
        return "not inside the workspace"
    if any(isinstance(folder, Path) and path.is_relative_to(folder.resolve()) for folder in (ws.changes, ws.records, ws.staging)):
        return "a file of a change is no manual"
    try:
        with path.open("rb") as stream:
            return "" if stream.read(1 << 16).strip() else "empty"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
