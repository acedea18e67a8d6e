# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error rate of a service decides about its change, and stands in the record; without collected logs the journal does."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tests.integration.conftest import CONTROL, LocalHouse
from tests.unit.logstore import QUERY, Store, serve

SECRET = "Zq7-planted-in-the-store"
START = '#!/bin/sh\ntouch running\nif [ -e srv/current/broken ]; then echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) ERROR no such column" >> app.log; fi\n'
RATE: dict[str, Any] = {"path": "%{root}/app.log", "pattern": "ERROR", "factor": 2, "max_per_minute": 10, "window": 600, "observe": 1}
JOURNALCTL = f"#!/bin/sh\ncase \"$*\" in *-o\\ json*) echo '{{}}' ;; *-p\\ warning*) echo 'kernel: password={SECRET}' ;; esac\n"


def complaining(tmp_path: Path, rate: dict[str, Any], **parts: Any) -> LocalHouse:
    """A service that complains in its log when it is started with a broken version, and is otherwise well."""
    control = {**CONTROL, "commands": {**CONTROL["commands"], "start": "sh -c 'cd %{root} && sh ./start'"}}
    house = LocalHouse(tmp_path)
    house.service({**house.read_service("shop"), "control": control, "logging": {"state": "deployed", "ref": "the log", "error_rate": rate}, **parts})
    house.checks = house.checks[:1]
    for host in ("a", "b"):
        (house.at(host) / "start").write_text(START)
        old = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        (house.at(host) / "app.log").write_text(f"{old} ERROR slow\n{old} fine\n" * 20)
    return house


def report(house: LocalHouse, cid: str, lang: str) -> str:
    return (house.folder(cid) / f"record.{lang}.md").read_text("utf-8")


def test_more_errors_than_before_roll_back_on_the_host(tmp_path: Path) -> None:
    house = complaining(tmp_path, RATE)
    before = house.picture("b")
    cid = house.change(broken=True)
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "rolled_back", "a": "not_started"} and house.picture("b") == before
    rows = [(row["kind"], row["result"], row["rates"]) for row in house.record(cid)["checks"] if row.get("rates") and row["host"] == "b"]
    assert rows == [
        ("before", "ok", {"before": "2"}), ("after", "abnormal", {"before": "2", "after": "60", "allowed": "10"}),
        ("rollback", "ok", {"before": "2", "after": "0", "allowed": "10"}),
    ]  # fmt: skip
    assert "错误率（条/分钟）：变更前 2，之后 60，允许 10" in report(house, cid, "zh_CN")
    assert "Errors a minute: before 2, afterwards 60, allowed 10" in report(house, cid, "en")
    assert "no such column" in (house.folder(cid) / "transcript.txt").read_text("utf-8")
    house.sound(cid)


def test_no_more_errors_than_before_is_achieved_and_the_credential_is_nowhere(tmp_path: Path) -> None:
    with serve(Store(SECRET)) as store:
        store.entries = [(int(time.time() * 1000) - 5000, True)] * 20
        where = {"url": store.url, "query": QUERY.replace("web1", "%{label}"), "headers": {"Authorization": "Bearer %{credential}"}}
        house = complaining(tmp_path, {"loki": where, "factor": "1", "max_per_minute": 1, "window": 60, "observe": 1},
                            credentials={"custody": "software", "ref": "env:STORE_PASSWORD"})  # fmt: skip
        record = house.read_service("shop")
        for host in record["hosts"]:
            host["vars"]["label"] = "web1"
        house.service(record)
        cid = house.change()
        planned = house.itops("plan", cid, env={"STORE_PASSWORD": SECRET})
        assert "服务启动后观察日志 loki" in planned.stdout and SECRET not in planned.stdout + planned.stderr, planned.stdout + planned.stderr
        done = house.itops("run", cid, env={"STORE_PASSWORD": SECRET})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "变更前错误率：20 条/分钟" in report(house, cid, "zh_CN") and "before 20, afterwards 0, allowed 20" in report(house, cid, "en")
    assert SECRET not in done.stdout + done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(written) > 50 and [path for path in written if SECRET.encode() in path.read_bytes()] == []
    house.sound(cid)


def test_collected_and_never_looked_at_is_a_warning(tmp_path: Path) -> None:
    house = LocalHouse(tmp_path, logging={"state": "deployed", "ref": "loki"})
    cid = house.change(broken=True)
    house.itops("run", cid, "--check")
    assert "set logging.error_rate in inventory/services/shop.yml" in house.findings(cid)["logging"]["remedy"]


def test_without_collected_logs_the_journal_is_evidence_also_after_a_rollback(house: LocalHouse) -> None:
    fake = house.root.parent / "bin/journalctl"
    fake.parent.mkdir()
    fake.write_text(JOURNALCTL)
    fake.chmod(0o755)
    cid = house.change(broken=True)
    done = house.itops("run", cid, env={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert done.returncode == 11, done.stdout + done.stderr
    kept = [item for item in house.record(cid)["attachments"] if item["name"] == "b 日志摘录"]
    assert len(kept) == 1
    text = (house.folder(cid) / "evidence" / kept[0]["sha256"]).read_text("utf-8")
    assert text.startswith("# journalctl --since=@") and "kernel: password=«redacted»" in text
    assert SECRET not in "".join(path.read_text("utf-8", "replace") for path in house.folder(cid).rglob("*") if path.is_file())
    assert kept[0]["sha256"] in report(house, cid, "en")
    house.sound(cid)


def test_a_host_without_a_journal_is_named_and_fails_nothing(house: LocalHouse) -> None:
    fake = house.root.parent / "bin/journalctl"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexit 0\n")
    fake.chmod(0o755)
    cid = house.change()
    done = house.itops("run", cid, env={"PATH": f"{fake.parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "b 日志摘录: no journal extract: this host keeps no journal" in report(house, cid, "zh_CN")
