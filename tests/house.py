# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workspace with an active/standby service, the hosts it runs on, and the commands an operator types there.

The hosts may be folders of this machine (tests/integration) or real machines (tests/lab): a House only knows where they are.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions, facts, identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.decisions import Maker
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place

REPO = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LIMIT = 120  # seconds a command may take before the test counts as hanging

Step = dict[str, Any]


class House:
    """One workspace. `prefix` goes before every command (to enter a network namespace, say)."""

    def __init__(self, root: Path, service: Mapping[str, Any], checks: Sequence[Step], prefix: Sequence[str] = ()):
        self.root = root
        self.prefix = list(prefix)
        self.checks = list(checks)
        self.records = "records"  # a folder, or the address of a database; see `keep`
        self.governed = True  # people decide what a change needs before it is run; see `govern`
        self.env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(REPO / "collections"), "ANSIBLE_HOME": str(root / ".ansible"), "LC_ALL": "C.UTF-8"}
        for folder in ("inventory/services", "changes", "staging"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "itops.yml").write_text("organisation: 示例公司\ntimezone: Asia/Shanghai\n", "utf-8")
        (root / "ansible.cfg").write_text("[defaults]\ncallbacks_enabled = itops.maintenance.record\n", "utf-8")
        (root / "inventory/services.itops.yml").write_text("plugin: itops.maintenance.services\n", "utf-8")
        people = [("zhang", "张三", "owner", []), ("li", "李四", "executor", [identity.account()]), ("wang", "王五", "approver", [])]
        self.write("inventory/people.yml", {"people": [{"id": pid, "name": name, "roles": [role], "accounts": own} for pid, name, role, own in people]})
        self.service(service)

    # ------------------------------------------------------------------ files

    def keep(self, records: str) -> None:
        """Records are kept there from now on."""
        self.records = records
        with (self.root / "itops.yml").open("a", encoding="utf-8") as settings:
            settings.write(f"records: {records}\n")

    def write(self, path: str, data: Any) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")
        return target

    def service(self, record: Mapping[str, Any]) -> None:
        self.write(f"inventory/services/{record['id']}.yml", dict(record))

    def read_service(self, sid: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.root / f"inventory/services/{sid}.yml").read_text("utf-8"))
        return found

    def change(
        self, number: int = 1, version: str = "2.0", service: str = "shop", broken: bool = False, before: Sequence[Step] = (),
        after: Sequence[Step] = (), undo: Sequence[Step] | None = None, **plan: Any,
    ) -> str:  # fmt: skip
        """A patch release in staging and the change that installs it; `before` and `after` are further update steps."""
        cid = f"CHG-{date.today():%Y%m%d}-{number:02d}"
        patch = self.release(f"shop-{version}.tar.gz", version, broken, cid)
        digest = hashlib.sha256(patch.read_bytes()).hexdigest()
        back = [{"kind": "rollback", "title": "停止", "service": {"state": "stopped"}}, {"kind": "rollback", "title": "恢复", "restore": {}},
                {"kind": "rollback", "title": "启动", "service": {"state": "started"}}]  # fmt: skip
        steps = [
            {"kind": "stop", "title": "停止服务", "service": {"state": "stopped"}},
            *before,
            {"kind": "update", "title": "更新文件", "release": {"file": patch.name, "dest": "%{root}/srv", "strip": 1}},
            *after,
            {"kind": "start", "title": "启动服务", "service": {"state": "started"}},
            *(back if undo is None else undo),
        ]
        data = {
            "id": cid, "title": f"升级到 {version}", "service": [service], "category": "standard", "kind": "patch", "executor": "li", "approver": "wang",
            "notice": {"id": f"SUP-{version}", "files": [{"name": patch.name, "size": patch.stat().st_size, "sha256": digest}]},
            "plan": {"steps": steps, "checks": self.checks, **plan},
        }  # fmt: skip
        self.write(f"changes/{cid}.yml", data)
        return cid

    def edit_change(self, cid: str, edit: Callable[[dict[str, Any]], None]) -> None:
        path = self.root / f"changes/{cid}.yml"
        data = yaml.safe_load(path.read_text("utf-8"))
        edit(data)
        self.write(f"changes/{cid}.yml", data)

    def release(self, name: str, version: str, broken: bool, cid: str) -> Path:
        path = self.root / "staging" / cid / name
        path.parent.mkdir(parents=True, exist_ok=True)
        members = {"VERSION": f"{version}\n".encode(), "big.bin": bytes(200_000), **({"broken": b"x"} if broken else {})}
        with tarfile.open(path, "w:gz") as archive:
            for member, content in members.items():
                info = tarfile.TarInfo(f"shop-{version}/{member}")
                info.size, info.mtime = len(content), 1_700_000_000
                archive.addfile(info, io.BytesIO(content))
        return path

    def govern(self, cid: str) -> None:
        """What people decide before a standard change is run, about the plan as it is now: held for simple by the owner, its steps confirmed."""
        try:
            ws = workspace.load(self.root)
            known = catalogue.load(ws)
            change = change_file.load(change_file.find(ws, cid), known.services, known.people)
            now = facts.gather(ws, change, known.services, known.people, self.events(cid))
            wanted = {decisions.ASSESS: {"computed": "complex", "complexity": "simple", "override": True, "reason": "演练"},
                      decisions.CHECKLIST: {"list_digest": now.list_digest}}  # fmt: skip
            for what, details in wanted.items():
                if not now.latest(what):
                    decisions.append(ws, change, what, Maker("zhang", now.account, "张三"), details=details)
        except (BadInput, LedgerError, OSError):
            return  # the command itself shall say what is wrong

    # ------------------------------------------------------------------ commands

    def run(self, *words: str, env: Mapping[str, str] | None = None, stdin: Any = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        """Any command in the workspace, to its end."""
        command = [*self.prefix, *words]
        return subprocess.run(command, cwd=self.root, env={**self.env, **(env or {})}, stdin=stdin, capture_output=True, text=True, timeout=LIMIT, check=False)

    def itops(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        self._before(*words)
        return self.run(str(BIN / "itops"), *words, env=env)

    def playbook(self, name: str, cid: str, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The way without our command line."""
        self._before("run", cid)
        return self.run(str(BIN / "ansible-playbook"), f"itops.maintenance.{name}", "-i", "inventory", "-e", f"change={cid}", *words, env=env)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """`itops …` in the background, in a process group of its own."""
        self._before(*words)
        command = [*self.prefix, str(BIN / "itops"), *words]
        return subprocess.Popen(
            command, cwd=self.root, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def _before(self, *words: str) -> None:
        if self.governed and words[0] in ("run", "resume", "plan"):
            self.govern(words[1])

    # ------------------------------------------------------------------ what is left behind

    def folder(self, cid: str) -> Place:
        return place.of_change(place.at(self.root, self.records), cid)

    def events(self, cid: str) -> list[Event]:
        return Ledger(self.folder(cid), cid).events()

    def kinds(self, cid: str, host: str | None = None) -> list[str]:
        return [event.kind for event in self.events(cid) if host is None or event.host == host]

    def findings(self, cid: str) -> dict[str, dict[str, Any]]:
        """What the last gate did not let pass, by id."""
        gates = [event for event in self.events(cid) if event.kind == "gate"]
        return {f["id"]: f for event in gates for f in event.data["findings"] if not f["ok"]}

    def record(self, cid: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(cid) / "record.json").read_text("utf-8"))
        return found

    def hosts(self, cid: str) -> dict[str, str]:
        """Outcome of every host, from the written record."""
        return {host["host"]: host["outcome"] for host in self.record(cid)["hosts"]}

    def sound(self, cid: str) -> None:
        """The record verifies, and every view is what the ledger says."""
        verified = self.itops("record", "verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        rendered = self.itops("record", "render", "--check", cid)
        assert rendered.returncode == 0, rendered.stdout + rendered.stderr
        for name in ("record.json", "record.zh_CN.md", "record.en.md", "transcript.txt", "change.yml", "events.jsonl"):
            assert (self.folder(cid) / name).read_bytes(), name


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Poll until the condition holds; its value."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def shop(hosts: Sequence[Mapping[str, Any]], **parts: Any) -> dict[str, Any]:
    """The service record of the tests; keywords replace or add parts."""
    record = {
        "id": "shop", "name": "商城", "owner": "zhang", "credentials": {"custody": "software", "ref": "pass:shop"},
        "backup": {"sites": ["local"], "destination": {"local": "%{root}/backup"}, "provider": "archive"}, "platform": "vm",
        "capacity": {"supported": 10, "allocated": 2, "unit": "个"}, "reclaim": {"policy": "reactive"}, "redundancy": "active_standby",
        "hosts": list(hosts), "maintenance": {"mode": "auto", "cycle": {"every": 1, "unit": "month"}, "anchor": "2026-01-15", "tz": "Asia/Shanghai"},
        "monitoring": {"state": "absent"}, "logging": {"state": "absent"}, "data_dirs": ["%{root}/srv"],
        "failover": {"steps": [{"kind": "failover", "title": "切换", "files": [{"content": "%{host}\n", "dest": "%{active}"}]}]},
    }  # fmt: skip
    return {**record, **parts}
