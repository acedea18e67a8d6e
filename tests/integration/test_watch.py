# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two people on two terminals: one runs, one watches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.house import until
from tests.integration.conftest import LocalHouse
from tests.integration.test_attended import answers, attended

HELD = {"kind": "update", "title": "等待", "command": "%{root}/hold %{root}/mid"}


def at_the_hold(house: LocalHouse, host: str) -> Path:
    return Path(until(lambda: next(iter(house.at(host).glob("mid.reached")), None), f"the step on {host}"))


def said(process: subprocess.Popen[str], word: str) -> Callable[[], bool]:
    """Whether the process has printed this by now; reading never waits."""
    assert process.stdout
    pipe, heard = process.stdout.fileno(), bytearray()
    os.set_blocking(pipe, False)

    def now() -> bool:
        with suppress(BlockingIOError):
            heard.extend(os.read(pipe, 65536))
        return word in heard.decode("utf-8", "replace")

    return now


def let_go(house: LocalHouse) -> None:
    for host in ("a", "b"):
        (house.at(host) / "mid.go").touch()


def test_one_runs_and_one_watches(house: LocalHouse) -> None:
    cid = house.change(before=[HELD])
    watching = house.start("watch", cid, "--wait")
    as_data = house.start("watch", cid, "--wait", "--from-start", "--format", "json")
    running = house.start("run", cid)
    at_the_hold(house, "b")
    let_go(house)
    assert running.wait(120) == 0, running.communicate()
    seen, _ = watching.communicate(timeout=30)
    assert watching.returncode == 0, seen
    assert "更新文件" in seen and "closed: achieved" in seen and "达成" in seen
    lines = [json.loads(line) for line in as_data.communicate(timeout=30)[0].splitlines() if line.startswith("{")]
    assert as_data.returncode == 0 and lines[0]["kind"] == "run_opened" and lines[-1]["kind"] == "run_closed"
    assert [line["seq"] for line in lines] == [event.seq for event in house.events(cid) if event.run == lines[0]["run"]], "every event, in order"


def test_who_watches_sees_what_the_other_is_asked_and_answers(tmp_path: Path) -> None:
    """The same number, command and expectation as on the paper, and the reason of a pause."""
    single = LocalHouse(tmp_path, ("a",), redundancy="standalone", failover={})
    cid = attended(single, "manual")
    watching = single.start("watch", cid, "--wait", "--from-start")
    done = single.itops("run", cid, "--answers", answers(single, {"answer": "pause", "reason": "等值班确认"}, *["continue"] * 4))
    assert done.returncode == 0, done.stdout + done.stderr
    seen, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0, seen
    for word in ("asked: a/", "停止服务", f"# rm -f {single.at('a')}/running", "[continue/", "answered: pause by", "等值班确认", "answered: continue by"):
        assert word in seen, (word, seen)


def test_it_ends_as_the_run_ends_and_leaving_does_not_touch_the_run(house: LocalHouse) -> None:
    cid = house.change(before=[HELD], broken=True)
    running = house.start("run", cid)
    at_the_hold(house, "b")
    leaves, stays = house.start("watch", cid, "--from-start"), house.start("watch", cid, "--from-start")
    for terminal in (leaves, stays):
        until(said(terminal, "等待"), "the step on that terminal")
    before = house.events(cid)
    os.killpg(leaves.pid, signal.SIGINT)
    assert leaves.wait(30) == 130
    assert house.events(cid) == before, "watching writes nothing"
    let_go(house)
    assert running.wait(120) == 11
    assert stays.wait(30) == 11
    house.sound(cid)


def test_no_run_to_watch_and_no_such_change(house: LocalHouse) -> None:
    cid = house.change()
    done = house.itops("watch", cid)
    assert done.returncode == 3 and "--wait" in done.stderr
    assert house.itops("watch", "CHG-20200101-01").returncode == 2


def test_a_controller_that_is_gone_is_said(house: LocalHouse) -> None:
    cid = house.change(before=[HELD])
    running = house.start("run", cid)
    at_the_hold(house, "b")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(30)
    done = house.itops("watch", cid)
    assert done.returncode == 5 and "itops resume" in done.stderr
    let_go(house)
    until(lambda: house.itops("resume", cid).returncode in (0, 10, 11, 13), "what was left to be taken up", 120)
