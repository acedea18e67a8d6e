# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs site`: the static site of services, records and documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, outcome, workspace

from itops_cli.errors import Exit, say
from itops_cli.output import bar, emit, format_option


@click.command("site")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@format_option
def command(folder: Path, fmt: str) -> None:
    """The inside view as a static site: status table, services, records and documents, in Chinese and English.

    It needs no server: open DIR/index.html. DIR is built anew beside its place and then changed for what is there; a folder
    with anything that this command did not make is refused. It is internal: what leaves the department is a PDF.

    Ends with 4 where a record or document could not be read; it is named on standard error and on the page. With
    $SOURCE_DATE_EPOCH set, that is the time of the build.

    Example: itops docs site public_html
    """
    from itops_cli.site.build import build
    from itops_cli.site.past import DamagedRegister

    ws = workspace.find()
    with _bar() as progress:
        try:
            built = build(ws, catalogue.load(ws).required(), folder, _now(), progress)
        except DamagedRegister:
            raise Exit(outcome.CODES["not_verified"], "the register is damaged, so nobody knows what was maintained → itops record verify") from None
    emit(asdict(built), fmt, f"{built.folder}/index.html: {built.services} services, {built.records} records, {built.documents} documents")
    if built.faults:
        say("\n".join(built.faults))
        raise Exit(outcome.CODES["not_verified"], f"{len(built.faults)} of them could not be shown")


def _now() -> datetime:
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(given), UTC) if given.isdigit() else datetime.now(UTC)


@contextmanager
def _bar() -> Iterator[Callable[[int], Callable[[int], None]]]:
    """A bar on standard error, from when the number of things is known."""
    with ExitStack() as stack:

        def begin(length: int) -> Callable[[int], None]:
            update: Callable[[int], None] = stack.enter_context(bar(None, "site", length=length, update_min_steps=50)).update
            return update

        yield begin
