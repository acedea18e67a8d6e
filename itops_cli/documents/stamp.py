# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs stamp`: the watermark on a PDF somebody else has made."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace

from itops_cli.documents import options
from itops_cli.errors import say
from itops_cli.output import emit, format_option


@click.command("stamp")
@click.argument("file", metavar="FOREIGN.pdf", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--id", "name", required=True, type=options.Line(), metavar="ID", help="What it is called in the ledger.")
@click.option("--version", default="1.0", type=options.Line(), show_default=True, help="Its version.")
@click.option("--internal", is_flag=True, help="It stays inside; the ledger says so, and it is not looked through.")
@options.handing_out
@format_option
def command(file: Path, name: str, version: str, internal: bool, fmt: str, **order: Any) -> None:
    """Lay the watermark over every page of a foreign PDF, and note the export in the ledger.

    It is looked through like an external document of our own, as far as it is text: its pages, properties, links and comments.

    Example: itops docs stamp vendor.pdf --to 某某公司 --id vendor-manual --version 3.2
    """
    from itops_cli.documents import exporting, foreign, outside
    from itops_cli.typeset import finish

    ws = workspace.find()
    content = file.read_bytes()
    about = {"document": name, "title": file.name, "version": version, "classification": "internal" if internal else "external",
             "source_sha256": hashlib.sha256(content).hexdigest(), "stamped": True}  # fmt: skip
    with foreign.read(content, file) as pdf:
        say(f"{file}: its digital signature does not survive the stamp" if foreign.signed(pdf) else "")
        say(f"{file}: its protection does not survive the stamp → --protect" if pdf.is_encrypted and not order["protect"] else "")
        if not internal:
            outside.Watch(ws).let_out_pdf(finish.texts(content), finish.beside(pdf), file)
        made = exporting.stamp(ws, pdf, about, exporting.Order(**order))
    emit(made, fmt, f"{made['path']}  No. {made['number']}  sha256 {made['sha256']}")
