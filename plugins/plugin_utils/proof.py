# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a record is whole: its chain against all that is remembered of it, its evidence, the signature of its checkpoint."""

from __future__ import annotations

from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, register
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place


def faults(records: Place, change: str) -> list[str]:
    """Everything that is wrong with one record. Raises LedgerError where it cannot be read, ValueError for a key that is none."""
    folder = place.of_change(records, change)
    events = Ledger(folder, change).events()
    found = chain.verify(folder, change, register.heads(records, change), checkpoint.head(folder))
    found += chain.evidence(folder, change, events)
    return [*map(str, found), *filter(None, [checkpoint.fault(folder, change)])]
