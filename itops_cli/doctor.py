# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops doctor`: records that were left open, locks that are held, what to do about each."""

from __future__ import annotations

from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, progress, run, service_lock, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit
from itops_cli.output import emit, format_option

UNHEALTHY = 5


@click.command("doctor")
@format_option
def command(fmt: str) -> None:
    """Find runs whose controller was lost, and say what to do next. Exit 0 healthy, 5 where something needs a person.

    Example: itops doctor --format json
    """
    findings = [finding for record in sorted(workspace.find().records.glob("[0-9]*/CHG-*")) for finding in _record(workspace.find(), record)]
    emit(findings, fmt, lambda: "\n".join(f"{f['change']} {f['run']}: {f['message']} → {f['remedy']}" for f in findings) or "healthy: no open record")
    raise Exit(UNHEALTHY if any(f["severity"] == "error" for f in findings) else 0)


def _record(ws: Workspace, folder: Any) -> list[dict[str, str]]:
    change = folder.name
    events = ledger.Ledger(folder, change).events()
    running = service_lock.is_held(ws.records / ".locks", f"change-{change}")
    found = []
    for left in run.open_runs(events):
        hosts = [f"{state.host} {'/'.join(state.running)}" for state in progress.hosts(events).values() if state.running]
        message = f"the record is open{'; on the hosts: ' + ', '.join(hosts) if hosts else ''}"
        if running:
            found.append({"change": change, "run": left, "severity": "info", "message": f"is being carried out now; {message}", "remedy": "wait"})
        else:
            remedy = f"itops resume {change}, or itops rollback {change}"
            found.append({"change": change, "run": left, "severity": "error", "message": f"its controller is gone; {message}", "remedy": remedy})
    return found
