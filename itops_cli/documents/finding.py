# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document a person means: by path, by id, or the record of a change."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, record, register, views
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

DEFAULT = "zh_CN"


def one(ws: Workspace, name: str, lang: str | None = None) -> Document:
    """Raises BadInput where there is none, or where its properties are wrong."""
    if name.startswith("CHG-") and ws.record_dir(name).is_dir():
        return _record(ws, name, lang or DEFAULT)
    path = Path(name)
    return _read(path) if path.suffix == ".md" and path.is_file() else _by_id(ws, name, lang)


def _read(path: Path) -> Document:
    found, problems = document.read(path)
    if found is None:
        raise BadInput(errors(problems))
    return found


def _by_id(ws: Workspace, name: str, lang: str | None) -> Document:
    known = {path: found for path in document.files(ws) if (found := document.read(path)[0])}
    wanted = [found for found in known.values() if found.id == name and lang in (None, found.meta["lang"])]
    if wanted:
        return min(wanted, key=lambda found: found.meta["lang"] != DEFAULT)
    near = get_close_matches(name, [found.id for found in known.values()], 1)
    there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted({found.id for found in known.values()})) or 'none'}"
    raise BadInput([Problem(str(ws.documents), 0, "", "no such document", name, there, remedy="itops docs --help")])


def _record(ws: Workspace, change: str, lang: str) -> Document:
    """The report of a record whose ledger verifies, as the ledger tells it now, under its own id and version."""
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
    return Document(folder / name, meta, body, 1)
