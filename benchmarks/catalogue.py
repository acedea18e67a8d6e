# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lint and status of many services against `ansible-inventory --list` and ansible-cmdb.

Every service has one host and about sixty values. Ansible gets the same records as host variables, once in its own YAML format
and once through our inventory plugin; facts of every host lie there for `itops status` and for ansible-cmdb, and the
register has a line of every service. `cold` has no cache, `again` is a second run without changes.
Aim at 10,000 services: status at most 0.067 × ansible-inventory (yaml), `again` at most 0.2 × `cold`, under 500 MB.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import measure
from benchmarks.ledger import register_lines
from benchmarks.measure import Entrant

BASELINE = "ansible-inventory (yaml)"
ROUNDS = {100: 5, 1_000: 3, 10_000: 1}  # services -> runs; plain YAML of 10,000 takes minutes
RECORD = """\
id: svc-{n:05}
name: 服务 {n}
remark: 第 {n} 个
owner: zhang.wei
deputy: li.na
credentials: {{custody: software, ref: "keepass:运维/{n}", account: deploy, rotated_on: 2026-09-15, rotate_every: 90}}
backup:
  sites: [local, offsite]
  destination: {{local: /var/backups/itops/{n}, offsite: "backup@192.0.2.50:/srv/{n}"}}
  provider: archive
  paths: [/opt/app{n}, /etc/app{n}]
  retention: {{keep: 7, days: 30}}
  restore_tested_on: 2026-08-20
platform: vm
capacity: {{supported: 2000, allocated: 1400, unit: 会话}}
reclaim: {{policy: proactive, threshold: 80, idle_days: 60}}
redundancy: standalone
hosts:
  - {{name: host-{n:05}, role: primary, address: 10.{a}.{b}.{c}, vars: {{listen: 8080}}}}
maintenance:
  cycle: {{every: 1, unit: month}}
  anchor: 2026-01-15
  tz: Asia/Shanghai
  mode: semi
  business_low:
    - {{days: [sat, sun], start: 00:00, end: 06:00}}
monitoring: {{state: deployed, ref: "alertmanager:http://192.0.2.5:9093"}}
logging: {{state: deployed, ref: "loki:http://192.0.2.6:3100"}}
endpoints:
  - {{ip: 10.{a}.{b}.{c}, port: 8080, url: "http://10.{a}.{b}.{c}:8080/health", protocol: http}}
data_dirs: [/opt/app{n}/data]
control: {{provider: systemd, unit: app{n}.service}}
operations:
  - item: 更新程序
    method: playbook
    related_events: [EVT-{n}]
    checks:
      - {{type: service, state: running}}
      - {{type: http, url: "http://127.0.0.1:%{{listen}}/health", retries: 10}}
known_errors:
  - {{type: 端口被占用, pattern: Address already in use, event: EVT-1, steps: [结束占用的进程], action: pause}}
stakeholders: [li.na]
"""
PEOPLE = "people:\n- {id: zhang.wei, name: 张伟, roles: [owner]}\n- {id: li.na, name: 李娜, roles: [executor]}\n"
FACTS = {
    "ansible_facts": {
        "ansible_memory_mb": {"real": {"total": 8000, "used": 4000}},
        "ansible_mounts": [],
        "ansible_processor_vcpus": 4,
        "ansible_interfaces": ["eth0"],
        "ansible_distribution": "Debian",
        "ansible_distribution_version": "12",
        "ansible_system": "Linux",
        "ansible_architecture": "x86_64",
    }
}


def run(quick: bool) -> None:
    """100, 1,000 and 10,000 services (quick: 100, once)."""
    with tempfile.TemporaryDirectory() as name:
        cmdb = Path(name) / "cmdb"
        missing = measure.installed(cmdb, "ansible-cmdb")
        for size, runs in {100: 1}.items() if quick else ROUNDS.items():
            root = Path(name) / str(size)
            measure.apart(lay_out, root, size)
            entrants = list(contenders(root, cmdb, missing))
            measure.alternate(entrants, runs, root)
            measure.table(f"{size:,} services", entrants, BASELINE)
            shutil.rmtree(root)


