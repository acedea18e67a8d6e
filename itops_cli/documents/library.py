# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All documents of a workspace, read and parsed once: what the rules of `itops docs lint` look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, register
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import plain
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.documents import outline
from itops_cli.documents.outline import Outline
from itops_cli.output import counted


@dataclass(frozen=True)
class Page:
    """One file. `document` is None where its properties are not fit for use, `problems` say why."""

    path: Path
    text: str
    outline: Outline
    document: Document | None
    problems: Sequence[Problem]

    @property
    def meta(self) -> Mapping[str, Any]:
        return self.document.meta if self.document else {}

    def problem(self, line: int, message: str, found: str = "", allowed: str = "", remedy: str = "") -> Problem:
        """Of a line of the text; one of a property is made by `document.problem`."""
        return Problem(str(self.path), line, "", message, found, allowed, remedy=remedy)


@dataclass(frozen=True)
class Library:
    """`listed` is what is not Markdown yet, `problems` what is wrong with that list; `today` is the day at the workspace."""

    ws: Workspace
    catalogue: Catalogue
    pages: Sequence[Page]
    listed: Sequence[Document]
    problems: Sequence[Problem]
    today: date

    @cached_property
    def documents(self) -> list[Document]:
        return [*(page.document for page in self.pages if page.document), *self.listed]

    @cached_property
    def titles(self) -> set[str]:
        return {plain(one.meta["title"]) for one in self.documents}

    @cached_property
    def by_path(self) -> dict[Path, Page]:
        return {page.path.resolve(): page for page in self.pages}


def read(ws: Workspace) -> Library:
    """Never raises for what stands in the files, or that one cannot be read."""
    pages = [page(path) for path in counted(list(document.files(ws)), "documents")]
    return Library(ws, catalogue.load(ws), pages, *register.listed(ws), datetime.now(ZoneInfo(ws.timezone)).date())


def page(path: Path) -> Page:
    found, problems = document.read(path)
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError:  # the problem says so
        text = ""
    _front, body, line = document.split(text)
    return Page(path, text, outline.of(body, line), found, problems)
