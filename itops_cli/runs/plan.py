# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops plan CHANGE`: the run-sheet. It changes nothing, and asks no host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, gate, inputs, policy, runsheet, runsheet_page, session, staging, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils import plan as plan_order
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import UnknownPlaceholder
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

from itops_cli.catalogue import members
from itops_cli.completing import CHANGE
from itops_cli.errors import Exit
from itops_cli.output import emit, format_option, lang_option, write_file


@click.command("plan")
@click.argument("change", type=CHANGE)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the document to this file, to be printed.")
@lang_option
@format_option
def command(change: str, output: Path | None, lang: str, fmt: str) -> None:
    """The run-sheet to print, tick and sign: gate findings, key facts, every step with its way back, known errors.

    Exit status 0 when the gate would let it pass, 3 when it would refuse.

    Example: itops plan CHG-20261123-01 --lang en
    """
    ws = workspace.find()
    path = change_file.find(ws, change)
    known = members.expanded(ws, catalogue.load(ws), change_file.services_of(path))
    loaded = change_file.load(path, known.services, known.people)
    now = Session(ws, loaded, known.services, known.people, "")
    targets, _skipped = plan_order.targets(loaded, known.services)
    findings = _findings(now, targets)
    try:
        plans = [now.host_plan(t, session.values(now, t, _as_written, "%{state}"), _state_dir(now, t)) for t in targets]
    except UnknownPlaceholder as error:
        raise Exit(2, f"{loaded.path}: {error}") from None
    data = runsheet.data(now, plans, findings, policy.load(ws), {target.host: _user(now, target) for target in targets})
    if output:
        write_file(output, runsheet_page.render(data, lang) + "\n")
    emit(data, fmt, str(output) if output else lambda: runsheet_page.render(data, lang))
    raise Exit(3 if refusals(findings) else 0)


def _findings(now: Session, targets: list[plan_order.Target]) -> list[Finding]:
    compared = staging.compare(now.ws.staging / now.change.id, now.change.files)
    events = Ledger(now.ws.record_dir(now.change.id), now.change.id).events()
    hosts = {target.host for target in targets}  # whether the inventory knows them is asked by the run itself
    return gate.findings(gate.Situation(now.ws, now.change, now.services, targets, events, "", "run", hosts, True, compared, now.people))


def _host(now: Session, target: plan_order.Target) -> Mapping[str, Any]:
    return inputs.host_entry(now.services[target.service], target.host)


def _state_dir(now: Session, target: plan_order.Target) -> str:
    return str((_host(now, target).get("vars") or {}).get("itops_state_dir") or session.DEFAULT_STATE_DIR)


def _user(now: Session, target: plan_order.Target) -> str:
    """Who types on the host, as far as the record says; the run itself says who it was."""
    own = _host(now, target).get("vars") or {}
    account = (now.services[target.service].get("credentials") or {}).get("account")
    become = "root" if str(own.get("ansible_become", "")).lower() in ("true", "yes", "1") else ""
    return str(own.get("ansible_become_user") or become or own.get("ansible_user") or account or "")


def _as_written(name: str) -> str:
    """A secret: only the run itself reads it."""
    return f"%{{{name}}}"
