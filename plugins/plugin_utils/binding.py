# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision is about: the plan, and whatever else its execution is made of, from service records and task files.

An edit of any of it voids what was decided; an edit of a remark or of an owner does not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rfc8785
from ansible_collections.itops.maintenance.plugins.plugin_utils import error_rate, known_errors, named_files
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted

Record = Mapping[str, Any]
OF_THE_CHANGE = ("id", "service", "category", "kind", "incident", "executor", "notice", "plan")
OF_A_SERVICE = ("redundancy", "failover", "control", "data_dirs")  # commands, paths and places a run takes from the record
OF_ITS_BACKUP = ("sites", "destination", "provider", "paths", "exclude", "retention")
OF_ITS_CREDENTIALS = ("custody", "ref", "account")
VAULTED = "<redacted>"  # what Ansible hands on of an inline vault value; a digest must not depend on who reads it


def bound(data: Record, services: Mapping[str, Record], folder: Path) -> dict[str, Any]:
    """All that is decided on, as plain data. `folder` is the one of the changes, where task files lie."""
    taken = {sid: of_service(services[sid]) for sid in data.get("service") or [] if sid in services}
    made: dict[str, Any] = {key: data.get(key) for key in OF_THE_CHANGE}
    made |= {"records": taken} if taken else {}
    everywhere = known_errors.steering(known_errors.everywhere(folder.parent))
    made |= {"known_errors": everywhere} if everywhere else {}
    files = {os.path.relpath(path, folder.resolve()): sha for path, sha in named_files.with_named(task_files(data, services, folder)).items()}
    return made | ({"task_files": dict(sorted(files.items()))} if files else {})


def task_files(data: Record, services: Mapping[str, Record], folder: Path) -> list[Path]:
    """The task files that steps of the plan and of its services' fail-over name."""
    steps = [*((data.get("plan") or {}).get("steps") or []), *(step for sid in data.get("service") or [] for step in failover_steps(services.get(sid, {})))]
    return [folder / str(step["tasks"]) for step in steps if step.get("tasks")]


def failover_steps(record: Record) -> list[Record]:
    """The steps of a service's fail-over."""
    return list((record.get("failover") or {}).get("steps") or [])


def digest(what: Record) -> str:
    """SHA-256 over the canonical form (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(what))).hexdigest()


def of_service(record: Record) -> dict[str, Any]:
    """What a run takes from one service record."""
    backup, credentials = record.get("backup") or {}, record.get("credentials") or {}
    checks = [item["check"] for item in (record.get("preparation") or {}).get("items") or [] if item.get("check")]
    made = {
        **{key: record[key] for key in OF_A_SERVICE if record.get(key)},
        "backup": {key: backup[key] for key in OF_ITS_BACKUP if backup.get(key)},
        "credentials": {key: credentials[key] for key in OF_ITS_CREDENTIALS if credentials.get(key)},
        "preparation": checks, "logging": error_rate.of_service(record), "known_errors": known_errors.steering(record.get("known_errors") or []),
        "hosts": _hosts(record), "mode": (record.get("maintenance") or {}).get("mode"),
    }  # fmt: skip
    return {key: _plain(value) for key, value in made.items() if value}


def vaulted(value: Any) -> bool:
    """Whether a value of a record is an inline vault value, as the file has it or as Ansible hands it on."""
    return isinstance(value, Vaulted) or value == VAULTED


def _hosts(record: Record) -> list[dict[str, Any]]:
    """Each host by name; those of a group by the group alone, whatever the inventory says is in it."""
    made: list[dict[str, Any]] = []
    for host in record.get("hosts") or []:
        group = host.get("group") or host.get("of_group")
        named = {"group": group} if group else {key: host[key] for key in ("name", "address") if host.get(key)}
        entry = named | {key: host[key] for key in ("role", "vars") if host.get(key)}
        if entry not in made:
            made.append(entry)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return VAULTED if vaulted(value) else value
