# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are folders of this machine: real Ansible, real runner, the real engine, no root."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, shop

CONTROL = {
    "provider": "command",
    "commands": {"start": "touch %{root}/running", "stop": "rm -f %{root}/running", "status": "test -e %{root}/running"},
}
CHECKS = [
    {"type": "service", "title": "服务运行", "state": "running"},
    {"type": "command", "title": "应答正常", "command": "test ! -e %{root}/srv/current/broken"},
]
HOLD = '#!/bin/sh\n# a step that waits where a test can see it\ntouch "$1.reached"\nwhile [ ! -e "$1.go" ]; do sleep 0.05; done\n'


class LocalHouse(House):
    """Two folders as hosts: a is primary, b is standby."""

    def __init__(self, root: Path, names: tuple[str, ...] = ("a", "b"), **parts: Any):
        self.hosts_root = root / "hosts"
        roles = ["primary", *["standby"] * (len(names) - 1)]
        hosts = [
            {"name": name, "role": role, "vars": {"root": str(self.at(name)), "active": str(root / "active")}} for name, role in zip(names, roles, strict=True)
        ]
        super().__init__(root / "workspace", shop(hosts, control=CONTROL, **parts), CHECKS)
        connection = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                      "itops_state_dir": str(self.hosts_root / "{{ inventory_hostname }}" / "state")}  # fmt: skip
        self.write("inventory/hosts.yml", {"all": {"vars": connection}})
        for name in names:
            self.lay_out(name)

    def at(self, host: str) -> Path:
        return self.hosts_root / host

    def lay_out(self, host: str) -> None:
        root = self.at(host)
        (root / "srv/releases/shop-1.0").mkdir(parents=True)
        (root / "srv/releases/shop-1.0/VERSION").write_text("1.0\n")
        (root / "srv/current").symlink_to("releases/shop-1.0")
        (root / "srv/data.txt").write_text("customers\n")
        (root / "running").touch()
        (root / "hold").write_text(HOLD)
        (root / "hold").chmod(0o755)

    def version(self, host: str) -> str:
        return (self.at(host) / "srv/current/VERSION").read_text().strip()

    def picture(self, host: str) -> dict[str, str]:
        """Everything the service is, to prove that nothing was touched."""
        root = self.at(host)
        return {
            str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if (path.is_symlink() or path.is_file()) and path.relative_to(root).parts[0] in ("srv", "running")
        }


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder for TMPDIR: Ansible puts sockets there, and the path of one has an end at some 100 characters."""
    with tempfile.TemporaryDirectory(prefix="itops-t-") as name:
        yield Path(name)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[LocalHouse]:
    yield LocalHouse(tmp_path)
