# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs pdf`: a document as a watermarked PDF for one recipient."""

from __future__ import annotations

from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document

from itops_cli.documents import finding
from itops_cli.errors import Exit, say
from itops_cli.output import emit, format_option

FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command("pdf")
@click.argument("documents", metavar="DOC...", nargs=-1, required=True)
@click.option("--to", "recipient", required=True, metavar="RECIPIENT", help="Who gets it; stands on every page.")
@click.option("--output", "folder", type=FOLDER, default=Path(), show_default=".", help="Folder to put the files into.")
@click.option("--lang", type=click.Choice(["zh_CN", "en"]), help="Of an id or a record that there is in both languages.")
@click.option("--internal", is_flag=True, help="Also export what is classified as internal; the ledger says so.")
@click.option("--protect", is_flag=True, help="Encrypt against copying and changing (AES-256): it deters, it does not prevent.")
@click.option("--flatten", is_flag=True, help="Pages as pictures: the watermark cannot be taken off, text not be copied.")
@format_option
def command(documents: tuple[str, ...], recipient: str, folder: Path, lang: str | None, internal: bool, protect: bool, flatten: bool, fmt: str) -> None:
    """Watermarked PDFs for one recipient. DOC is the id or path of a document, or a change for its record.

    Every export is a line of the ledger before the file is put in its place. Markdown stays inside: an internal document
    needs --internal. An external one goes out only where nothing of the inside is in it: no internal address, port, URL or
    host name, no account, credential ref or data path of any service.

    Example: itops docs pdf svc-web-manual --to 某某公司 --output /tmp
    """
    from itops_cli.documents import exporting

    ws = workspace.find()
    found = [finding.one(ws, name, lang) for name in documents]
    _external(found, internal)
    order = exporting.Order(recipient, folder, protect, flatten, catalogue.load(ws).people)
    say(f"typesetting {', '.join(document.id for document in found)} …")
    made = [exporting.export(ws, draft, order) for draft in exporting.prepare(ws, found, order)]
    emit(made, fmt, lambda: "\n".join(f"{line['path']}  No. {line['number']}  sha256 {line['sha256']}" for line in made))


def _external(found: list[Document], internal: bool) -> None:
    kept = [document.id for document in found if document.meta["classification"] != "external"]
    if kept and not internal:
        raise Exit(2, f"{', '.join(kept)}: internal, so it stays Markdown → classification: external in its front matter, or --internal")
