# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs pdf`: a document as a watermarked PDF for one recipient."""

from __future__ import annotations

from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document

from itops_cli.documents import finding, options
from itops_cli.errors import Exit
from itops_cli.output import bar, emit, format_option


@click.command("pdf")
@click.argument("documents", metavar="DOC...", nargs=-1, required=True)
@options.handing_out
@click.option("--lang", type=click.Choice(["zh_CN", "en"]), help="Of an id or a record that there is in both languages.")
@click.option("--internal", is_flag=True, help="Also export what is classified as internal; the ledger says so.")
@format_option
def command(documents: tuple[str, ...], lang: str | None, internal: bool, fmt: str, **order: Any) -> None:
    """Watermarked PDFs for one recipient. DOC is the id or path of a document, or a change for its record.

    All are set before the first is handed out, and every export is a line of the ledger before the file is put in its
    place. Markdown stays inside: an internal document needs --internal. An external one goes out only where nothing of the
    inside is in it: no internal address, port, URL or host name, no account, credential ref or data path of any service.

    Example: itops docs pdf web-manual --to 某某公司 --output /tmp
    """
    from itops_cli.documents import exporting

    ws = workspace.find()
    found = [finding.one(ws, name, lang) for name in documents]
    _external(found, internal)
    wanted = exporting.Order(**order)
    with bar(found, "typesetting") as shown:
        drafts = exporting.prepare(ws, shown, wanted)
    made: list[dict[str, Any]] = []
    try:
        with bar(drafts, "handing out") as rest:
            made.extend(exporting.export(ws, draft, wanted) for draft in rest)
    finally:  # what is handed out is said, whatever stopped the others
        if made:
            emit(made, fmt, lambda: "\n".join(f"{line['path']}  No. {line['number']}  sha256 {line['sha256']}" for line in made))


def _external(found: list[Document], internal: bool) -> None:
    kept = [document.id for document in found if document.meta["classification"] != "external"]
    if kept and not internal:
        raise Exit(2, f"{', '.join(kept)}: internal, so it stays Markdown → classification: external in its front matter, or --internal")
