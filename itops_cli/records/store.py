# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops record prepare|push|pull`: records in PostgreSQL, and their way in and out."""

from __future__ import annotations

from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import proof, register, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place, transfer
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place

from itops_cli.errors import Exit
from itops_cli.output import bar, emit, format_option

NOT_VERIFIED = 4
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("prepare")
@click.option("--writer", "writers", metavar="ROLE", multiple=True, help="A role controllers connect as: it may add to the ledger, and no more.")
@click.option("--reader", "readers", metavar="ROLE", multiple=True, help="A role that only reads: an auditor's, a report's.")
def prepare(writers: tuple[str, ...], readers: tuple[str, ...]) -> None:
    """Make the tables in the database that `records:` in itops.yml names. What is there already stays.

    Run it as the role that shall own them, and let the controllers connect as another one.

    Example: itops record prepare --writer itops --reader audit
    """
    kept = _database()
    kept.database.prepare(writers, readers)
    click.echo(f"{kept}: ready\nnext: itops record push FOLDER (records there are already), or itops doctor")


@click.command("push")
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
@format_option
def push(folder: Path, fmt: str) -> None:
    """Bring the records of a folder into PostgreSQL, verified before and after. Lines are added, never changed; run it again at will.

    Example: itops record push records
    """
    _copy(folder, _database(), fmt, "set records: in itops.yml to the database on every controller; itops record verify")


@click.command("pull")
@click.argument("folder", type=FOLDER)
@format_option
def pull(folder: Path, fmt: str) -> None:
    """Bring all records out of PostgreSQL into a folder, verified before and after: to keep, to hand over, or to go on with.

    Example: itops record pull backup/records
    """
    _copy(_database(), folder, fmt, f"ITOPS_RECORDS={folder} itops record verify, in a copy of the workspace without `records:`")


def _database() -> Entry:
    kept = workspace.find().records
    if not isinstance(kept, Entry):
        raise Exit(2, f"records are kept in the folder {kept} → set records: postgresql://… in itops.yml, or ITOPS_RECORDS")
    return kept


def _copy(source: Place, target: Place, fmt: str, then: str) -> None:
    _must_verify(source)
    files = transfer.names(source)
    try:
        with bar(files, f"{len(files)} files") as shown:
            brought = sum(transfer.copy(source, target, name) for name in shown)
    except transfer.Diverged as error:
        raise Exit(NOT_VERIFIED, f"{error} → itops record verify") from None
    _must_verify(target)
    changes = len(place.changes(source))
    told = f"{source} → {target}: {changes} records, {brought} of {len(files)} files are the same there, and verify"
    emit({"changes": changes, "files": len(files), "same": brought}, fmt, f"{told}\nnext: {then}")


def _must_verify(records: Place) -> None:
    wrong = [fault for name in place.changes(records) for fault in proof.faults(records, name)] + register.verify(records)
    if wrong:
        raise Exit(NOT_VERIFIED, "\n".join([*wrong, f"{records} does not verify"]))
