# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops run`, `itops resume`, `itops rollback`: the same execution with another playbook or another intention."""

from __future__ import annotations

import re

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace

from itops_cli.completing import CHANGE
from itops_cli.errors import Exit
from itops_cli.execution import Execution, read_answers
from itops_cli.output import format_option


def _hosts(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Names of hosts and nothing else: they travel as an extra variable, and an empty limit must not mean all hosts."""
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if wrong := [name for name in names if not re.fullmatch(r"[\w.:-]+", name)]:
        raise click.BadParameter(f"not the name of a host: {wrong[0]!r}")
    return ",".join(names)


def _verb(name: str, playbook: str, summary: str) -> click.Command:
    @click.command(name, help=f"{summary}\n\nExample: itops {name} CHG-20261123-01")
    @click.argument("change", type=CHANGE)
    @click.option("--check", is_flag=True, help="Gate and look only; no host is changed.")
    @click.option("--limit", metavar="HOST[,HOST]", callback=_hosts, help="Only these hosts; the others are recorded as skipped.")
    @click.option("--answers", type=click.Path(exists=True, dir_okay=False), help="Rehearsal: answers to the confirmations, as a YAML list.")
    @format_option
    def verb(change: str, check: bool, limit: str | None, answers: str | None, fmt: str) -> None:
        execution = Execution(workspace.find(), change, name, playbook, limit, check, fmt, read_answers(answers))
        raise Exit(execution.carry_out())

    return verb


command = _verb("run", "maintain", "Carry out a change: gate, backup, patch, verify, and go back where that fails.")
resume = _verb("resume", "maintain", "Go on with a change whose controller was lost: read the hosts' journals, do what is left.")
rollback = _verb("rollback", "rollback", "Bring every touched host of a change back to where it was, last one first.")
