# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs build`: the three documents of every service, made from its record, facts, known errors and last maintenance."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    atomic,
    catalogue,
    facts,
    known_errors,
    labels,
    policy,
    record,
    register,
    report,
    status,
    workspace,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, handwritten, service_documents
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.service_documents import Sources
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit
from itops_cli.output import emit, format_option
from itops_cli.status import must_know

FOLDER = "services"  # below the documents
STALE = 4


@dataclass(frozen=True)
class Page:
    """One file as it shall be, and as it is (None: not there)."""

    path: Path
    new: str
    old: str | None

    @property
    def stale(self) -> bool:
        return self.new != self.old


@click.command("build")
@click.option("--service", "only", multiple=True, metavar="ID", help="Only of this service; may be given again.")
@click.option("--check", is_flag=True, help="Write nothing; show what would change, and end with 4 where something would.")
@click.option("--force", is_flag=True, help="Also overwrite what was written outside of the places for it.")
@format_option
def command(only: tuple[str, ...], check: bool, force: bool, fmt: str) -> None:
    """The documents 服务维护管理_X, 故障与维护_X and 使用手册_X of every service, in Chinese and English.

    They lie in documents/services/ID/. What people write between <!-- itops:hand NAME begin --> and <!-- itops:hand NAME end --> stays,
    as do version, review and audience in the front matter. Only what has changed is written.

    Example: itops docs build --service web --check
    """
    ws = workspace.find()
    known = catalogue.load(ws).required()
    for sid in only:
        must_know(known, sid)
    pages = _pages(ws, known, only or sorted(known.services), force)
    stale = [page for page in pages if page.stale]
    if not check:
        for page in stale:
            page.path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(page.path, page.new.encode())
    said = {"written" if not check else "stale": [str(page.path) for page in stale], "unchanged": len(pages) - len(stale)}
    emit(said, fmt, lambda: _text(pages, stale, check))
    raise Exit(STALE if check and stale else 0)


def _pages(ws: Workspace, known: Catalogue, services: Any, force: bool) -> list[Page]:
    """All of them, before the first is written. Raises BadInput with everything that stands in the way."""
    found: list[Page] = []
    problems: list[Problem] = []
    maker = _Maker(ws, known)
    for sid in services:
        given = maker.sources(sid)
        for kind in service_documents.KINDS:
            for lang in labels.LANGUAGES:
                path = ws.documents / FOLDER / sid / service_documents.file_name(kind, lang)
                try:
                    found.append(_page(path, kind, lang, given, maker.notice(lang), force))
                except handwritten.Edited as error:
                    problems.append(Problem(str(path), 0, "", str(error), remedy="itops docs build --check --force shows what would go, --force overwrites it"))
                except BadInput as error:
                    problems += error.problems
    if problems:
        raise BadInput(problems)
    return found


def _page(path: Path, kind: str, lang: str, given: Sources, notice: str, force: bool) -> Page:
    old = path.read_bytes().decode("utf-8", "replace") if path.is_file() else None
    there = None
    if old is not None:
        there, wrong = document.read(path)
        if there is None and not force:
            raise BadInput(errors(wrong))
    fitting = Sources(given.record, Cells(given.cells.row, Words(lang)), given.known_errors, given.change, given.transcript, notice)
    made = handwritten.merged(service_documents.body(kind, lang, fitting), there.body if there else None, force)
    meta = service_documents.meta(given.record, kind, lang, there.meta if there else {})
    return Page(path, document.text(meta, made), old)


class _Maker:
    """What the documents are made of, read once."""

    def __init__(self, ws: Workspace, known: Catalogue):
        try:
            lines = register.read(ws.records)
        except ValueError:
            raise Exit(STALE, "the register is damaged, so nobody knows what was maintained → itops record verify") from None
        self.ws, self.known = ws, known
        self.last = {sid: str(line["change"]) for line in lines if line.get("verb") == "run" and not line.get("check") for sid in line["services"]}
        self.policy = policy.load(ws)
        self.world = status.World(known.services, known.people, facts.load(ws.facts), status.history(lines), datetime.now(UTC), ws.timezone)
        self.notices = {found.meta["lang"]: found.body for found in self._documents() if found.meta["kind"] == "security_notice"}

    def _documents(self) -> Iterator[document.Document]:
        for path in document.files(self.ws):
            if FOLDER not in path.relative_to(self.ws.documents).parts[:1] and (found := document.read(path)[0]):
                yield found

    def sources(self, sid: str) -> Sources:
        row = status.roll_up(self.world, [sid]).rows[0]
        change = self.last.get(sid, "")
        entries = known_errors.entries(sid, {sid: self.known.services[sid]}, self.policy)
        said = report.transcript(record.fold(Ledger(self.ws.record_dir(change), change).events())) if change else ""
        return Sources(self.known.services[sid], Cells(row, Words(labels.LANGUAGES[0])), entries, change, said)

    def notice(self, lang: str) -> str:
        """The text of the one security notice (D3), without its title; in the other language where there is none in this."""
        text = self.notices.get(lang) or next(iter(self.notices.values()), "")
        return "\n".join(line for line in text.strip("\n").split("\n") if not line.startswith("# ")).strip("\n")


def _text(pages: list[Page], stale: list[Page], check: bool) -> str:
    if not check:
        return "\n".join([*(f"{page.path}: written" for page in stale), f"{len(stale)} written, {len(pages) - len(stale)} unchanged"])
    lines: list[str] = []
    for page in stale:
        lines += difflib.unified_diff((page.old or "").splitlines(), page.new.splitlines(), str(page.path), "as it would be", lineterm="")
    return "\n".join([*lines, f"{len(stale)} of {len(pages)} documents would be written"])
