# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same maintenance of 25 steps for every contender of the benchmark `execute`: stop, 1 MiB file, its checksum, archive, template,
18 commands, start, health check. The service is a small web server over the folder that is maintained.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from benchmarks import measure

HOME = "/srv/bench"
STEPS = 25
COMMANDS = [f"mkdir -p {HOME}/steps/{n:02}" for n in range(1, STEPS - 6)]
CHECKSUM = f"sha256sum {HOME}/patch.bin"
PACK = f"tar -czf {HOME}/data.tar.gz -C {HOME} data"
URL = "http://127.0.0.1:8000/app.conf"
HEALTH = f"curl -fsS --retry 10 --retry-delay 1 --retry-connrefused -o /dev/null {URL}"
CHANGE = "CHG-20261123-01"
STATE = "/var/lib/itops"
UNIT = f"[Service]\nExecStart=/usr/bin/python3 -m http.server 8000 --directory {HOME}\n"
RESET = f"""
systemctl stop bench 2>/dev/null; rm -rf {HOME} {STATE} /var/backups/itops ~root/.ansible ~ops/.ansible
mkdir -p {HOME}/data; for n in 1 2 3 4 5 6 7 8; do head -c 65536 /dev/urandom > {HOME}/data/$n; done; echo before > {HOME}/app.conf
printf '{UNIT}' > /etc/systemd/system/bench.service; systemctl daemon-reload; systemctl start bench
"""
PROOF = f"test -d {HOME}/steps/{STEPS - 7:02} -a -s {HOME}/data.tar.gz && systemctl -q is-active bench && {CHECKSUM} && curl -fsS {URL}"


def patch(folder: Path) -> str:
    """The file that travels; its digest."""
    content = os.urandom(1 << 20)
    (folder / "patch.bin").write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def workspace(root: Path, hosts: list[str], inventory: str) -> None:
    """For itops: one service, its standby hosts first and at once, then the primary: it does not maintain all of a service at the same time."""
    from tests.unit import make

    make.workspace(root)
    (root / "inventory/services/web.yml").unlink()
    (root / "inventory/hosts.ini").write_text(inventory)
    (root / "ansible.cfg").write_text((Path(__file__).parents[1] / "ansible.cfg").read_text())
    members = [{"name": host, "role": "standby" if n else "primary"} for n, host in enumerate(hosts)]
    own = {
        "id": "bench",
        "backup": {**make.web()["backup"], "restore_tested_on": "2026-06-01"},
        "hosts": members,
        "data_dirs": [f"{HOME}/data"],
        "control": {"provider": "systemd", "unit": "bench"},
    }
    make.dump(root / "inventory/services/bench.yml", {**make.web(), **own})
    staging = root / "staging" / CHANGE
    staging.mkdir(parents=True, exist_ok=True)
    digest = patch(staging)
    change = {
        "id": CHANGE, "title": "二十五步维护", "service": ["bench"], "category": "standard",
        "notice": {"id": "SUP-1", "files": [{"name": "patch.bin", "size": 1 << 20, "sha256": digest}]},
        "plan": {
            "runbook": "runbook.md",
            "window": {"start": "2026-01-01T00:00:00+08:00", "end": "2099-01-01T00:00:00+08:00"},
            "batch": len(hosts), "steps": steps(digest), "checks": [{"type": "http", "title": "应答", "url": URL, "retries": 10, "when": ["after"]}],
        },
    }  # fmt: skip
    (root / "runbook.md").write_text("# 二十五步维护\n", "utf-8")
    make.dump(root / f"changes/{CHANGE}.yml", change)


def decide(root: Path) -> None:
    """What people decide before the change is run: not part of what is measured."""
    for verb, *more in (["assess"], ["checklist", "--yes"]):
        subprocess.run(measure.itops("change", verb, CHANGE, *more), cwd=root, check=True, stdout=subprocess.DEVNULL)


