# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each host is, read from the events; what may be done next follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

CHANGING = ("patch", "failover")
WENT_BACK = ("done", "rolled_back", "rolled_back_unverified")
BACK = ("rolled_back", "rolled_back_unverified", "rollback_failed")


@dataclass
class HostProgress:
    """The story of one host so far."""

    host: str
    archived: bool = False
    backup_verified: bool = False  # packaged, read back, and at every agreed site
    touched: bool = False  # a changing segment was started
    failed: bool = False  # a changing, verifying or rolling-back segment ended badly
    lost: bool = False  # contact was lost and not regained
    back: str = ""  # how the last way back ended: rolled_back, rolled_back_unverified, rollback_failed
    running: tuple[str, str] | None = None  # (run, segment) started and not ended
    asked: tuple[str, str, str] | None = None  # (run, segment, phase) the host was asked for, before it is known whether it began
    done: set[str] = field(default_factory=set)
    imported: dict[tuple[str, str], int] = field(default_factory=dict)  # (run, segment) -> last journal line

    @property
    def doubtful(self) -> bool:
        """The controller was lost between asking for a changing segment and hearing whether it began."""
        return self.asked is not None and self.asked[2] in (*CHANGING, "rollback")

    @property
    def rolled_back(self) -> bool:
        return self.back in WENT_BACK


def hosts(events: Iterable[Event], looks_too: bool = False) -> dict[str, HostProgress]:
    """Fold the events of every host, in order; those of runs that only look count with `looks_too`."""
    found: dict[str, HostProgress] = {}
    looking = set()  # runs that only look: what they see does not undo what was done
    for event in events:
        if event.kind == "run_opened" and event.data.get("argv_verb") == "verify":
            looking.add(event.run)
        if event.host:
            state = found.setdefault(event.host, HostProgress(event.host))
            _remember_line(state, event)
            if looks_too or event.run not in looking:
                _apply(state, event)
    return found


def failures(events: Iterable[Event]) -> list[str]:
    """Hosts that went wrong; more than the plan tolerates stop the rollout."""
    return sorted(state.host for state in hosts(events).values() if state.failed or state.lost)


def _remember_line(state: HostProgress, event: Event) -> None:
    segment = str(event.data.get("segment", ""))
    if "n" in event.data and segment:
        state.lost = False  # a line of its journal: the host was reached again
        key = (event.run, segment)
        state.imported[key] = max(state.imported.get(key, 0), int(event.data["n"]))


def _apply(state: HostProgress, event: Event) -> None:
    segment = str(event.data.get("segment", ""))
    if event.kind == "backup_made":
        state.archived = all(site.get("verified") for site in event.data.get("sites", [])) and bool(event.data.get("sites"))
    elif event.kind in ("segment_requested", "segment_refused"):
        state.asked = (event.run, segment, event.phase) if event.kind == "segment_requested" else None
    elif event.kind == "segment_started":
        state.asked = None
        state.running = (event.run, segment)
        state.touched = state.touched or (event.phase in CHANGING and not event.data.get("skipped"))
    elif event.kind == "segment_finished":
        _finished(state, event, segment)
    elif event.kind in ("contact_lost", "contact_regained"):
        state.lost = event.kind == "contact_lost"


def _finished(state: HostProgress, event: Event, segment: str) -> None:
    state.running = state.asked = None
    result = event.data.get("result")
    if event.phase == "rollback":
        state.back = {"done": "rolled_back_unverified", **dict.fromkeys(WENT_BACK[1:], str(result))}.get(str(result), "rollback_failed")
    elif result == "done":
        state.done.add(segment)
        if event.phase == "backup":
            state.backup_verified = state.archived
    elif event.phase not in ("gate", "backup"):
        state.failed = True
        state.done.discard(segment)
        state.back = str(result) if result in BACK else ""
