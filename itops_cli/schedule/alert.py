# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops schedule alert UNIT`: tells the department that a scheduled start has failed, through the channels of policy.yml."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, labels, policy, status, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import recipients
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli import channels, credentials
from itops_cli.errors import Exit
from itops_cli.schedule.looking import look

CHANNELS = recipients.REPORT  # what goes upward


@click.command("alert")
@click.argument("unit")
def command(unit: str) -> None:
    """Tell people that a unit has failed; the units of itops schedule install call it (OnFailure=).

    It goes through every channel of policy.yml that reports, by mail to the owners of the services concerned. Exit 3 where it reached nobody.

    Example: itops schedule alert itops-due.service
    """
    ws = workspace.find()
    wanted = [channel for channel in policy.load(ws)["channels"] if CHANNELS in channel["purpose"]]
    known, (concerned, fault) = catalogue.load(ws), _concerned(ws)
    texts = {lang: _text(unit, str(ws.root), concerned, fault, lang) for lang in labels.LANGUAGES}
    subjects = {lang: labels.label("schedule_alert", "subject", lang).format(host=socket.gethostname()) for lang in labels.LANGUAGES}
    owners = [str(row.record.get("owner")) for row in concerned] or [str(record.get("owner")) for record in known.services.values()]
    message = channels.Message(subjects["zh_CN"], texts, "", "alert", tuple(_mails(owners, known.people)), subjects)
    sent = channels.send_all(wanted, CHANNELS, message, lambda ref: credentials.resolve(ref, ws))
    lost = [f"not delivered through {delivery.channel}: {delivery.detail}" for delivery in sent if not delivery.ok]
    if lost or not sent:
        raise Exit(REFUSED, "\n".join(lost or ["no channel in policy.yml reports, so nobody was told → add one (docs/howto/notifications.md)"]))


def _concerned(ws: Workspace) -> tuple[list[Row], str]:
    """The services whose last maintenance was not achieved, or why nobody can tell: that may be just what has failed."""
    try:
        return [row for row in look(ws)[1].rows if row.last.result and row.last.result != status.ACHIEVED], ""
    except (Exit, BadInput) as error:
        return [], str(error)


def _mails(owners: Iterable[str], people: Mapping[str, Any]) -> list[str]:
    found = (recipients.standing_in(owner, people) for owner in owners)
    return list(dict.fromkeys(filter(None, (recipients.mail_of(people[pid]) for pid in found if pid))))


def _text(unit: str, root: str, rows: Iterable[Row], fault: str, lang: str) -> str:
    said = labels.label("schedule_alert", "text", lang).format(host=socket.gethostname(), unit=unit, workspace=root)
    lasts = [(Cells(row, Words(lang)), row) for row in rows]
    lines = [
        labels.label("schedule_alert", "last", lang).format(
            service=cells.name(), change=row.last.change, at=cells.at(row.last.at), result=labels.label("status_result", row.last.result, lang)
        )
        for cells, row in lasts
    ]
    following = f"{labels.label('schedule_alert', 'next', lang)}: `journalctl -u {unit}`, `itops record list`, `itops run --due --check`"
    return "\n".join([said, "", *(f"- {line}" for line in [*lines, *fault.splitlines()]), "", following])
