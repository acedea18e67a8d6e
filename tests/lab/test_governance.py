# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A complex change on real hosts: from the supplier's CSAF notice to the closed record; and each duty missing in turn."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import governing
from tests.house import REPO, until
from tests.lab.conftest import CHECKS, PRIMARY, STANDBY, LabHouse

PATCH = "shop-2.0.tar.gz"
DESK_URL = "http://127.0.0.1:18080"
DESK = """import http.server, json, sys
out = open(sys.argv[1], "a", buffering=1)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        out.write(json.dumps({"path": self.path, "body": body}) + chr(10))
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", 18080), Handler).serve_forever()
"""


@pytest.fixture
def desk(house: LabHouse) -> Iterator[Path]:
    """A webhook and a ticket system inside the lab's network; what they were told, one line each."""
    (house.root / "desk.py").write_text(DESK, "utf-8")
    heard = house.root / "desk.jsonl"
    heard.touch()
    server = subprocess.Popen([*house.prefix, "python3", str(house.root / "desk.py"), str(heard)])
    try:
        probe = [*house.prefix, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/18080"]
        until(lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0, "the desk")
        yield heard
    finally:
        server.terminate()
        server.wait(10)


def notice(house: LabHouse, patch: Path) -> Path:
    """The supplier's advisory, about this patch file."""
    data = json.loads((REPO / "tests/unit/data/csaf-advisory.json").read_text("utf-8"))
    fixed = data["product_tree"]["branches"][0]["branches"][1]["product"]["product_identification_helper"]["hashes"][0]
    fixed["filename"] = patch.name
    fixed["file_hashes"] = [{"algorithm": "sha256", "value": hashlib.sha256(patch.read_bytes()).hexdigest()}]
    data["vulnerabilities"][0]["remediations"] = [{"category": "vendor_fix", "details": "升级到 2.0。", "product_ids": ["PORTAL-2.4.0"]}]
    path = house.root / "advisory.json"
    path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    return path


def planned(house: LabHouse) -> str:
    """The change made from the notice, its unknowns filled in, the patch in staging."""
    patch = house.release(PATCH, "2.0", False, "supplier")
    made = house.itops("notice", "import", str(notice(house, patch)), "--service", "shop", "--title", "升级到 2.0", "--format", "json")
    assert made.returncode == 0, made.stdout + made.stderr
    cid = str(json.loads(made.stdout)["change"])
    assert house.itops("change", "lint", cid).returncode == 2, "what is unknown is named"

    def fill_in(data: dict[str, Any]) -> None:
        example = yaml.safe_load((house.root / f"changes/{house.change(90)}.yml").read_text("utf-8"))
        data |= {
            "category": "normal",
            "executor": "li",
            "related_events": [{"id": "T-7", "title": "漏洞公告"}],
            "related_work": [{"id": "W-1", "title": "季度补丁"}],
        }
        data["plan"] = {**example["plan"], "window": governing.window(), "checks": CHECKS}
        for item in data["notice"]["files"]:
            item["size"] = patch.stat().st_size

    house.edit_change(cid, fill_in)
    (house.root / "changes" / f"{cid[:12]}-90.yml").unlink()
    (house.root / "staging" / cid).mkdir(exist_ok=True)
    shutil.copy(patch, house.root / "staging" / cid / PATCH)
    lint = house.itops("change", "lint", cid)
    assert lint.returncode == 0, lint.stdout
    return cid


def test_from_a_csaf_notice_to_the_closed_record(house: LabHouse, desk: Path) -> None:
    governing.move_in(house)
    house.write("policy.yml", {
        "channels": [{"id": "ops", "type": "webhook", "url": f"{DESK_URL}/hook"}],
        "tickets": [{"id": "desk", "type": "generic", "prefix": "T-", "url": DESK_URL, "path": "tickets/{id}/close", "body": {"why": "{text}"}}],
    })  # fmt: skip
    cid = planned(house)
    (house.root / "mail.eml").write_text("内容与回滚方案已确认\n", "utf-8")
    assert house.itops("window", cid, "--ics", "windows.ics").returncode == 0
    for who, verb, *more in governing.STEPS.values():
        governing.decide(house, who, verb, cid, *(() if verb in ("report", "announce") else more))
    sheet = house.itops("plan", cid)
    assert sheet.returncode == 0 and "@shop]#" in sheet.stdout, sheet.stdout + sheet.stderr
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [house.version(host) for host in (PRIMARY, STANDBY)] == ["2.0", "2.0"]
    governing.decide(house, "li", "observe", cid, "--remark", "观察一刻钟，下单正常")
    governing.decide(house, "zhao", "review", cid, "--remark", "记录完整")
    governing.decide(house, "wang", "close", cid, "--leave-open", "W-1=下季度继续")
    heard = [json.loads(line) for line in desk.read_text("utf-8").splitlines()]
    assert [line["path"] for line in heard] == ["/hook", "/hook", "/tickets/T-7/close"]
    house.sound(cid)
    report = (house.folder(cid) / "record.zh_CN.md").read_text("utf-8")
    for word in ("SUP-2026-118", "供应商确认", "方案上报", "审批通过", "通告相关方", "确认维护步骤", "复核", "T-7: ok", "W-1: 下季度继续"):
        assert word in report, word
    assert json.loads(house.itops("change", "next", cid, "--format", "json").stdout)["state"] == "closed"
    assert house.itops("run", cid).returncode == 3, "it is over"


@pytest.mark.parametrize("missing", governing.STEPS)
def test_each_duty_missing_in_turn(house: LabHouse, missing: str) -> None:
    governing.move_in(house)
    cid = house.change(window=governing.window())
    house.edit_change(cid, lambda data: data.update(category="normal"))
    before = [house.picture(host) for host in (PRIMARY, STANDBY)]
    (house.root / "mail.eml").write_text("已确认\n", "utf-8")
    for guard, (who, verb, *more) in governing.STEPS.items():
        if guard != missing:
            house.itops("change", verb, cid, "--as", who, "--key", f"keys/{who}.pem", *more)  # some are refused without the one that is missing
    done = house.itops("run", cid)
    assert done.returncode == 3 and missing in house.findings(cid), done.stdout + done.stderr
    assert [house.picture(host) for host in (PRIMARY, STANDBY)] == before
