# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small workspace for tests: real files, as a person would write them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity

CHANGE = "CHG-20261123-01"
PATCH = b"new version"


def workspace(root: Path, **service: Any) -> Path:
    """A workspace with one active/standby service `web` (or as the keywords say) and three people."""
    for folder in ("inventory/services", "changes", f"staging/{CHANGE}"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "itops.yml").write_text("organisation: 示例公司\ntimezone: Asia/Shanghai\n", "utf-8")
    people = [
        {"id": "zhang", "name": "张三", "roles": ["owner"]},
        {"id": "li", "name": "李四", "roles": ["executor"], "accounts": [identity.account()]},
        {"id": "wang", "name": "王五", "roles": ["approver"]},
    ]
    dump(root / "inventory/people.yml", {"people": people})
    (root / "inventory/services.itops.yml").write_text("plugin: itops.maintenance.services\n", "utf-8")
    dump(root / "inventory/services/web.yml", {**web(), **service})
    return root


def web() -> dict[str, Any]:
    return {
        "id": "web",
        "name": "门户网站",
        "owner": "zhang",
        "credentials": {"custody": "software", "ref": "pass:web"},
        "backup": {"sites": ["local"], "destination": {"local": "/var/backups/itops"}, "provider": "archive"},
        "platform": "vm",
        "capacity": {"supported": 10, "allocated": 2, "unit": "个"},
        "reclaim": {"policy": "reactive"},
        "redundancy": "active_standby",
        "hosts": [{"name": "web1", "role": "primary"}, {"name": "web2", "role": "standby"}],
        "maintenance": {"mode": "auto", "cycle": {"every": 1, "unit": "month"}, "anchor": "2026-01-15", "tz": "Asia/Shanghai"},
        "monitoring": {"state": "absent"},
        "logging": {"state": "absent"},
        "data_dirs": ["/srv/web"],
        "control": {"provider": "systemd", "unit": "web"},
    }


def change(root: Path, change_id: str = CHANGE, **parts: Any) -> Path:
    """A change with a patch file in staging; keywords replace whole top-level parts, `plan` is merged."""
    patch = root / "staging" / change_id / "app.tar.gz"
    patch.parent.mkdir(parents=True, exist_ok=True)
    patch.write_bytes(PATCH)
    files = [{"name": "app.tar.gz", "size": len(PATCH), "sha256": hashlib.sha256(PATCH).hexdigest()}]
    data = {"id": change_id, "title": "升级", "service": ["web"], "notice": {"id": "SUP-1", "files": files}, **parts}
    data["plan"] = {**plan(), **parts.get("plan", {})}
    return dump(root / "changes" / f"{change_id}.yml", data)


def plan() -> dict[str, Any]:
    return {
        "steps": [
            {"kind": "stop", "title": "停止", "service": {"state": "stopped"}},
            {"kind": "update", "title": "更新", "release": {"file": "app.tar.gz", "dest": "/srv/web"}},
            {"kind": "start", "title": "启动", "service": {"state": "started"}},
            {"kind": "rollback", "title": "恢复", "revert": {}},
            {"kind": "rollback", "title": "启动", "service": {"state": "started"}},
        ],
        "checks": [
            {"type": "http", "title": "首页", "url": "http://127.0.0.1:8000/"},
            {"type": "version", "command": "web --version", "equals": "2", "when": ["after"]},
        ],
    }


def dump(path: Path, data: Any) -> Path:
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")
    return path
