# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change begun from an earlier one: its services, kind and plan, without what belonged to that one only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, schema
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import precedents
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import STREAM, Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import MARK
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.changes.draft import TO_FILL, WINDOW, executor
from itops_cli.errors import Exit

NOT_VERIFIED = 4
VERSION = re.compile(r"\d+(?:\.\d+)+")
PEOPLE = ("executor", "reviewer", "approver")

Data = dict[str, Any]


@dataclass(frozen=True)
class Begun:
    """The new change's content, what in it a person has to fill in or look at, and what is to be known about the old one."""

    data: Data
    fill_in: list[str]
    note: str


def begin(ws: Workspace, known: Catalogue, old: str, new: str, services: Sequence[str] = (), title: str = "", kind: str = "") -> Begun:
    """A draft with the id `new` after the change `old`. Raises Exit where its ledger does not verify, BadInput where there is no such change."""
    before, note = _before(ws, known, old)
    plan = {name: value for name, value in before["plan"].items() if name != "window"}
    wanted = list(services) or list(before["service"])
    if set(wanted) != set(before["service"]):
        plan.pop("hosts", None)
    category = {"category": before["category"]} if before.get("category") == "standard" else {}
    notice = before.get("notice") or {}
    fresh: Data = {"id": TO_FILL, "source": notice.get("source") or TO_FILL, "supplier": notice.get("supplier") or TO_FILL, "files": []}
    data = {
        "id": new, "title": title or before["title"], "remark": f"参照 {old}", "service": wanted, **category, "kind": kind or before.get("kind", "patch"),
        **_people(known, before), "notice": fresh,
        "plan": {"window": dict(WINDOW), **_slim(plan, schema.options("change")["plan"]["options"])}, "related_events": [], "related_work": [],
    }  # fmt: skip
    _name_anew(data["plan"])
    return Begun(data, [*_blank(data, notice), *_look(data, notice)], note)


def _before(ws: Workspace, known: Catalogue, old: str) -> tuple[Data, str]:
    """The earlier change as it was carried out, by its ledger; where it never was, as its file says it."""
    if not change_file.ID.fullmatch(old) or not (ws.record_dir(old) / STREAM).exists():
        return _file(ws, known, old), f"{old} was never carried out"
    events = precedents.verified(ws, old)
    if events is None:
        raise Exit(NOT_VERIFIED, f"the ledger of {old} does not verify, so nothing is begun from it → itops record verify {old}")
    planned = precedents.executed(events)
    if planned is None:
        return _file(ws, known, old), f"{old} was not carried out to an end"
    same = _same_file(ws, known, old, planned)
    closed = next(event for event in reversed(events) if event.kind == "run_closed")
    result, backout = closed.data.get("result"), closed.data.get("backout")
    return same or planned.data["change"], "" if result == outcome.ACHIEVED else f"{old} ended: {result}, backout {backout}"


def _file(ws: Workspace, known: Catalogue, old: str) -> Data:
    return change_file.load(change_file.find(ws, old), known.services, known.people).data


def _same_file(ws: Workspace, known: Catalogue, old: str, planned: Event) -> Data | None:
    """The file, where it still is what was carried out: a ledger has secrets taken out of it."""
    path = ws.changes / f"{old}.yml"
    change = change_file.read(path, known.services, known.people)[0] if path.is_file() else None
    return change.data if change and change.plan_digest == planned.data.get("plan_digest") else None


def _people(known: Catalogue, before: Data) -> dict[str, str]:
    """The same people as far as they are still there; else whoever a new draft proposes to execute it."""
    found = {role: str(before[role]) for role in PEOPLE if (known.people.get(str(before.get(role))) or {}).get("active")}
    return {"executor": executor(known.people) or TO_FILL, **found}


def _slim(data: Mapping[str, Any], options: Mapping[str, Any]) -> Data:
    """Without what the schema would fill in again."""
    kept: Data = {}
    for name, value in data.items():
        option = options.get(name) or {}
        if value is None or ("default" in option and value == option["default"]):
            continue
        inner = option.get("options")
        if inner and isinstance(value, list):
            kept[name] = [_slim(item, inner) for item in value]
        else:
            kept[name] = _slim(value, inner) if inner and isinstance(value, dict) else value
    return kept


def _name_anew(plan: Data) -> None:
    """Leave out the ids that only follow from the place: see change.name_steps."""
    for prefix, items in (("s", plan["steps"]), ("c", plan["checks"])):
        for number, item in enumerate(items, 1):
            if item.get("id") == f"{prefix}{number}":
                del item["id"]


def _blank(data: Data, notice: Mapping[str, Any]) -> Iterator[str]:
    """Blank what the new notice decides, and name it."""
    yield "plan.window"
    yield from ("executor" for _ in [0] if data["executor"] == TO_FILL)
    yield from (f"notice.{name}" for name in ("id", "source", "supplier") if data["notice"][name] == TO_FILL)
    if notice.get("files"):
        yield f"notice.files: put them into staging, then: itops change files {data['id']}"
    for index, step in enumerate(data["plan"]["steps"]):
        for where, item, key in _given(step):
            yield f"plan.steps[{index}].{where}.{key}: was {item[key]}"
            item[key] = f"{TO_FILL} {item[key]}"


def _given(step: Data) -> Iterator[tuple[str, Data, str]]:
    """Files of the notice and versions of packages in a step: where, in what, under which key."""
    if step.get("release"):
        yield "release", step["release"], "file"
    yield from ((f"files[{number}]", item, "file") for number, item in enumerate(step.get("files") or ()) if item.get("file"))
    names = (step.get("packages") or {}).get("names") or ()
    yield from ((f"packages.names[{number}]", item, "version") for number, item in enumerate(names) if item.get("version"))


def _look(data: Data, notice: Mapping[str, Any]) -> Iterator[str]:
    """Texts that still speak of the old version, and those the ledger holds without their secret."""
    texts = [str(item["name"]) for item in notice.get("files") or ()]
    texts += [str(item[key]) for step in data["plan"]["steps"] for where, item, key in _given(step) if where.startswith("packages")]
    old = {version for text in texts for version in VERSION.findall(text)}
    for path, text in (("title", data["title"]), *_texts(data["plan"], "plan")):
        said = sorted(version for version in old if re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)", text))
        if said and not text.startswith(TO_FILL):
            yield f"{path}: still says {', '.join(said)}"
        if MARK in text:
            yield f"{path}: a secret was taken out of it"


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, f"{path}[{number}]")
