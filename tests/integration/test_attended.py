# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manual and semi-automatic maintenance: who is asked what, and what each answer does."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import subprocess
import termios
from pathlib import Path

import pytest

from tests.house import BIN, LIMIT
from tests.integration.conftest import LocalHouse


@pytest.fixture
def single(tmp_path: Path) -> LocalHouse:
    """One standalone host, attended as the test says."""
    house = LocalHouse(tmp_path, ("a",), redundancy="standalone", failover={})
    return house


def attended(house: LocalHouse, mode: str) -> str:
    record = house.read_service("shop")
    record["maintenance"]["mode"] = mode
    house.service(record)
    window = {"start": "2026-01-01T00:00:00+08:00", "end": "2036-01-01T00:00:00+08:00"}
    return house.change(window=window)


def answers(house: LocalHouse, *words: str | dict[str, str]) -> str:
    house.write("answers.yml", list(words))
    return str(house.root / "answers.yml")


def questions(house: LocalHouse, cid: str) -> list[str]:
    return [event.data["segment"] for event in house.events(cid) if event.kind == "confirmation_requested"]


def test_manual_asks_before_every_step(single: LocalHouse) -> None:
    cid = attended(single, "manual")
    done = single.itops("run", cid, "--answers", answers(single, *["continue"] * 4))
    assert done.returncode == 0, done.stdout + done.stderr
    assert questions(single, cid) == ["backup", "patch-1", "patch-2", "patch-3"]
    given = [event.data for event in single.events(cid) if event.kind == "confirmation_given"]
    assert {g["channel"] for g in given} == {"answers-file"}, "a rehearsal's answers are recorded as such"
    assert "核对 shop-2.0.tar.gz 的摘要" in next(e.data["question"] for e in single.events(cid) if e.data.get("segment") == "patch-2")
    assert "answers-file" in (single.folder(cid) / "record.en.md").read_text()
    single.sound(cid)


def test_the_questions_are_the_lines_of_the_paper(single: LocalHouse) -> None:
    """The same number, prompt and expectation, in the same order."""
    cid = attended(single, "manual")
    single.edit_change(
        cid, lambda data: data["plan"]["steps"].insert(1, {"kind": "update", "title": "看一眼", "command": "echo ready", "expect": {"contains": ["ready"]}})
    )
    paper = json.loads(single.itops("plan", cid, "--format", "json").stdout)
    asked_for = [segment["steps"] for host in paper["hosts"] for segment in host["segments"] if segment["confirm"]]
    done = single.itops("run", cid, "--answers", answers(single, *["continue"] * len(asked_for)))
    assert done.returncode == 0, done.stdout + done.stderr
    asked = [event.data["question"] for event in single.events(cid) if event.kind == "confirmation_requested"]
    for question, steps in zip(asked, asked_for, strict=True):
        lines = [line for line in question.splitlines() if not line.startswith(" ")]
        assert [line.split()[0] for line in lines] == [step["number"] for step in steps]
        for line, step in zip(lines, steps, strict=True):
            assert step["title"] in line and (step["prompt"].partition("@")[2] or step["says"]["zh_CN"]) in line and step["expects"]["en"] in question
    assert any('验证方式：执行反馈信息 / Expected feedback: 包含 "' in question and 'contains "' in question for question in asked)


