# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where records are kept: in a folder, or in PostgreSQL. Readers use either alike; what writes asks here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import address, database
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import STREAM, Entry

Place: TypeAlias = Path | Entry
OF_RUNS = b'"kind":"run_'  # as every line spells it that tells how a run began or ended: lines are canonical JSON


def at(root: Path, named: str) -> Place:
    """The place a setting names; a folder is meant from `root`. Nothing is asked yet."""
    return Entry(database.at(named)) if address.is_address(named) else root / named


def of_change(records: Place, change: str) -> Place:
    """<year>/<change>; the year is the one in the change's id, so it never moves."""
    return records / change.split("-")[1][:4] / change


def changes(records: Place) -> list[str]:
    """Names of all changes that have a record, 更正 records CHG-…-K01 among them; in order."""
    if isinstance(records, Entry):
        return [file.parent.name for file in records.files() if file.name == STREAM and file.parent.name.startswith("CHG-")]
    return [folder.name for folder in sorted(records.glob("[0-9]*/CHG-*")) if folder.is_dir()]


def of_runs(records: Place) -> Iterator[tuple[str, list[bytes]]]:
    """Change -> the lines of its stream that tell of runs; no other line is looked into, so many records cost little. Raises OSError or LedgerError."""
    if isinstance(records, Entry):
        for file, rows in groupby(records.of_runs(), key=lambda row: row[0]):
            yield file.parent.name, [line for _file, line in rows]
        return
    for stream in sorted(records.glob(f"[0-9]*/CHG-*/{STREAM}")):
        yield stream.parent.name, [line for line in stream.read_bytes().split(b"\n")[:-1] if OF_RUNS in line]


def write(place: Place, content: bytes, sync: bool = True) -> None:
    """Replace a file whole. Raises OSError or LedgerError, and then nothing has changed."""
    if isinstance(place, Entry):
        place.replace(content)
    else:
        atomic.write(place, content, sync)
