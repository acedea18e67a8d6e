# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands beside a ledger and can be rebuilt from it byte for byte: change as executed, record, reports, transcript. And how a run is closed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import checkpoint, correction, outcome, record, register, report
from ansible_collections.itops.maintenance.plugins.plugin_utils import run as run_events
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place

LANGUAGES = ("zh_CN", "en")


def render(events: Sequence[Event]) -> dict[str, bytes]:
    """File name -> content, a pure function of the events."""
    if correction.made(events):
        folded = correction.fold(events)
        return {name: text.encode() for name, text in {"record.json": _json(folded), **_pages(folded, correction.render)}.items()}
    folded = record.fold(events)
    files = {"record.json": _json(folded), **_pages(folded, report.render)}
    files["transcript.txt"] = report.transcript(folded)
    planned = run_events.planned(events)
    if planned:
        files["change.yml"] = "---\n" + yaml.safe_dump(planned.data["change"], allow_unicode=True, sort_keys=False)
    return {name: text.encode() for name, text in files.items()}


def _json(folded: Mapping[str, Any]) -> str:
    return json.dumps(folded, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _pages(folded: Mapping[str, Any], render_one: Callable[[Mapping[str, Any], str], str]) -> dict[str, str]:
    return {f"record.{lang}.md": render_one(folded, lang) for lang in LANGUAGES}


def write_views(directory: Place, events: Sequence[Event]) -> dict[str, Any]:
    """Write every view atomically; the record."""
    for name, content in render(events).items():
        place.write(directory / name, content)
    return correction.fold(events) if correction.made(events) else record.fold(events)


def differing(directory: Place, events: Sequence[Event]) -> list[str]:
    """Names of the views that are not what the events say."""
    return [name for name, content in render(events).items() if not (directory / name).exists() or (directory / name).read_bytes() != content]


def register_again(directory: Place, events: Sequence[Event]) -> list[str]:
    """Add the lines of closed runs that a full disk kept out of the register; the runs. Raises LedgerError."""
    if correction.made(events):
        return [correction.RUN] if register.append(directory.parent.parent, correction.line(correction.fold(events))) else []
    closed = [(number, event.run) for number, event in enumerate(events, 1) if event.kind == "run_closed"]
    return [run for number, run in closed if register.append(directory.parent.parent, record.fold(events[:number]), run)]


def close(directory: Place, change: str, run: str, reason: str, stats: Mapping[str, Any]) -> dict[str, Any]:
    """End a run: its outcome becomes the last event, then views, register and checkpoint follow. Raises LedgerError, OSError, ValueError."""
    ledger = Ledger(directory, change)
    events = ledger.events()
    data = {
        **outcome.of_events(events),
        "exit": outcome.of_run(events, run),
        "hosts": outcome.of_hosts(events),
        "stats": dict(stats),
        "reason": reason,
    }
    ledger.append("run_closed", data, run=run, phase="close", sync=True)
    folded = write_views(directory, ledger.events())
    register.append(directory.parent.parent, folded, run)
    checkpoint.sign(directory, change, folded["ledger"])
    return folded
