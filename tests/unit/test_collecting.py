# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured on a host (this one), and what the controller asks and tries."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils import measure
from ansible_collections.itops.maintenance.plugins.plugin_utils import collecting
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import UnknownPlaceholder, Values

RECORD = {
    "data_dirs": ["%{root}/srv"],
    "control": {"provider": "command", "commands": {"start": "start %{db_password}", "status": "ask %{service} %{db_password}"}},
}


def test_this_host_has_a_load_a_memory_and_an_uptime() -> None:
    found = measure.host()
    assert 0 <= found["cpu_percent"] <= 100 and 0 <= found["mem_percent"] <= 100 and found["uptime_s"] > 0
    assert found["virtualization"]["kind"] in ("none", "vm", "container", "unknown")


def test_the_file_system_below_a_path_even_of_one_that_is_not_there(tmp_path: Path) -> None:
    here, none = measure.disks([str(tmp_path), str(tmp_path / "not/there")])
    total, _used, free = shutil.disk_usage(tmp_path)
    assert here["total"] == total == none["total"] and abs(here["free"] - free) < total / 10
    assert 0 <= here["percent"] <= 100 and os.path.ismount(here["mount"]) and none["mount"] == here["mount"]


def test_a_file_system_without_size_is_left_out() -> None:
    assert measure.disks(["/proc"]) == []


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ({}, {"state": "", "text": ""}),
        ({"provider": "command", "commands": {"start": "true"}}, {"state": "", "text": ""}),
        ({"provider": "command", "commands": {"status": "echo fine"}}, {"state": "running", "text": "fine"}),
        ({"provider": "command", "commands": {"status": "echo a; echo b; exit 3"}}, {"state": "stopped", "text": "a b"}),
    ],
)
def test_the_state_of_a_service(tmp_path: Path, control: dict[str, object], expected: dict[str, str]) -> None:
    assert measure.service(measure.context(tmp_path), control) == expected
    assert list(tmp_path.iterdir()) == []


def test_a_provider_that_is_not_there_is_unknown_and_says_why(tmp_path: Path) -> None:
    found = measure.service(measure.context(tmp_path), {"provider": "supervisor", "unit": "web", "supervisorctl": str(tmp_path / "none")})
    assert found["state"] == "unknown" and "none" in found["text"]
    assert measure.service(measure.context(tmp_path), {"provider": "systemd"}) == {"state": "unknown", "text": "service control systemd needs a unit"}


def test_only_what_is_asked_leaves_the_controller_and_secrets_are_known_as_such() -> None:
    known = {"root": ("/r", False), "db_password": ("hunter2222", False)}
    values = collecting.values("web1", {"web": RECORD}, known.get)
    assert (values.plain, values.secret) == ({"host": "web1", "root": "/r"}, {"db_password": "hunter2222"})
    assert collecting.questions({"web": RECORD}, values) == [{"id": "web", "paths": ["/r/srv"], "provider": "command", "status": "ask web hunter2222"}]
    assert "hunter2222" not in str(collecting.hidden({"text": "it is hunter2222"}, values.secret))


def test_a_placeholder_without_a_value_is_said() -> None:
    with pytest.raises(UnknownPlaceholder, match="root"):
        collecting.questions({"web": RECORD}, Values({"host": "a"}))


def test_systemd_is_the_provider_where_none_is_named_and_the_backup_paths_where_no_data_folder() -> None:
    record = {"control": {"unit": "web"}, "backup": {"paths": ["/etc/web"]}}
    assert collecting.questions({"web": record}, Values({})) == [{"id": "web", "paths": ["/etc/web"], "provider": "systemd", "unit": "web"}]


def test_endpoints_are_tried_unless_they_cannot_or_may_not_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closing:
        port, closed = server.getsockname()[1], closing.getsockname()[1]
        closing.close()
        asked = [
            {"ip": "127.0.0.1", "port": port},
            {"url": f"http://127.0.0.1:{closed}/x"},
            {"ip": "127.0.0.1", "port": 1, "probe": "none"},
            {"ip": "127.0.0.1", "port": 53, "protocol": "udp"},
            {"ip": "127.0.0.1"},
        ]
        found = collecting.endpoints({"endpoints": asked}, 3)
    assert [(item["address"], item["reachable"]) for item in found] == [(f"127.0.0.1:{port}", True), (f"http://127.0.0.1:{closed}/x", False)]
    assert "refused" in found[1]["message"] and found[0]["at"]
