# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A department as the static site shows it: services in every state, facts with a history, records, documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, facts, facts_history, register, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history

from itops_cli.site import build
from tests.unit import make, past

NOW = datetime.now(UTC).replace(microsecond=0)  # the records are made by the clock, too
DOCUMENT = """---
id: web-manual
title: 使用手册_门户网站
kind: manual
side: user
owner: zhang
services: [web]
classification: external
---

# 使用手册

正文 **加粗**，见 [另一份](other.md#part)、[网站](https://example.com/)、[坏链接](javascript:alert(1))。

| 软件 | 版本 |
| --- | --: |
| xshell | 7 |

<script>alert(1)</script>

![登录页面](shot.png) ![外部](https://example.com/x.png)
"""
OTHER = "---\nid: other\ntitle: Other guide\nside: ops\nowner: li\nlang: en\n---\n\n# Other\n\n## Part\n\nText.\n"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffff3f0005fe02fea72d9a0f0000000049454e44ae426082"
)
IDLE = [{"id": "tenant-a", "amount": 20, "owner": "<b>市场部</b>", "last_used": "2026-01-01"}, {"id": "tenant-b", "amount": 5}]
NAMES = {"mail": "邮件系统", "wiki": "内部知识库", "erp": "财务系统", "vpn": "远程接入"}


def furnish(root: Path) -> Path:
    """A workspace with five services, three records, a longer register and two documents."""
    make.workspace(root, capacity={"supported": 200, "allocated": 180, "unit": "会话", "allocations": IDLE}, reclaim={"policy": "proactive", "threshold": 80},
                   remark="核心业务", maintenance={**make.web()["maintenance"], "anchor": "2026-01-15"})  # fmt: skip
    for number, (sid, name) in enumerate(NAMES.items()):
        anchor = {"every": 1, "unit": "month"} if number % 2 else {"every": 90, "unit": "day"}
        hosts = [{"name": f"{sid}1", "role": "primary"}]
        parts = {"capacity": {"supported": 50, "allocated": 10 + 9 * number, "unit": "GB"}, "monitoring": {"state": "deployed", "ref": "zabbix"}}
        maintenance = {"mode": "semi", "cycle": anchor, "anchor": f"2026-0{number + 1}-28", "tz": "Asia/Shanghai"}
        record = {**make.web(), "id": sid, "name": name, "hosts": hosts, "redundancy": "standalone", "maintenance": maintenance, **parts}
        make.dump(root / f"inventory/services/{sid}.yml", record)
    _facts(root / "facts")
    _records(root)
    _documents(root / "documents")
    return root


def _facts(folder: Path) -> None:
    for host in ("web1", "web2", "mail1", "wiki1"):
        sid = host.rstrip("12")
        for back in range(60, -1, -1):
            disk = {"path": "/srv", "percent": 70 - back // 3}
            endpoint = {"address": "http://192.0.2.1/", "reachable": host != "wiki1", "message": "open", "at": NOW.isoformat()}
            service = {"state": "running", "text": "active", "disks": [disk], "endpoints": [endpoint]}
            measured = {"cpu_percent": 20 + back * 7 % 50, "mem_percent": 55 + back % 5, "uptime_s": 90000, "services": {sid: service}}
            facts_history.add(folder, host, measured, NOW - timedelta(days=back))
            if sid == "web":
                history.add(folder, sid, {"capacity": {"supported": 200, "allocated": 180 - back}}, NOW - timedelta(days=back))
        facts.save(folder, host, measured, NOW - timedelta(hours=1))


def _records(root: Path) -> None:
    for number, end in ((1, "done"), (2, "rolled_back"), (3, "stuck")):
        change = past.planned(root, f"CHG-202611{number + 20}-01", title=f"门户网站升级 2.{number}")
        past.carried_out(change, root, end=end, number=number)
    records = workspace.load(root).records
    ends = [(month, sid, end) for month in range(1, 11) for sid, end in (("wiki", "achieved"), ("mail", "partial" if month % 4 else "not_achieved"))]
    for month, sid, result in ends:
        change, at = f"CHG-2026{month:02}10-01", f"2026-{month:02}-10T02:00:00+08:00"
        run = {"run": f"R-{change}-{sid}", "verb": "run", "user": "li", "started": at, "ended": at, "exit": 0}
        record = {"change": change, "title": "例行维护", "runs": [run], "services": [{"id": sid}], "ledger": {"seq": 1, "head": "0" * 64},
                  "outcome": {"result": result, "backout": "succeeded" if result == "not_achieved" else "not_needed"}}  # fmt: skip
        register.append(records, record)
    make.change(root, "CHG-20261205-01", plan={"window": {"start": "2026-12-05T22:00:00+08:00", "end": "2026-12-06T02:00:00+08:00"}})


def _documents(folder: Path) -> None:
    folder.mkdir()
    (folder / "manual.md").write_text(DOCUMENT, "utf-8")
    (folder / "other.md").write_text(OTHER, "utf-8")
    (folder / "shot.png").write_bytes(PIXEL)


def built(root: Path, folder: Path, now: datetime = NOW) -> build.Built:
    """The site of a workspace."""
    ws = workspace.load(root)
    return build.build(ws, catalogue.load(ws).required(), folder, now, lambda _length: lambda _done: None)


def read(folder: Path, page: str) -> str:
    return (folder / page).read_text("utf-8")
