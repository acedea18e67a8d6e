# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a maintenance record as a document."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, record, register, views
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace


def read(ws: Workspace, change: str, lang: str) -> Document:
    """Under its own id and version. Raises BadInput where the ledger does not verify, or the report is not what it says."""
    folder = ws.record_dir(change)
    name, events = f"record.{lang}.md", Ledger(folder, change).events()
    if faults := chain.verify(folder, change, register.heads(ws.records, change), checkpoint.head(folder)):
        raise BadInput([Problem(str(folder), 0, "", f"its ledger does not verify: {faults[0]}", remedy=f"itops record verify {change}")])
    if name in views.differing(folder, events):
        raise BadInput([Problem(str(folder / name), 0, "", "is not what the ledger says", remedy=f"itops record render {change}")])
    body = (folder / name).read_text("utf-8")
    title = next((line.lstrip("# ").strip() for line in body.split("\n") if line.startswith("# ")), change)
    own = record.fold(events)
    meta = {"id": f"REC-{change}", "title": title, "version": str(own["document"]["version"] or 1), "classification": "internal", "lang": lang, "side": "ops",
            "owner": ", ".join(dict.fromkeys(service["owner"] for service in own["services"] if service["owner"]))}  # fmt: skip
    return Document(Path(str(folder / name)), meta, body, 1, origin=folder / name)
