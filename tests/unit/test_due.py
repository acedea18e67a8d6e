# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be started by itself: due by the cycle, agreed on, inside its window or the hours of little business; one change for each service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, register, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.calendar import Due
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import due
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.due import Candidate, Turn
from hypothesis import given
from hypothesis import strategies as st

from itops_cli.schedule.looking import look
from tests.unit import make
from tests.unit.governed import Office, window


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def turns(root: Path) -> list[Turn]:
    ws = workspace.load(root)
    known, found, lines = look(ws)
    return due.turns(ws, known, found.rows, lines, found.now)


def hindrances(office: Office) -> str:
    (turn,) = turns(office.root)
    return " | ".join(next(candidate for candidate in turn.candidates if candidate.change == office.id).hindrances)


def anchored(office: Office, days: float, **more: Any) -> None:
    """The service's first due point lies so many days ahead."""
    path = office.root / "inventory/services/web.yml"
    record = yaml.safe_load(path.read_text("utf-8"))
    at = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=days)
    record["maintenance"] |= {"anchor": at.replace(microsecond=0).isoformat(), **more}
    make.dump(path, record)


def maintained(office: Office, change: str, result: str, verb: str = "run", **more: Any) -> None:
    """A line of the register as a run of now leaves it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    run = {"run": f"R-{change}", "verb": verb, "user": "li", "started": now, "ended": now, "exit": 0 if result == "achieved" else 11, **more}
    ws = workspace.load(office.root)
    ws.records.mkdir(exist_ok=True)
    register.append(ws.records, {"change": change, "title": "旧", "services": [{"id": "web"}], "runs": [run], "ledger": {"seq": 1, "head": "0"},
                                 "outcome": {"result": result, "backout": "not_needed"}})  # fmt: skip


def test_with_every_guard_held_it_may_be_started_and_with_one_missing_it_is_said_how(office: Office) -> None:
    office.all_but_approval()
    assert "approved" in hindrances(office) and "→ itops change" in hindrances(office)
    office.decide("approve", "wang")
    assert hindrances(office) == "" and [candidate.change for candidate in due.ready(turns(office.root))] == [office.id]


def test_a_planned_window_may_lie_in_the_warning_time_and_outside_of_it_nothing_is_due(office: Office) -> None:
    office.all()
    anchored(office, 5)
    assert hindrances(office) == ""
    anchored(office, 8)
    assert turns(office.root) == []


def test_outside_of_its_window_it_waits(office: Office) -> None:
    office.edit(plan={"window": {**window(), "end": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(timespec="seconds")}})
    office.all()
    assert "window" in hindrances(office)


def test_without_a_window_it_waits_for_the_due_point_and_for_little_business(office: Office) -> None:
    data = yaml.safe_load(office.path.read_text("utf-8"))
    del data["plan"]["window"]
    make.dump(office.path, data)
    anchored(office, 5)
    assert "has no window, so it waits until" in hindrances(office)
    anchored(office, -1)
    assert "it waits" not in hindrances(office)
    later = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=2)
    anchored(office, -1, business_low=[{"start": f"{later:%H}:00", "end": f"{later:%H}:59"}])
    assert "it waits for business_low of web" in hindrances(office)


@pytest.mark.parametrize("mode", ["manual", "semi"])
def test_what_asks_a_person_is_left_to_a_person(office: Office, mode: str) -> None:
    office.edit(plan={"mode": mode})
    assert f"mode {mode} asks a person → itops run {office.id}" in hindrances(office)
    office.edit(category="emergency", incident="INC-1")
    assert "an emergency is begun by a person" in hindrances(office)


def test_what_was_achieved_is_not_due_and_what_was_carried_out_is_not_begun_again(office: Office) -> None:
    office.all()
    maintained(office, office.id, "not_achieved")
    assert "was carried out already (exit 11)" in hindrances(office)
    maintained(office, "CHG-20260101-01", "achieved")
    assert turns(office.root) == []


def test_a_rehearsal_and_a_look_do_not_count(office: Office) -> None:
    office.all()
    maintained(office, office.id, "not_achieved", check=True)
    maintained(office, office.id, "not_achieved", verb="verify", run="R-2")
    assert "was carried out" not in hindrances(office)


def test_without_a_change_the_next_command_is_named(office: Office) -> None:
    office.path.unlink()
    assert turns(office.root)[0].next == "itops change new --service web --title …"
    anchored(office, 1)
    maintained(office, "CHG-20260101-01", "achieved")
    anchored(office, -30, cycle={"every": 1, "unit": "day"})
    (office.root / "records/register.jsonl").write_text(
        (office.root / "records/register.jsonl").read_text().replace(f"{datetime.now(UTC):%Y-%m-%dT}", "2026-01-02T")
    )
    assert turns(office.root)[0].next == "itops change new --from CHG-20260101-01"


CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 30).map("CHG-20260101-{:02}".format), st.sets(st.sampled_from("abcdef"), min_size=1).map(lambda s: tuple(sorted(s))),
              st.sampled_from([(), ("refused",)])), unique_by=lambda candidate: candidate.change)  # fmt: skip


@given(CANDIDATES, st.sets(st.sampled_from("abcdef")))
def test_never_two_of_one_service_and_nothing_that_may_start_is_forgotten(candidates: list[Candidate], busy: set[str]) -> None:
    found = [Turn(sid, Due(), tuple(c for c in candidates if sid in c.services)) for sid in "abcdef"]
    chosen = due.ready(found, busy)
    used = [sid for candidate in chosen for sid in candidate.services]
    assert len(used) == len(set(used)) and not set(used) & busy and not any(candidate.hindrances for candidate in chosen)
    assert all(c.hindrances or c in chosen or set(c.services) & (set(used) | busy) for c in candidates)


def test_the_worst_of_several_outcomes() -> None:
    assert outcome.worst([]) == outcome.worst([0, 0]) == 0
    assert outcome.worst([0, 11, 13, 3]) == 13 and outcome.worst([0, 3]) == 3 and outcome.worst([11, 14, 13]) == 14
    assert outcome.worst([0, -9]) == outcome.RECORD_LOST, "a run that was killed has left its record open"
    assert {status.code for status in outcome.EXIT_TABLE} - set(outcome.WORST_RUN_FIRST) == {5, 6}, "which are the doctor's"
