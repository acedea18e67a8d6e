# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops errors`: the table of known errors (维护异常处理步骤): list, test, draft, accept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, error_adoption, error_drafts, known_errors, policy, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.completing import CHANGE, SERVICE
from itops_cli.errors import Exit
from itops_cli.output import emit, format_option, write_file

FOLDER = Path("errors") / "drafts"
UNKNOWN = 5  # a person has to decide


@click.group("errors")
def command() -> None:
    """Known errors: 维护异常处理步骤, of each service and of the department.

    Example: itops errors draft CHG-20261123-01
    """


@command.command("list")
@click.option("--service", default="", type=SERVICE, help="Only what counts for this service.")
@format_option
def list_errors(service: str, fmt: str) -> None:
    """Every known error, in the order in which they are tried.

    Example: itops errors list --service web
    """
    rows = [
        {"where": where, **{key: entry[key] for key in ("type", "event", "pattern", "action", "retries", "steps")}}
        for where, entry in _tables(workspace.find(), service)
    ]
    shown = [[*list(row.values())[:5], row["retries"] if row["action"] == "retry" else "", "; ".join(row["steps"])] for row in rows]
    emit(rows, fmt, lambda: table(list(rows[0]), shown) if rows else "no known error yet → itops errors draft CHANGE")


@command.command("test")
@click.option("--text", help="What the failure says.")
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, allow_dash=True), help="File with what it says; - reads standard input.")
@click.option("--service", default="", type=SERVICE, help="Try only what counts for this service.")
@format_option
def test(text: str | None, path: str | None, service: str, fmt: str) -> None:
    """Which known error this text is, with its handling steps. Ends with 5 where it is none.

    Example: itops errors test --text 'bind() failed: Address already in use'
    """
    if (text is None) == (path is None):
        raise Exit(2, "either --text or --file → itops errors test --help")
    if path is not None:
        with click.open_file(path, "rb") as stream:
            text = stream.read().decode("utf-8", "replace")
    listed = list(_tables(workspace.find(), service))
    known = [{**entry, "n": number} for number, (_where, entry) in enumerate(listed, 1)]
    told = known_errors.told(known, text or "")
    where = listed[told["match"]["n"] - 1][0] if told["match"] else ""
    emit({**told, "where": where}, fmt, lambda: "\n".join([*known_errors.shown(told), *([where] if where else [])]))
    raise Exit(0 if told["match"] else UNKNOWN)


@command.command("draft")
@click.argument("change", type=CHANGE)
@format_option
def draft(change: str, fmt: str) -> None:
    """A drafted entry for every failure of a record that no known error names; a draft that is there already is left as it is.

    Example: itops errors draft CHG-20261123-01
    """
    ws = workspace.find()
    made = error_drafts.of_record(change, _events(ws, change), lambda service: [entry for _where, entry in _tables(ws, service)])
    files = [ws.root / FOLDER / each.name for each in made]
    for path, each in zip(files, made, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_file(path, error_drafts.as_yaml(each))
    data = [{"file": str(path), "event": each.seq, "service": each.service, "pattern": each.pattern} for path, each in zip(files, made, strict=True)]
    texts = [f"# {path}\n{path.read_text('utf-8')}" for path in files]
    steps = [f"next: complete {path}, then: itops errors accept {path.name} --service {each.service}" for path, each in zip(files, made, strict=True)]
    emit(data, fmt, lambda: "\n".join([*texts, *steps]) or f"{change}: no failure without a known error")


@command.command("accept")
@click.argument("draft")
@click.option("--service", default="", type=SERVICE, help="Service whose record gets the entry.")
@click.option("--global", "everywhere", is_flag=True, help="It counts for every service: into policy.yml.")
@format_option
def accept(draft: str, service: str, everywhere: bool, fmt: str) -> None:
    """Take a completed draft into a service's record or policy.yml; the rest of the file stays as it is. The draft goes away.

    Example: itops errors accept CHG-20261123-01-1.yml --service web
    """
    if bool(service) == everywhere:
        raise Exit(2, "either --service ID or --global → itops errors accept --help")
    ws = workspace.find()
    path = _draft(ws, draft)
    found = error_adoption.read_draft(path)
    error_adoption.fits(found["entry"], _failure(ws, str(found["change"]), int(found["event"])), str(path))
    target = ws.root / policy.FILE if everywhere else _record(ws, service)
    (error_adoption.into_policy if everywhere else error_adoption.into_service)(target, found["entry"])
    path.unlink()
    emit({"file": str(target), "entry": found["entry"]}, fmt, f"{target}: {found['entry']['type']}\nnext: itops lint; commit the file")


def _tables(ws: Workspace, service: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Entries with where they stand: of one service or all, then the department's. Raises BadInput."""
    services = catalogue.load(ws).required().services
    if service and service not in services:
        raise BadInput([Problem(str(ws.services_dir), 0, "service", "unknown service", service, ", ".join(sorted(services)[:10]))])
    for sid in [service] if service else sorted(services):
        yield from ((sid, entry) for entry in known_errors.entries(sid, {sid: services[sid]}, {}))
    yield from ((policy.FILE, entry) for entry in known_errors.entries("", {}, policy.load(ws)))


def _events(ws: Workspace, change: str) -> list[Event]:
    if change.count("-") < 2 or not ws.record_dir(change).is_dir():
        raise Exit(2, f"no record of {change} → itops record list")
    return Ledger(ws.record_dir(change), change).events()


def _failure(ws: Workspace, change: str, seq: int) -> str:
    """What the failure said that a draft was made from, from the ledger."""
    event = next((e for e in _events(ws, change) if e.seq == seq and known_errors.is_failure(e)), None)
    if event is None:
        raise Exit(2, f"event {seq} of {change} is no failure → itops errors draft {change}")
    return known_errors.text_of(event.data)


def _draft(ws: Workspace, name: str) -> Path:
    for path in (Path(name), ws.root / FOLDER / name, ws.root / FOLDER / f"{name}.yml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.name for p in (ws.root / FOLDER).glob("*.yml"))) or "none yet"
    raise Exit(2, f"no draft {name} in {ws.root / FOLDER} (there are: {known}) → itops errors draft CHANGE")


def _record(ws: Workspace, service: str) -> Path:
    known = catalogue.load(ws)
    if service not in known.files:
        raise BadInput([Problem(str(ws.services_dir), 0, "service", "no clean record of this service", service, ", ".join(sorted(known.files)[:10]),
                                remedy="itops lint")])  # fmt: skip
    return known.files[service]
