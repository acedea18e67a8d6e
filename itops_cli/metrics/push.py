# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops metrics push`: to a Pushgateway, for a controller that nobody can scrape."""

from __future__ import annotations

from urllib.error import URLError

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from prometheus_client import push_to_gateway

from itops_cli.errors import Exit
from itops_cli.metrics import exposing

TIMEOUT = 30  # seconds


@click.command("push")
@click.argument("gateway")
@click.option("--job", default="itops", show_default=True, help="Label job of what is pushed; it replaces what was pushed under it before.")
def command(gateway: str, job: str) -> None:
    """Push all metrics to the Pushgateway at GATEWAY (host:port or URL).

    Example: itops metrics push http://pushgateway.example.com:9091
    """
    made = exposing.once(workspace.find())
    try:
        push_to_gateway(gateway, job=job, registry=made, timeout=TIMEOUT)
    except (URLError, OSError, ValueError) as error:
        raise Exit(1, f"{gateway}: not pushed: {getattr(error, 'reason', None) or error} → is a Pushgateway there?") from None
