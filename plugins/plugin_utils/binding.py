# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision is about: the plan, and whatever else its execution is made of, from service records and task files.

An edit of any of it voids what was decided; an edit of a remark or of an owner does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rfc8785
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted

Record = Mapping[str, Any]
OF_THE_CHANGE = ("id", "service", "category", "kind", "incident", "executor", "notice", "plan")
OF_A_SERVICE = ("redundancy", "failover", "backup", "control", "data_dirs")  # commands, paths and places a run takes from the record
OF_A_HOST = ("name", "role")
VAULTED = "<redacted>"  # what Ansible hands on of an inline vault value; a digest must not depend on who reads it


def bound(data: Record, services: Mapping[str, Record], folder: Path) -> dict[str, Any]:
    """All that is decided on, as plain data. `folder` is the one of the changes, where task files lie."""
    taken = {sid: _of_service(services[sid]) for sid in data.get("service") or [] if sid in services}
    files = sorted({str(step["tasks"]) for step in (data.get("plan") or {}).get("steps") or [] if step.get("tasks")})
    made: dict[str, Any] = {key: data.get(key) for key in OF_THE_CHANGE}
    made |= {"records": _plain(taken)} if taken else {}
    made |= {"task_files": {name: _sha256(folder / name) for name in files}} if files else {}
    return made


def digest(what: Record) -> str:
    """SHA-256 over the canonical form (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(what))).hexdigest()


def _of_service(record: Record) -> dict[str, Any]:
    hosts = [{key: host.get(key) for key in OF_A_HOST} for host in record.get("hosts") or []]
    mode = (record.get("maintenance") or {}).get("mode")
    return {**{key: record[key] for key in OF_A_SERVICE if record.get(key)}, "hosts": hosts, "mode": mode}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return VAULTED if isinstance(value, Vaulted) else value


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""  # that it is missing is said by `itops change lint`
