# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zabbix and the webhook against a local server that checks what it gets as the documentation has it; and what no error may tell."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import policy, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import base

from tests.unit import make
from tests.unit.listeners import Reply, Request, authority, web

SECRET = "S3cr3t-monitor-4711"
SCOPE = base.Scope("shop", ["a", "b"], {"b": "b.example.com"}, "CHG-1", "R1")
UNTIL = datetime.now(UTC) + timedelta(hours=1)


def conf(kind: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": "mon", "type": kind, "url": url, "timeout": 5, "clear_within": 0, "secret": "env:MON", **more}


def secret(_ref: str) -> str:
    return SECRET


# ------------------------------------------------------------------ Zabbix


@dataclass
class Zabbix:
    """The documented requests of Zabbix's API, of one version; anything else is its own kind of error."""

    version: str = "7.0.3"
    hosts: dict[str, str] = field(default_factory=lambda: {"a": "101", "b.example.com": "102"})
    sessions: set[str] = field(default_factory=set)
    maintenances: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        body = request.json()
        assert request.path == "/zabbix/api_jsonrpc.php" and request.headers["content-type"] == "application/json"
        assert body["jsonrpc"] == "2.0" and "id" in body
        if body["method"] in ("apiinfo.version", "user.login"):
            assert "authorization" not in request.headers and "auth" not in body, "Zabbix refuses a token there"
        elif not self._known(request, body):
            return 200, {"jsonrpc": "2.0", "error": {"code": -32602, "message": "Invalid params.", "data": "Not authorized."}, "id": body["id"]}
        try:
            return 200, {"jsonrpc": "2.0", "result": getattr(self, body["method"].replace(".", "_"))(body["params"]), "id": body["id"]}
        except LookupError as error:
            return 200, {"jsonrpc": "2.0", "error": {"code": -32500, "message": "Application error.", "data": str(error)}, "id": body["id"]}

    def _known(self, request: Request, body: dict[str, Any]) -> bool:
        old = self.version.startswith("6.0")
        given = body.get("auth") if old else request.headers.get("authorization", "").removeprefix("Bearer ")
        return given in {SECRET, *self.sessions} and (old or "auth" not in body)

    def apiinfo_version(self, _params: Any) -> str:
        return self.version

    def user_login(self, params: dict[str, str]) -> str:
        if params != {"username": "itops", "password": SECRET}:
            raise LookupError("Incorrect user name or password.")
        self.sessions.add("session-0815")
        return "session-0815"

    def user_logout(self, params: list[Any]) -> bool:
        assert params == []
        self.sessions.clear()
        return True

    def host_get(self, params: dict[str, Any]) -> list[dict[str, str]]:
        return [{"hostid": hid, "host": name} for name, hid in self.hosts.items() if name in params["filter"]["host"]]

    def problem_get(self, params: dict[str, Any]) -> list[dict[str, str]]:
        assert set(params["hostids"]) == set(self.hosts.values())
        return self.problems

    def maintenance_create(self, params: dict[str, Any]) -> dict[str, list[str]]:
        (period,) = params["timeperiods"]
        assert params["active_since"] % 60 == params["active_till"] % 60 == period["period"] % 60 == 0 and period["period"] >= 300
        assert (period["timeperiod_type"], period["start_date"], params["maintenance_type"]) == (0, params["active_since"], 0)
        assert params["active_since"] <= time.time() < params["active_till"]
        if params["name"] in [known["name"] for known in self.maintenances.values()]:
            raise LookupError("Maintenance already exists.")
        self.maintenances["7"] = params
        return {"maintenanceids": ["7"]}

    def maintenance_delete(self, params: list[str]) -> dict[str, list[str]]:
        for mid in params:
            if self.maintenances.pop(mid, None) is None:
                raise LookupError("No permissions to referred object or it does not exist!")
        return {"maintenanceids": params}

    def maintenance_get(self, params: dict[str, Any]) -> list[dict[str, str]]:
        return [{"maintenanceid": mid} for mid in params["maintenanceids"] if mid in self.maintenances]


@pytest.mark.parametrize("version", ["6.0.40", "6.4.0", "7.0.3", "7.4.0rc1"])
@pytest.mark.parametrize("user", ["", "itops"])
def test_a_maintenance_of_zabbix(version: str, user: str) -> None:
    zabbix = Zabbix(version, problems=[{"eventid": "9", "objectid": "55", "name": "磁盘将满"}])
    with web(zabbix) as server, base.opened(conf("zabbix", f"{server.url}/zabbix/", user=user), secret) as monitor:
        assert monitor.active(SCOPE) == [base.Alert("55", "磁盘将满")]
        made = monitor.silence(SCOPE, UNTIL)
        (kept,) = zabbix.maintenances.values()
        assert kept["hosts"] == [{"hostid": "101"}, {"hostid": "102"}] and "CHG-1" in kept["name"]
        assert 0 <= kept["active_till"] - UNTIL.timestamp() < 60, "not before the time it was asked for"
        monitor.lift(made)
        monitor.lift(made)
    assert zabbix.maintenances == {} and zabbix.sessions == set()


def test_what_zabbix_refuses_is_said_without_the_password() -> None:
    zabbix = Zabbix(hosts={"a": "101"})
    with web(zabbix) as server:
        with pytest.raises(base.MonitorError, match=r"knows no host b\.example\.com → monitoring\.match"), opened("zabbix", server.url) as monitor:
            monitor.active(SCOPE)
        with pytest.raises(base.MonitorError, match="Incorrect user name") as wrong, opened("zabbix", server.url, user="nobody"):
            pass
    assert SECRET not in str(wrong.value)


def opened(kind: str, url: str, **more: Any) -> Any:
    return base.opened(conf(kind, f"{url}/zabbix" if kind == "zabbix" else url, **more), secret)


# ------------------------------------------------------------------ webhook


def gateway(request: Request) -> Reply:
    """A gateway as docs/howto/monitoring.md asks for."""
    stamp = request.headers["x-itops-timestamp"]
    right = hmac.new(SECRET.encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    if request.headers["x-itops-signature"] != f"sha256={right}":
        return 401, {}
    body = request.json()
    if body["action"] == "silence":
        assert datetime.fromisoformat(body["until"]) > datetime.now(UTC) and body["change"].startswith("CHG-")
        return 200, {"id": f"{body['service']}-1"}
    if body["action"] == "lift":
        assert body["id"] == "shop-1"
        return 204, b""
    return 200, {"alerts": [{"id": "x", "name": "慢"}]}


def test_a_webhook_of_ones_own() -> None:
    with web(gateway) as server, opened("webhook", f"{server.url}/itops?team=ops") as monitor:
        assert monitor.active(SCOPE) == [base.Alert("x", "慢")]
        assert monitor.silence(SCOPE, UNTIL) == "shop-1"
        monitor.lift("shop-1")
        assert {request.path for request in server.got} == {"/itops?team=ops"}
        assert [request.json().get("match") for request in server.got] == [{"b": "b.example.com"}] * 2 + [None]


@pytest.mark.parametrize(("user", "given"), [("ops", f"Basic {base64.b64encode(f'ops:{SECRET}'.encode()).decode()}"), ("", f"Bearer {SECRET}")])
def test_who_asks_alertmanager(user: str, given: str) -> None:
    with web(lambda request: (200, {"silenceID": request.headers["authorization"]})) as server, opened("alertmanager", server.url, user=user) as monitor:
        assert monitor.silence(base.Scope("shop", ["a"], {"team": "ops"}, "CHG-1", "R1"), UNTIL) == given
        assert server.got[0].json()["matchers"] == [{"name": "team", "value": "ops", "isRegex": False, "isEqual": True}]


def test_what_is_no_label_is_refused_before_anybody_is_asked() -> None:
    with web(gateway) as server, pytest.raises(base.MonitorError, match=r"not the name of a label: 门户"), opened("alertmanager", server.url) as monitor:
        monitor.silence(base.Scope("shop", ["a"], {"门户": "x"}, "CHG-1", "R1"), UNTIL)
    assert server.got == []


# ------------------------------------------------------------------ what goes wrong

WRONG: dict[str, tuple[Reply, str]] = {
    "an error that repeats the password": ((500, {"error": f"bad token {SECRET}"}), "HTTP 500"),
    "somewhere else": ((302, b""), "HTTP 302"),
    "no JSON": ((200, b"<html>"), "no JSON"),
    "another form": ((200, {"fine": True}), "nobody expects"),
    "a list": ((200, [1]), "nobody expects"),
    "nothing": ((200, b""), "nobody expects"),
}


@pytest.mark.parametrize("kind", ["alertmanager", "zabbix", "webhook"])
@pytest.mark.parametrize("how", WRONG)
def test_an_answer_that_is_none(kind: str, how: str) -> None:
    reply, said = WRONG[how]
    with web(lambda _request: reply) as server, pytest.raises(base.MonitorError, match=said) as caught, opened(kind, server.url) as monitor:
        monitor.silence(SCOPE, UNTIL)
    assert SECRET not in str(caught.value) and "mon (127.0.0.1:" in str(caught.value)
    assert len(server.got) == 1, "no redirect is followed, with a token least of all"


def test_a_certificate_nobody_vouches_for_and_one_of_our_own(tmp_path: Path) -> None:
    own = authority(tmp_path)
    with web(gateway, own.context) as server:
        with pytest.raises(base.MonitorError, match=r"certificate is not trusted.* ca in policy\.yml"), opened("webhook", server.url) as monitor:
            monitor.active(SCOPE)
        with opened("webhook", server.url, ca=str(own.ca)) as monitor:
            assert monitor.active(SCOPE)
        with pytest.raises(base.MonitorError, match=r"ca .*gone\.pem"), opened("webhook", server.url, ca=str(tmp_path / "gone.pem")) as monitor:
            monitor.active(SCOPE)


def test_what_hangs_does_not_hold_the_end_of_a_run() -> None:
    held = threading.Event()
    with pytest.raises(base.MonitorError, match="no answer within"):
        base.within(0.05, held.wait)
    held.set()
    assert base.within(5, lambda: 7) == 7
    with pytest.raises(base.MonitorError, match="as it was"):
        base.within(5, lambda: (_ for _ in ()).throw(base.MonitorError("as it was")))


# ------------------------------------------------------------------ policy.yml

GOOD = {"id": "mon", "type": "zabbix", "url": "https://zabbix.example.com"}
Spoil = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": "file:///etc/passwd"}, "not the address of a monitor"),
        ({"url": f"https://itops:{SECRET}@zabbix.example.com"}, "not the address of a monitor"),
        ({"secret": SECRET}, "not a reference to a secret"),
        ({"user": "itops"}, "an account needs its password"),
        ({"timeout": 0}, "out of range"),
        ({"clear_within": 86400}, "out of range"),
        ({"type": "nagios"}, "nagios"),
    ],
)
def test_a_monitor_that_cannot_be(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    make.workspace(tmp_path)
    make.dump(tmp_path / "policy.yml", {"monitors": [{**GOOD, **more}]})
    _data, problems = policy.read(workspace.load(tmp_path))
    told = "\n".join(map(str, problems))
    assert said in told and SECRET not in told, told


def test_monitors_with_their_defaults(tmp_path: Path) -> None:
    make.workspace(tmp_path)
    make.dump(tmp_path / "policy.yml", {"monitors": [GOOD, {**GOOD, "id": "other"}]})
    assert [(m["timeout"], m["clear_within"]) for m in policy.load(workspace.load(tmp_path))["monitors"]] == [(10, 300)] * 2
    make.dump(tmp_path / "policy.yml", {"monitors": [GOOD, GOOD]})
    assert "id stands twice" in str(policy.read(workspace.load(tmp_path))[1])
