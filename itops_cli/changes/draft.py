# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new change file: everything known filled in, everything unknown named (待填) so that no lint lets it pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit

TO_FILL = "待填"
WINDOW = {"start": f"{TO_FILL} 2026-01-31T02:00:00+08:00", "end": f"{TO_FILL} 2026-01-31T04:00:00+08:00"}


def free_id(ws: Workspace) -> str:
    """The next id of today that neither a change file nor a record has."""
    day = date.today().strftime("%Y%m%d")
    taken = {path.stem for path in change_file.paths(ws)} | set(ws.recorded())
    return next(name for number in range(1, 10_000) if (name := f"CHG-{day}-{number:02d}") not in taken)


def must_know(ws: Workspace, known: Mapping[str, Any], services: Iterable[str]) -> None:
    """Raises BadInput with every one of these services that there is no record of."""
    unknown = [Problem(str(ws.services_dir), 0, "service", "unknown service", sid, ", ".join(sorted(known)[:10])) for sid in services if sid not in known]
    if unknown:
        raise BadInput(unknown)


def draft(change_id: str, title: str, kind: str, services: Sequence[Mapping[str, Any]], people: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The seed's four kinds of step for these service records, each to be completed. `notice` is there to be replaced."""
    return {
        "id": change_id,
        "title": title,
        "service": [service["id"] for service in services],
        "kind": kind,
        "executor": executor(people) or TO_FILL,
        "notice": {"id": TO_FILL, "source": TO_FILL, "supplier": TO_FILL, "files": []},
        "plan": {
            "window": dict(WINDOW),
            "steps": [
                {"kind": "stop", "title": "停止服务", "service": {"state": "stopped"}},
                {"kind": "update", "title": "更新文件", "command": TO_FILL},
                {"kind": "start", "title": "启动服务", "service": {"state": "started"}},
                {"kind": "rollback", "title": "停止服务", "service": {"state": "stopped"}},
                {"kind": "rollback", "title": "恢复备份", "restore": {}},
                {"kind": "rollback", "title": "启动服务", "service": {"state": "started"}},
            ],
            "checks": [{"type": "service", "title": "服务运行", "state": "running"}],
        },
        "related_events": [],
        "related_work": [],
    }


def executor(people: Mapping[str, Mapping[str, Any]]) -> str:
    """Who is at work here, where they may carry out changes, else the only one who may; never the owner, who then could not approve it."""
    may = [pid for pid, person in people.items() if person.get("active", True) and "executor" in (person.get("roles") or [])]
    mine = [pid for pid in identity.persons(people, identity.account()) if pid in may] or may
    return mine[0] if len(mine) == 1 else ""


def text(data: Mapping[str, Any]) -> str:
    """The change as its file says it."""
    return "---\n" + yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False)


def write(ws: Workspace, data: Mapping[str, Any]) -> Path:
    """Write changes/<id>.yml, which must not be there yet, and make the staging folder; the file's path."""
    path = ws.changes / f"{data['id']}.yml"
    ws.changes.mkdir(exist_ok=True)
    (ws.staging / data["id"]).mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text(data))
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise Exit(1, f"{path}: somebody has just taken this id → the same command again") from None
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path
