# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops metrics serve`: for Prometheus to scrape."""

from __future__ import annotations

import signal
import threading

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from prometheus_client import start_http_server

from itops_cli.errors import Exit, say
from itops_cli.metrics import exposing


def _listen(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal() or not int(port) < 1 << 16:
        raise click.BadParameter("not an address and a port, such as 127.0.0.1:9754 or [::1]:9754")
    return host.strip("[]"), int(port)


@click.command("serve")
@click.option("--listen", default="127.0.0.1:9754", show_default=True, callback=_listen, help="Address and port. Beyond this machine put a proxy before it.")
@click.option("--keep", type=click.FloatRange(0, 3600), default=60.0, show_default=True, help="Seconds for which an answer is given again.")
def command(listen: tuple[str, int], keep: float) -> None:
    """Answer GET /metrics until SIGTERM or Ctrl-C. A workspace that cannot be read gives itops_collector_success 0 and nothing else.

    Example: itops metrics serve --listen 127.0.0.1:9754
    """
    made = exposing.registry(exposing.Workspaces(workspace.find(), keep))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    try:
        server, thread = start_http_server(listen[1], listen[0], made)
    except OSError as error:
        raise Exit(1, f"{listen[0]}:{listen[1]}: cannot listen there: {error.strerror or error} → choose another with --listen") from None
    say(f"metrics at http://{listen[0]}:{server.server_port}/metrics")
    stopped.wait()
    server.shutdown()
    thread.join()
