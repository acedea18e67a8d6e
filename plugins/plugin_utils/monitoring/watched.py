# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the events tell of monitoring (S12): silences that are still to be lifted, what fired afterwards, and what a person has to look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import progress
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

SILENCED, LIFTED, CHECKED = "silenced", "silence_lifted", "alerts_checked"
CLEAR, FIRING, UNKNOWN = "clear", "firing", "unknown"
DONE, FAILED = "lifted", "failed"
VERBS = ("run", "resume", "patch", "rollback")  # those that silence
GOES_ON = ("resume", "rollback")  # what fires because of the change was fired by an earlier run
OBSERVE, FINE = "observe", "fine"


def baseline(events: Iterable[Event], verb: str, service: str, firing: Sequence[str]) -> list[str]:
    """Fingerprints of what fired before the change: now, or where a run goes on with it, when it began."""
    earlier = [event.data for event in events if event.kind == SILENCED and event.data.get("service") == service]
    return list(earlier[-1].get("before") or []) if verb in GOES_ON and earlier else sorted(firing)


def due(events: Sequence[Event], run: str, at: datetime) -> list[Event]:
    """Silences this run has to lift: its own, and what closed runs have left that has not ended by itself. Those of a run that is alive are not."""
    mine = {run, *(event.run for event in events if event.kind == "run_closed")}
    return [event for event in left(events, at) if event.run in mine]


def left(events: Sequence[Event], at: datetime) -> list[Event]:
    """Silences that nobody has lifted and that have not ended by themselves."""
    over = {_key(event) for event in events if event.kind == LIFTED and event.data.get("result") == DONE}
    return [event for event in events if event.kind == SILENCED and _key(event) not in over and datetime.fromisoformat(event.data["until"]) > at]


def alarmed(events: Iterable[Event]) -> bool:
    """Whether for any service the last look found alerts that the change has left, or could not tell."""
    last = {str(event.data.get("service")): event.data.get("result") for event in events if event.kind == CHECKED}
    return any(result != CLEAR for result in last.values())


def touched(events: Iterable[Event]) -> bool:
    """Whether a host was changed, or may have been."""
    return any(state.touched or state.doubtful for state in progress.hosts(events).values())


def by_hand(events: Sequence[Event]) -> list[str]:
    """Services that no monitor has looked at after the last run that changes hosts: a person has to."""
    opened = [e.run for e in events if e.kind == "run_opened" and e.data.get("argv_verb", "run") in VERBS and not e.data.get("check")]
    planned = [event for event in events if event.kind == "planned" and event.run in opened]
    if not planned or not touched(events):
        return []
    seen = {str(e.data.get("service")) for e in events if e.kind == CHECKED and e.run == planned[-1].run and e.data.get("result") != UNKNOWN}
    return [sid for sid in planned[-1].data.get("services") or {} if sid not in seen]


def rows(events: Sequence[Event]) -> list[dict[str, Any]]:
    """For the record: every silence with its end and what fired then; and every service a person has to watch, with what they saw."""
    lifted, checked = _by_silence(events, LIFTED), _by_silence(events, CHECKED)
    found = [_silence(event, lifted.get(_key(event), {}), checked.get(_key(event), {})) for event in events if event.kind == SILENCED]
    return found + [_observed(events, service) for service in by_hand(events)]


def _silence(event: Event, lifted: Mapping[str, Any], checked: Mapping[str, Any]) -> dict[str, Any]:
    names = ("service", "monitor", "silence", "match", "hosts", "until")
    return {
        "run": event.run, "at": event.at, **{name: event.data.get(name) for name in names}, "lifted": lifted.get("result") or "",
        "result": checked.get("result") or "", "detail": "; ".join(map(str, filter(None, (lifted.get("message"), checked.get("message"))))), "by": "",
    }  # fmt: skip


def _observed(events: Sequence[Event], service: str) -> dict[str, Any]:
    last = max((event.seq for event in events if event.kind == "run_closed"), default=0)
    said = [e.data for e in events if e.kind == "decided" and e.data.get("decision") == OBSERVE and e.seq > last]
    seen: Mapping[str, Any] = said[-1] if said else {}
    return {
        "run": "", "at": seen.get("at") or "", "service": service, "monitor": "", "silence": "", "match": {}, "hosts": [], "until": "", "lifted": "",
        "result": str((seen.get("details") or {}).get("verdict") or "not_observed"), "detail": seen.get("remark") or "",
        "by": seen.get("name") or seen.get("by") or "",
    }  # fmt: skip


def _by_silence(events: Iterable[Event], kind: str) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    return {_key(event): event.data for event in events if event.kind == kind}


def _key(event: Event) -> tuple[str, str, str]:
    return str(event.data.get("monitor")), str(event.data.get("service")), str(event.data.get("silence"))
