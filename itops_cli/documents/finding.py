# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document a person means: by path, by id, or the record of a change."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

DEFAULT = "zh_CN"


def one(ws: Workspace, name: str, lang: str | None = None) -> Document:
    """Raises BadInput where there is none, or where its properties are wrong."""
    if name.startswith("CHG-") and ws.record_dir(name).is_dir():
        from itops_cli.documents import record_document  # what folds ledgers takes longer to load than all the rest

        return record_document.read(ws, name, lang or DEFAULT)
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
    if languages := sorted(str(found.meta["lang"]) for found in known.values() if found.id == name):
        raise BadInput([Problem(str(ws.documents), 0, "", f"{name} is not there in this language", str(lang), ", ".join(languages))])
    near = get_close_matches(name, [found.id for found in known.values()], 1)
    there = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted({found.id for found in known.values()})) or 'none'}"
    raise BadInput([Problem(str(ws.documents), 0, "", "no such document", name, there, remedy="itops docs register" if known else "itops docs build")])
