# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run benchmarks and print their tables: `python -m benchmarks [NAME…] [--quick]`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import click

from benchmarks import measure

NAMES = ("execute", "recording", "catalogue", "ledger", "backup", "pdf", "site", "importing", "schedule")  # in the order of the list that they answer


def present() -> list[str]:
    """The benchmarks of this checkout; each is a module with `run(quick)`."""
    return [name for name in NAMES if Path(__file__).with_name(f"{name}.py").exists()]


@click.command(epilog="Benchmarks: " + ", ".join(present()))
@click.argument("names", nargs=-1, type=click.Choice(present()), metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Small sizes and one run: shows that it works, proves no number.")
def main(names: tuple[str, ...], quick: bool) -> None:
    """Compare itops with its peers, by default in everything. Ends with 1 where a benchmark could not be carried out."""
    click.echo(measure.machine())
    failed = [name for name in names or present() if not carried_out(name, quick)]
    if failed:
        click.echo(f"not carried out: {', '.join(failed)}", err=True)
    sys.exit(1 if failed else 0)


def carried_out(name: str, quick: bool) -> bool:
    """One benchmark; a failure is told and does not keep the others from running."""
    click.echo(f"\n## {name}{' (quick)' if quick else ''}")
    try:
        return not importlib.import_module(f"benchmarks.{name}").run(quick)
    except (AssertionError, OSError, RuntimeError) as error:
        click.echo(f"{name}: {error}", err=True)
        return False


if __name__ == "__main__":
    main()
