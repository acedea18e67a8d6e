# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workspace small enough for every delivery: one service, one local host, one change of a file and a command."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, record, register
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

CHANGE = "CHG-20261123-01"
PATCH = b"second\n"
CONFIG = """[defaults]
callbacks_enabled = itops.maintenance.record
inventory_ignore_patterns = ^services$,^people\\.ya?ml$
"""
DEV_BIN = Path(sys.executable).parent
REPO = Path(__file__).resolve().parents[2]


def write(root: Path) -> Path:
    """Lay it out under `root`; the host's folder and state lie beside it, so nothing leaves the test's own folder."""
    host = root.parent / f"{root.name}-host"
    (host / "srv").mkdir(parents=True)
    (host / "srv/note.txt").write_text("first\n", "utf-8")
    for folder in ("inventory/services", "changes", f"staging/{CHANGE}"):
        (root / folder).mkdir(parents=True)
    (root / f"staging/{CHANGE}/note.txt").write_bytes(PATCH)
    (root / "ansible.cfg").write_text(CONFIG, "utf-8")
    dump(root / "itops.yml", {"organisation": "示例公司", "timezone": "Asia/Shanghai"})
    dump(root / "inventory/people.yml", {"people": [{"id": "li", "name": "李四", "roles": ["owner", "executor"], "accounts": [identity.account()]}]})
    dump(root / "inventory/services.itops.yml", {"plugin": "itops.maintenance.services"})
    dump(root / "inventory/services/note.yml", service(host))
    state = str(host / "state")
    own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "itops_state_dir": state}
    dump(root / "inventory/hosts.yml", {"all": {"hosts": {"note1": own}}})
    (root / "runbooks").mkdir()
    (root / "runbooks/note.md").write_text("# 更新留言\n\n替换文件，核对内容。\n", "utf-8")
    dump(root / f"changes/{CHANGE}.yml", change())
    return root


def decide(root: Path, env: dict[str, str]) -> None:
    """What a simple change needs before it is run, by the `itops` that this environment finds."""
    call("itops", "change", "assess", CHANGE, cwd=root, env=env)
    call("itops", "change", "checklist", CHANGE, "--yes", cwd=root, env=env)


def host_file(root: Path) -> str:
    """What the change changes."""
    return (root.parent / f"{root.name}-host/srv/note.txt").read_text("utf-8")


def service(host: Path) -> dict[str, object]:
    return {
        "id": "note",
        "name": "留言",
        "owner": "li",
        "credentials": {"custody": "software", "ref": "pass:note"},
        "backup": {"sites": ["local"], "destination": {"local": str(host / "backup")}, "restore_tested_on": "2026-06-01"},
        "platform": "vm",
        "capacity": {"supported": 10, "allocated": 2, "unit": "个"},
        "reclaim": {"policy": "reactive"},
        "redundancy": "standalone",
        "hosts": [{"name": "note1", "role": "primary", "vars": {"root": str(host)}}],
        "maintenance": {"mode": "auto", "cycle": {"every": 1, "unit": "month"}, "anchor": "2026-01-15", "tz": "Asia/Shanghai"},
        "data_dirs": ["%{root}/srv"],
    }


def change() -> dict[str, object]:
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "id": CHANGE,
        "title": "更新留言",
        "service": ["note"],
        "category": "standard",
        "executor": "li",
        "notice": {"id": "SUP-1", "files": [{"name": "note.txt", "size": len(PATCH), "sha256": hashlib.sha256(PATCH).hexdigest()}]},
        "plan": {
            "runbook": "runbooks/note.md",
            "window": {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(hours=1)).isoformat()},
            "steps": [
                {"kind": "update", "title": "更新文件", "files": [{"file": "note.txt", "dest": "%{root}/srv/note.txt"}]},
                {"kind": "update", "title": "留下标记", "command": "touch %{root}/srv/updated"},
                {"kind": "rollback", "title": "恢复备份", "restore": {}},
            ],
            "not_applicable": {"stop": "文件服务不停", "start": "文件服务不停"},
            "checks": [
                {"type": "file", "title": "文件在", "path": "%{root}/srv/note.txt", "exists": True},
                {"type": "command", "title": "新内容", "command": "cat %{root}/srv/note.txt", "expect": {"contains": ["second"]}, "when": ["after"]},
            ],
        },
    }


def dump(path: Path, data: object) -> None:
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")


def bare_environment(home: Path, bin_dir: Path = DEV_BIN, **more: str | Path) -> dict[str, str]:
    """Nothing of the test's own environment: no path of a collection, no configuration; a home of its own."""
    home.mkdir(parents=True, exist_ok=True)
    plain = {"PATH": f"{bin_dir}{os.pathsep}{os.defpath}", "HOME": str(home), "LC_ALL": "C.UTF-8", "ANSIBLE_LOCAL_TEMP": str(home / "tmp")}
    return {**plain, **{name: str(value) for name, value in more.items()}}


def call(*words: str | Path, cwd: Path, env: dict[str, str], expect: int = 0) -> str:
    """Run a program to its end; its standard output. Any other exit status than the expected one fails the test."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, text=True, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == expect, f"{words} ended with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def plugin_file(cwd: Path, env: dict[str, str]) -> Path:
    """The file of the record callback that Ansible finds from here."""
    known = json.loads(call("ansible-doc", "-t", "callback", "--json", "itops.maintenance.record", cwd=cwd, env=env))
    return Path(known["itops.maintenance.record"]["doc"]["filename"]).resolve()


def assert_achieved(root: Path, records: Path | None = None) -> None:
    """The host is changed, the record callback has written all of it, the stream and the register verify."""
    assert host_file(root) == "second\n"
    folder = (records or root / "records") / "2026" / CHANGE
    events = Ledger(folder, CHANGE).events()
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["decided", "decided"] and kinds[2] == "run_opened" and "run_closed" in kinds and "step_finished" in kinds
    folded = record.fold(events)
    assert (folded["outcome"]["result"], folded["outcome"]["backout"]) == ("achieved", "not_needed")
    assert chain.verify(folder, CHANGE, register.heads(folder.parents[1], CHANGE)) == []
    assert register.verify(folder.parents[1]) == []
    assert {"events.jsonl", "record.json", "record.zh_CN.md", "record.en.md"} <= {path.name for path in folder.iterdir()}
