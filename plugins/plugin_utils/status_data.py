# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status table for a program: ids, whole numbers and RFC 3339 times; null is what nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import status
from ansible_collections.itops.maintenance.plugins.plugin_utils.facts import HostFacts
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row, Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words

ENCRYPTED = "«encrypted»"


def roll_up(found: Status, lang: str) -> dict[str, Any]:
    """Head line and rows; only the texts of warnings are in `lang`."""
    return {
        "generated": _time(found.now),
        "data_until": _time(found.data_until),
        "services": len(found.rows),
        "overdue": found.overdue,
        "unmonitored": found.unmonitored,
        "rows": [row(found, one, lang) for one in found.rows],
    }


def row(found: Status, one: Row, lang: str) -> dict[str, Any]:
    """One service."""
    record, capacity, maintenance = one.record, one.record.get("capacity") or {}, one.record.get("maintenance") or {}
    cells = Cells(one, Words(lang))
    own = {
        "id": one.id,
        "name": record.get("name"),
        "owner": _person(record.get("owner"), one.owner),
        "deputy": _person(record.get("deputy"), one.deputy),
        "credentials": _only(record.get("credentials"), "custody", "ref"),
        "backup": {"sites": list((record.get("backup") or {}).get("sites") or ())},
        "platform": record.get("platform"),
        "usage": _usage(one),
        "capacity": {**_only(capacity, "supported", "allocated", "unit"), "percent": one.ratio},
        "high": [vars(high) for high in one.high],
        "reclaim": _only(record.get("reclaim"), "policy", "threshold", "idle_days") | {"candidates": None if one.reclaimable is None else len(one.reclaimable)},
        "redundancy": record.get("redundancy"),
        "maintenance": _only(maintenance, "cycle", "mode"),
        "monitoring": _only(record.get("monitoring"), "state", "ref"),
        "logging": _only(record.get("logging"), "state", "ref"),
        "remark": record.get("remark"),
        "remarks": record.get("remarks") or {},
        "extra": list(record.get("extra") or ()),
    }
    return {
        **_open(own),
        "last": {"at": _time(one.last.at), "change": one.last.change or None, "result": one.last.result or None},
        "due": _due(one),
        "warnings": [{"id": warn.id, "text": cells.warning(warn)} for warn in one.warnings],
        "hosts": [_host(found, one, host) for host in one.usage.hosts],
        "endpoints": [
            {"address": item.address, "reachable": item.reachable, "at": _time(item.at), "message": item.message}
            for item in status.endpoints(one.id, one.usage.hosts)
        ],
    }


def _usage(one: Row) -> dict[str, Any]:
    """Levels only where they are known and not stale; why not, otherwise."""
    levels = {name: {"max": level.highest, "mean": level.mean, "hosts": level.hosts} for name, level in one.usage.levels.items()}
    known = levels if one.usage.known else {}
    return {
        **{name: known.get(name) for name in ("cpu", "mem", "hdd")},
        "collected_at": _time(one.usage.oldest),
        "stale": one.usage.stale,
        "missing": list(one.usage.missing),
    }


def _due(one: Row) -> dict[str, Any] | None:
    """None for a service that is not in use."""
    if one.due is None:
        return None
    at = one.due.at
    return {"at": at.date().isoformat() if at and one.due.whole_day else _time(at), "state": one.due.state}


def _host(found: Status, one: Row, host: HostFacts) -> dict[str, Any]:
    """As collected at its time, old or not: `stale` says which."""
    service = host.services.get(one.id)
    return {
        "host": host.host,
        "collected_at": _time(host.collected_at),
        "stale": found.stale(host),
        "problem": host.problem or None,
        "cpu": host.cpu,
        "mem": host.mem,
        "hdd": service.hdd if service else None,
        "uptime_s": host.uptime_s,
        "virtualization": host.virtualization or None,
        "state": (service.state if service else "") or None,
        "text": service.text if service else "",
    }


def _person(person: Any, name: str) -> dict[str, Any] | None:
    return {"id": person, "name": name} if person else None


def _only(part: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    return {name: (part or {}).get(name) for name in names}


def _open(value: Any) -> Any:
    """The value without the text of what is in a vault."""
    if isinstance(value, dict):
        return {key: _open(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_open(item) for item in value]
    return ENCRYPTED if isinstance(value, Vaulted) else value


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
