# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is stopped, or whose controller dies: the host goes on by itself, the record says so, a person decides."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import LIMIT, until
from tests.integration.conftest import LocalHouse

HOLD = {"kind": "update", "title": "等待", "command": "%{root}/hold %{root}/mid"}


def in_the_middle(house: LocalHouse, cid: str) -> subprocess.Popen[str]:
    """The run, waiting inside its update of the standby."""
    running = house.start("run", cid)
    until((house.at("b") / "mid.reached").exists, "the update to be under way")
    return running


def go_on(house: LocalHouse, *hosts: str) -> None:
    for host in hosts or ("a", "b"):
        (house.at(host) / "mid.go").touch()


def killed(house: LocalHouse, cid: str) -> None:
    """SIGKILL for the command line and all of its Ansible processes; what runs on the host is not theirs."""
    running = in_the_middle(house, cid)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=LIMIT)
    for pid in ansible_of(house):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not ansible_of(house), "Ansible's processes to be gone")


def ansible_of(house: LocalHouse) -> list[int]:
    """Processes of this workspace's playbook (ansible-runner gives them a session of their own)."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/environ", "rb") as stream:
                environment = stream.read()
            with open(f"/proc/{entry}/cmdline", "rb") as stream:
                command = stream.read()
        except (OSError, ValueError):
            continue
        if entry.isdigit() and f"ITOPS_WORKSPACE={house.root}".encode() in environment and b"ansible-playbook" in command:
            found.append(int(entry))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_the_step_boundary(house: LocalHouse, number: signal.Signals) -> None:
    cid = house.change(before=[HOLD])
    running = in_the_middle(house, cid)
    running.send_signal(number)
    until(lambda: list(house.at("b").rglob("state/CHG-*/R*/patch-1/cancel*")), "the wish to stop to reach the host")
    assert "cancel_requested" in house.kinds(cid)
    go_on(house)
    said = running.communicate(timeout=LIMIT)[0]
    assert running.returncode == 11, said
    assert house.hosts(cid) == {"b": "rolled_back", "a": "not_started"}
    assert house.version("b") == "1.0" and (house.at("b") / "running").exists()
    steps = [(s["title"], s["result"]) for s in house.record(cid)["steps"] if s["host"] == "b"]
    assert ("等待", "ok") in steps, "the step under way was finished, not killed"
    house.sound(cid)


def test_controller_killed_then_resumed(house: LocalHouse) -> None:
    cid = house.change(before=[HOLD])
    killed(house, cid)
    doctor = house.itops("doctor", "--format", "json")
    assert doctor.returncode == 5
    assert [f["change"] for f in json.loads(doctor.stdout) if f["change"]] == [cid] and "itops resume" in doctor.stdout
    assert house.itops("run", cid).returncode == 3, "an open record is never silently built upon"
    go_on(house)
    done = house.itops("resume", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "achieved", "a": "achieved"}
    assert (house.version("a"), house.version("b")) == ("2.0", "2.0")
    assert house.itops("doctor").returncode == 0
    house.sound(cid)


def test_controller_killed_and_the_bad_patch_went_back_by_itself(house: LocalHouse) -> None:
    cid = house.change(before=[HOLD], broken=True)
    before = house.picture("a")
    killed(house, cid)
    go_on(house)
    until((house.at("b") / "running").exists, "the host to go back by itself, with nobody watching")
    resumed = house.itops("resume", cid)
    assert resumed.returncode == 11, resumed.stdout + resumed.stderr
    assert "itops rollback" in resumed.stdout
    assert house.hosts(cid) == {"b": "rolled_back", "a": "not_started"}
    assert house.picture("a") == before
    house.sound(cid)


def test_controller_killed_then_rolled_back(house: LocalHouse) -> None:
    cid = house.change(before=[HOLD])
    before = house.picture("b")
    killed(house, cid)
    go_on(house)
    done = house.itops("rollback", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.hosts(cid)["b"] == "rolled_back" and house.picture("b") == before
    house.sound(cid)


def test_the_command_line_killed_alone_leaves_nothing_behind(house: LocalHouse, scratch: Path) -> None:
    """No playbook that holds the locks; and what ansible-runner has written goes with the next run."""
    cid = house.change(before=[HOLD])
    house.env["TMPDIR"] = str(scratch)
    running = in_the_middle(house, cid)
    running.kill()
    running.wait(LIMIT)
    until(lambda: not ansible_of(house), "the playbook to end as well")
    go_on(house)
    assert house.itops("doctor").returncode == 5
    assert list(scratch.iterdir())
    done = house.itops("resume", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    left = [path.name for path in scratch.iterdir() if not path.name.startswith("pymp-")]  # the folder of a socket of Ansible's own process, killed with it
    assert left == []
    house.sound(cid)


def test_confirm_within_goes_back_when_nobody_confirms(house: LocalHouse) -> None:
    cid = house.change(before=[HOLD], confirm_within=1)
    killed(house, cid)
    state = house.at("b") / "state"
    journal: Callable[[], str] = lambda: "".join(path.read_text() for path in state.rglob("journal.jsonl"))  # noqa: E731 (asked again and again)
    go_on(house)
    until(lambda: "confirm" in journal(), "the host to wait for a confirmation")
    until(lambda: "rolled_back" in journal(), "the host to undo the change by itself", 90)
    assert house.version("b") == "1.0"
