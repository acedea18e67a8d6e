# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents of the services are made of: records, facts, register, ledgers, known errors, the security notice. Read once."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, policy, record, report, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, security_notice
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.service_documents import Course, Sources
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.catalogue.status import world

FOLDER = "services"  # below the documents: ID/KIND.LANG.md
REGISTER = "register.jsonl"


class Maker:
    """Raises BadInput where the security notice is not fit to be handed out."""

    def __init__(self, ws: Workspace, known: Catalogue):
        self.ws, self.known = ws, known
        self.world = world(ws, known)
        self.common = policy.load(ws).get("known_errors") or []
        self.notices = _notices(ws)

    def folder(self, sid: str) -> Path:
        return self.ws.documents / FOLDER / sid

    def sources(self, sid: str) -> dict[str, Sources]:
        """By language."""
        mine = self.known.services[sid]
        row, course = status.roll_up(self.world, [sid]).rows[0], self._course(sid)
        made = {}
        for lang in labels.LANGUAGES:
            cells = Cells(row, Words(lang))
            last = cells.cell("last")
            register = (_seen_from(self.ws.root, self.ws.records / REGISTER), "" if last == EMPTY else last)
            made[lang] = Sources(mine, cells, [*(mine.get("known_errors") or []), *self.common], course, register, self._notice(sid, lang))
        return made

    def _course(self, sid: str) -> Course | None:
        """The last change the register knows of the service. Raises LedgerError."""
        last = self.world.history.get(sid)
        if not last or not last.change:
            return None
        events = Ledger(self.ws.record_dir(last.change), last.change).events()
        if not events:
            return Course(last.change)
        page = self.ws.record_dir(last.change) / "record.{lang}.md"
        seen = os.path.relpath(page, self.folder(sid)) if isinstance(page, Path) and page.is_relative_to(self.ws.root) else ""
        return Course(last.change, seen, events[-1].hash, report.transcript(record.fold(events)))

    def _notice(self, sid: str, lang: str) -> str:
        """In the other language where there is none in this; "" where there is none at all."""
        found = self.notices.get(lang) or next(iter(self.notices.values()), None)
        return security_notice.inserted(found, self.folder(sid), lang) if found else ""


def _notices(ws: Workspace) -> dict[str, Document]:
    found: list[Document] = []
    problems: list[Problem] = []
    for path in document.files(ws):
        if path.relative_to(ws.documents).parts[0] == FOLDER:
            continue
        one, wrong = document.read(path)
        found += [one] if one else []
        problems += errors(wrong) if one is None and _may_be_notice(path) else []
    counts = security_notice.among(found)
    problems += [problem for one in found for problem in security_notice.faults(one, counts)]
    if problems:
        raise BadInput(problems)
    return counts


def _may_be_notice(path: Path) -> bool:
    """A file whose properties cannot be read must not make the notice vanish from every manual."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return True
    return security_notice.KIND in text or labels.label("document", security_notice.KIND) in text


def _seen_from(root: Path, path: Place) -> str:
    return str(path.relative_to(root)) if isinstance(path, Path) and path.is_relative_to(root) else str(path)
