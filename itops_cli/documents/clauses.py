# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs clauses`: which documents and records are evidence toward which clause of the standards."""

from __future__ import annotations

import json
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, change, clauses, source, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import clause_table, register, rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit
from itops_cli.output import lang_option


@click.command("clauses")
@click.option("--standard", metavar="NAME", help="This standard alone, such as 'ISO/IEC 27001'.")
@click.option("--missing", is_flag=True, help="Only clauses that nothing points to.")
@lang_option
@click.option("--format", "fmt", type=click.Choice(["md", "json"]), default="md", show_default=True, help="Markdown, or for a program.")
def command(standard: str | None, missing: bool, lang: str, fmt: str) -> None:
    """Clause -> evidence toward it (证据指向): documents by kind and by `satisfies`, records, services, changes.

    Numbers and titles of ISO/IEC 20000-1:2018 and of Annex A of ISO/IEC 27001:2022. An organisation is certified, never a tool.

    Example: itops docs clauses --standard 'ISO/IEC 20000-1' --lang en
    """
    wanted = _known(standard) if standard else None
    found = [row for row in _rows(workspace.find(), lang) if wanted in (None, row.standard) and not (missing and row.pointed)]
    text = json.dumps([asdict(row) for row in found], ensure_ascii=False, indent=2) + "\n" if fmt == "json" else clause_table.markdown(found, lang)
    click.echo(text, nl=False)


def _known(name: str) -> str:
    if found := clauses.standard(name):
        return found
    known = clauses.table()["standards"]
    near = get_close_matches(name, known, 1, 0.5)
    raise Exit(2, f"unknown standard {name}; {f'did you mean {near[0]}?' if near else 'there are: ' + ', '.join(known)}")


def _rows(ws: Workspace, lang: str) -> list[clause_table.Row]:
    """Raises BadInput with every error: evidence that cannot be read points nowhere."""
    known = catalogue.load(ws).required()
    return clause_table.rows(register.entries(rules.required(ws, known)), known.services, _changes(ws), lang)


def _changes(ws: Workspace) -> dict[str, Any]:
    """What was carried out and says itself what it is evidence toward; `itops lint` says where a clause is none."""
    recorded = {path.stem: source.load(path).data for path in change.paths(ws) if change.ID.fullmatch(path.stem) and ws.record_dir(path.stem).is_dir()}
    return {name: data for name, data in recorded.items() if isinstance(data, dict) and isinstance(data.get("satisfies"), dict)}