def steps(digest: str) -> list[dict[str, Any]]:
    """24 steps, the check is the 25th; and the way back, which the peers do not have."""
    return [
        {"kind": "stop", "title": "停止", "service": {"state": "stopped"}},
        {"kind": "update", "title": "补丁", "files": [{"file": "patch.bin", "dest": f"{HOME}/patch.bin", "mode": "0644"}]},
        {"kind": "update", "title": "摘要", "command": CHECKSUM, "expect": {"contains": [digest]}},
        {"kind": "update", "title": "打包", "command": PACK},
        {"kind": "update", "title": "配置", "files": [{"content": "host=%{host}\n", "dest": f"{HOME}/app.conf", "mode": "0644"}]},
        *({"kind": "update", "title": f"命令 {n}", "command": line} for n, line in enumerate(COMMANDS, 1)),
        {"kind": "start", "title": "启动", "service": {"state": "started"}},
        {"kind": "rollback", "title": "还原", "revert": {}},
        {"kind": "rollback", "title": "启动", "service": {"state": "started"}},
    ]


def playbook(root: Path) -> None:
    """As ordinary Ansible tasks."""
    digest = patch(root)
    (root / "app.conf.j2").write_text("host={{ inventory_hostname }}\n")
    tasks = [
        {"ansible.builtin.service": {"name": "bench", "state": "stopped"}},
        {"ansible.builtin.copy": {"src": "patch.bin", "dest": f"{HOME}/patch.bin", "mode": "0644"}},
        {"ansible.builtin.command": CHECKSUM, "register": "sum", "failed_when": f"'{digest}' not in sum.stdout"},
        {"ansible.builtin.command": PACK},
        {"ansible.builtin.template": {"src": "app.conf.j2", "dest": f"{HOME}/app.conf", "mode": "0644"}},
        *({"ansible.builtin.command": line} for line in COMMANDS),
        {"ansible.builtin.service": {"name": "bench", "state": "started"}},
        {"ansible.builtin.uri": {"url": URL}, "register": "answer", "until": "answer is succeeded", "retries": 10, "delay": 1},
    ]
    assert len(tasks) == STEPS
    (root / "play.yml").write_text(yaml.safe_dump([{"hosts": "lab", "gather_facts": False, "tasks": tasks}], sort_keys=False))
    (root / "stock.cfg").write_text("[defaults]\n")
    (root / "tuned.cfg").write_text("[defaults]\nforks = 20\n[ssh_connection]\npipelining = True\nssh_args = -o ControlMaster=auto -o ControlPersist=60s\n")


def pyinfra(root: Path, addresses: list[str], state: Path) -> None:
    """As pyinfra operations, one for each step."""
    login = {"ssh_user": "ops", "ssh_key": f"{state}/id", "ssh_known_hosts_file": f"{state}/known_hosts", "_sudo": True}
    (root / "inventory.py").write_text(f"hosts = ({addresses!r}, {login!r})\n")
    lines = [
        "from pyinfra.operations import files, server, systemd",
        "systemd.service('bench', running=False)",
        f"files.put('patch.bin', '{HOME}/patch.bin', mode='644')",
        f"server.shell('{CHECKSUM}')",
        f"server.shell('{PACK}')",
        f"files.template('pyinfra.conf.j2', '{HOME}/app.conf', mode='644')",
        *(f"server.shell('{line}')" for line in COMMANDS),
        "systemd.service('bench', running=True)",
        f"server.shell('{HEALTH}')",
    ]
    (root / "pyinfra.conf.j2").write_text("host={{ host.name }}\n")
    (root / "deploy.py").write_text("\n".join(lines) + "\n")


def plain_ssh(root: Path, addresses: list[str], state: Path) -> None:
    """As a shell script: all hosts at once, one multiplexed connection for each, one call for each step."""
    calls = [
        "systemctl stop bench", f"tee {HOME}/patch.bin > /dev/null", CHECKSUM, PACK, f"tee {HOME}/app.conf > /dev/null",
        *COMMANDS, "systemctl start bench", HEALTH,
    ]  # fmt: skip
    inputs = {1: "< patch.bin", 4: '<<< "host=$1"'}
    body = "\n".join(f'  on "$1" \'sudo sh -c "{call}"\' {inputs.get(n, "< /dev/null")} || return 1' for n, call in enumerate(calls))
    (root / "loop.sh").write_text(f"""set -u
login="-F none -l ops -i {state}/id -o UserKnownHostsFile={state}/known_hosts -o ControlMaster=auto -o ControlPersist=5"
on() {{ ssh $login -o ControlPath="$PWD/s-%h" "$1" "$2"; }}
maintain() {{
{body}
}}
for host in {" ".join(addresses)}; do maintain "$host" > /dev/null & pids="${{pids:-}} $!"; done
for pid in $pids; do wait "$pid" || failed=1; done
exit "${{failed:-0}}"
""")
