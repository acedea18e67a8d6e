# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where records are kept: in a folder, or in PostgreSQL. Readers use either alike; what writes asks here."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import address, database
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import STREAM, Entry

Place: TypeAlias = Path | Entry


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


def write(place: Place, content: bytes, sync: bool = True) -> None:
    """Replace a file whole. Raises OSError or LedgerError, and then nothing has changed."""
    if isinstance(place, Entry):
        place.replace(content)
    else:
        atomic.write(place, content, sync)
