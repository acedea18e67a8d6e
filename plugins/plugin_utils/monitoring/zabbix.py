# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zabbix (6.0 and later) by its JSON-RPC: a maintenance of the service's hosts with data collection, and their open problems.

Zabbix's timer puts hosts into maintenance within a minute, and counts in whole minutes. A maintenance nobody has deleted ends all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring.base import Alert, Http, MonitorError, Scope

PATH = "api_jsonrpc.php"
MINUTE, SHORTEST = 60, 300  # seconds; Zabbix takes no shorter period
HEADER_SINCE = (6, 4)  # before, the token travels in the body
WITH_DATA, ONCE = 0, 0  # Zabbix's numbers for the type of a maintenance and of its period


@contextmanager
def connect(http: Http) -> Iterator[Zabbix]:
    """With an account, whose session is ended again; or with an API token."""
    version = Zabbix(http, "", False).call("apiinfo.version", {})
    zabbix = Zabbix(http, http.secret, tuple(int(part) for part in str(version).split(".")[:2]) >= HEADER_SINCE)
    if not http.user:
        yield zabbix
        return
    session = str(Zabbix(http, "", False).call("user.login", {"username": http.user, "password": http.secret}))
    http.secrets.append(session)
    zabbix = Zabbix(http, session, zabbix.in_header)
    try:
        yield zabbix
    finally:
        with suppress(MonitorError):
            zabbix.call("user.logout", [])


@dataclass(frozen=True)
class Zabbix:
    """See base.Monitor."""

    http: Http
    token: str
    in_header: bool

    def active(self, scope: Scope) -> list[Alert]:
        """The fingerprint is the trigger's id: the same problem that comes back is the same alert."""
        found = self.call("problem.get", {"output": ["eventid", "objectid", "name"], "hostids": self._hosts(scope)})
        return [Alert(str(problem["objectid"]), str(problem["name"])) for problem in found]

    def silence(self, scope: Scope, until: datetime) -> str:
        since = int(datetime.now(UTC).timestamp()) // MINUTE * MINUTE
        till = max(-(-int(until.timestamp()) // MINUTE) * MINUTE, since + SHORTEST)
        made = self.call("maintenance.create", {
            "name": scope.comment, "description": scope.comment, "active_since": since, "active_till": till, "maintenance_type": WITH_DATA,
            "hosts": [{"hostid": host} for host in self._hosts(scope)],
            "timeperiods": [{"timeperiod_type": ONCE, "start_date": since, "period": till - since}],
        })  # fmt: skip
        return str(made["maintenanceids"][0])

    def lift(self, silence: str) -> None:
        try:
            self.call("maintenance.delete", [silence])
        except MonitorError:
            if self.call("maintenance.get", {"maintenanceids": [silence], "output": ["maintenanceid"]}):
                raise

    def _hosts(self, scope: Scope) -> list[str]:
        names = [scope.match.get(host, host) for host in scope.hosts]
        found = {host["host"]: str(host["hostid"]) for host in self.call("host.get", {"output": ["hostid", "host"], "filter": {"host": names}})}
        if missing := [name for name in names if name not in found]:
            raise self.http.failed(f"knows no host {', '.join(missing)} → monitoring.match in inventory/services/{scope.service}.yml")
        return [found[name] for name in names]

    def call(self, method: str, params: Any) -> Any:
        """The result of one call. Raises MonitorError with what Zabbix says."""
        body = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        headers = {}
        if self.token and self.in_header:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.token:
            body["auth"] = self.token
        answer = self.http.ask("POST", PATH, body, headers)
        if "error" in answer:
            raise self.http.failed(f"{method}: {answer['error'].get('message', '')} {answer['error'].get('data', '')}")
        return answer["result"]
