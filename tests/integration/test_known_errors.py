# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every failure meets the table of known errors: by its name, or as 未知异常 and a draft for the next time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import LocalHouse

LOCKED = {"type": "仓库被占用", "pattern": r"could not get lock /\S+", "event": "EVT-2026-0007", "steps": ["查找占用进程", "等它结束"]}
WINDOW = {"start": "2026-01-01T00:00:00+08:00", "end": "2036-01-01T00:00:00+08:00"}


@pytest.fixture
def single(tmp_path: Path) -> LocalHouse:
    return LocalHouse(tmp_path, ("a",), redundancy="standalone", failover={})


def knows(house: LocalHouse, mode: str = "auto", **entry: Any) -> None:
    """The service knows this error."""
    service = house.read_service("shop")
    service["maintenance"]["mode"] = mode
    service["known_errors"] = [{**LOCKED, **entry}] if entry.get("type") != "" else []
    house.service(service)


def step(command: str) -> dict[str, Any]:
    return {"kind": "update", "title": "安装依赖", "command": command, "shell": True}


LOCK = step("echo preparing; echo E: could not get lock /var/lib/x/lock: held by 4711; exit 100")


def failures(house: LocalHouse, cid: str) -> list[dict[str, Any]]:
    return [found for found in house.record(cid)["exceptions"] if "安装依赖" in found["message"]]


def test_a_known_error_is_named_with_its_handling_and_goes_back(single: LocalHouse) -> None:
    knows(single, action="rollback")
    cid = single.change(before=[LOCK], window=WINDOW)
    done = single.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert "仓库被占用 (EVT-2026-0007)" in done.stdout and "1. 查找占用进程" in done.stdout
    (found,) = failures(single, cid)
    assert (found["type"], found["event"], found["steps"], found["taken"]) == (LOCKED["type"], LOCKED["event"], LOCKED["steps"], "rollback")
    for lang, taken in (("zh_CN", "回滚"), ("en", "rollback")):
        line = next(line for line in (single.folder(cid) / f"record.{lang}.md").read_text("utf-8").splitlines() if "仓库被占用" in line)
        assert all(word in line for word in ("EVT-2026-0007", "1) 查找占用进程 2) 等它结束", "could not get lock", taken))
    single.sound(cid)


def test_retry_saves_the_change_and_every_attempt_is_in_the_record(single: LocalHouse) -> None:
    knows(single, action="retry", retries=3)
    cid = single.change(
        before=[step("echo x >> %{root}/calls; [ $(wc -l < %{root}/calls) -ge 2 ] || { echo could not get lock /x; exit 100; }")], window=WINDOW
    )
    done = single.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert single.version("a") == "2.0" and (single.at("a") / "calls").read_text() == "x\nx\n"
    assert [(s["attempt"], s["result"]) for s in single.record(cid)["steps"] if s["title"] == "安装依赖"] == [(1, "abnormal"), (2, "ok")]
    assert [found["taken"] for found in failures(single, cid)] == ["retry"]
    assert "安装依赖 (第 2 次)" in (single.folder(cid) / "record.zh_CN.md").read_text("utf-8")
    single.sound(cid)


def test_pause_asks_with_the_handling_steps(single: LocalHouse) -> None:
    knows(single, mode="semi", action="pause")
    cid = single.change(before=[LOCK], window=WINDOW)
    single.write("answers.yml", ["continue", "continue", "rollback", *["continue"] * 9])
    done = single.itops("run", cid, "--answers", str(single.root / "answers.yml"))
    assert done.returncode == 11, done.stdout + done.stderr
    asked = [event.data for event in single.events(cid) if event.kind == "confirmation_requested" and "1. 查找占用进程" in event.data["question"]]
    assert [question["choices"] for question in asked] == [["stop", "rollback"]]
    assert (single.at("a") / "running").exists()


def test_the_departments_table_counts_and_a_task_of_ansible_is_named_too(single: LocalHouse) -> None:
    knows(single, type="")
    single.write("policy.yml", {"known_errors": [{**LOCKED, "action": "retry", "retries": 5}]})
    single.write("changes/tasks/lock.yml", [{"name": "Lock", "ansible.builtin.fail": {"msg": "could not get lock /x"}}])
    cid = single.change(before=[{"kind": "update", "title": "安装依赖", "tasks": "tasks/lock.yml"}], window=WINDOW)
    done = single.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    (found,) = failures(single, cid)
    assert (found["type"], found["taken"]) == ("仓库被占用", "rollback"), "named, and not done again"


def test_a_policy_broken_meanwhile_does_not_hold_the_way_back_up(single: LocalHouse) -> None:
    knows(single, mode="manual")
    cid = single.change(window=WINDOW)
    single.write("answers.yml", ["continue", "continue", "stop"])
    assert single.itops("run", cid, "--answers", str(single.root / "answers.yml")).returncode == 13
    single.write("policy.yml", {"known_errors": [{"type": "x", "pattern": "(a+)+$"}]})
    assert single.itops("lint").returncode == 2
    single.write("answers.yml", ["continue"] * 9)
    back = single.itops("rollback", cid, "--answers", str(single.root / "answers.yml"))
    assert back.returncode == 11, back.stdout + back.stderr


def test_what_nobody_knows_is_drafted_accepted_and_known_the_next_time(single: LocalHouse) -> None:
    knows(single, type="")
    first, second = (single.change(number, before=[LOCK], window=WINDOW) for number in (1, 2))
    assert single.itops("run", first).returncode == 11
    assert [found["type"] for found in failures(single, first)] == ["unknown_error"]
    assert "未知异常" in (single.folder(first) / "record.zh_CN.md").read_text("utf-8")
    drafted = single.itops("errors", "draft", first)
    assert drafted.returncode == 0 and f"itops errors accept {first}-1.yml --service shop" in drafted.stdout, drafted.stdout + drafted.stderr
    path = single.root / f"errors/drafts/{first}-1.yml"
    draft = yaml.safe_load(path.read_text("utf-8"))
    assert "could not get lock" in draft["entry"]["pattern"] and "4711" not in draft["entry"]["pattern"]
    assert single.itops("errors", "accept", path.name, "--service", "shop").returncode == 2, "still to be completed"
    draft["entry"] |= {"type": "仓库被占用", "steps": LOCKED["steps"]}
    single.write(f"errors/drafts/{first}-1.yml", draft)
    accepted = single.itops("errors", "accept", path.name, "--service", "shop")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert single.itops("lint").returncode == 0
    assert single.itops("run", second).returncode == 11
    assert [found["type"] for found in failures(single, second)] == ["仓库被占用"]
