# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs stamp`: the watermark on a PDF somebody else has made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace

from itops_cli.output import emit, format_option

FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.command("stamp")
@click.argument("foreign", metavar="FOREIGN.pdf", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--to", "recipient", required=True, metavar="RECIPIENT", help="Who gets it; stands on every page.")
@click.option("--id", "name", required=True, metavar="ID", help="What it is called in the ledger.")
@click.option("--version", default="1.0", show_default=True, help="Its version.")
@click.option("--output", "folder", type=FOLDER, default=Path(), show_default=".", help="Folder to put the file into.")
@click.option("--internal", is_flag=True, help="It stays inside; the ledger says so, and it is not looked through.")
@click.option("--protect", is_flag=True, help="Encrypt against copying and changing (AES-256): it deters, it does not prevent.")
@click.option("--flatten", is_flag=True, help="Pages as pictures: the watermark cannot be taken off.")
@format_option
def command(foreign: Path, recipient: str, name: str, version: str, folder: Path, internal: bool, protect: bool, flatten: bool, fmt: str) -> None:
    """Lay the watermark over every page of a foreign PDF, and note the export in the ledger.

    It is looked through like an external document of our own, as far as its pages have text.

    Example: itops docs stamp vendor.pdf --to 某某公司 --id vendor-manual --version 3.2
    """
    from itops_cli.documents import exporting, outside
    from itops_cli.typeset import finish

    ws = workspace.find()
    content = foreign.read_bytes()
    about = {"document": name, "title": foreign.name, "version": version, "classification": "internal" if internal else "external", "recipient": recipient,
             "protected": protect, "flattened": flatten, "source_sha256": hashlib.sha256(content).hexdigest(), "stamped": True}  # fmt: skip
    with exporting.read(content, foreign) as pdf:
        if not internal:
            outside.Watch(ws).let_out_pdf(finish.texts(content), foreign)
        made = exporting.stamp(ws, pdf, about, exporting.Order(recipient, folder, protect, flatten))
    emit(made, fmt, f"{made['path']}  No. {made['number']}  sha256 {made['sha256']}")
