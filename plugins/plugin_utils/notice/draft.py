# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notice knows, put into the draft of a change; what it does not know stays 待填, and is listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.change import TO_FILL
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import LENGTHS, File, Notice, as_dict

ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst", ".tar", ".zip")  # what a release step unpacks
REBOOT = ("system", "machine")  # restart_required
OUTAGE = ("zone", "connected", "dependencies")

Data = dict[str, Any]


def fill_in(draft: Data, notice: Notice) -> Data:
    """The draft of a change (see `itops change new`) with everything the notice says. `notice.received_at` is to be known by now."""
    plan = dict(draft["plan"])
    impact = ["reboot"] if notice.restart_required in REBOOT else ["outage"] if notice.restart_required in OUTAGE else []
    if impact:
        plan["impact"] = impact
    plan["steps"] = list(_steps(plan["steps"], notice))
    told = [("厂商修复说明", text) for text in notice.remediations] + [("参考", text) for text in notice.references]
    told += [("需要重启", notice.restart_required)] if notice.restart_required else []
    extra = {"extra": [{"item": item, "value": value} for item, value in told]} if told else {}
    filled = {**draft, "notice": _notice(notice), "plan": plan}
    return {**{key: filled[key] for key in ("id", "title")}, **extra, **{key: value for key, value in filled.items() if key not in ("id", "title")}}


def unknown(value: Any, path: str = "") -> Iterator[str]:
    """Where in a draft something is still to be filled in, with what is said there."""
    if isinstance(value, str) and value.startswith(TO_FILL):
        hint = value.removeprefix(TO_FILL).strip()
        yield f"{path}: {hint}" if hint else path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from unknown(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown(item, f"{path}[{number}]")


def _notice(notice: Notice) -> Data:
    said = {name: getattr(notice, name) or TO_FILL for name in ("id", "source", "supplier")}
    return {**said, "received_at": notice.received_at or TO_FILL, "files": [_file(file) for file in notice.files]}


def _file(file: File) -> Data:
    """A size or digest that nobody gave stands there as unknown: no lint lets it pass."""
    known = as_dict(file)
    size = {"size": known.pop("size", TO_FILL)}
    digest = {} if any(known.get(name) for name in LENGTHS) else {"sha256": TO_FILL}
    return {"name": known.pop("name"), **size, **digest, **known}


def _steps(steps: list[Data], notice: Notice) -> Iterator[Data]:
    """The steps of the draft; in place of its update those that the files suggest, and the restart the notice asks for."""
    for step in steps:
        if step["kind"] != "update":
            yield step
            continue
        yield from (_update(file) for file in notice.files)
        if not notice.files:
            yield step
        if notice.restart_required in REBOOT:
            yield {"kind": "update", "title": "重启主机", "command": f"{TO_FILL} 通知要求重启主机: {notice.restart_required}"}


def _update(file: File) -> Data:
    if file.name.lower().endswith(ARCHIVES):
        return {"kind": "update", "title": f"更新 {file.name}", "release": {"file": file.name, "dest": f"{TO_FILL} 目录"}}
    return {"kind": "update", "title": f"更新 {file.name}", "files": [{"file": file.name, "dest": f"{TO_FILL} 路径"}]}
