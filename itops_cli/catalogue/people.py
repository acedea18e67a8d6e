# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops people`: who may decide, with which account, and the key that signs."""

from __future__ import annotations

from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, labels, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table

from itops_cli.output import emit, format_option


@click.group("people")
def command() -> None:
    """The people of the department, their accounts and keys.

    Example: itops people list
    """


@command.command("list")
@format_option
def list_people(fmt: str) -> None:
    """Everybody in people.yml, and who of them you are.

    Example: itops people list --format json
    """
    people = catalogue.load(workspace.find()).people
    me = set(identity.persons(people, identity.account()))
    rows = [
        {"id": pid, "name": person["name"], "roles": list(person["roles"]), "accounts": list(person["accounts"]), "signs": bool(person.get("public_key")),
         "active": person["active"], "you": pid in me}
        for pid, person in people.items()
    ]  # fmt: skip
    emit(rows, fmt, lambda: table(["id", "name", "roles", "accounts", "signs", "you"], [_row(row) for row in rows]))


def _row(row: dict[str, object]) -> list[str]:
    roles = ", ".join(labels.value_label("service", str(role)) for role in row["roles"])  # type: ignore[attr-defined]  # a list by its making above
    accounts = ", ".join(map(str, row["accounts"]))  # type: ignore[call-overload]  # likewise
    return [str(row["id"]), str(row["name"]), roles or "—", accounts or "—", "yes" if row["signs"] else "—", "✓" if row["you"] else "—"]


@command.command("key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--new", is_flag=True, help="Make a new key in FILE first; only its owner can read it.")
@format_option
def key(file: Path, new: bool, fmt: str) -> None:
    """The public half of an Ed25519 key, as people.yml wants it.

    Example: itops people key ~/.config/itops/key.pem --new
    """
    if new:
        identity.new_key(file)
    public = identity.public_text(identity.private_key(file))
    emit(
        {"file": str(file), "public_key": public},
        fmt,
        f"public_key: {public}\nnext: put this line into your entry in inventory/people.yml, and name the key: export {identity.KEY_VARIABLE}={file}",
    )
