# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a step is expected to take: earlier runs before the plan, successful attempts only, and only records that verify."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, plan, views, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import durations, precedents

from tests.unit import make, past

NEW, OLD, OLDER = "CHG-20261123-09", "CHG-20261101-01", "CHG-20261001-01"
RUN = "R20261121T020000Z-abcd"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path)


def earlier(root: Path, change_id: str, seconds: Sequence[float], result: str = "ok") -> Path:
    """A closed change whose stop step took so long on each of its hosts."""
    change = past.planned(root, change_id)
    book = past.carried_out(change, root, keep_open=True)
    for taken in seconds:
        told = {"segment": "patch-1", "step": "s1", "kind": "stop", "type": "service", "title": "停止", "result": result, "duration_ms": int(taken * 1000)}
        book.append("step_finished", told, run=RUN, host=past.HOST, phase="patch")
    views.close(book.directory, change.id, RUN, "", {})
    return book.directory


def new(root: Path) -> Change:
    steps = [{**step, "duration": 60} if step["kind"] == "stop" else step for step in make.plan()["steps"]]
    return past.planned(root, NEW, plan={"steps": steps})


def known(root: Path) -> dict[str, float]:
    change, ws = new(root), workspace.load(root)
    return durations.of_steps(change, ws, precedents.find(change, ws))


def test_the_median_of_earlier_runs_goes_before_the_plan(root: Path) -> None:
    earlier(root, OLD, [10, 12])
    earlier(root, OLDER, [500])
    assert known(root) == {"s1": 12.0}


def test_without_history_the_plan_counts_and_what_nobody_knows_is_left_out(root: Path) -> None:
    assert known(root) == {"s1": 60.0}


def test_a_failed_attempt_says_nothing_of_how_long_it_takes(root: Path) -> None:
    earlier(root, OLD, [1], result="abnormal")
    assert known(root) == {"s1": 60.0}


def test_a_record_that_does_not_verify_says_nothing(root: Path) -> None:
    stream = earlier(root, OLD, [10]) / "events.jsonl"
    stream.write_bytes(stream.read_bytes().replace(b'"duration_ms":10000', b'"duration_ms":90000'))
    assert known(root) == {"s1": 60.0}


def test_backup_and_checks_of_earlier_runs_count_as_well(root: Path) -> None:
    """The slowest host's, the checks of each batch and once more after the way back; nothing where there is no history."""
    ws, change = workspace.load(root), new(root)
    services = catalogue.load(ws).services
    assert durations.expected(change, services, {}, durations.around(ws, precedents.find(change, ws))).total_seconds() == 0
    change_id = past.planned(root, OLD)
    book = past.carried_out(change_id, root, keep_open=True)
    for host, phase, seconds in ((past.HOST, "backup", 100), ("b", "backup", 130), (past.HOST, "verify", 5), (past.HOST, "verify", 6), ("b", "gate", 900)):
        book.append(
            "step_finished", {"segment": phase, "step": phase, "kind": "after", "result": "ok", "duration_ms": seconds * 1000}, run=RUN, host=host, phase=phase
        )
    views.close(book.directory, OLD, RUN, "", {})
    more = durations.around(ws, precedents.find(change, ws))
    assert more == {"backup": 130, "verify": 11, "failover": 0}
    rounds = len({(t.stage, t.batch) for t in plan.targets(change, services)[0]})
    assert durations.expected(change, services, {}, more).total_seconds() == 130 + 11 * (rounds + 1)


def test_steps_of_which_nobody_knows_how_long_they_take_are_named(root: Path) -> None:
    change = new(root)
    assert durations.unknown(change, known(root)) == [step["title"] for step in change.plan["steps"] if step["kind"] not in ("stop", "rollback")]
