# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops metrics`: what monitoring can see of services, records and documents, in the form of Prometheus."""

from __future__ import annotations

import click

from itops_cli.lazy import LazyGroup

COMMANDS: dict[str, str] = {  # name -> module[:attribute]
    "textfile": "itops_cli.metrics.textfile",
    "serve": "itops_cli.metrics.serve",
    "push": "itops_cli.metrics.push",
    "files": "itops_cli.metrics.files",
}


@click.group("metrics", cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """Metrics for Prometheus, with alert rules and a dashboard.

    Example: itops metrics textfile /var/lib/prometheus/node-exporter/itops.prom
    """
