# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops record correct`: a closed record is never changed; what was wrong in it is said in a 更正 record linked to it."""

from __future__ import annotations

from dataclasses import replace

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import run, views
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED

from itops_cli.changes import deciding
from itops_cli.errors import Exit
from itops_cli.output import emit


@click.command("correct")
@deciding.options
def command(change: str, who: str, key: str | None, remark: str, fmt: str) -> None:
    """Correct a closed record by a record of its own (更正), linked to the closed one by its head.

    Example: itops record correct CHG-20261123-01 --remark 备份目录应为/srv/web
    """
    if not remark.strip():
        raise Exit(2, "--remark is needed: what is corrected")
    now = deciding.look(change)
    if not run.is_closed(now.events):
        raise Exit(REFUSED, f"{change} is not closed: nothing to correct → itops change next {change}")
    last, number = now.events[-1], 1
    while (name := f"{change}-K{number:02d}") and now.ws.record_dir(name).exists():
        number += 1
    details = {
        "corrects": change, "head": last.hash, "seq": last.seq, "title": now.change.data["title"], "timezone": now.ws.timezone,
        "organisation": now.ws.organisation, "services": [{"id": sid, "name": now.services[sid]["name"]} for sid in now.change.services],
    }  # fmt: skip
    event = decisions.append(now.ws, replace(now.change, id=name), decisions.CORRECT, deciding.maker(now, who, key), remark, details)
    book = Ledger(now.ws.record_dir(name), name)
    views.write_views(book.directory, book.events())
    views.register_again(book.directory, book.events())
    emit(
        {"correction": name, "corrects": change, "head": last.hash, "by": event.data["by"]},
        fmt,
        f"{book.directory / 'record.zh_CN.md'}\nnext: itops record verify {name}",
    )
