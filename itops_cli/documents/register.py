# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs register`: every document of the department, where it stands, how far the migration is, and whose review is overdue."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, insert, outcome, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import register, register_views, rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit
from itops_cli.output import lang_option, write_file

FILE = click.Path(dir_okay=False, path_type=Path)
WHAT = "documents"  # the word in the markers of --insert


@click.command("register")
@click.option("--part", type=click.Choice(list(register_views.PARTS)), help="This part alone.")
@click.option("--overdue", is_flag=True, help="The overdue reviews alone; ends with 6 when there are any (for cron).")
@lang_option
@click.option("--format", "fmt", type=click.Choice(["md", "json", "csv"]), default="md", show_default=True, help="Markdown, or for a program.")
@click.option("--output", type=FILE, help="Write a file, replaced whole, instead of printing.")
@click.option("--insert", "target", type=FILE, help="Write between the markers of this Markdown file, touching nothing else.")
def command(part: str | None, overdue: bool, lang: str, fmt: str, output: Path | None, target: Path | None) -> None:
    """The document register 文档登记册: structure, list, migration with its percentage, overdue reviews, people.

    Markdown documents are in it by their front matter, all others by documents/register.yml. The lines
    <!-- itops:documents begin --> and <!-- itops:documents end --> mark the place of --insert; with --part structure
    <!-- itops:documents structure begin --> and so on.

    Exit 0; with --overdue 6 where a review is overdue; 2 where a document cannot be read, for then nobody knows.

    Example: itops docs register --part structure --insert documents/index.md
    """
    if target and (output or fmt != "md"):
        raise Exit(2, "--insert writes Markdown into a file that is there: leave out --output and --format")
    if overdue and part not in (None, "reviews"):
        raise Exit(2, "--overdue is --part reviews with an exit status: leave out --part")
    ws = workspace.find()
    place = target or output
    book = _book(ws, place.absolute().parent if place else ws.root)
    part = "reviews" if overdue else part
    text = _render(book, part, lang, fmt)
    if target:
        click.echo(f"{target}: {'written' if insert.into(target, text, part or '', WHAT) else 'unchanged'}")
    elif output:
        write_file(output, text)
    else:
        click.echo(text, nl=False)
    raise Exit(outcome.CODES["warned"] if overdue and book.overdue else 0)


def _book(ws: Workspace, base: Path) -> register_views.Book:
    """Raises BadInput with every error: a register that leaves something out is none."""
    known = catalogue.load(ws).required()
    entries = register.entries(rules.required(ws, known))
    return register_views.Book(entries, known.people, known.services, datetime.now(UTC), ws.timezone, base)


def _render(book: register_views.Book, part: str | None, lang: str, fmt: str) -> str:
    if fmt == "json":
        data = register_views.data(book, lang)
        return json.dumps(data["overdue"] if part == "reviews" else data, ensure_ascii=False, indent=2) + "\n"
    if fmt == "csv":
        return register_views.as_csv(book, lang)
    return f"{register_views.PARTS[part](book, lang)}\n" if part else register_views.whole(book, lang)
