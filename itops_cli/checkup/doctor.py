# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops doctor`: is this controller and this workspace fit for a maintenance, and what mends what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.checkup import ERROR, NOTE, OK, SEVERITIES, WARNING, Look, Sign, controller, hosts, place, timers
from itops_cli.errors import Exit
from itops_cli.output import emit, format_option

LOOKS: tuple[Look, ...] = (
    controller.versions, controller.ansible, controller.tools, controller.clock, controller.signing, controller.fonts,
    place.records, place.folders, place.locks, place.ledgers, timers.starts,
)  # fmt: skip


@click.command("doctor")
@click.option("--hosts", "ask_hosts", is_flag=True, help="Also ask every host of every service whether it answers.")
@click.option("--all", "everything", is_flag=True, help="Also show what is as it should be.")
@format_option
def command(ask_hosts: bool, everything: bool, fmt: str) -> None:
    """Is everything fit for a maintenance? Versions, configuration, rights, disk, clock, records left open; the remedy for each finding.

    Exit 0 healthy (notes do not count), 6 with warnings, 5 with errors: something a person has to decide or mend.

    Example: itops doctor --hosts
    """
    found = sorted(_signs(workspace.find(), ask_hosts), key=lambda sign: SEVERITIES.index(sign.severity))
    shown = [sign for sign in found if everything or sign.severity != OK]
    emit([asdict(sign) for sign in shown], fmt, lambda: "\n".join([*map(str, shown), _sum(found)]))
    worst = found[0].severity if found else OK
    raise Exit(outcome.CODES["unhealthy"] if worst == ERROR else outcome.CODES["warned"] if worst == WARNING else 0)


def _signs(ws: Workspace, ask_hosts: bool) -> Iterator[Sign]:
    for look in (*LOOKS, *((hosts.reachable,) if ask_hosts else ())):
        try:
            yield from look(ws)
        except LedgerError as error:
            yield Sign(look.__name__, ERROR, str(error), "itops doctor --all")
        except OSError as error:  # one look that fails hides no other
            yield Sign(look.__name__, ERROR, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), "itops doctor --all")


def _sum(found: list[Sign]) -> str:
    counts = {severity: sum(sign.severity == severity for sign in found) for severity in SEVERITIES}
    words = [f"{counts[severity]} {name}" for severity, name in ((ERROR, "errors"), (WARNING, "warnings"), (NOTE, "notes")) if counts[severity]]
    healthy = not counts[ERROR] and not counts[WARNING]
    return f"{'healthy' if healthy else 'not healthy'}: {len(found)} looks{', ' + ', '.join(words) if words else ''}"
