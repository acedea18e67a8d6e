# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogue benchmark: lint and status of many services against `ansible-inventory --list` and ansible-cmdb.

    python benchmarks/catalogue.py                     # 100 and 1,000 services, three alternating runs
    python benchmarks/catalogue.py --sizes 10000 --runs 1 --only itops plugin

Every service has one host and about sixty values. Ansible gets the same records as host variables, once in its own
YAML format and once through our inventory plugin. `cold` has no cache, `again` is a second run without changes. Times
are wall clock of whole processes, memory is their peak; ratios are against `ansible-inventory (yaml)`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
BASELINE = "ansible-inventory (yaml)"
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


@dataclass
class Contender:
    """One command and what its runs cost."""

    name: str
    command: list[str]
    before: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0


def main() -> int:
    """Measure, print, end with 1 where a command fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cmdb", default=shutil.which("ansible-cmdb"), help="path of ansible-cmdb, or `install` to get it from PyPI")
    parser.add_argument("--only", nargs="+", default=[""], help="names, or parts of them: plain YAML of 10,000 needs gigabytes")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cmdb = installed_cmdb(Path(folder)) if args.cmdb == "install" else args.cmdb
        for size in args.sizes:
            measure(Path(folder) / str(size), size, args.runs, cmdb, args.only)
    return 0


def measure(root: Path, size: int, runs: int, cmdb: str | None, only: list[str]) -> None:
    """Alternate over all contenders, then print the table of this size."""
    maker = multiprocessing.Process(target=lay_out, args=(root, size))  # a child's peak memory begins with its parent's
    maker.start()
    maker.join()
    entrants = [entrant for entrant in contenders(root, cmdb) if any(word in entrant.name for word in only)]
    for _run in range(runs):
        for entrant in entrants:
            entrant.before()
            once(entrant, root)
    table(size, entrants)


def lay_out(root: Path, size: int) -> None:
    """A workspace of `size` services, the same as plain Ansible inventory, and facts for ansible-cmdb."""
    for folder in ("inventory/services", "changes", "facts_cmdb"):
        (root / folder).mkdir(parents=True)
    (root / "itops.yml").write_text("organisation: 示例公司\n")
    (root / "inventory/services.itops.yml").write_text("plugin: itops.maintenance.services\n")
    (root / "inventory/people.yml").write_text(PEOPLE)
    (root / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {REPO / 'collections'}\n")
    for n in range(size):
        text = RECORD.format(n=n, a=n // 65536, b=n // 256 % 256, c=n % 256)
        (root / f"inventory/services/svc-{n:05}.yml").write_text(text)
        (root / f"facts_cmdb/host-{n:05}").write_text(json.dumps(FACTS))
    write_plain_inventory(root)


def write_plain_inventory(root: Path) -> None:
    """The normalised records as host variables of a YAML inventory."""
    sys.path.insert(0, str(REPO / "collections"))
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


def contenders(root: Path, cmdb: str | None) -> Iterator[Contender]:
    """Whole programs, as an operator starts them."""
    itops = [sys.executable, "-c", "from itops_cli.main import main; main()"]
    inventory = [str(Path(sys.executable).with_name("ansible-inventory")), "--list", "-i"]
    for verb in ("lint", "status"):
        if (REPO / f"itops_cli/{verb}.py").exists():
            yield Contender(f"itops {verb} (cold)", [*itops, verb], lambda: forget(root))
            yield Contender(f"itops {verb} (again)", [*itops, verb], lambda: settle(root))
    yield Contender(BASELINE, [*inventory, str(root / "plain.yml")])
    plugin = str(root / "inventory/services.itops.yml")
    yield Contender("ansible-inventory (plugin)", [*inventory, plugin], lambda: forget(root))
    if cmdb:
        path = f"PATH={Path(cmdb).parent}:{os.environ['PATH']}"  # its shell wrapper takes the first python there is
        sources = ["-i", str(root / "plain.yml"), str(root / "facts_cmdb")]
        yield Contender("ansible-cmdb", ["env", path, cmdb, "-t", "txt_table", *sources])


def forget(root: Path) -> None:
    """No cache."""
    shutil.rmtree(root / ".itops-cache", ignore_errors=True)


def settle(root: Path) -> None:
    """A cache of files that are older than its guard against changes within one tick of the clock."""
    newest = max(path.stat().st_mtime for path in (root / "inventory/services").iterdir())
    while time.time() < newest + 2.5:
        time.sleep(0.1)
    subprocess.run(
        [sys.executable, "-c", "from itops_cli.main import main; main()", "lint"],
        cwd=root, env=environment(root), stdout=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def environment(root: Path) -> dict[str, str]:
    path = os.pathsep.join([str(REPO), str(REPO / "collections")])
    return {**os.environ, "PYTHONPATH": path, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), "LC_ALL": "C.UTF-8"}


def once(entrant: Contender, root: Path) -> None:
    """One run: wall clock and peak memory of the process. A failing program is left out of the table's numbers."""
    started = time.perf_counter()
    with (root / "out").open("wb") as out:
        process = subprocess.Popen(entrant.command, cwd=root, env=environment(root), stdout=out, stderr=subprocess.PIPE)
        complaint = process.stderr.read() if process.stderr else b""
        _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        entrant.name = f"{entrant.name}: ended with {process.returncode}: {complaint.decode(errors='replace').strip()[-80:]!r}"
        return
    entrant.seconds.append(time.perf_counter() - started)
    entrant.megabytes = max(entrant.megabytes, usage.ru_maxrss / 1024)


def table(size: int, entrants: list[Contender]) -> None:
    """Medians; the ratio says how many times faster than the baseline."""
    base = next((statistics.median(e.seconds) for e in entrants if e.name == BASELINE and e.seconds), None)
    print(f"\n{size:,} services\n\n| program | median s | runs | peak MB | times faster |\n|---|--:|--:|--:|--:|")
    for entrant in entrants:
        if not entrant.seconds:
            print(f"| {entrant.name} | — | 0 | — | — |")
            continue
        median = statistics.median(entrant.seconds)
        ratio = f"{base / median:.1f}" if base else "—"
        print(
            f"| {entrant.name} | {median:.2f} | {len(entrant.seconds)} | {entrant.megabytes:.0f} | {ratio} |",
            flush=True,
        )


def installed_cmdb(folder: Path) -> str | None:
    """ansible-cmdb from PyPI in an environment of its own, or nothing where that does not work."""
    made = subprocess.run([sys.executable, "-m", "venv", str(folder / "cmdb")], check=False).returncode
    program = folder / "cmdb/bin/ansible-cmdb"
    if made == 0:
        subprocess.run([str(folder / "cmdb/bin/pip"), "-q", "install", "ansible-cmdb"], check=False)
    return str(program) if program.exists() else None


if __name__ == "__main__":
    sys.exit(main())
