# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command that takes a decision shares: who decides, on which change, and how a refusal is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decide, facts, identity, standing
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.decisions import Maker
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED

from itops_cli.catalogue import members
from itops_cli.completing import CHANGE
from itops_cli.errors import Exit
from itops_cli.output import emit, format_option

Command = Callable[..., Any]


def options(function: Command) -> Command:
    """`CHANGE --as PERSON --key FILE --remark TEXT --format …`."""
    for option in (
        format_option,
        click.option("--remark", "-m", default="", help="What the record shall say about it."),
        click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Your Ed25519 key (default: the file named in ITOPS_KEY)."),
        click.option("--as", "who", default="", metavar="PERSON", help="Who decides, where several people share this account."),
        click.argument("change", type=CHANGE),
    ):
        function = option(function)
    return function


def look(change: str, draft: bool = False) -> Facts:
    """The change with everything the guards look at; a `draft` may have parts that are still to be filled in. Raises BadInput."""
    ws = workspace.find()
    path = change_file.find(ws, change)
    known = members.expanded(ws, catalogue.load(ws), change_file.services_of(path))
    loaded = change_file.load(path, known.services, known.people, draft)
    events = Ledger(ws.record_dir(loaded.id), loaded.id).events()
    return facts.gather(ws, loaded, known.services, known.people, events)


def maker(now: Facts, who: str, key: str | None) -> Maker:
    """Who decides here; with a signature where they have a registered key. Raises BadInput."""
    by = identity.person(now.people, now.account, who)
    person = now.people[by]
    sign = identity.signer(key, person.get("public_key", ""), by) if key or person.get("public_key") else None
    return Maker(by, now.account, str(person.get("name", "")), sign)


def may(now: Facts, what: str, by: Maker) -> None:
    """Ends with 3, naming every reason, where this may not be decided yet."""
    if found := refusals(decide.allowed(now, what, by.by)):
        raise Exit(REFUSED, "\n".join(map(str, found)))


def take(now: Facts, what: str, by: Maker, remark: str, fmt: str, details: Mapping[str, Any] | None = None) -> None:
    """Write the decision and say what comes next. Ends with 3, naming every reason, where the change is not there yet."""
    try:
        event = decide.take(now, what, by, remark, details)
    except decide.Refused as refused:
        emit({"decision": what, "refused": [finding.as_dict() for finding in refused.findings]}, fmt, "")
        raise Exit(REFUSED, str(refused)) from None
    after = look(now.change.id)
    told = standing.of(after)
    data = {
        "change": now.change.id, "decision": what, "by": by.by, "at": event.data["at"], "plan_digest": now.change.plan_digest,
        "signed": bool(by.sign), "seq": event.seq, "state": told.state,
    }  # fmt: skip
    emit(data, fmt, f"{now.change.id}: {what} by {by.by}, plan {now.change.plan_digest[:12]}; now {told.state}\nnext: itops change next {now.change.id}")