def lay_out(root: Path, size: int) -> None:
    """A workspace of `size` services with facts and a register, the same as plain Ansible inventory, and facts for ansible-cmdb."""
    for folder in ("inventory/services", "changes", "facts_cmdb", "records"):
        (root / folder).mkdir(parents=True)
    (root / "itops.yml").write_text("organisation: 示例公司\n")
    (root / "inventory/services.itops.yml").write_text("plugin: itops.maintenance.services\n")
    (root / "inventory/people.yml").write_text(PEOPLE)
    (root / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {measure.REPO / 'collections'}\n")
    for n in range(size):
        text = RECORD.format(n=n, a=n // 65536, b=n // 256 % 256, c=n % 256)
        (root / f"inventory/services/svc-{n:05}.yml").write_text(text)
        (root / f"facts_cmdb/host-{n:05}").write_text(json.dumps(FACTS))
    write_plain_inventory(root)
    write_facts(root / "facts", size)
    (root / "records/register.jsonl").write_bytes(b"".join(line + b"\n" for line in register_lines(size, size)))


def write_facts(folder: Path, size: int) -> None:
    """What `itops status --collect` leaves of every host."""
    from ansible_collections.itops.maintenance.plugins.plugin_utils import facts

    folder.mkdir()
    for n in range(size):
        disk = {"path": f"/opt/app{n}/data", "mount": "/", "percent": n % 100, "total": 1 << 40, "free": 1 << 39}
        service = {"state": "running", "text": "active", "disks": [disk], "endpoints": []}
        measured = {"cpu_percent": n % 100, "mem_percent": 50, "uptime_s": 86400, "virtualization": {"kind": "vm", "name": "kvm"}}
        facts.save(folder, f"host-{n:05}", {**measured, "services": {f"svc-{n:05}": service}}, datetime.now(UTC))


def write_plain_inventory(root: Path) -> None:
    """The normalised records as host variables of a YAML inventory."""
    import yaml
    from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue

    found = catalogue.read(root / "inventory/services", root / "inventory/people.yml").required()
    hosts = {
        host["name"]: {"ansible_host": host["address"], **host["vars"], "itops_services": {sid: record}}
        for sid, record in found.services.items()
        for host in record["hosts"]
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump({"all": {"hosts": hosts}}, Dumper=dumper, allow_unicode=True)
    (root / "plain.yml").write_text(text.replace("{{", "{ {"))


def contenders(root: Path, cmdb: Path, missing: str) -> Iterator[Entrant]:
    """Whole programs, as an operator starts them."""
    config = {"ANSIBLE_CONFIG": str(root / "ansible.cfg")}
    inventory = [measure.BIN / "ansible-inventory", "--list", "-i"]
    for verb, shown in (("lint", ""), ("status", "服务 99")):
        found = partial(shows, root, shown)
        yield Entrant(f"itops {verb} (cold)", measure.itops(verb), config, before=lambda: forget(root), after=found)
        yield Entrant(f"itops {verb} (again)", measure.itops(verb), config, before=lambda: settle(root), after=found)
    found = partial(shows, root, "host-00099")
    yield Entrant(BASELINE, [*inventory, root / "plain.yml"], config, after=found)
    plugin = [*inventory, root / "inventory/services.itops.yml"]
    yield Entrant("ansible-inventory (plugin)", plugin, config, before=lambda: forget(root), after=found)
    # It is a shell script that takes the first python of the PATH.
    path = {"PATH": f"{cmdb / 'bin'}:/usr/bin:/bin", "PYTHONPATH": ""}
    sources = ["-i", root / "plain.yml", root / "facts_cmdb"]
    yield Entrant("ansible-cmdb", [cmdb / "bin/ansible-cmdb", "-t", "txt_table", *sources], path, after=found, absent=missing)


def shows(root: Path, word: str) -> None:
    """What was printed names a service, or host, of the end of the list. Raises AssertionError."""
    assert word in (root / "said").read_text("utf-8"), f"{word} was not shown"


def forget(root: Path) -> None:
    """No cache."""
    shutil.rmtree(root / ".itops-cache", ignore_errors=True)


def settle(root: Path) -> None:
    """A cache of files that are older than its guard against changes within one tick of the clock."""
    newest = max(path.stat().st_mtime for path in (root / "inventory/services").iterdir())
    while time.time() < newest + 2.5:
        time.sleep(0.1)
    subprocess.run(measure.itops("lint"), cwd=root, env=measure.environment({}), stdout=subprocess.DEVNULL, check=True)
