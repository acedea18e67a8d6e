# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the first change: whether monitoring can be silenced at all, and the silence itself. It ends by itself, whatever becomes of us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import plan, policy
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import facts, windows
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import base, watched
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

if TYPE_CHECKING:
    from ansible_collections.itops.maintenance.plugins.plugin_utils.gate import Situation

MARGIN = timedelta(minutes=30)
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(hours=8)
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Watch:
    """One service and the monitor that watches it."""

    scope: base.Scope
    settings: Record


def monitor_of(rules: Record, service: Record) -> Record | None:
    """Settings of the monitor that the service names; None where it has none, or names none of policy.yml."""
    said = service.get("monitoring") or {}
    return next((m for m in rules.get("monitors") or [] if said.get("state") == "deployed" and m["id"] == said.get("ref")), None)


def settings(ws: Workspace, monitor: Record) -> dict[str, Any]:
    """The monitor's settings; a relative certificate file lies in the workspace."""
    return {**monitor, "ca": str(ws.root / monitor["ca"]) if monitor.get("ca") else ""}


def findings(now: Situation) -> Iterator[Finding]:
    """What the records say, nobody is asked: silenced through a monitor, or watched by a person."""
    if now.verb not in watched.VERBS:
        return
    try:
        rules = policy.load(now.ws)
    except BadInput as error:
        yield Finding("monitoring", False, "; ".join(map(str, error.problems[:3])), "itops lint", "warning")
        return
    for sid in now.change.services:
        said = now.services[sid].get("monitoring") or {}
        monitor = monitor_of(rules, now.services[sid])
        if monitor or said.get("state") != "deployed":
            yield Finding("monitoring", True, f"{sid}: silenced through {monitor['id']}" if monitor else f"{sid}: not monitored, a person watches it")
        else:
            message = f"{sid}: monitoring is deployed, but no monitor of policy.yml is named, so it cannot be silenced"
            yield Finding("monitoring", False, message, f"add it to monitors in policy.yml, and name its id in monitoring.ref of {sid}.yml", "warning")


def watches(now: Situation) -> list[Watch]:
    """The services of this run that a monitor watches; none for a verb that changes nothing, or where policy.yml cannot be read."""
    try:
        rules = policy.load(now.ws) if now.verb in watched.VERBS else {"monitors": []}
    except BadInput:
        return []
    named = [(sid, monitor_of(rules, now.services[sid])) for sid in now.change.services]
    return [Watch(_scope(now, sid), settings(now.ws, monitor)) for sid, monitor in named if monitor]


def _scope(now: Situation, sid: str) -> base.Scope:
    record = now.services[sid]
    match = (record.get("monitoring") or {}).get("match") or {}
    return base.Scope(sid, [plan.name_of(host) for host in record["hosts"]], {str(k): str(v) for k, v in match.items()}, now.change.id, now.run_id)


def silence(now: Situation, ledger: Ledger, secret: base.Secret, look_only: bool) -> list[Finding]:
    """Ask every monitor what fires, and only where none refuses silence those that answer; one event each."""
    asked = [(watch, _tried(now, watch, secret, lambda monitor, scope: monitor.active(scope))) for watch in watches(now)]
    found = [answer for _watch, answer in asked if isinstance(answer, Finding)]
    if look_only or refusals(found):
        return found
    return found + [_silenced(now, ledger, secret, watch, alerts) for watch, alerts in asked if not isinstance(alerts, Finding)]


def _silenced(now: Situation, ledger: Ledger, secret: base.Secret, watch: Watch, alerts: list[base.Alert]) -> Finding:
    scope, until = watch.scope, ends(datetime.now().astimezone(), now)
    made = _tried(now, watch, secret, lambda monitor, scope: monitor.silence(scope, until))
    if isinstance(made, Finding):
        return made
    before = watched.baseline(now.events, now.verb, scope.service, [alert.fingerprint for alert in alerts])
    data = {"service": scope.service, "monitor": watch.settings["id"], "type": watch.settings["type"], "silence": made,
            "until": until.isoformat(timespec="seconds"), "match": dict(scope.match), "hosts": list(scope.hosts), "before": before}  # fmt: skip
    ledger.append("silenced", data, run=scope.run, phase="gate", sync=True)
    return Finding("monitoring", True, f"{scope.service}: silenced in {watch.settings['id']} until {until.isoformat(timespec='minutes')}")


def _tried(now: Situation, watch: Watch, secret: base.Secret, ask: Callable[[base.Monitor, base.Scope], Any]) -> Any:
    """The answer, or the finding that there is none. It refuses a new run; what must go on in any case is only warned."""
    try:
        return base.within(watch.settings["timeout"] * 3 + base.GRACE, lambda: _asked(watch, secret, ask))
    except (base.MonitorError, BadInput) as error:
        goes_on = now.verb in watched.GOES_ON or now.change.data["category"] == "emergency"
        remedy = "mend or reach it; or, where it is to be watched by hand, monitoring.state: absent in the service record"
        return Finding("monitoring", False, f"{watch.scope.service}: {error}", remedy, "warning" if goes_on else "error")


def _asked(watch: Watch, secret: base.Secret, ask: Callable[[base.Monitor, base.Scope], Any]) -> Any:
    with base.opened(watch.settings, secret) as monitor:
        return ask(monitor, watch.scope)


def ends(at: datetime, now: Situation) -> datetime:
    """When a silence ends by itself: with the planned window; without one, or after it, twice the expected time and a margin from now. At least
    10 minutes, at most 8 hours."""
    window = windows.planned(now.change)
    if window and window.end > at:
        wanted = window.end - at
    else:
        wanted = facts.gather(now.ws, now.change, now.services, now.people, now.events, now.awx_user, now.compared).expected * 2 + MARGIN
    return at + min(max(wanted, SHORTEST), LONGEST)
