# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: locks that die with their holder, how a run is opened, and a playbook that ends with its command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import run, service_lock, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.service_lock import Held

from tests.unit import make
from tests.unit.story import CHANGE, Story

REPO = Path(__file__).resolve().parents[2]
UTILS = "from ansible_collections.itops.maintenance.plugins.plugin_utils"
HOLD = f"""{UTILS} import service_lock
import pathlib, sys
kept = service_lock.take(pathlib.Path(sys.argv[1]), "service-web", {{"change": "CHG-20261123-09", "run": "R9"}})
print("taken" if isinstance(kept, int) else "held", flush=True)
sys.stdin.read()
"""
CHILD = f"{UTILS} import parent\nimport signal\nparent.end_with_parent()\nprint('ready', flush=True)\nsignal.pause()\n"
PARENT = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', sys.argv[1]])\nprint(child.pid, flush=True)\nchild.wait()\n"


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python programs; none of them outlives the test."""
    programs: list[subprocess.Popen[str]] = []

    def start(program: str, *words: str) -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": str(REPO / "collections")}
        made = subprocess.Popen([sys.executable, "-c", program, *words], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        programs.append(made)
        return made

    yield start
    for made in programs:
        made.kill()
        made.communicate()


def said(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_that_is_held_says_by_whom_and_dies_with_its_holder(tmp_path: Path, started: Callable[..., Any], number: signal.Signals) -> None:
    holder = started(HOLD, str(tmp_path / "locks"))
    assert said(holder) == "taken"
    refused = service_lock.take(tmp_path / "locks", "service-web", {"run": "mine"})
    assert isinstance(refused, Held) and refused.name == "service-web"
    assert json.loads(refused.by) == {"change": "CHG-20261123-09", "run": "R9"}
    assert service_lock.is_held(tmp_path / "locks", "service-web")
    holder.send_signal(number)
    holder.wait()
    assert not service_lock.is_held(tmp_path / "locks", "service-web")
    mine = service_lock.take(tmp_path / "locks", "service-web", {"run": "mine"})
    assert isinstance(mine, int)
    assert said(started(HOLD, str(tmp_path / "locks"))) == "held"
    assert json.loads((tmp_path / "locks/service-web.lock").read_text()) == {"run": "mine"}, "the older, longer note is gone"
    os.close(mine)
    assert said(started(HOLD, str(tmp_path / "locks"))) == "taken"


def test_other_names_are_other_locks(tmp_path: Path, started: Callable[..., Any]) -> None:
    assert said(started(HOLD, str(tmp_path))) == "taken"
    other = service_lock.take(tmp_path, "service-db", {})
    assert isinstance(other, int)
    os.close(other)
    assert not service_lock.is_held(tmp_path, "service-db") and not service_lock.is_held(tmp_path, "never-seen")


def test_looking_does_not_take_the_lock(tmp_path: Path, started: Callable[..., Any]) -> None:
    os.close(int(service_lock.take(tmp_path, "service-web", {})))  # type: ignore[arg-type]
    assert not service_lock.is_held(tmp_path, "service-web")
    assert said(started(HOLD, str(tmp_path))) == "taken"


# ------------------------------------------------------------------ a run


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> workspace.Workspace:
    for name in (run.RUN_VARIABLE, "ITOPS_ENTRY", *run.AWX_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(run.RUN_VARIABLE, "")  # so that it is put back afterwards
    return workspace.load(make.workspace(tmp_path))


def close(opened: run.OpenRun) -> None:
    for handle in opened.held:
        os.close(handle)


def test_opening_a_run_takes_its_locks_and_writes_first_of_all(ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ITOPS_ACTOR", "USER", "LOGNAME"):  # whoever runs it cannot say to be somebody else
        monkeypatch.setenv(name, "ghost")
    opened = run.open_run(ws, CHANGE, ["web", "db"], {"argv_verb": "resume"})
    event = Ledger(ws.record_dir(CHANGE), CHANGE).events()[0]
    assert (event.kind, event.run, event.actor, event.data["pid"]) == ("run_opened", opened.id, identity.account(), os.getpid())
    assert event.data["locks"] == dict.fromkeys((f"change-{CHANGE}", "service-web", "service-db"), "taken")
    assert os.environ[run.RUN_VARIABLE] == opened.id and run.verb([event], opened.id) == "resume" and event.data["entry"] == "ansible-playbook"
    second = run.open_run(ws, "CHG-20261123-02", ["web"], {})
    locks = second.ledger.events()[0].data["locks"]
    assert locks["change-CHG-20261123-02"] == "taken" and locks["service-web"].startswith("held: ") and opened.id in locks["service-web"]
    close(second)
    close(opened)


def test_a_run_of_awx_says_so(ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_ID", "17")
    opened = run.open_run(ws, CHANGE, [], {})
    data = opened.ledger.events()[0].data
    assert data["entry"] == "awx" and data["awx"] == {"JOB_ID": "17"}
    close(opened)


def test_no_record_no_run(ws: workspace.Workspace) -> None:
    ws.records.mkdir()
    ws.record_dir(CHANGE).parent.write_text("in the way")
    with pytest.raises((LedgerError, OSError)):
        run.open_run(ws, CHANGE, ["web"], {})
    assert os.environ[run.RUN_VARIABLE] == "", "and nobody is told of one"


def test_ids_sort_by_time_in_utc_and_are_never_the_same() -> None:
    at = datetime(2026, 11, 23, 2, 5, 9, tzinfo=timezone(timedelta(hours=8)))
    made = run.new_id(at)
    assert re.fullmatch(r"R20261122T180509Z-[0-9a-f]{4}", made) and run.stamp_of(made) == run.stamp(at) == "20261122T180509Z"
    assert len({run.new_id(at) for _ in range(20)}) > 15 and run.new_id(at) < run.new_id(datetime(2027, 1, 1, tzinfo=UTC))


def test_open_runs_are_those_that_were_never_closed() -> None:
    story = Story().tell("run_opened", run="R1").tell("run_opened", run="R2").tell("run_closed", run="R1").tell("run_opened", run="R3")
    assert run.open_runs(story.events) == ["R2", "R3"] and run.opened(story.events, "R3") == story.events[-1]
    assert run.opened(story.events, "R9") is None and run.planned(story.events) is None and run.verb(story.events, "R9") == "run"


# ------------------------------------------------------------------ the parent


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_playbook_ends_when_its_command_line_is_killed(started: Callable[..., Any]) -> None:
    above = started(PARENT, CHILD)
    pid = int(said(above))
    assert said(above) == "ready" and alive(pid)
    above.kill()
    end = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < end, "the child lives on"
        time.sleep(0.01)
