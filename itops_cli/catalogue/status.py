# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops status`: where every service stands, as a table, a sheet, or data; freshly collected if wished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    catalogue,
    facts,
    insert,
    policy,
    register,
    status,
    status_data,
    status_tables,
    workspace,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import tables, view
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Maintained, Status, World
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.completing import SERVICE
from itops_cli.errors import Exit
from itops_cli.output import lang_option, write_file

NOT_VERIFIED = 4
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("status")
@click.option("--service", metavar="ID", type=SERVICE, help="The sheet of this service alone.")
@lang_option
@click.option("--format", "fmt", type=click.Choice(["md", "json", "csv"]), default="md", show_default=True, help="Markdown, or for a program.")
@click.option("--output", type=FILE, help="Write a file, replaced whole, instead of printing.")
@click.option("--insert", "document", type=FILE, help="Write between the markers of this Markdown file, touching nothing else.")
@click.option("--collect", is_flag=True, help="First ask the hosts how they are; needs no change and opens no record.")
def command(service: str | None, lang: str, fmt: str, output: Path | None, document: Path | None, collect: bool) -> None:
    """The service status table 服务状态表, or one service's sheet 服务端点运维情况.

    The lines <!-- itops:status begin --> and <!-- itops:status end --> mark the place of --insert; with --service ID
    <!-- itops:status ID begin --> and <!-- itops:status ID end -->.

    A host that could not be collected is named on standard error and in the table; it does not make the command fail.

    Example: itops status --collect --lang en --insert README.md
    """
    if document and (output or fmt != "md"):
        raise Exit(2, "--insert writes Markdown into a file that is there: leave out --output and --format")
    ws = workspace.find()
    known = catalogue.load(ws).required()
    must_know(known, service)
    if collect:
        from itops_cli.catalogue.collect import collect as collect_now

        collect_now(ws, known, service)
    found = status.roll_up(world(ws, known), [service] if service else None)
    text = _render(found, ws.facts if service else None, lang, fmt, whole=document is None)
    if document:
        written = insert.into(document, text, service or "")
        click.echo(f"{document}: {'written' if written else 'unchanged'}")
    elif output:
        write_file(output, text)
    else:
        click.echo(text, nl=False)


def must_know(known: Catalogue, service: str | None) -> None:
    """Ends with 2, naming the nearest, where there is no such service."""
    if service and service not in known.services:
        near = get_close_matches(service, known.services, 1)
        raise Exit(2, f"no service {service}; {f'did you mean {near[0]}?' if near else 'there are: ' + (', '.join(sorted(known.services)) or 'none')}")


def world(ws: Workspace, known: Catalogue) -> World:
    """All that tells where the services stand. Raises BadInput for a wrong policy.yml; ends with 4 where the register is damaged."""
    return World(known.services, known.people, facts.load(ws.facts), maintained(ws)[0], datetime.now(UTC), ws.timezone, policy.load(ws)["capacity"])


def maintained(ws: Workspace) -> tuple[dict[str, Maintained], list[dict[str, Any]]]:
    """What the register says of every service, and its lines. Raises Exit 4 where it is damaged."""
    try:
        lines = register.read(ws.records)
        return status.history(lines), lines
    except (ValueError, AttributeError, TypeError):
        raise Exit(NOT_VERIFIED, "the register is damaged, so nobody knows what was maintained → itops record verify") from None


def _render(found: Status, facts_of_one: Path | None, lang: str, fmt: str, whole: bool) -> str:
    """The roll-up; of one service, whose facts are in this folder, its sheet."""
    if facts_of_one is None:
        if fmt == "json":
            return _json(status_data.roll_up(found, lang))
        return status_tables.roll_up_csv(found, lang) if fmt == "csv" else status_tables.roll_up(found, lang, whole)
    if fmt == "csv":
        return status_tables.sheet_csv(found, lang)
    capacity = view.of(found, found.rows[0], facts_of_one)
    if fmt == "json":
        return _json({**status_data.row(found, found.rows[0], lang), "outlook": tables.data(capacity, lang)})
    return status_tables.sheet(found, lang, whole, tables.section(found, [capacity], lang))


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
