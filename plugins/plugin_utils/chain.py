# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies a ledger: which event was edited, deleted, inserted, swapped or cut off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. `line` counts from 1 in the file; `kind`: edited, deleted, inserted, swapped, cut, foreign, damaged."""

    change: str
    seq: int
    line: int
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.change}: event {self.seq} (line {self.line}): {self.kind}: {self.message}"


def verify(directory: Path, change: str, known_heads: dict[int, str] | None = None) -> list[Fault]:
    """All faults of one change's stream. `known_heads` (seq -> hash) is what the register and checkpoints remember of it."""
    path = directory / ledger.STREAM
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    torn = lines.pop()
    events = [(number, ledger.parse(line)) for number, line in enumerate(lines, 1)]
    faults = list(_walk(change, events))
    if torn:
        faults.append(Fault(change, len(lines) + 1, len(lines) + 1, "damaged", "the last line is torn; the next append sets it aside"))
    return faults + list(_cut(directory, change, [event for _, event in events if event], known_heads or {}))


def _walk(change: str, events: list[tuple[int, Event | None]]) -> list[Fault]:
    faults: list[Fault] = []
    expected, prev = 1, ledger.genesis(change)
    seqs = Counter(event.seq for _, event in events if event)
    for line, event in events:
        if event is None:
            faults.append(Fault(change, expected, line, "damaged", "this line is no event"))
            expected += 1
            prev = ""
            continue
        faults += _one(change, line, event, expected, prev, seqs)
        expected, prev = event.seq + 1, event.hash
    return faults


def _one(change: str, line: int, event: Event, expected: int, prev: str, seqs: Mapping[int, int]) -> list[Fault]:
    if ledger.digest(event.as_dict()) != event.hash:
        return [Fault(change, event.seq, line, "edited", "its content does not match its hash")]
    if event.seq == expected and (event.prev == prev or not prev):
        return []
    if line == 1 and event.seq == 1:
        return [Fault(change, 1, 1, "foreign", "the stream begins with the genesis of another change")]
    if event.seq > expected:
        gone = [seq for seq in range(expected, event.seq) if seq not in seqs]
        if gone:
            return [Fault(change, gone[0], line, "deleted", f"events {gone[0]} to {gone[-1]} are missing")]
        return [Fault(change, event.seq, line, "swapped", f"stands where event {expected} belongs")]
    if seqs[event.seq] > 1:
        return [Fault(change, event.seq, line, "inserted", "this number exists twice")]
    if event.seq < expected:
        return [Fault(change, event.seq, line, "swapped", f"stands where event {expected} belongs")]
    return [Fault(change, event.seq, line, "inserted", "does not continue the event before it")]


def _cut(directory: Path, change: str, events: list[Event], known: dict[int, str]) -> list[Fault]:
    """The end of the stream against what is remembered of it elsewhere."""
    have = {event.seq: event.hash for event in events}
    try:
        head = json.loads((directory / ledger.HEAD).read_bytes())
        known = {**known, int(head["seq"]): str(head["hash"])}
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        return [Fault(change, len(events), len(events), "damaged", f"{ledger.HEAD} cannot be read")]
    faults = []
    for seq, remembered in sorted(known.items()):
        if seq not in have:
            faults.append(Fault(change, seq, len(events), "cut", f"the stream ends at event {len(events)}, but event {seq} is known to exist"))
        elif have[seq] != remembered:
            faults.append(Fault(change, seq, seq, "edited", "differs from what is remembered of it (rewritten from here or before)"))
    return faults
