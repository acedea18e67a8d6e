# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintenance record: a pure function of the events, with nothing in it that they do not prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import checkpoint, outcome, record_tables, run
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

FORMAT = 1
DECISION_FIELDS = ("decision", "by", "name", "account", "at", "plan_digest", "remark")


def fold(events: Sequence[Event]) -> dict[str, Any]:
    """The record of all runs of a change so far."""
    planned = run.planned(events)
    data: Mapping[str, Any] = planned.data if planned else {}
    change: Mapping[str, Any] = data.get("change") or {}
    hosts = outcome.of_hosts(events)
    runs = _runs(events)
    return {
        "format": FORMAT,
        "change": str(change.get("id") or _change_id(events)),
        "title": str(change.get("title") or ""),
        "state": "open" if run.open_runs(events) else "closed" if runs else "empty",
        "document": _document(change, runs),
        "organisation": data.get("organisation", ""),
        "timezone": data.get("timezone", "UTC"),
        "services": [_service(service, data.get("people") or {}) for service in (data.get("services") or {}).values()],
        "basic": _basic(change, data, runs, events),
        "related_events": list(change.get("related_events") or []),
        "related_work": list(change.get("related_work") or []),
        "extra": list(change.get("extra") or []),
        "decisions": _decisions(events),
        "digests": {"change": data.get("change_digest", ""), "plan": data.get("plan_digest", "")},
        "runs": runs,
        "hosts": [{"host": host, "role": _role(events, host), "outcome": result} for host, result in hosts.items()],
        "outcome": outcome.of_events(events),
        **record_tables.fold(events),
        "ledger": _ledger(events),
    }


def _ledger(events: Sequence[Event]) -> dict[str, Any]:
    """Where the stream ends, and what a checkpoint of it says in one line (signed beside the record where a key is configured)."""
    change = _change_id(events)
    if not events:
        return {"seq": 0, "head": "", "checkpoint": ""}
    last = events[-1]
    note = checkpoint.text(change, last.seq, last.hash) if change else ""
    return {"seq": last.seq, "head": last.hash, "checkpoint": " ".join(note.split())}


def _runs(events: Sequence[Event]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind == "run_opened":
            data = event.data
            found[event.run] = {
                "run": event.run, "verb": data.get("argv_verb", ""), "entry": data.get("entry", ""), "user": data.get("user", ""),
                "controller": data.get("controller", ""), "check": bool(data.get("check")), "awx": _awx(data),
                "started": event.at, "ended": "", "exit": None, "reason": "",
            }  # fmt: skip
        elif event.kind == "run_closed" and event.run in found:
            found[event.run] |= {"ended": event.at, "exit": event.data.get("exit"), "reason": event.data.get("reason", "")}
    return list(found.values())


def _awx(data: Mapping[str, Any]) -> dict[str, Any]:
    """The job of AWX and who started it; nothing elsewhere."""
    return {**(data.get("awx") or {}), **({"user": data["awx_user"]} if data.get("awx_user") else {})}


def _change_id(events: Sequence[Event]) -> str:
    return next((str(event.data["change"]) for event in events if event.kind in ("run_opened", "decided") and event.data.get("change")), "")


def _decisions(events: Sequence[Event]) -> list[dict[str, Any]]:
    """What people decided, with what a reader needs; the whole of it stands in the ledger."""
    return [
        {**{name: e.data.get(name, "") for name in DECISION_FIELDS}, "signed": bool(e.data.get("signature")), "details": e.data.get("details") or {}}
        for e in events
        if e.kind == "decided"
    ]


def _document(change: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"id": f"REC-{change['id']}" if change.get("id") else "", "classification": "internal", "version": sum(1 for r in runs if r["exit"] is not None)}


def _service(service: Mapping[str, Any], people: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": service.get("id", ""),
        "name": service.get("name", ""),
        "owner": _name(service.get("owner"), people),
        "redundancy": service.get("redundancy", ""),
    }


def _basic(change: Mapping[str, Any], data: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], events: Sequence[Event]) -> dict[str, Any]:
    people, notice, plan = data.get("people") or {}, change.get("notice") or {}, change.get("plan") or {}
    return {
        "kind": change.get("kind", ""),
        "category": change.get("category", ""),
        "mode": data.get("mode", ""),
        "window": plan.get("window") or {},
        "started": runs[0]["started"] if runs else "",
        "ended": next((r["ended"] for r in reversed(runs) if r["ended"]), ""),
        "executor": _name(change.get("executor"), people) or (runs[0]["user"] if runs else ""),
        "reviewer": _name(change.get("reviewer"), people) or _decided_by(events, "review"),
        "approver": _name(change.get("approver"), people) or _decided_by(events, "approve", str(data.get("plan_digest", ""))),
        "supplier": notice.get("supplier", ""),
        "notice": notice.get("id", ""),
        "remark": change.get("remark", ""),
    }


def _decided_by(events: Sequence[Event], what: str, plan_digest: str = "") -> str:
    """Name of the person who last decided this, about this plan where one is given."""
    found = [d for d in _decisions(events) if d["decision"] == what and (not plan_digest or d["plan_digest"] == plan_digest)]
    return str(found[-1]["name"] or found[-1]["by"]) if found else ""


def _name(person: Any, people: Mapping[str, Any]) -> str:
    return str((people.get(person) or {}).get("name") or person or "")


def _role(events: Sequence[Event], host: str) -> str:
    for event in reversed(events):
        if event.kind == "planned":
            return next((str(h["role"]) for h in event.data.get("hosts", []) if h["host"] == host), "")
    return ""
