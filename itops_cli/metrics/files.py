# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops metrics files`: alert rules, dashboard and systemd unit that come along, to look at or to install."""

from __future__ import annotations

from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic

from itops_cli.errors import Exit

HERE = Path(__file__).parent
FILES = {
    "rules": "prometheus/itops.rules.yml",
    "dashboard": "grafana/itops.json",
    "unit": "systemd/itops-metrics.service",
}


@click.command("files")
@click.argument("which", type=click.Choice(list(FILES)))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file, replaced whole, instead of printing.")
def command(which: str, output: Path | None) -> None:
    """Alert rules for Prometheus, a dashboard for Grafana, or the systemd unit of the server.

    Example: itops metrics files rules --output /etc/prometheus/rules/itops.yml
    """
    content = folder() / FILES[which]
    if not content.is_file():
        raise Exit(1, f"{content} is missing: the installation is not whole → pip install --force-reinstall itops")
    if output is None:
        click.echo(content.read_text("utf-8"), nl=False)
    else:
        atomic.write(output, content.read_bytes(), mode=0o644)


def folder() -> Path:
    """Of the wheel, else of the checkout."""
    own = HERE / "monitoring"
    return own if own.is_dir() else HERE.parents[1] / "monitoring"
