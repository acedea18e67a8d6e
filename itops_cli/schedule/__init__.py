# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops schedule`, `itops window`: when which service is due and which change may be made, and how cron, systemd or AWX start what is."""

from __future__ import annotations

import click

from itops_cli.lazy import LazyGroup

COMMANDS = {
    "list": "itops_cli.schedule.views:list_services",
    "show": "itops_cli.schedule.views:show",
    "calendar": "itops_cli.schedule.year:command",
    "export": "itops_cli.schedule.install:export",
    "install": "itops_cli.schedule.install:install",
    "alert": "itops_cli.schedule.alert",
}


@click.group("schedule", cls=LazyGroup, lazy=COMMANDS)
def command() -> None:
    """The maintenance cycle (维护周期) of every service, and what starts itops run --due.

    Example: itops schedule list
    """
