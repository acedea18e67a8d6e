# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was handed out: one hash-chained stream of exports, so that every PDF that comes back can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import chain
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

NAME = "exports"  # of the stream and its folder below records/
BEGUN, EXPORTED = "export_begun", "exported"
KEYWORD = "itops:export="  # in the PDF's own properties, then the number


@dataclass(frozen=True)
class Told:
    """What a PDF turned out to be. `state`: unaltered, altered or unknown; `export` is the ledger's line, where there is one."""

    state: str
    number: int
    export: Mapping[str, Any]


def folder(ws: Workspace) -> Place:
    return ws.records / NAME


def book(ws: Workspace) -> Ledger:
    return Ledger(folder(ws), NAME)


def begin(ws: Workspace, about: Mapping[str, Any], account: str) -> int:
    """Note that an export begins; its number, which no other export has. Raises LedgerError."""
    return book(ws).append(BEGUN, dict(about), actor=account, sync=True).seq


def handed_out(ws: Workspace, number: int, sha256: str, about: Mapping[str, Any], account: str) -> Event:
    """Note the finished file before it is put where the recipient gets it. Raises LedgerError: then nothing may be handed out."""
    return book(ws).append(EXPORTED, {**about, "number": number, "sha256": sha256}, actor=account, sync=True)


def tell(ws: Workspace, sha256: str, number: int) -> Told:
    """Which export a file with this digest is; `number` is the one the file claims (0: none)."""
    lines = [{**event.data, "at": event.at, "account": event.actor} for event in book(ws).events() if event.kind == EXPORTED]
    by_digest = next((line for line in lines if line["sha256"] == sha256), None)
    if by_digest:
        return Told("unaltered", int(by_digest["number"]), by_digest)
    claimed = next((line for line in lines if line["number"] == number), None)
    return Told("altered", number, claimed) if claimed else Told("unknown", number, {})


def trusted(ws: Workspace) -> None:
    """Raises LedgerError where the stream does not verify: it would prove nothing of a further copy either."""
    if faults := verify(ws):
        raise LedgerError(f"nothing is handed out, the ledger of exports does not verify (itops record verify): {faults[0]}")


def verify(ws: Workspace) -> list[str]:
    """Everything that is wrong with the stream."""
    return [str(fault) for fault in chain.verify(folder(ws), NAME)] if folder(ws).is_dir() else []
