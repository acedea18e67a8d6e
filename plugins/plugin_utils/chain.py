# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies a ledger: which event was edited, deleted, inserted, swapped or cut off."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place


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


def verify(directory: Place, change: str, *known_heads: Mapping[int, str]) -> list[Fault]:
    """All faults of one change's stream. `known_heads` (seq -> hash): what register and checkpoints remember of it, none in place of another."""
    path = directory / ledger.STREAM
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    torn = lines.pop()
    events = [ledger.parse(line) for line in lines]
    faults = _walk(change, lines, events)
    if torn:
        faults.append(Fault(change, len(lines) + 1, len(lines) + 1, "damaged", "the last line is torn; the next append sets it aside"))
    return faults + list(_cut(directory, change, [event for event in events if event], known_heads))


def _walk(change: str, lines: Sequence[bytes], events: Sequence[Event | None]) -> list[Fault]:
    faults: list[Fault] = []
    expected, prev = 1, ledger.genesis(change)
    seqs = Counter(event.seq for event in events if event)
    for line, event in enumerate(events, 1):
        if event is None:
            faults.append(Fault(change, expected, line, "damaged", "this line is no event"))
            expected += 1
            prev = ""
            continue
        if _as_written(lines[line - 1], event):
            faults += _one(change, line, event, expected, prev, seqs)
        else:
            faults.append(Fault(change, event.seq, line, "edited", "its content does not match its hash"))
        expected, prev = event.seq + 1, event.hash
    return faults


def _as_written(line: bytes, event: Event) -> bool:
    """Whether the line is, byte for byte, the canonical form of what its hash was made from."""
    try:
        whole = ledger.canonical(event.as_dict())
    except ledger.LedgerError:
        return False
    return line == whole and hashlib.sha256(whole.replace(b'"hash":"%b",' % event.hash.encode(), b"", 1)).hexdigest() == event.hash


def _one(change: str, line: int, event: Event, expected: int, prev: str, seqs: Mapping[int, int]) -> list[Fault]:
    if event.seq == expected and (event.prev == prev or not prev):
        return []
    if line == 1 and event.seq == 1:
        return [Fault(change, 1, 1, "foreign", "the stream begins with the genesis of another change")]
    if event.seq > expected:
        gone = next((seq for seq in range(expected, event.seq) if seq not in seqs), 0)
        if gone:
            last = next(seq for seq in range(event.seq - 1, 0, -1) if seq not in seqs)
            return [Fault(change, gone, line, "deleted", f"events {gone} to {last} are missing")]
        return [Fault(change, event.seq, line, "swapped", f"stands where event {expected} belongs")]
    if seqs[event.seq] > 1:
        return [Fault(change, event.seq, line, "inserted", "this number exists twice")]
    if event.seq < expected:
        return [Fault(change, event.seq, line, "swapped", f"stands where event {expected} belongs")]
    return [Fault(change, event.seq, line, "inserted", "does not continue the event before it")]


def evidence(directory: Place, change: str, events: Iterable[Event]) -> Iterator[Fault]:
    """What is wrong with the long outputs beside the stream, each named by its digest. No reason to refuse a run: the stream is whole."""
    for event in events:
        name = event.data.get("evidence")
        if not name or type(name) is not str:
            continue
        path = directory / ledger.EVIDENCE / name
        if not path.is_file():
            yield Fault(change, event.seq, event.seq, "deleted", f"its evidence {name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != name:
            yield Fault(change, event.seq, event.seq, "edited", f"its evidence {name} does not match its digest")


def _cut(directory: Place, change: str, events: list[Event], known: Iterable[Mapping[int, str]]) -> list[Fault]:
    """The end of the stream against what is remembered of it elsewhere."""
    have, faults = {event.seq: event.hash for event in events}, list[Fault]()
    told = {pair for heads in known for pair in heads.items()}
    try:
        head = json.loads((directory / ledger.HEAD).read_bytes())
        told.add((int(head["seq"]), str(head["hash"])))
    except FileNotFoundError:
        if len(events) > 1:
            faults.append(Fault(change, len(events), len(events), "cut", f"{ledger.HEAD} is gone, which remembers its end"))
    except (ValueError, KeyError, TypeError):
        return [Fault(change, len(events), len(events), "damaged", f"{ledger.HEAD} cannot be read")]
    for seq, remembered in sorted(told):
        if seq not in have:
            faults.append(Fault(change, seq, len(events), "cut", f"the stream ends at event {len(events)}, but event {seq} is known to exist"))
        elif have[seq] != remembered:
            faults.append(Fault(change, seq, seq, "edited", "differs from what is remembered of it (rewritten from here or before)"))
    return faults
