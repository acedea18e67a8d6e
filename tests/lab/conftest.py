# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Debian hosts over ssh: h01 is primary, h02 is standby, h03 keeps the offsite copies. Needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import LIMIT, House, shop, until

LAB_SCRIPT = Path(__file__).with_name("lab.sh")
LAB = os.environ.get("LAB", "itopstest")  # another name and network for a second lab on the same machine
ENV = {**os.environ, "LAB": LAB, "LAB_NET": os.environ.get("LAB_NET", "10.79.0"), "LAB_CACHE": os.environ.get("LAB_CACHE", "/var/cache/itopslab")}
STATE = Path("/run") / LAB
PRIMARY, STANDBY, OFFSITE = "h01", "h02", "h03"
PORT = 8080
UNIT = f"[Unit]\nDescription=shop\n[Service]\nExecStart=/usr/bin/python3 /srv/shop/serve.py {PORT}\nRestart=no\n[Install]\nWantedBy=multi-user.target\n"
SERVE = """import http.server, json, os, sys
HERE = os.path.realpath("/srv/shop/srv/current")
BROKEN = os.path.exists(HERE + "/broken")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"version": open(HERE + "/VERSION").read().strip(), "broken": BROKEN}).encode()
        self.send_response(500 if BROKEN else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""
HOLD = '#!/bin/sh\ntouch "$1.reached"\nwhile [ ! -e "$1.go" ]; do sleep 0.05; done\n'
RESET = f"""set -e
systemctl stop shop 2>/dev/null || true
for m in /srv/shop/backup /srv/shop; do mountpoint -q $m && umount -l $m || true; done
rm -rf /srv/shop /var/lib/itops /run/mid.* /srv/offsite; mkdir -p /srv/shop/srv/releases/shop-1.0 /srv/shop/backup /srv/offsite
chown ops /srv/offsite
echo 1.0 > /srv/shop/srv/releases/shop-1.0/VERSION
ln -s releases/shop-1.0 /srv/shop/srv/current
echo customers > /srv/shop/srv/data.txt
cat > /srv/shop/serve.py <<'EOF'
{SERVE}EOF
cat > /srv/shop/hold <<'EOF'
{HOLD}EOF
chmod 755 /srv/shop/hold
cat > /etc/systemd/system/shop.service <<'EOF'
{UNIT}EOF
printf 'ops ALL=(ALL) NOPASSWD:ALL\\n' > /etc/sudoers.d/ops; chmod 440 /etc/sudoers.d/ops
systemctl daemon-reload
systemctl reset-failed shop 2>/dev/null || true
systemctl start shop
"""
CHECKS = [
    {"type": "service", "title": "服务运行", "state": "running"},
    {"type": "http", "title": "首页应答", "url": f"http://127.0.0.1:{PORT}/", "status": 200, "retries": 20, "delay": 1, "when": ["before", "rollback"]},
    {"type": "http", "title": "新版应答", "url": f"http://127.0.0.1:{PORT}/", "status": 200, "retries": 3, "delay": 1, "when": ["after"]},
]
PICTURE = r"cd /srv/shop/srv && { find . -printf '%y %m %p %l\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum; }"


def lab(*words: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """One command of lab.sh."""
    said = subprocess.run([str(LAB_SCRIPT), *words], env=ENV, input=stdin, capture_output=True, text=True, timeout=600, check=False)
    assert not check or said.returncode == 0, f"lab.sh {' '.join(words)}: {said.stdout}{said.stderr}"
    return said


def on(host: str, script: str, check: bool = True) -> str:
    """Run a shell script as root inside a host, without ssh."""
    return lab("enter", host, "/bin/sh", "-c", script, check=check).stdout


class LabHouse(House):
    """The shop on two hosts of the lab; commands run inside the lab's network."""

    def __init__(self, root: Path, **parts: Any):
        hosts = [{"name": name, "role": role, "vars": {"root": "/srv/shop", "active": "/srv/shop/active"}} for name, role in
                 ((PRIMARY, "primary"), (STANDBY, "standby"))]  # fmt: skip
        record = shop(hosts, control={"provider": "systemd", "unit": "shop"}, **parts)
        super().__init__(root, record, CHECKS, ["nsenter", f"--net=/run/netns/{LAB}", "--"])
        shutil.copy(STATE / "inventory.ini", root / "inventory/hosts.ini")

    def version(self, host: str) -> str:
        return on(host, "cat /srv/shop/srv/current/VERSION").strip()

    def serving(self, host: str) -> str:
        return on(host, f"curl -s -m 5 -o /dev/null -w '%{{http_code}}' http://127.0.0.1:{PORT}/ || true").strip()

    def picture(self, host: str) -> str:
        """Names, modes, links and digests of all the service's files."""
        return on(host, PICTURE)


def link(host: str, state: str) -> None:
    """Pull or plug the network cable of one host."""
    subprocess.run(["ip", "-n", LAB, "link", "set", f"v-{host}", state], check=True)


@pytest.fixture(scope="session")
def fleet() -> Iterator[None]:
    assert os.getuid() == 0, "the lab needs root"
    lab("down")
    lab("up", "3")
    try:
        yield
    finally:
        lab("down")


@pytest.fixture
def house(fleet: None, tmp_path: Path) -> LabHouse:
    """A workspace, and hosts that are as they were at first."""
    status = lab("status").stdout
    for host in (PRIMARY, STANDBY, OFFSITE):
        link(host, "up")
        if f"{host} " in status and " down" in next(line for line in status.splitlines() if line.startswith(host)):
            lab("boot", host)
    for host in (PRIMARY, STANDBY):
        lab("enter", host, "/bin/sh", stdin=RESET)
    built = LabHouse(tmp_path / "workspace")
    for host in (PRIMARY, STANDBY):
        until(lambda host=host: built.serving(host) == "200", f"the shop on {host}")
        until(lambda host=host: lets_in(host), f"sudo over ssh on {host}", LIMIT)
    return built


def lets_in(host: str) -> bool:
    """A host that has just booted answers on port 22 long before it lets anybody log in."""
    address = (STATE / "hosts" / host / "addr").read_text().strip()
    options = ["-i", str(STATE / "id"), "-o", f"UserKnownHostsFile={STATE}/known_hosts", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
    words = ["timeout", "10", "nsenter", f"--net=/run/netns/{LAB}", "--", "ssh", *options, f"ops@{address}", "sudo -n true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


__all__ = ["LIMIT"]
