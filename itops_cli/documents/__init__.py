# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs`: the department's documents. Markdown inside, watermarked PDF outside, everything else migrated."""

from __future__ import annotations

import click

from itops_cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {  # name -> module[:attribute]
    "build": "itops_cli.documents.build",
    "lint": "itops_cli.documents.lint",
    "register": "itops_cli.documents.register",
    "clauses": "itops_cli.documents.clauses",
    "bundle": "itops_cli.documents.bundle",
    "pdf": "itops_cli.documents.pdf",
    "stamp": "itops_cli.documents.stamp",
    "check": "itops_cli.documents.check",
    "site": "itops_cli.documents.site",
    "import": "itops_cli.documents.importing",
}


@click.group("docs", cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """Documents: Markdown inside, watermarked PDF outside.

    Example: itops docs pdf web-manual --to 某某公司
    """
