# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops run`, `itops resume`, `itops rollback`: the same execution with another playbook or another intention."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace

from itops_cli.completing import CHANGE
from itops_cli.errors import Exit
from itops_cli.output import format_option
from itops_cli.runs.execution import Execution, read_answers


def _hosts(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Names of hosts and nothing else: they travel as an extra variable, and an empty limit must not mean all hosts."""
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if wrong := [name for name in names if not re.fullmatch(r"[\w.:-]+", name)]:
        raise click.BadParameter(f"not the name of a host: {wrong[0]!r}")
    return ",".join(names)


LIMITS = (
    click.option("--check", is_flag=True, help="Gate and look only; no host is changed."),
    click.option("--limit", metavar="HOST[,HOST]", callback=_hosts, help="Only these hosts; the others are recorded as skipped."),
    click.option("--answers", type=click.Path(exists=True, dir_okay=False), help="Rehearsal: answers to the confirmations, as a YAML list."),
    format_option,
)


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(LIMITS):
        function = option(function)
    return function


@click.command("run")
@click.argument("change", type=CHANGE, required=False)
@_options
@click.option("--due", is_flag=True, help="Instead of one change: start what is due, approved and inside its window; see itops schedule.")
@click.option("--max", "most", type=click.IntRange(1, 64), default=1, show_default=True, help="With --due: at most so many at a time, one for each service.")
@click.option("--jitter", type=click.IntRange(0, 3600), default=0, help="With --due: wait a random time of up to so many seconds first.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="With --due: write into this file, and print only what went wrong.")
def command(
    change: str | None, check: bool, limit: str | None, answers: str | None, fmt: str, due: bool, most: int, jitter: int, log: Path | None
) -> None:  # fmt: skip
    """Carry out a change: gate, backup, patch, verify, and go back where that fails.

    With --due all changes whose service is due; the exit status is the worst of theirs.

    Example: itops run CHG-20261123-01
    """
    if due == bool(change) or (due and (limit or answers)):
        raise Exit(2, "either a change or --due; --due takes neither --limit nor --answers → itops run --due --check")
    if due:
        from itops_cli.runs.due import Wish, carry_out

        raise Exit(carry_out(workspace.find(), Wish(most, check, fmt, jitter, log)))
    assert change
    raise Exit(Execution(workspace.find(), change, "run", "maintain", limit, check, fmt, read_answers(answers)).carry_out())


def _verb(name: str, playbook: str, summary: str) -> click.Command:
    @click.command(name, help=f"{summary}\n\nExample: itops {name} CHG-20261123-01")
    @click.argument("change", type=CHANGE)
    @_options
    def verb(change: str, check: bool, limit: str | None, answers: str | None, fmt: str) -> None:
        execution = Execution(workspace.find(), change, name, playbook, limit, check, fmt, read_answers(answers))
        raise Exit(execution.carry_out())

    return verb


resume = _verb("resume", "maintain", "Go on with a change whose controller was lost: read the hosts' journals, do what is left.")
rollback = _verb("rollback", "rollback", "Bring every touched host of a change back to where it was, last one first.")
