# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""At the end of a run, whatever came of it: silences are lifted, and what fires then that did not before is waited for, so long as policy.yml says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import admission, policy
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import base, silencing, watched
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

POLL = 1.0  # seconds between two looks
SHOWN = 20  # alerts that are named


def end(ws: Workspace, ledger: Ledger, run: str, secret: base.Secret) -> None:
    """Lift what this run and dead ones have silenced, then look whether alerts are clear; one event each. Raises LedgerError."""
    events = ledger.events()
    mine = [event for event in events if event.kind == watched.SILENCED and event.run == run]
    looks = watched.touched(events)
    for event in watched.due(events, run, datetime.now().astimezone()):
        result, message = _lifted(ws, event, secret)
        data = {**_about(event), "result": result, "message": message, "looks": looks and event in mine}
        ledger.append("silence_lifted", data, run=run, phase="close", sync=True)
    for event in mine if looks else ():
        began = time.monotonic()
        result, alerts, message = _checked(ws, event, secret, lambda: admission.cancelled(ledger.events(), run))
        waited = int(time.monotonic() - began)
        data = {**_about(event), "result": result, "alerts": alerts, "waited_s": waited, "message": message}
        ledger.append("alerts_checked", data, run=run, phase="close", sync=True)


def _about(event: Event) -> dict[str, Any]:
    return {name: event.data[name] for name in ("service", "monitor", "silence")}


def _lifted(ws: Workspace, event: Event, secret: base.Secret) -> tuple[str, str]:
    """How it went: lifted, or failed and why; then the silence ends by itself."""
    try:
        found = _settings(ws, event)
        base.within(found["timeout"] * 3 + base.GRACE, lambda: _lift(found, secret, event))
    except (base.MonitorError, BadInput) as error:
        return watched.FAILED, f"{error}; it ends by itself at {event.data['until']}"
    return watched.DONE, ""


def _lift(found: Mapping[str, Any], secret: base.Secret, event: Event) -> None:
    with base.opened(found, secret) as monitor:
        monitor.lift(str(event.data["silence"]))


def _checked(ws: Workspace, event: Event, secret: base.Secret, cancelled: Callable[[], bool]) -> tuple[str, list[str], str]:
    """Whether what fires has fired before; the names of what is new, and in words. What cannot be told is unknown."""
    try:
        found = _settings(ws, event)
        limit = found["clear_within"] + found["timeout"] * 3 + base.GRACE
        new = base.within(limit, lambda: _new(found, secret, event, cancelled))
    except (base.MonitorError, BadInput) as error:
        return watched.UNKNOWN, [], str(error)
    names = sorted({alert.name for alert in new})[:SHOWN]
    return (watched.FIRING, names, f"new, not cleared within {found['clear_within']} s: {', '.join(names)}") if new else (watched.CLEAR, [], "")


def _new(found: Mapping[str, Any], secret: base.Secret, event: Event, cancelled: Callable[[], bool]) -> list[base.Alert]:
    """What is left of new alerts when all are clear, time is up, or somebody asks to stop. Raises MonitorError where the last look failed."""
    scope = base.Scope(event.data["service"], event.data["hosts"], event.data["match"], "", event.run)
    stop, value = time.monotonic() + found["clear_within"], _once(secret)
    while True:
        over = time.monotonic() >= stop or cancelled()
        try:
            with base.opened(found, value) as monitor:
                new = [alert for alert in monitor.active(scope) if alert.fingerprint not in event.data["before"]]
            if not new or over:
                return new
        except base.MonitorError:
            if over:
                raise
        time.sleep(POLL)


def _once(secret: base.Secret) -> base.Secret:
    """The same, asking the store only once for each reference."""
    known: dict[str, str] = {}

    def value(ref: str) -> str:
        if ref not in known:
            known[ref] = secret(ref)
        return known[ref]

    return value


def _settings(ws: Workspace, event: Event) -> dict[str, Any]:
    """As policy.yml has them now. Raises MonitorError where the monitor is not in it any more, BadInput for one with errors."""
    name = event.data["monitor"]
    monitor = next((monitor for monitor in policy.load(ws)["monitors"] if monitor["id"] == name), None)
    if monitor is None:
        raise base.MonitorError(f"{name} is no monitor of policy.yml any more")
    return silencing.settings(ws, monitor)
