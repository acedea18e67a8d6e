# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops man`: the manual pages, made from the commands themselves, so that they never say anything else than --help.

Own code, because click-man neither knows commands that are imported late nor escapes what troff takes for its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, outcome

from itops_cli import __version__

SECTION = 1
ENVIRONMENT = {
    "ITOPS_WORKSPACE": "Folder with itops.yml; by default the nearest one above.",
    "ITOPS_RECORDS": "Where records are kept, in place of the setting in itops.yml.",
}


@click.command("man")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def command(ctx: click.Context, folder: Path) -> None:
    """Write the manual pages of all commands into FOLDER, such as ~/.local/share/man/man1.

    Example: itops man ~/.local/share/man/man1 && man itops-run
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = ctx.find_root().command
    made = {page_name(one): text(one) for one in contexts(click.Context(root, info_name="itops"))}
    for name, content in made.items():
        atomic.write(folder / name, content.encode(), sync=False, mode=0o644)
    click.echo(f"{folder}: {len(made)} pages")


def contexts(ctx: click.Context) -> Iterator[click.Context]:
    """The command and all below it."""
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            below = ctx.command.get_command(ctx, name)
            if below is not None and not below.hidden:
                yield from contexts(click.Context(below, info_name=name, parent=ctx))


def page_name(ctx: click.Context) -> str:
    return f"{ctx.command_path.replace(' ', '-')}.{SECTION}"


def text(ctx: click.Context) -> str:
    """One page, troff with the macros of man(7)."""
    command, name = ctx.command, ctx.command_path.replace(" ", "-")
    today = datetime.now(UTC).date().isoformat()
    lines = [f'.TH "{escaped(name.upper())}" "{SECTION}" "{today}" "itops {__version__}" "itops"', ".SH NAME"]
    lines += [f"{escaped(name)} \\- {escaped(command.get_short_help_str(limit=200))}", ".SH SYNOPSIS", f".B {escaped(ctx.command_path)}"]
    lines += [escaped(" ".join(command.collect_usage_pieces(ctx))), ".SH DESCRIPTION", *_paragraphs(command.help or "")]
    lines += [*_options(ctx), *_commands(ctx)]
    if ctx.parent is None:
        lines += [".SH EXIT STATUS", *(line for s in outcome.EXIT_TABLE for line in (".TP", f".B {s.code}", escaped(s.en)))]
        lines += [".SH ENVIRONMENT", *(line for key, said in ENVIRONMENT.items() for line in (".TP", f".B {key}", escaped(said)))]
    return "\n".join(lines) + "\n"


def _paragraphs(said: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", said.strip())):
        if number:
            yield ".PP"
        yield escaped(" ".join(paragraph.split()))


def _options(ctx: click.Context) -> Iterator[str]:
    records = [record for param in ctx.command.get_params(ctx) if (record := param.get_help_record(ctx)) and record[1]]
    if records:
        yield ".SH OPTIONS"
    for names, said in records:
        yield from (".TP", f".B {escaped(names)}", escaped(said))


def _commands(ctx: click.Context) -> Iterator[str]:
    if not isinstance(ctx.command, click.Group):
        return
    yield ".SH COMMANDS"
    for name in ctx.command.list_commands(ctx):
        below = ctx.command.get_command(ctx, name)
        if below is not None and not below.hidden:
            page = f"{ctx.command_path} {name}".replace(" ", "-")
            yield from (".TP", f".BR {escaped(page)} ({SECTION})", escaped(below.get_short_help_str(limit=200)))


def escaped(said: str) -> str:
    """Text for troff: no macro at the beginning of a line, no escape, and a dash that can be copied."""
    plain = said.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{plain}" if plain[:1] in (".", "'") else plain