def test_semi_asks_at_stop_update_and_not_at_start(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    done = single.itops("run", cid, "--answers", answers(single, "continue", "continue"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert questions(single, cid) == ["patch-1", "patch-2"]


def test_stop_in_the_middle_is_not_success_and_names_the_next_command(single: LocalHouse) -> None:
    cid = attended(single, "manual")
    done = single.itops("run", cid, "--answers", answers(single, "continue", "continue", "stop"))
    assert done.returncode == 13, done.stdout + done.stderr
    assert single.version("a") == "1.0" and not (single.at("a") / "running").exists()
    assert f"itops rollback {cid}" in done.stdout
    back = single.itops("rollback", cid, "--answers", answers(single, *["continue"] * 9))
    assert back.returncode == 11, back.stdout + back.stderr
    assert (single.at("a") / "running").exists()
    single.sound(cid)


def test_stop_before_the_first_change_leaves_everything(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    before = single.picture("a")
    done = single.itops("run", cid, "--answers", answers(single, "stop"))
    assert done.returncode == 15, done.stdout + done.stderr
    assert single.picture("a") == before


def test_rollback_as_an_answer(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    before = single.picture("a")
    done = single.itops("run", cid, "--answers", answers(single, "continue", "rollback", "continue"))
    assert done.returncode == 11, done.stdout + done.stderr
    assert single.picture("a") == before


def test_skip_is_recorded(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    done = single.itops("run", cid, "--answers", answers(single, {"answer": "skip", "reason": "已手工停止"}, "continue"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert next(s["result"] for s in single.record(cid)["steps"]) == "skipped"


def test_no_answers_left_means_stop(single: LocalHouse) -> None:
    cid = attended(single, "manual")
    done = single.itops("run", cid, "--answers", answers(single, "continue"))
    assert done.returncode == 15, done.stdout + done.stderr


@pytest.mark.parametrize("mode", ["manual", "semi"])
def test_without_a_terminal_it_refuses_to_start(single: LocalHouse, mode: str) -> None:
    cid = attended(single, mode)
    for done in (single.itops("run", cid), single.playbook("maintain", cid)):
        assert done.returncode in (2, 3), done.stdout + done.stderr
        assert single.record(cid)["runs"][-1]["exit"] == 3
    assert "terminal" in single.findings(cid)


KEYS = (b"\x03", b"\x04")  # Ctrl-C, Ctrl-D
AGAIN = 5  # seconds of silence


def at_a_terminal(house: LocalHouse, cid: str, answer: bytes, reason: bytes = b"") -> tuple[str, int]:
    """Everything the run said to a terminal where each question is answered with this, and how it ended."""
    house.govern(cid)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(BIN / "itops"), "run", cid], cwd=house.root, env=house.env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (no threads here)
    )  # fmt: skip
    os.close(theirs)
    said = b""
    asked = reasons = 0
    while True:
        if answer in KEYS and asked and not select.select([ours], [], [], AGAIN)[0]:
            os.write(ours, answer)  # typed before the line editor had the terminal, a key is lost: a person presses it again
            continue
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        said += piece
        if said.count(b"(continue, skip, pause, rollback, stop)") > asked:
            asked += 1
            os.write(ours, answer)
        if said.count(b" / why") > reasons:
            reasons += 1
            os.write(ours, reason)
    os.close(ours)
    return said.decode(), process.wait(LIMIT)


def test_asked_at_a_real_terminal(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    said, status = at_a_terminal(single, cid, b"continue\n")
    assert status == 0, said
    assert said.count("(continue, skip, pause, rollback, stop)") == 2
    assert {e.data["channel"] for e in single.events(cid) if e.kind == "confirmation_given"} == {"cli"}
    assert "更新文件" in said


def test_a_failing_step_asks_whether_to_go_back(single: LocalHouse) -> None:
    record = single.read_service("shop")
    record["maintenance"]["mode"] = "semi"
    single.service(record)
    before = single.picture("a")
    window = {"start": "2026-01-01T00:00:00+08:00", "end": "2036-01-01T00:00:00+08:00"}
    cid = single.change(after=[{"kind": "update", "title": "坏步骤", "command": "false"}], window=window)
    done = single.itops("run", cid, "--answers", answers(single, "continue", "continue", "rollback", "continue"))
    assert done.returncode == 11, done.stdout + done.stderr
    assert single.picture("a") == before


def test_semi_asks_before_the_failover_too(house: LocalHouse) -> None:
    record = house.read_service("shop")
    record["maintenance"]["mode"] = "semi"
    house.service(record)
    cid = house.change()
    done = house.itops("run", cid, "--answers", answers(house, *["continue"] * 5))
    assert done.returncode == 0, done.stdout + done.stderr
    assert questions(house, cid) == ["patch-1", "patch-2", "failover-1", "patch-1", "patch-2"]


@pytest.mark.parametrize("key", KEYS, ids=["ctrl-c", "ctrl-d"])
def test_a_question_that_is_interrupted_means_stop(single: LocalHouse, key: bytes) -> None:
    cid = attended(single, "semi")
    said, status = at_a_terminal(single, cid, key)
    assert status == 15, said
    assert "not an answer" in str([e.data for e in single.events(cid) if e.kind == "confirmation_given"])
    assert single.version("a") == "1.0"
    single.sound(cid)


def test_what_a_command_says_does_not_steer_the_terminal(house: LocalHouse) -> None:
    cid = house.change(after=[{"kind": "update", "title": "颜色", "command": "printf '\\033]0;pwned\\007\\033[2J\\tx'"}])
    said, status = at_a_terminal(house, cid, b"")
    assert status == 0, said
    assert "\ufffd[2J" in said and "\x1b]" not in said and "\x1b[2J" not in said
    assert "\x1b" not in (house.folder(cid) / "transcript.txt").read_text("utf-8")
    house.sound(cid)


def test_a_skip_without_a_reason_is_refused_before_anything_starts(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    done = single.itops("run", cid, "--answers", answers(single, "continue", "skip"))
    assert done.returncode == 2 and "answer 2: skip needs a reason" in done.stderr
    assert set(single.kinds(cid)) <= {"decided"}


def test_a_pause_keeps_its_reason_and_is_asked_again(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    done = single.itops("run", cid, "--answers", answers(single, {"answer": "pause", "reason": "等待业务确认"}, "continue", "continue"))
    assert done.returncode == 0, done.stdout + done.stderr
    given = [(row["answer"], row["reason"]) for row in single.record(cid)["confirmations"]]
    assert given == [("pause", "等待业务确认"), ("continue", ""), ("continue", "")]
    asked = [event.data for event in single.events(cid) if event.kind == "confirmation_requested"]
    assert "pause" in asked[0]["choices"] and "pause" not in asked[1]["choices"] and "等待业务确认" in asked[1]["question"]
    assert "等待业务确认" in (single.folder(cid) / "record.zh_CN.md").read_text("utf-8")
    single.sound(cid)


def test_a_reason_is_asked_for_at_the_terminal(single: LocalHouse) -> None:
    cid = attended(single, "semi")
    said, _status = at_a_terminal(single, cid, b"skip\n", b"\xe5\xb7\xb2\xe6\x89\x8b\xe5\xb7\xa5\xe5\xae\x8c\xe6\x88\x90\n")
    rows = single.record(cid)["confirmations"]
    assert rows and all((row["answer"], row["reason"]) == ("skip", "已手工完成") for row in rows), said
    assert "原因 / why" in said


def test_what_was_only_skipped_was_not_touched(single: LocalHouse) -> None:
    """The first step skipped, then stop: nothing was changed, so nothing has failed."""
    cid = attended(single, "manual")
    before = single.picture("a")
    done = single.itops("run", cid, "--answers", answers(single, "continue", {"answer": "skip", "reason": "服务已停"}, "stop"))
    assert done.returncode == 15, done.stdout + done.stderr
    assert single.hosts(cid) == {"a": "not_started"} and single.picture("a") == before
    single.sound(cid)
