# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs bundle`: all documents of one side as PDFs for one recipient, with an index; all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import bundle_index, register, rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.documents import options
from itops_cli.errors import Exit, say
from itops_cli.output import bar, emit, format_option


@click.command("bundle")
@click.option("--side", type=click.Choice(register.SIDES), required=True, help="Documents for users, or those of the department.")
@options.handing_out
@click.option("--lang", type=click.Choice(["zh_CN", "en"]), help="Of documents in several languages only this one.")
@click.option("--zip", "packed", is_flag=True, help="One zip file instead of a folder.")
@click.option("--internal", is_flag=True, help="Also what is classified as internal; the ledger says so.")
@format_option
def command(side: str, folder: Path, lang: str | None, packed: bool, internal: bool, fmt: str, **wanted: Any) -> None:
    """Every Markdown document in use of one side as a watermarked PDF, and an index of them, in one folder or zip.

    All or nothing: everything is set and looked through first. A bundle for users holds nothing of the inside, whatever a
    document is classified as: no ops document, no internal address, port, URL or host name, no account, credential ref or
    data path of any service. What is wrong is named with document, line and the field it comes from; exit 2, nothing written.

    Example: itops docs bundle --side user --to 某某公司 --zip --output /tmp
    """
    from itops_cli.documents import exporting

    ws = workspace.find()
    known = catalogue.load(ws).required()
    documents = _chosen(ws, known, side, lang, internal)
    name = f"{side}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    target = _free(folder / (f"{name}.zip" if packed else name))
    with _drawing_board(folder) as board:
        order = exporting.Order(folder=board, outside=side == "user", bundle=name, **wanted)
        with bar(documents, "looking through") as shown:
            drafts = exporting.prepare(ws, shown, order)
        with bar(drafts, "handing out") as rest:
            made = [exporting.export(ws, draft, order) for draft in rest]
        made.append(_index(ws, bundle_index.page(side, lang or "zh_CN", documents, made, order.recipient), order))
        _put(board, target, name)
    files = [{key: value for key, value in line.items() if key != "path"} for line in made]
    data = {"bundle": name, "path": str(target), "side": side, "recipient": order.recipient, "files": files}
    emit(data, fmt, lambda: "\n".join([*(f"  {line['file']}  sha256 {line['sha256']}" for line in files), f"{target}: index {files[-1]['file']}"]))


def _chosen(ws: Workspace, known: catalogue.Catalogue, side: str, lang: str | None, internal: bool) -> list[Document]:
    """In the register's order. Raises BadInput where a document has errors."""
    entries = [entry for entry in register.entries(rules.required(ws, known)) if entry.documents[0].meta["side"] == side]
    wanted = [found for entry in entries for found in (entry.documents if lang is None else [entry.shown(lang)]) if found.meta["migration"] != register.RETIRED]
    if left := sorted({found.id for found in wanted if not found.markdown}):
        say(f"not Markdown yet, so not in the bundle: {', '.join(left)}")
    documents = [found for found in wanted if found.markdown]
    kept = sorted({found.id for found in documents if found.meta["classification"] != "external"})
    if kept and not internal:
        raise Exit(2, f"{', '.join(kept)}: internal, so it stays Markdown → classification: external in its front matter, or --internal")
    if not documents:
        raise Exit(2, f"there is no Markdown document on the side {side} → itops docs register")
    return documents


def _index(ws: Workspace, page: tuple[dict[str, Any], str], order: Any) -> dict[str, Any]:
    """The list of what is in it, itself a watermarked PDF and a line of the ledger."""
    from itops_cli.documents import exporting

    meta, body = page
    with tempfile.TemporaryDirectory(prefix="itops-bundle-") as scratch:
        path = Path(scratch) / "index.md"
        path.write_text(body, "utf-8")
        (draft,) = exporting.prepare(ws, [Document(path, meta, body, 1)], order)
        return exporting.export(ws, draft, order)


def _free(target: Path) -> Path:
    if target.exists():
        raise Exit(2, f"{target}: is there already → the same command again a second later")
    return target


@contextmanager
def _drawing_board(folder: Path) -> Iterator[Path]:
    """A folder on the target's own file system, gone afterwards."""
    board = Path(tempfile.mkdtemp(dir=folder, prefix=".itops-bundle-"))
    try:
        yield board
    finally:
        shutil.rmtree(board, ignore_errors=True)


def _put(board: Path, target: Path, name: str) -> None:
    """The finished whole in its place."""
    if target.suffix != ".zip":
        board.chmod(0o755)
        os.rename(board, target)
        return
    whole = board / target.name
    with zipfile.ZipFile(whole, "x", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(board.glob("*.pdf")):
            archive.write(file, f"{name}/{file.name}")
    os.rename(whole, target)
