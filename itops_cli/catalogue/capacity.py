# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops capacity`: how full every service is, when it will be full, and what may be reclaimed. Read-only."""

from __future__ import annotations

import json

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, status, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import tables, view

from itops_cli.catalogue.status import must_know, world
from itops_cli.completing import SERVICE
from itops_cli.output import counted, lang_option


@click.command("capacity")
@click.option("--service", metavar="ID", type=SERVICE, help="This service alone.")
@lang_option
@click.option("--format", "fmt", type=click.Choice(["md", "json", "csv"]), default="md", show_default=True, help="Markdown, or for a program.")
def command(service: str | None, lang: str, fmt: str) -> None:
    """Capacity and reclaiming 容量与回收: n/X, CPU, MEM and HDD against their thresholds, the trend, the day on which it will be full.

    Where the reclaim policy is proactive 主动, the idle allocations as well, with the command that begins a change. Nothing is reclaimed by itself.

    Example: itops capacity --service web --lang en
    """
    ws = workspace.find()
    known = catalogue.load(ws).required()
    must_know(known, service)
    found = status.roll_up(world(ws, known), [service] if service else None)
    every = [view.of(found, row, ws.facts) for row in counted(found.rows, "services")]
    if fmt == "json":
        click.echo(json.dumps(tables.whole_data(found, every, lang), ensure_ascii=False, indent=2))
    elif fmt == "csv":
        click.echo(tables.report_csv(every, lang), nl=False)
    else:
        click.echo(tables.report(found, every, lang), nl=False)
