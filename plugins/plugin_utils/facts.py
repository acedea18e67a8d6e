# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was collected from the hosts: one JSON file a host, replaced whole. A failed attempt keeps what was known before.

File: {format: 1, host, collected_at, attempted_at (RFC 3339), problem: why the last attempt failed or "",
 cpu_percent, mem_percent, uptime_s, virtualization: {kind: none|vm|container|unknown, name, cloud},
 services: {id: {state, text, disks: [{path, mount, percent, total, free}], endpoints: [{address, reachable, message, at}]}}}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, calendar
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import redact

FORMAT = 1
MODE = 0o640  # they tell where a department is weak


@dataclass(frozen=True)
class Endpoint:
    """One address of a service as the controller saw it."""

    address: str
    reachable: bool
    message: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class ServiceFacts:
    """One service on one host. `hdd` is the percentage of the fullest file system its data lies on."""

    state: str = ""
    text: str = ""
    hdd: int | None = None
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True)
class HostFacts:
    """One host. `collected_at` None: never. `problem`: why the last attempt, at `attempted_at`, failed."""

    host: str
    collected_at: datetime | None = None
    attempted_at: datetime | None = None
    problem: str = ""
    cpu: int | None = None
    mem: int | None = None
    uptime_s: int | None = None
    virtualization: str = ""
    virtual_name: str = ""
    cloud: str = ""
    services: Mapping[str, ServiceFacts] = field(default_factory=dict)


def path(folder: Path, host: str) -> Path:
    """The file of a host; a name that could lead elsewhere is written with %2F and the like."""
    name = host.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")
    return folder / f"{'%2E' + name[1:] if name.startswith('.') else name}.json"


def save(folder: Path, host: str, measured: Mapping[str, Any], at: datetime) -> None:
    """Keep what was measured at this time. Raises OSError."""
    stamp = at.isoformat(timespec="seconds")
    _write(path(folder, host), {"format": FORMAT, "host": host, "collected_at": stamp, "attempted_at": stamp, "problem": "", **redact(dict(measured))})


def save_failure(folder: Path, host: str, problem: str, at: datetime, services: Iterable[str]) -> None:
    """Note that an attempt failed; what was known before stays with its own time. `services` are all of the host's. Raises OSError."""
    found = _read(path(folder, host))
    known = found if isinstance(found, dict) else {}
    tried = {"format": FORMAT, "host": host, "attempted_at": at.isoformat(timespec="seconds"), "problem": redact(problem)[:500]}
    before = _dict(known.get("services"))
    _write(path(folder, host), {"collected_at": "", **known, **tried, "services": {sid: before.get(sid, {}) for sid in services}})


def forget(folder: Path, host: str) -> None:
    """The host is in no inventory any more. Raises OSError."""
    path(folder, host).unlink(missing_ok=True)


def attempts(folder: Path, since: datetime) -> dict[str, HostFacts]:
    """Hosts that somebody tried to collect since then (whole seconds)."""
    try:
        with os.scandir(folder) as entries:
            new = [entry.path for entry in entries if entry.name.endswith(".json") and entry.name[0] != "." and entry.stat().st_mtime >= since.timestamp()]
    except FileNotFoundError:
        return {}
    found = (parse(_read(Path(file)), Path(file).name[:-5]) for file in sorted(new))
    return {facts.host: facts for facts in found if facts.attempted_at and facts.attempted_at >= since}


def load(folder: Path) -> dict[str, HostFacts]:
    """All hosts. A damaged file is a host with a problem, never an error."""
    try:
        with os.scandir(folder) as entries:
            files = sorted(entry.path for entry in entries if entry.name.endswith(".json") and not entry.name.startswith("."))
    except FileNotFoundError:
        return {}
    found = (parse(_read(Path(file)), Path(file).name[:-5]) for file in files)
    return {facts.host: facts for facts in found}


def parse(data: object, name: str) -> HostFacts:
    """The content of a file. What is not of the expected form counts as not collected."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        return HostFacts(_unquoted(name), problem="damaged")
    machine = _dict(data.get("virtualization"))
    return HostFacts(
        host=str(data.get("host") or _unquoted(name)),
        collected_at=_time(data.get("collected_at")),
        attempted_at=_time(data.get("attempted_at")),
        problem=str(data.get("problem") or ""),
        cpu=_percent(data.get("cpu_percent")),
        mem=_percent(data.get("mem_percent")),
        uptime_s=_number(data.get("uptime_s")),
        virtualization=str(machine.get("kind") or ""),
        virtual_name=str(machine.get("name") or ""),
        cloud=str(machine.get("cloud") or ""),
        services={str(sid): _service(_dict(item)) for sid, item in _dict(data.get("services")).items()},
    )


def _service(data: Mapping[str, Any]) -> ServiceFacts:
    full = [percent for disk in _dicts(data.get("disks")) if (percent := _percent(disk.get("percent"))) is not None]
    endpoints = tuple(
        Endpoint(str(item.get("address", "")), item.get("reachable") is True, str(item.get("message", "")), _time(item.get("at")))
        for item in _dicts(data.get("endpoints"))
    )
    return ServiceFacts(str(data.get("state") or ""), str(data.get("text") or ""), max(full, default=None), endpoints)


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _write(file: Path, body: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True)
    atomic.write(file, f"{text}\n".encode("utf-8", "replace"), mode=MODE)


def _unquoted(name: str) -> str:
    return name.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")


def _time(value: object) -> datetime | None:
    return calendar.moment(value, UTC) if isinstance(value, str) and value else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _percent(value: object) -> int | None:
    found = _number(value)
    return found if found is not None and found <= 100 else None


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
