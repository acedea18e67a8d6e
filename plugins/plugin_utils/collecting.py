# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does to collect a host: which questions its services raise, and whether their endpoints answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import endpoints as reach
from ansible_collections.itops.maintenance.plugins.plugin_utils import placeholders
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import Redactor

CONTROL = ("provider", "unit", "config", "supervisorctl")

Records = Mapping[str, Mapping[str, Any]]


def values(host: str, records: Records, lookup: Callable[[str], tuple[str, bool] | None]) -> placeholders.Values:
    """Placeholder values for what is asked. `lookup` gives an inventory variable and whether it came out of a vault."""
    plain, secret = {"host": host}, dict[str, str]()
    for name in sorted({name for record in records.values() for name in placeholders.names(_asked("", record))} - {"host", "service"}):
        found = lookup(name)
        if found is not None:
            (secret if found[1] or placeholders.is_secret(name) else plain)[name] = found[0]
    return placeholders.Values(plain, secret)


def questions(records: Records, known: placeholders.Values) -> list[dict[str, Any]]:
    """The module's argument. Raises UnknownPlaceholder."""
    filled = []
    for sid, record in records.items():
        own = placeholders.Values({**known.plain, "service": sid}, known.secret)
        filled.append({"id": sid, **own.fill(_asked(sid, record))})
    return filled


def _asked(sid: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing but what the questions need leaves the controller."""
    control = record.get("control") or {}
    asked: dict[str, Any] = {"paths": list(record.get("data_dirs") or (record.get("backup") or {}).get("paths") or ())}
    asked |= {name: control[name] for name in CONTROL if control.get(name)}
    if control and "provider" not in asked:
        asked["provider"] = "systemd"
    status = (control.get("commands") or {}).get("status")
    return {**asked, "status": status} if status else asked


def endpoints(record: Mapping[str, Any], timeout: float) -> list[dict[str, Any]]:
    """Those the controller can and may try, one by one; `timeout` in seconds for each."""
    return [_tried(endpoint, timeout) for endpoint in record.get("endpoints") or () if endpoint.get("probe") != "none" and reach.address(endpoint)]


def _tried(endpoint: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    ok, message = reach.reachable(endpoint, timeout)
    place = reach.address(endpoint)
    shown = str(endpoint.get("url") or (f"[{place[0]}]:{place[1]}" if place and ":" in place[0] else f"{place[0]}:{place[1]}" if place else ""))
    return {"address": shown, "reachable": ok, "message": message, "at": datetime.now(UTC).isoformat(timespec="seconds")}


def hidden(value: Any, secrets: Mapping[str, str]) -> Any:
    """The value without these secrets and without what looks like one."""
    return Redactor(secrets.values())(value)
