# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs check`: which export a PDF is, and whether it is as it was handed out."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import exports
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli.errors import Exit
from itops_cli.output import emit, format_option

SAID = {
    "unaltered": "is export No. {number}, unaltered",
    "altered": "says it is export No. {number}, but is not as it was handed out",
    "unknown": "is no export of this ledger",
}


@click.command("check")
@click.argument("file", metavar="FILE.pdf", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@format_option
def command(file: Path, fmt: str) -> None:
    """Which export is this, is it unaltered? Exit 0 when it is, 4 when it is altered, unknown, or the ledger does not verify.

    Example: itops docs check CHG-20261123-01_1.0_7.pdf
    """
    ws = workspace.find()
    content = file.read_bytes()
    digest, faults = hashlib.sha256(content).hexdigest(), exports.verify(ws)
    told = exports.tell(ws, digest, 0)
    if told.state != "unaltered":
        told = exports.tell(ws, digest, _claimed(content, file))
    emit({**asdict(told), "faults": faults}, fmt, lambda: "\n".join([f"{file} {SAID[told.state].format(number=told.number)}", *_lines(told.export), *faults]))
    raise Exit(outcome.CODES["not_verified"] if told.state != "unaltered" or faults else 0)


def _lines(export: Any) -> list[str]:
    return [f"  {key}: {export[key]}" for key in ("document", "version", "recipient", "at", "account", "sha256", "source_sha256") if export.get(key)]


def _claimed(content: bytes, file: Path) -> int:
    """The number the file itself names; 0 for a file that names none or cannot be read. Raises BadInput without the extra `pdf`."""
    from itops_cli.documents import foreign
    from itops_cli.typeset import finish, need

    need("pikepdf")  # an extra that is not installed is no answer
    try:
        with foreign.read(content, file) as pdf:
            words = finish.keywords(pdf)
    except BadInput:
        return 0
    return next(
        (int(word.removeprefix(exports.KEYWORD)) for word in words if word.startswith(exports.KEYWORD) and word.removeprefix(exports.KEYWORD).isdigit()), 0
    )
