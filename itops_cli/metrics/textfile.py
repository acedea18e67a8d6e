# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops metrics textfile`: for the textfile collector of node-exporter, replaced whole."""

from __future__ import annotations

from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, workspace
from prometheus_client import generate_latest

from itops_cli.metrics import exposing

READABLE = 0o644  # node-exporter is another user


@click.command("textfile")
@click.argument("path", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
def command(path: Path) -> None:
    """Write all metrics to PATH, replaced whole; - prints them. Where a record is wrong nothing is written, and the file's age tells.

    Example: itops metrics textfile /var/lib/prometheus/node-exporter/itops.prom
    """
    text = generate_latest(exposing.once(workspace.find()))
    if str(path) == "-":
        click.echo(text, nl=False)
    else:
        atomic.write(path, text, mode=READABLE)
