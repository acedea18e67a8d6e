# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When all ledgers were last verified, and how many faults there were: for monitoring, which asks whether anybody still looks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

FILE = ".verified.json"  # hidden: what is copied into another store does not take it along


@dataclass(frozen=True)
class Verified:
    """The last complete `itops record verify`."""

    at: datetime
    faults: int


def _place(ws: Workspace) -> Place:
    """Beside records in a database, where every controller finds it; else in the cache: losing it makes the metric disappear, and the alert says so."""
    return (ws.records if isinstance(ws.records, Entry) else ws.cache) / FILE


def note(ws: Workspace, faults: int) -> None:
    """Remember that it was done now. Where it cannot be written (an auditor only reads) the verification itself counts all the same."""
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "faults": faults}
    try:
        ws.cache.mkdir(exist_ok=True)
        place.write(_place(ws), json.dumps(told).encode())
    except (OSError, LedgerError):
        return


def last(ws: Workspace) -> Verified | None:
    """None where nobody knows."""
    try:
        told = json.loads(_place(ws).read_bytes())
        return Verified(datetime.fromisoformat(told["at"]), int(told["faults"]))
    except (OSError, KeyError, TypeError, ValueError):
        return None
