# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the ledger up to what a host's own journals say, and judges where the host stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.follower import Follower, Refused, Transport, patient
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.progress import HostProgress, hosts
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan

RECONNECT_WITHIN = 60  # seconds to reach a host that a person has just brought back
NO_WAY_ON = ("failed", "rolled_back")  # a resume continues neither: the way is back, or a new change


def catch_up(transport: Transport, ledger: Ledger, plan: HostPlan, rejoin_within: float, cancelled: Callable[[], bool]) -> None:
    """Import every journal line the ledger lacks; a segment that still runs is followed to its end. Raises Refused, Unreachable, ContactLost."""
    host = plan.target.host
    state = hosts(ledger.events()).get(host, HostProgress(host))
    reply = patient(transport, min(rejoin_within, RECONNECT_WITHIN))("state", {"change": plan.change.id, "state_dir": plan.state_dir}, {})
    if not reply.get("ok", True):
        raise Refused(f"the host does not say where it stands: {reply.get('error', '')}")
    for found in reply.get("segments") or []:
        _segment(transport, ledger, plan, state, found, rejoin_within, cancelled)
    if state.lost:
        ledger.append("contact_regained", {}, host=host, phase="rollback")
    asked = hosts(ledger.events())[host].asked if state.asked else None
    if asked:  # the host has no trace of it
        data = {"segment": asked[1], "message": "the host never began"}
        ledger.append("segment_refused", data, run=asked[0], host=host, phase=asked[2], sync=True)


def _segment(
    transport: Transport, ledger: Ledger, plan: HostPlan, state: HostProgress, found: Mapping[str, Any],
    rejoin_within: float, cancelled: Callable[[], bool],
) -> None:  # fmt: skip
    key = (str(found["run"]), str(found["segment"]))
    have = state.imported.get(key, 0)
    if have >= int((found.get("last") or {}).get("n", 0)) and found.get("status") != "running":
        return
    body = {"change": plan.change.id, "run": key[0], "segment": key[1], "state_dir": plan.state_dir, "host": plan.target.host,
            "phase": str(found.get("phase", ""))}  # fmt: skip
    Follower(transport, ledger, body, rejoin_within, cancelled, last_line=have).rejoin()


def standing(state: HostProgress) -> str:
    """untouched, rolled_back, failed or done, in words for the play."""
    if not state.touched:
        return "untouched"
    if state.rolled_back:
        return "rolled_back"
    return "failed" if state.failed or state.lost or state.running else "done"


def rollback_due(events: Iterable[Event], run: str, state: HostProgress, requested: bool) -> bool:
    """Whether the controller has to roll this host back: asked for, or failed and not gone back by itself.

    A person who answered `stop` in this run has decided against it.
    """
    answers = [e for e in events if e.run == run and e.host == state.host and e.kind == "confirmation_given"]
    if answers and answers[-1].data.get("answer") == "stop":
        return False
    return state.touched and not state.rolled_back and (requested or standing(state) == "failed")
