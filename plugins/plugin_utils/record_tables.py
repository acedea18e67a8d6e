# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of a record: gate, files, backups, steps, checks, way back, exceptions, confirmations, attachments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import known_errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import watched

STEP_FIELDS = (
    "step",
    "segment",
    "seq",
    "kind",
    "type",
    "title",
    "display",
    "run_as",
    "result",
    "rc",
    "feedback",
    "evidence",
    "started",
    "ended",
    "duration_ms",
    "reason",
    "attempt",
)
EXCEPTIONS = ("contact_lost", "segment_interrupted", "cancel_requested", "torn_line", "exception")
ALARMS = (watched.LIFTED, watched.CHECKED)


def fold(events: Sequence[Event]) -> dict[str, Any]:
    """Every table, in the order of the events."""
    steps = _steps(events)
    return {
        "gate": _gates(events),
        "files": _last(events, "files_compared").get("files") or [],
        "backups": _backups(events),
        "steps": [s for s in steps if s["phase"] in ("patch", "failover") and s["type"] != "check"],
        "checks": [s for s in steps if s["type"] == "check"],
        "monitoring": watched.rows(events),
        "rollback": [s for s in steps if s["phase"] == "rollback" and s["type"] != "check"],
        "housekeeping": [s for s in steps if s["phase"] in ("backup", "close") or (s["phase"] == "gate" and s["type"] != "check")],
        "exceptions": _exceptions(events),
        "confirmations": _confirmations(events),
        "tasks": [
            {"host": e.host, "run": e.run, **e.data} for e in events if e.kind == "task" and e.data.get("result") in ("failed", "unreachable", "changed")
        ],
        "attachments": _attachments(events),
    }


def _backups(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Each archive once, as it was told last: the offsite copy tells it again with one site more."""
    told: dict[tuple[str, str, Any], dict[str, Any]] = {}
    for event in events:
        if event.kind == "backup_made":
            told[event.host, event.run, event.data.get("archive")] = {"host": event.host, "run": event.run, **_without(event.data, "n", "at")}
    return list(told.values())


def _steps(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Finished steps, and those that began and never ended (result unknown)."""
    open_steps: dict[tuple[str, ...], dict[str, Any]] = {}
    done: list[dict[str, Any]] = []
    for event in events:
        key = (event.host, event.run, str(event.data.get("segment")), str(event.data.get("step")), event.phase)
        if event.kind == "step_started":
            open_steps[key] = {**_step(event), "result": "unknown", "started": event.at}
            done.append(open_steps[key])
        elif event.kind == "step_finished":
            known = open_steps.pop(key, None)
            if known is None:
                done.append(_step(event))
            else:
                known |= _step(event)
    return done


def _step(event: Event) -> dict[str, Any]:
    measured = {"rates": event.data["data"]["rates"]} if (event.data.get("data") or {}).get("rates") else {}
    return {"host": event.host, "run": event.run, "phase": event.phase, **{name: event.data.get(name) for name in STEP_FIELDS}, **measured}


def _gates(events: Sequence[Event]) -> list[dict[str, Any]]:
    return [
        {"run": e.run, "host": e.host, "result": e.data.get("result"), "findings": [f for f in e.data.get("findings") or [] if not f.get("ok")]}
        for e in events
        if e.kind == "gate"
    ]


def _exceptions(events: Sequence[Event]) -> list[dict[str, Any]]:
    found = []
    for index, event in enumerate(events):
        text = ""
        if known_errors.is_failure(event):
            found.append(_failure(event, events[index + 1 :]))
        elif event.kind == "segment_finished" and event.data.get("result") not in ("done", "rolled_back"):
            text = _said(event, "segment", "message")
        elif event.kind == "task" and event.data.get("result") in ("failed", "unreachable"):
            text = _said(event, "name", "message")
        elif event.kind in ALARMS and event.data.get("result") not in (watched.CLEAR, watched.DONE):
            text = _said(event, "service", "monitor", "message")
        elif event.kind in EXCEPTIONS:
            text = str(event.data.get("message") or event.data.get("signal") or event.kind)
        if text:
            kind = str(event.data.get("result") or event.kind) if event.kind != "exception" else str(event.data.get("type") or event.kind)
            found.append({"at": event.at, "host": event.host, "phase": event.phase, "type": kind, "message": text, "event": event.data.get("event") or "",
                          "steps": [], "taken": ""})  # fmt: skip
    return found


def _failure(event: Event, later: Sequence[Event]) -> dict[str, Any]:
    """A step or check that went wrong: what is known of it, how it is handled, and what was done then."""
    known = event.data.get("match") or {}
    text = _said(event, "title", "reason" if event.data.get("reason") else "feedback")
    return {"at": event.at, "host": event.host, "phase": event.phase, "type": str(known.get("type") or known_errors.UNKNOWN),
            "message": "; ".join([text, *map(str, event.data.get("match_faults") or [])]), "event": str(known.get("event") or ""),
            "steps": list(known.get("steps") or []), "taken": known.get("taken") or _taken(event, later)}  # fmt: skip


def _taken(event: Event, later: Sequence[Event]) -> str:
    """What the run did after it: what the events prove, not what an entry wished for."""
    if event.phase == "rollback":
        return ""
    mine = [e for e in later if (e.run, e.host) == (event.run, event.host)]
    if any(e.kind == "step_started" and e.phase == "rollback" for e in mine):
        return "rollback"
    asked = any(e.kind == "confirmation_requested" and e.data.get("segment") == event.data.get("segment") for e in mine)
    return "pause" if asked else "stop"


def _said(event: Event, *names: str) -> str:
    """Those parts of the event that say something; its kind where none does."""
    return ": ".join(str(event.data[name]) for name in names if event.data.get(name)) or event.kind


def _confirmations(events: Sequence[Event]) -> list[dict[str, Any]]:
    asked = {e.data.get("token"): e for e in events if e.kind == "confirmation_requested"}
    return [
        {"at": e.at, "host": e.host, "phase": e.phase, "question": asked[e.data["token"]].data["question"] if e.data.get("token") in asked else "",
         **{name: e.data.get(name, "") for name in ("answer", "by", "channel", "reason")}}
        for e in events if e.kind == "confirmation_given"
    ]  # fmt: skip


def _attachments(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Evidence the events refer to, with what it is; the archives with their manifests."""
    found = [{"name": f"{e.host} {e.data.get('title', e.kind)}", "sha256": e.data["evidence"], "size": None} for e in events if e.data.get("evidence")]
    found += [{"name": f"{e.host} {e.data.get('title')}: {e.data.get('reason')}", "sha256": "", "size": None} for e in events if _no_extract(e)]
    for backup in _backups(events):
        for name, size in (("archive", backup.get("size")), ("manifest", None)):
            digest = backup.get("sha256" if name == "archive" else "manifest_sha256")
            found += [{"name": str(backup[name]), "sha256": str(digest or ""), "size": size}] if backup.get(name) else []
    return found


def _no_extract(event: Event) -> bool:
    """A host that could not say what its journal held: that, too, belongs to the list."""
    return event.kind == "step_finished" and event.data.get("type") == "journal_extract" and event.data.get("result") == "skipped"


def _last(events: Sequence[Event], kind: str) -> Mapping[str, Any]:
    return next((event.data for event in reversed(events) if event.kind == kind), {})


def _without(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in names}
