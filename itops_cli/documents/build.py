# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs build`: the three documents of every service, made from its record, facts, known errors and last maintenance."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, catalogue, outcome, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, handwritten, service_documents
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.service_documents import Sources
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.catalogue.status import must_know
from itops_cli.completing import SERVICE
from itops_cli.documents.sources import Maker
from itops_cli.errors import Exit
from itops_cli.output import counted, emit, format_option

STALE = outcome.CODES["not_verified"]
ASIDE = "edited"  # NAME.md.edited-DIGEST: what --force has replaced


@dataclass(frozen=True)
class Page:
    """One file as it shall be, and as it is (None: not there). `edited`: it holds more than its places for what people write."""

    path: Path
    new: bytes
    old: bytes | None
    edited: bool = False

    @property
    def stale(self) -> bool:
        return self.new != self.old


@click.command("build")
@click.option("--service", "only", multiple=True, metavar="ID", type=SERVICE, help="Only of this service; may be given again.")
@click.option("--check", is_flag=True, help="Write nothing; exit 4 with a diff where a document is not what its sources say.")
@click.option("--force", is_flag=True, help="Also replace what was edited outside of the places for it; the file is put aside first.")
@format_option
def command(only: tuple[str, ...], check: bool, force: bool, fmt: str) -> None:
    """The documents 服务维护管理_X, 故障与维护_X and 使用手册_X of every service, in Chinese and English.

    They lie in documents/services/ID/. What people write between <!-- itops:hand NAME begin --> and <!-- itops:hand NAME end -->,
    and between the same marks in the front matter, stays as it is. Only what has changed is written; with any error, nothing.

    Example: itops docs build --service web --check
    """
    ws = workspace.find()
    known = catalogue.load(ws).required()
    for sid in only:
        must_know(known, sid)
    pages = _pages(Maker(ws, known), sorted(set(only) or known.services), force)
    stale = [page for page in pages if page.stale]
    if not check:
        _write(stale)
    data = {
        "stale" if check else "written": [str(page.path) for page in stale],
        "unchanged": len(pages) - len(stale),
        **({"diff": "\n".join(_diff(stale))} if check else {}),
    }
    emit(data, fmt, lambda: _text(pages, stale, check))
    raise Exit(STALE if check and stale else 0)


def _pages(maker: Maker, services: Sequence[str], force: bool) -> list[Page]:
    """All of them, before the first is written. Raises BadInput with everything that stands in the way."""
    found: list[Page] = []
    problems: list[Problem] = []
    for sid in counted(services, "services"):
        for lang, given in maker.sources(sid).items():
            for kind in service_documents.SIDES:
                try:
                    found.append(_page(maker.folder(sid) / service_documents.file_name(kind, lang), kind, lang, given, force))
                except BadInput as error:
                    problems += error.problems
    if problems:
        raise BadInput(problems)
    return found


def _page(path: Path, kind: str, lang: str, given: Sources, force: bool) -> Page:
    old = path.read_bytes() if path.is_file() else None
    try:
        there = None if old is None else old.decode("utf-8-sig")
        new = handwritten.merged(service_documents.text(kind, lang, given), there, force)
    except UnicodeDecodeError as error:
        raise BadInput([Problem(str(path), error.object.count(b"\n", 0, error.start) + 1, "", "not UTF-8 text", allowed="UTF-8")]) from None
    except handwritten.Edited as error:
        raise BadInput([Problem(str(path), 0, "", str(error), remedy=error.remedy)]) from None
    if problems := list(_missing_images(path, new)):
        raise BadInput(problems)
    return Page(path, new.encode(), old, there is not None and not handwritten.intact(there))


def _missing_images(path: Path, text: str) -> Iterator[Problem]:
    """Of the whole document, 使用截图 first of all: a manual without its pictures is not handed out."""
    if "![" not in text:
        return
    from itops_cli.documents import outline

    _front, body, line = document.split(text)
    for link in outline.of(body, line).links:
        if link.image and (link.foreign or not (path.parent / link.target).is_file()):
            yield Problem(str(path), 0, "", "no such image", link.target, "a file beside the document", remedy=f"put it at {path.parent / link.target}")


def _write(pages: Sequence[Page]) -> None:
    """Raises BadInput for a file that somebody has changed in the meantime; what was written before it is as it shall be."""
    for page in pages:
        page.path.parent.mkdir(parents=True, exist_ok=True)
        now = page.path.read_bytes() if page.path.is_file() else None
        if now != page.old:
            raise BadInput([Problem(str(page.path), 0, "", "changed while the documents were made", remedy="itops docs build")])
        mode = page.path.stat().st_mode & 0o7777 if now is not None else 0o644
        if page.edited and now is not None:
            atomic.write(page.path.with_name(_aside(page)), now, mode=mode)
        atomic.write(page.path, page.new, mode=mode)


def _aside(page: Page) -> str:
    return f"{page.path.name}.{ASIDE}-{hashlib.sha256(page.old or b'').hexdigest()[:12]}"


def _text(pages: Sequence[Page], stale: Sequence[Page], check: bool) -> str:
    if check:
        return "\n".join([*_diff(stale), f"{len(stale)} of {len(pages)} documents are not what their sources say"])
    said = [f"{page.path}: written" + (f", the edited one is {_aside(page)}" if page.edited else "") for page in stale]
    return "\n".join([*said, f"{len(stale)} written, {len(pages) - len(stale)} unchanged"])


def _diff(stale: Sequence[Page]) -> Iterator[str]:
    for page in stale:
        old = (page.old or b"").decode("utf-8", "replace").splitlines()
        yield from difflib.unified_diff(old, page.new.decode().splitlines(), f"{page.path} as it is", f"{page.path} as it must be", lineterm="")
