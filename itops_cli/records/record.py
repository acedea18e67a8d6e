# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops record`: list, show, verify, render; other files add the rest."""

from __future__ import annotations

import difflib
from collections import Counter

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import checkpoint, correction, proof, record, register, report, views, wording, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import exports
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.completing import RECORD
from itops_cli.errors import Exit
from itops_cli.output import emit, format_option, lang_option
from itops_cli.records import correct, store, verified

NOT_VERIFIED = 4
ROW = ("change", "title", "service", "started", "result", "backout", "state")


@click.group("record")
def command() -> None:
    """Maintenance records: 维护记录表 and the register.

    Example: itops record show CHG-20261123-01 --lang en
    """


for part in (correct.command, store.prepare, store.push, store.pull):
    command.add_command(part)


@command.command("list")
@format_option
def list_records(fmt: str) -> None:
    """Every change that has a record, and how it ended.

    Example: itops record list --format json
    """
    ws = workspace.find()
    rows = [_row(_events(ws, name)) for name in ws.recorded()]
    emit(rows, fmt, lambda: table(list(rows[0]), [list(r.values()) for r in rows]) if rows else "no record yet")


@command.command("show")
@click.argument("change", type=RECORD)
@lang_option
@format_option
def show(change: str, lang: str, fmt: str) -> None:
    """One record, made from its ledger now.

    Example: itops record show CHG-20261123-01 --format json
    """
    ws = workspace.find()
    events = _existing(ws, change)
    if correction.made(events):
        own = correction.fold(events)
        emit(own, fmt, lambda: correction.render(own, lang).rstrip())
        return
    folded = record.fold(events)
    folded["corrections"] = [name for name in ws.recorded() if name.startswith(f"{change}-K")]
    linked = [f"\n更正 / corrected by: {name} → itops record show {name}" for name in folded["corrections"]]
    emit(folded, fmt, lambda: report.render(folded, lang).rstrip() + "".join(linked))


@command.command("verify")
@click.argument("changes", nargs=-1, type=RECORD)
@format_option
def verify(changes: tuple[str, ...], fmt: str) -> None:
    """Prove that no event was edited, deleted, inserted, swapped or cut off. Exit 4 and the event where one was.

    Example: itops record verify
    """
    ws = workspace.find()
    names = changes or tuple(ws.recorded())
    wrong: list[str] = []
    for name in names:
        _must_exist(ws, name)
        try:
            wrong += proof.faults(ws.records, name)
        except ValueError as error:
            raise Exit(2, str(error)) from None
    wrong += [*register.verify(ws.records), *_against_register(ws), *exports.verify(ws)]
    unsigned = [name for name in names if not checkpoint.covers(ws.record_dir(name), _events(ws, name))]
    said = wrong or [f"{len(names)} ledgers and the register verify"]
    said += [f"{name}: no checkpoint of its last run" for name in unsigned]
    if not changes:
        verified.note(ws, len(wrong))
    emit({"changes": list(names), "faults": wrong, "unsigned": unsigned}, fmt, "\n".join(said))
    raise Exit(NOT_VERIFIED if wrong else 0)


@command.command("render")
@click.argument("changes", nargs=-1, type=RECORD)
@click.option("--check", is_flag=True, help="Write nothing; exit 4 with a diff where a file is not what the ledger says.")
def render(changes: tuple[str, ...], check: bool) -> None:
    """Rebuild record.json, both reports and the transcript from the ledger, byte for byte, and lines the register lacks.

    Example: itops record render CHG-20261123-01 --check
    """
    ws = workspace.find()
    differ = 0
    for name in changes or tuple(ws.recorded()):
        events, folder = _existing(ws, name), ws.record_dir(name)
        if check:
            differ += _diff(folder, events)
        else:
            views.write_views(folder, events)
            click.echo(f"{folder}: {', '.join(views.render(events))}")
            for run in views.register_again(folder, events):
                click.echo(f"register: the line of run {run} was missing and is there again")
    raise Exit(NOT_VERIFIED if differ else 0)


def _diff(folder: Place, events: list[Event]) -> int:
    made, names = views.render(events), views.differing(folder, events)
    for name in names:
        old = (folder / name).read_text("utf-8", "replace") if (folder / name).exists() else ""
        lines = difflib.unified_diff(old.splitlines(), made[name].decode().splitlines(), f"{folder / name}", "from the ledger", lineterm="")
        click.echo("\n".join(lines))
    return len(names)


def _events(ws: Workspace, change: str) -> list[Event]:
    return Ledger(ws.record_dir(change), change).events()


def _must_exist(ws: Workspace, change: str) -> None:
    if "-" not in change or not ws.record_dir(change).is_dir():
        raise Exit(2, f"no record of {change} → itops record list")


def _existing(ws: Workspace, change: str) -> list[Event]:
    _must_exist(ws, change)
    return _events(ws, change)


def _against_register(ws: Workspace) -> list[str]:
    """Where register and ledgers do not say the same: which runs were closed, and how."""
    try:
        lines = register.read(ws.records)
    except ValueError:
        return []  # register.verify names the damaged line
    names = ws.recorded()
    closed = {(change, run): told for change in names for run, told in register.expected(_events(ws, change)).items()}
    known = Counter((line.get("change"), line.get("run")) for line in lines)
    wrong = [f"{change}: cut: the whole ledger is missing, the register knows it" for change in sorted({str(change) for change, _run in known} - {*names})]
    gone = "register: cut: the line of {}, run {} is missing → itops record render {}"
    wrong += [gone.format(change, run, change) for change, run in closed if (change, run) not in known]
    wrong += [f"register: inserted: the line of {change}, run {run} stands {count} times" for (change, run), count in known.items() if count > 1]
    for line in lines:
        told = closed.get((line.get("change", ""), line.get("run", "")), {})
        if other := [key for key, value in told.items() if line.get(key) != value]:
            wrong.append(f"register: edited: {line['change']}, run {line['run']}: its ledger says otherwise about: {', '.join(other)}")
    return wrong


def _row(events: list[Event]) -> dict[str, str]:
    if correction.made(events):
        own = correction.fold(events)
        services, at = ", ".join(s["id"] for s in own["services"]), wording.moment(own["at"], own["timezone"])
        return dict(zip(ROW, (own["change"], f"更正 {own['corrects']}", services, at, "", "", own["state"]), strict=True))
    folded = record.fold(events)
    return {
        "change": folded["change"],
        "title": folded["title"],
        "service": ", ".join(s["id"] for s in folded["services"]),
        "started": wording.moment(folded["basic"]["started"], folded["timezone"]),
        "result": folded["outcome"]["result"],
        "backout": folded["outcome"]["backout"],
        "state": folded["state"],
    }
