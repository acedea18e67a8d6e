# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn it is (S9): standby hosts batch by batch, each verified, then the fail-over, the old primary last; whatever a playbook asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import progress, run
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.plan import STANDBY_STAGE

FAILS_OVER = ("run", "resume")  # verbs whose choreography has the fail-over in it
CARRIED_OUT = ("patch", "verify")

Waiting = tuple[str, str]  # host, segment


def findings(events: Sequence[Event], run_id: str, host: str, segment: str, phase: str) -> Iterator[Finding]:
    """A refusal where something that comes before this segment is neither done nor over; segments that a person skipped are done."""
    planned = run.planned(event for event in events if event.run == run_id)
    if planned is None:
        return  # said by the guard of the digest
    if host not in planned.data.get("segments", {}):
        yield Finding("turn", False, "not one of the hosts this run's gate has lined up", f"itops record show {_change(planned)}", host=host)
        return
    states = progress.hosts(events)
    before = _before(planned.data, host, segment, phase, run.verb(events, run_id) in FAILS_OVER)
    open_ones = [f"{name}: {left}" for name, left in before if _waits(states.get(name), left, name == host)]
    message = f"not its turn: {', '.join(open_ones)} comes first" if open_ones else "it is its turn"
    yield Finding("turn", not open_ones, message, f"itops resume {_change(planned)}: it keeps the order", host=host)


def _change(planned: Event) -> str:
    return str((planned.data.get("change") or {}).get("id") or "CHANGE")


def _before(planned: Mapping[str, Any], host: str, segment: str, phase: str, fails_over: bool) -> Iterator[Waiting]:
    segments, places = planned["segments"], {target["host"]: (target["stage"], target["batch"]) for target in planned["hosts"]}
    own = [item["id"] for item in segments[host] if item["phase"] == phase]
    yield from ((host, name) for name in own[: own.index(segment) if segment in own else 0])
    for other, place in places.items():
        earlier = place[0] == STANDBY_STAGE if phase == "failover" else place < places[host]
        if earlier:
            yield from ((other, item["id"]) for item in segments[other] if item["phase"] in CARRIED_OUT)
        if phase == "patch" and places[host][0] != STANDBY_STAGE and fails_over:
            yield from ((other, item["id"]) for item in segments[other] if item["phase"] == "failover")


def _waits(state: progress.HostProgress | None, segment: str, own: bool) -> bool:
    """A host that failed waits for nothing: whether the others go on is said by the plan's tolerance."""
    if state is None:
        return True
    over = not own and (state.failed or state.lost or bool(state.back))
    return segment not in state.done and not over
