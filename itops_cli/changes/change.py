# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops change`: new, show, list, lint."""

from __future__ import annotations

from typing import Any

import click
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, source, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.staging import digest
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.changes import draft, from_precedent
from itops_cli.completing import CHANGE, SERVICE
from itops_cli.errors import Exit
from itops_cli.lazy import LazyGroup
from itops_cli.output import emit, format_option

KINDS = ("patch", "config", "restart", "data", "other")
LATER = {  # what people decide about a change; imported only when used
    "next": "itops_cli.changes.decisions:next_step",
    "assess": "itops_cli.changes.decisions:assess",
    "supplier": "itops_cli.changes.decisions:supplier",
    "report": "itops_cli.changes.telling:report",
    "approve": "itops_cli.changes.decisions:approve",
    "reject": "itops_cli.changes.decisions:reject",
    "announce": "itops_cli.changes.telling:announce",
    "checklist": "itops_cli.changes.decisions:checklist",
    "cancel": "itops_cli.changes.decisions:cancel",
    "observe": "itops_cli.changes.closing:observe",
    "review": "itops_cli.changes.closing:review",
    "close": "itops_cli.changes.closing:close",
}


@click.group("change", cls=LazyGroup, lazy=LATER)
def command() -> None:
    """Change files: 维护通知 and 维护方案.

    Example: itops change new --service web --title 升级到2.0
    """


@command.command("list")
@format_option
def list_changes(fmt: str) -> None:
    """All changes of the workspace.

    Example: itops change list --format json
    """
    ws = workspace.find()
    rows = [_row(path) for path in change_file.paths(ws)]
    emit(rows, fmt, lambda: table(["change", "title", "service", "kind"], [list(row.values()) for row in rows]))


@command.command("show")
@click.argument("change", type=CHANGE)
@format_option
def show(change: str, fmt: str) -> None:
    """One change as it is read: labels resolved, defaults filled in.

    Example: itops change show CHG-20261123-01
    """
    loaded = _load(workspace.find(), change)
    data = {**loaded.data, "digest": loaded.digest, "plan_digest": loaded.plan_digest}
    emit(data, fmt, lambda: yaml.safe_dump(data, allow_unicode=True, sort_keys=False).rstrip())


@command.command("lint")
@click.argument("changes", nargs=-1, type=CHANGE)
@format_option
def lint(changes: tuple[str, ...], fmt: str) -> None:
    """Every problem of these change files (all, where none is named).

    Example: itops change lint CHG-20261123-01
    """
    ws = workspace.find()
    known = catalogue.load(ws)
    paths = [change_file.find(ws, change) for change in changes] or change_file.paths(ws)
    problems = [problem for path in paths for problem in change_file.read(path, known.services, known.people)[1]]
    emit([p.as_dict() for p in problems], fmt, lambda: "\n".join(map(str, problems)) or f"{len(paths)} changes, no problem")
    raise Exit(2 if errors(problems) else 0)


@command.command("new")
@click.option("--service", "services", multiple=True, type=SERVICE, help="Service id; may be given several times. Needed without --from.")
@click.option("--title", default="", help="What is done, in one line. Needed without --from.")
@click.option("--kind", type=click.Choice(KINDS), help="Kind of maintenance (default: patch, or that of --from).")
@click.option("--from", "precedent", metavar="CHG-…", help="Begin with services, kind and plan of this earlier change (see: itops precedents).")
@format_option
def new(services: tuple[str, ...], title: str, kind: str | None, precedent: str | None, fmt: str) -> None:
    """A change file with everything known filled in, and everything unknown named.

    Example: itops change new --service web --title 升级到2.0
    """
    missing = [] if precedent else [name for name, given in (("--service", services), ("--title", title.strip())) if not given]
    if missing:
        raise Exit(2, f"missing: {', '.join(missing)} (or --from CHG-…)")
    ws = workspace.find()
    known = catalogue.load(ws)
    draft.must_know(ws, known.services, services)
    new_id = draft.free_id(ws)
    if precedent:
        begun = from_precedent.begin(ws, known, precedent, new_id, services, title, kind or "")
        draft.must_know(ws, known.services, begun.data["service"])
    else:
        begun = from_precedent.Begun(draft.draft(new_id, title, kind or KINDS[0], [known.services[sid] for sid in services], known.people), [], "")
    path = draft.write(ws, begun.data)
    data = {"change": new_id, "file": str(path), "staging": str(ws.staging / new_id), "from": precedent, "fill_in": begun.fill_in, "note": begun.note}
    hints = [*([f"note: {begun.note}"] if begun.note else []), *(f"  fill in {line}" for line in begun.fill_in)]
    emit(data, fmt, "\n".join([str(path), *hints, f"next: put the patch into {ws.staging / new_id}, complete the plan, then: itops plan {new_id}"]))


def _load(ws: Workspace, change: str) -> change_file.Change:
    known = catalogue.load(ws)
    return change_file.load(change_file.find(ws, change), known.services, known.people)


def _row(path: Any) -> dict[str, str]:
    data = source.load(path).data or {}
    services = data.get("service") or []
    return {
        "change": path.stem,
        "title": str(data.get("title", "")),
        "service": services if isinstance(services, str) else ", ".join(map(str, services)),
        "kind": str(data.get("kind", "patch")),
    }


@command.command("files")
@click.argument("change", type=CHANGE)
def files(change: str) -> None:
    """The staged files as the lines a notice needs: name, size, sha256. Compare them with the supplier's own.

    Example: itops change files CHG-20261123-01
    """
    ws = workspace.find()
    folder = ws.staging / change_file.find(ws, change).stem
    lines = [{"name": p.name, "size": p.stat().st_size, "sha256": digest(p)} for p in sorted(folder.glob("*")) if p.is_file() and p.name != ".gitkeep"]
    click.echo(yaml.safe_dump(lines, allow_unicode=True, sort_keys=False).rstrip())
