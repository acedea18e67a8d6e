# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The department's Markdown documents as pages: each in its own language, under the same address in both halves of the site."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace
from markupsafe import Markup

from itops_cli.site import markdown
from itops_cli.site.pages import Site, file_name

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


@dataclass
class Shelf:
    """What there is of documents: id -> language -> its file and properties, service -> ids. `faults` are files that are none."""

    ids: dict[str, dict[str, Document]] = field(default_factory=dict)
    services: dict[str, set[str]] = field(default_factory=dict)
    paths: dict[Path, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def shown(self, lang: str, ids: Iterable[str] | None = None) -> list[Document]:
        """One of each (or of each of these), in this language where there is one, by title."""
        return sorted((self.one(doc_id, lang) for doc_id in (self.ids if ids is None else ids)), key=lambda found: (str(found.meta["title"]), found.id))

    def one(self, doc_id: str, lang: str) -> Document:
        known = self.ids[doc_id]
        return known.get(lang) or next(iter(known.values()))

    def of_service(self, sid: str, lang: str) -> list[Document]:
        return self.shown(lang, self.services.get(sid, ()))


def shelf(ws: Workspace) -> Shelf:
    """Reads front matter; of the bodies nothing is kept. Raises OSError."""
    made = Shelf()
    for path in document.files(ws):
        found, problems = document.read(path)
        if found is None:
            made.faults += [str(problem) for problem in problems if problem.severity == "error"]
            continue
        lang = str(found.meta["lang"])
        there = made.ids.setdefault(found.id, {})
        if lang in there:
            made.faults.append(f"{path}: error: id: {found.id} is {there[lang].path} already → give one of them an id of its own")
            continue
        there[lang] = Document(path, found.meta, "", found.line)
        made.paths[path.resolve()] = found.id
        for sid in found.meta.get("services") or ():
            made.services.setdefault(str(sid), set()).add(found.id)
    return made


def write(site: Site, known: Shelf, people: Mapping[str, Mapping[str, Any]], done: Callable[[int], None]) -> None:
    """The list, then document after document."""

    def name(person: object) -> str:
        return str((people.get(str(person)) or {}).get("name") or person or "")

    for lang in labels.LANGUAGES:
        site.write(lang, "documents/index.html", "documents", documents=known.shown(lang), faults=known.faults, name=name)
    for doc_id in known.ids:
        for lang in labels.LANGUAGES:
            _page(site, known, known.one(doc_id, lang), lang, name)
        done(1)


def _page(site: Site, known: Shelf, found: Document, lang: str, name: Callable[[object], str]) -> None:
    text = document.split(found.path.read_bytes().decode("utf-8-sig", "replace"))[1]
    places = markdown.Places(lambda href: _link(known, found, href), lambda src: _picture(site, found, src))
    body = Markup(markdown.html(text, places))  # noqa: S704 (made of escaped text, without raw HTML)
    site.write(lang, f"documents/{file_name(found.id)}", "document", doc=found, body=body, name=name)


def _link(known: Shelf, found: Document, href: str) -> str | None:
    """Another document's page; nothing else beside a document is in the site."""
    path, _mark, part = href.partition("#")
    target = known.paths.get((found.path.parent / path).resolve()) if path and "\0" not in path else None
    return f"{file_name(target)}{'#' + part if part else ''}" if target else None


def _picture(site: Site, found: Document, source: str) -> str | None:
    """A picture that lies in the documents' folder is copied under its digest."""
    if "\0" in source or ":" in source:
        return None
    file = (found.path.parent / source).resolve()
    if file.suffix.lower() not in PICTURES or not file.is_relative_to(site.ws.documents.resolve()) or not file.is_file():
        return None
    content = file.read_bytes()
    name = f"files/{hashlib.sha256(content).hexdigest()[:32]}{file.suffix.lower()}"
    site.put(name, content)
    return f"../../{name}"
