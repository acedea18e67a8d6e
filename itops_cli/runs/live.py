# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line per event, as the operator sees the run go by."""

from __future__ import annotations

from datetime import datetime

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import known_errors, report
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

MARKS = {"ok": ("✓", "green"), "abnormal": ("✗", "red"), "skipped": ("–", "yellow")}
FEEDBACK = 120  # characters of feedback shown live; the record has more


def line(event: Event) -> str:
    """The event for people, empty where it is of no interest while the run goes on."""
    maker = {
        "run_opened": lambda d: f"record open: run {event.run} ({d.get('argv_verb')})",
        "gate": _gate,
        "planned": lambda d: "order: " + " → ".join(f"{h['host']}({h['role']})" for h in d["hosts"]) + f"; mode {d['mode']}",
        "files_compared": lambda d: f"patch files: {d['verdict']}" + (f" ({len(d['files'])})" if d["files"] else ""),
        "step_started": lambda d: f"… {d['title']}: {d['display']}" if event.phase != "gate" else "",
        "step_finished": _step,
        "backup_made": lambda d: f"backup {d['archive']} ({d['size']} bytes, {len(d['sites'])} site)",
        "segment_finished": lambda d: "" if d["result"] == "done" else f"{d['segment']}: {d['result']}: {d.get('message', '')}",
        "contact_lost": lambda d: f"contact lost: {d['message'][:FEEDBACK]}",
        "contact_regained": lambda d: "contact regained",
        "cancel_requested": lambda d: f"{d['signal']}: stopping at the next step boundary",
        "confirm_wait": lambda d: "waiting for the controller's confirmation",
        "task": lambda d: f"{d['name']}: {d['result']}: {d['message'][:FEEDBACK]}" if d["result"] in ("failed", "unreachable") else "",
        "silenced": lambda d: f"{d['service']}: silenced in {d['monitor']} until {d['until']}",
        "silence_lifted": _lifted,
        "alerts_checked": lambda d: f"{d['service']}: alerts {d['result']}: {d['message']}".rstrip(": "),
        "run_closed": lambda d: f"closed: {d['result']}, backout {d['backout']}",
    }.get(event.kind)
    text = report.visible(str(maker(event.data))) if maker else ""  # type: ignore[no-untyped-call]  # lambdas of one argument
    if not text:
        return ""
    if event.kind == "step_finished":
        text = click.style(text[0], fg=_mark(event.data)[1]) + text[1:]
    at = datetime.fromisoformat(event.at).strftime("%H:%M:%S")
    return "  ".join(filter(None, [at, f"{event.host:<10}" if event.host else "", f"{event.phase:<8}" if event.phase else "", text]))


def _lifted(data: dict[str, object]) -> str:
    text = f"{data['service']}: silence in {data['monitor']} {data['result']} {data['message']}".rstrip()
    return f"{text}; looking for new alerts …" if data["looks"] else text


def _gate(data: dict[str, object]) -> str:
    findings = [f for f in data.get("findings", []) if not f["ok"]]  # type: ignore[attr-defined]  # a list by the event's form
    lines = [f"gate {data['result']}", *(f"  {f['severity']}: {f['id']}: {f['message']} → {f['remedy']}" for f in findings)]
    return "\n".join(lines)


def _mark(data: dict[str, object]) -> tuple[str, str]:
    return MARKS.get(str(data["result"]), ("?", "yellow"))


def _step(data: dict[str, object]) -> str:
    feedback = str(data.get("reason") or data.get("feedback") or "").strip().replace("\n", " ⏎ ")[:FEEDBACK]
    seconds = int(str(data.get("duration_ms") or 0)) / 1000
    text = f"{_mark(data)[0]} {data['title']} {seconds:.1f} s" + (f": {feedback}" if feedback else "")
    return "\n".join([text, *(f"            {line}" for line in known_errors.shown(data))]) if data["result"] == "abnormal" else text
