# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records from one store into another, byte for byte: only ever more lines, never other ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import HEAD, LINES, Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place, write


class Diverged(Exception):
    """The target has other lines than the source where both have some."""


def names(records: Place) -> list[str]:
    """Every file of a store, from its root: what is only ever added to first, for the rest goes by it. Locks and heads are each store's own."""
    if isinstance(records, Entry):
        found = [file.path for file in records.files()]
    else:
        found = [str(path.relative_to(records)) for path in records.rglob("*") if path.is_file()]
    own = [name for name in found if not any(part.startswith(".") for part in name.split("/")) and not name.endswith(f"/{HEAD}")]
    return sorted(own, key=lambda name: (not name.endswith(LINES), name))


def copy(source: Place, target: Place, name: str) -> bool:
    """Bring one file over and read it back; false where the target was further on already. Raises Diverged, LedgerError, OSError."""
    origin, goal = _at(source, name), _at(target, name)
    if isinstance(goal, Path):
        goal.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    content = origin.read_bytes()
    if name.endswith(LINES):
        ahead = _lines(content.split(b"\n")[:-1], goal)
    elif ahead := _ahead(origin.parent, goal.parent):
        return False
    else:
        write(goal, content)
    if not ahead and goal.read_bytes() != content:
        raise LedgerError(f"{goal}: is not what was written there")
    return not ahead


def _at(root: Place, name: str) -> Place:
    for part in name.split("/"):
        root = root / part
    return root


def _ahead(origin: Place, goal: Place) -> bool:
    """Whether what stands in this folder is made from more events than the source has."""
    streams = [folder / ledger.STREAM for folder in (origin, goal)]
    return all(stream.is_file() for stream in streams) and streams[0].read_bytes() != streams[1].read_bytes()


def _lines(wanted: Sequence[bytes], goal: Place) -> bool:
    """Add the lines that are missing; whether the target has more of them."""
    if isinstance(goal, Entry):
        with goal.database.adding(goal.path) as connection:
            goal.end(connection)
            there = _beginning(goal.lines(), wanted, goal)
            for line in wanted[there:]:
                raw = json.loads(line)
                goal.add(connection, raw["seq"] if "kind" in raw else raw["number"], raw["prev"], raw["hash"], line)
        return there > len(wanted)
    there = _beginning(goal.read_bytes().split(b"\n")[:-1] if goal.exists() else [], wanted, goal)
    if there < len(wanted):
        atomic.write(goal, b"".join(line + b"\n" for line in wanted))
        if goal.name == ledger.STREAM and (last := ledger.parse(wanted[-1])):
            atomic.write(goal.parent / ledger.HEAD, ledger.canonical({"seq": last.seq, "hash": last.hash}))
    return there > len(wanted)


def _beginning(there: Sequence[bytes], wanted: Sequence[bytes], goal: Place) -> int:
    """How many lines there are already. Raises Diverged where they are others."""
    for number, (mine, other) in enumerate(zip(there, wanted, strict=False), 1):
        if mine != other:
            raise Diverged(f"{goal}: line {number} is another one there: two histories are never made one")
    return len(there)
