# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbook `status` and tells host by host how it goes, on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from ansible_collections.itops.maintenance.plugins.plugin_utils import facts, facts_history
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.facts import HostFacts
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli import runner
from itops_cli.errors import Exit, say

POLL = 0.2  # seconds between two looks at the facts
INTERNAL = 1
RAN_THROUGH = (0, 2, 4, 6)  # ansible's statuses after every host had its turn: all well, some failed, some unreachable, both
MESSAGE = 200  # characters of a reason that are shown


def collect(ws: Workspace, known: Catalogue, service: str | None) -> None:
    """Collect all services' hosts, or those of one. Raises Exit 1 where nothing at all could be tried."""
    began = datetime.now(UTC).replace(microsecond=0)
    told: dict[str, HostFacts] = {}
    started = runner.start(ws, "status", {"service": service or ""})
    try:
        while started.alive():
            _tell(ws, began, told)
            time.sleep(POLL)
    finally:
        code = started.finish()
    _tell(ws, began, told)
    if not told:
        say("\n".join(started.last_lines(20)))
        raise Exit(INTERNAL, f"nothing was collected (ansible ended with {code}) → itops lint; ansible-inventory --graph itops_services")
    named = set(_named(known, service))
    if service is None and code in RAN_THROUGH:
        _forget(ws, {*told, *named})
        history.forget_others(ws.facts, known.services)
    _sum_up(told, named)


def _tell(ws: Workspace, began: datetime, told: dict[str, HostFacts]) -> None:
    """One line for each host that has been tried since the last look."""
    for host, found in facts.attempts(ws.facts, began).items():
        if host not in told:
            told[host] = found
            say(f"{host}: {'not collected: ' + found.problem[:MESSAGE] if found.problem else 'collected'}")


def _forget(ws: Workspace, hosts: set[str]) -> None:
    """What was known of a host that has left its group would be a stale part of the service for ever."""
    for host in sorted(set(facts.load(ws.facts)) - hosts):
        facts.forget(ws.facts, host)
        facts_history.forget(ws.facts, host)
        say(f"{host}: in no service any more, its facts were removed")


def _sum_up(told: dict[str, HostFacts], named: set[str]) -> None:
    failed = sorted(host for host, found in told.items() if found.problem)
    left = sorted(named - set(told))
    parts = [f"{what}: {', '.join(hosts)}" for what, hosts in (("not collected", failed), ("never tried", left)) if hosts]
    if parts:
        say(f"warning: collected {len(told) - len(failed)} of {len(told) + len(left)} hosts; {'; '.join(parts)}")


def _named(known: Catalogue, service: str | None) -> Iterable[str]:
    """Hosts that records call by name; what is in a group only the inventory knows."""
    records = [known.services[service]] if service else known.services.values()
    return (str(entry["name"]) for record in records for entry in record["hosts"] if entry.get("name"))
