# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the host transaction: every line of the journal once and in order, whatever the connection does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import follower, progress
from ansible_collections.itops.maintenance.plugins.plugin_utils.follower import ContactLost, Denied, Follower, Refused, Unreachable
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.story import CHANGE, RUN

SEGMENT = {"change": CHANGE, "run": RUN, "segment": "patch-1", "host": "a", "phase": "patch", "state_dir": "/s"}
CUT = Unreachable("link is down")
PATIENT = 60.0  # seconds; with a pause of nothing between two tries
Answer = dict[str, Any] | Exception


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(follower, "REJOIN_PAUSE", 0.0)
    yield


def line(number: int, kind: str = "step_finished", **data: Any) -> dict[str, Any]:
    return {"n": number, "at": "2026-11-23T02:00:00.000+00:00", "event": kind, "segment": "patch-1", "phase": "patch", **data}


def journal(steps: int = 2, result: str = "done") -> list[dict[str, Any]]:
    """A whole story: begun, so many steps, ended."""
    middle = [line(n, step=f"s{n - 1}", result="ok") for n in range(2, steps + 2)]
    return [line(1, "segment_started"), *middle, line(steps + 2, "segment_finished", result=result, changed=True, step="", message="")]


class Host:
    """Plays back a script for each operation; its journal is read from the offset that is asked for, so many lines at a time."""

    def __init__(self, lines: list[dict[str, Any]], script: Mapping[str, list[Answer | None]] | None = None, at_once: int = 1, alive: bool = True):
        self.lines, self.at_once, self.alive = lines, at_once, alive
        self.script = {op: list(answers) for op, answers in (script or {}).items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, op: str, body: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        self.asked.append((op, dict(body)))
        scripted = self.script.get(op) or [None]
        answer = scripted.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        return self.read(body) if op in ("start", "read") else {"ok": True}

    def read(self, body: Mapping[str, Any]) -> dict[str, Any]:
        offset = int(body.get("offset", 0))
        found = self.lines[offset : offset + self.at_once]
        ended = bool(found) and found[-1]["event"] == "segment_finished"
        left = offset + len(found) < len(self.lines)
        return {"ok": True, "lines": found, "offset": offset + len(found), "ended": ended, "alive": (left or self.alive) and not ended}

    def operations(self) -> list[str]:
        return [op for op, _body in self.asked]


def made(tmp_path: Path, host: Host, **more: Any) -> Follower:
    return Follower(host, Ledger(tmp_path / "ledger", CHANGE), SEGMENT, **{"rejoin_within": PATIENT, **more})


def told(tmp_path: Path) -> list[Event]:
    return Ledger(tmp_path / "ledger", CHANGE).events()


def kinds(tmp_path: Path) -> list[str]:
    return [event.kind for event in told(tmp_path)]


def numbers(tmp_path: Path) -> list[int]:
    return [event.data["n"] for event in told(tmp_path) if "n" in event.data]


@pytest.mark.parametrize("at_once", [1, 2, 10])
def test_every_line_becomes_one_event(tmp_path: Path, at_once: int) -> None:
    end = made(tmp_path, Host(journal(3), at_once=at_once)).start({})
    assert end["result"] == "done"
    assert kinds(tmp_path) == ["segment_started", "step_finished", "step_finished", "step_finished", "segment_finished"]
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    event = told(tmp_path)[1]
    assert (event.run, event.host, event.phase, event.data["step"]) == (RUN, "a", "patch", "s1") and "event" not in event.data


def test_the_phase_of_a_line_goes_before_that_of_the_segment(tmp_path: Path) -> None:
    lines = journal(1, "rolled_back")
    lines.insert(2, line(0, step="back", phase="rollback"))
    for number, item in enumerate(lines, 1):
        item["n"] = number
    made(tmp_path, Host(lines)).start({})
    assert [event.phase for event in told(tmp_path)] == ["patch", "patch", "rollback", "patch"]


def test_files_travel_with_the_start_only(tmp_path: Path) -> None:
    sent: list[tuple[str, Mapping[str, bytes]]] = []
    host = Host(journal())

    def transport(op: str, body: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        sent.append((op, files))
        return host(op, body, files)

    Follower(transport, Ledger(tmp_path / "ledger", CHANGE), SEGMENT, 0).start({"app": b"x"})
    assert sent[0] == ("start", {"app": b"x"}) and all(op == "read" and not files for op, files in sent[1:])


def test_what_is_shown_is_what_is_written(tmp_path: Path) -> None:
    shown: list[str] = []
    made(tmp_path, Host(journal()), shown=lambda kind, data: shown.append(kind)).start({})
    assert shown == kinds(tmp_path)


# ------------------------------------------------------------------ the connection dies


@pytest.mark.parametrize("cuts", [1, 3])
def test_after_a_cut_it_goes_on_where_it_was(tmp_path: Path, cuts: int) -> None:
    host = Host(journal(3), {"read": [None, *[CUT] * cuts]})
    assert made(tmp_path, host).start({})["result"] == "done"
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    assert [k for k in kinds(tmp_path) if k.startswith("contact")] == ["contact_lost", "contact_regained"]
    assert not progress.hosts(told(tmp_path))["a"].lost
    assert host.operations().count("start") == 1, "rejoined, never restarted"


def test_a_start_that_was_cut_may_have_begun_and_is_read_not_repeated(tmp_path: Path) -> None:
    host = Host(journal(), {"start": [CUT]})
    assert made(tmp_path, host).start({})["result"] == "done"
    assert host.operations().count("start") == 1 and numbers(tmp_path) == [1, 2, 3, 4]


def test_a_start_that_was_cut_and_never_arrived(tmp_path: Path) -> None:
    host = Host([], {"start": [CUT], "read": [{"ok": False, "missing": True, "error": "no journal"}]})
    with pytest.raises(Refused, match="the host never began"):
        made(tmp_path, host).start({})
    state = progress.hosts(told(tmp_path))["a"]
    assert not state.lost and not state.touched


def test_lines_that_come_twice_are_written_once(tmp_path: Path) -> None:
    """Another offset after a cut, an old connection's answer: the number decides."""
    lines = journal(3)
    again = {"ok": True, "lines": lines[:3], "offset": 3, "alive": True}
    host = Host(lines, {"read": [None, CUT, again, again]}, at_once=2)
    made(tmp_path, host).start({})
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]


def test_within_the_limit_a_host_that_stays_away_is_given_up(tmp_path: Path) -> None:
    host = Host(journal(), {"read": [CUT] * 10_000})
    with pytest.raises(ContactLost, match="link is down"):
        made(tmp_path, host, rejoin_within=0.05).start({})
    last = told(tmp_path)[-1]
    assert last.kind == "contact_lost" and last.data["final"] and last.data["waited_ms"] >= 50
    assert "segment_finished" not in kinds(tmp_path) and progress.hosts(told(tmp_path))["a"].lost


def test_without_a_limit_nothing_is_tried_again(tmp_path: Path) -> None:
    host = Host(journal(), {"read": [CUT]})
    with pytest.raises(ContactLost):
        made(tmp_path, host, rejoin_within=0).start({})
    assert host.operations() == ["start", "read"]


def test_an_answer_that_is_an_error_is_no_contact(tmp_path: Path) -> None:
    """The journal cannot be read (its folder was replaced, the engine is damaged): tried again, then given up; not asked for ever."""
    wrong: Answer = {"ok": False, "kind": "UnsafePlace", "error": "/s is not a directory"}
    with pytest.raises(ContactLost, match="/s is not a directory"):
        made(tmp_path, Host(journal(), {"read": [dict(wrong)] * 100_000}), rejoin_within=0.05).start({})
    mended = Host(journal(), {"read": [dict(wrong), dict(wrong)]})
    assert Follower(mended, Ledger(tmp_path / "second", CHANGE), SEGMENT, PATIENT).start({})["result"] == "done"


def test_sudo_that_breaks_midway_is_a_lost_contact_not_a_refusal(tmp_path: Path) -> None:
    host = Host(journal(), {"read": [Denied("sudo: a password is required"), Denied("sudo"), None]})
    assert made(tmp_path, host).start({})["result"] == "done"
    assert "contact_lost" in kinds(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(cuts=st.lists(st.booleans(), max_size=25), at_once=st.integers(1, 4), cut_start=st.booleans())
def test_whenever_it_is_cut_the_ledger_has_the_journal(tmp_path_factory: pytest.TempPathFactory, cuts: list[bool], at_once: int, cut_start: bool) -> None:
    place = tmp_path_factory.mktemp("cut")
    host = Host(journal(4), {"read": [CUT if cut else None for cut in cuts], "start": [CUT if cut_start else None]}, at_once)
    assert made(place, host).start({})["result"] == "done"
    assert numbers(place) == [1, 2, 3, 4, 5, 6]
    lost = [k for k in kinds(place) if k.startswith("contact")]
    assert lost == ["contact_lost", "contact_regained"] * (len(lost) // 2)


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"ok": True, "refused": "locked", "holder": "CHG-20261123-02"}, "locked: CHG-20261123-02"),
        ({"ok": True, "refused": "duplicate", "holder": None}, "duplicate"),
        ({"ok": False, "error": "no space left", "kind": "OSError"}, "no space left"),
        (Denied("sudo: a password is required"), "a password is required"),
    ],
)
def test_what_the_host_did_not_begin_is_refused_with_its_reason(tmp_path: Path, answer: Answer, said: str) -> None:
    host = Host(journal(), {"start": [answer]})
    with pytest.raises(Refused, match=said):
        made(tmp_path, host).start({})
    assert host.operations() == ["start"] and kinds(tmp_path) == []


# ------------------------------------------------------------------ interrupted, confirmed, cancelled


@pytest.mark.parametrize("left", [1, 2, 3])
def test_a_runner_that_is_gone_without_an_end_was_interrupted(tmp_path: Path, left: int) -> None:
    end = made(tmp_path, Host(journal()[:left], alive=False)).start({})
    assert end["result"] == "interrupted" and end["changed"] and "without finishing" in end["message"]
    assert kinds(tmp_path)[-1] == "segment_interrupted" and "segment_finished" not in kinds(tmp_path)
    state = progress.hosts(told(tmp_path))["a"]
    assert state.running and not state.done


def test_a_rejoined_segment_goes_on_behind_what_the_ledger_has(tmp_path: Path) -> None:
    host = Host(journal(3))
    made(tmp_path, host, last_line=3).rejoin()
    assert numbers(tmp_path) == [4, 5] and "start" not in host.operations()


def test_a_waiting_host_is_confirmed(tmp_path: Path) -> None:
    lines = [line(1, "segment_started"), line(2, "confirm_wait", within_s=60), line(3, "segment_finished", result="done")]
    host = Host(lines)
    made(tmp_path, host).start({})
    address = {key: SEGMENT[key] for key in ("change", "run", "segment", "state_dir")}
    assert [(op, body) for op, body in host.asked if op == "confirm"] == [("confirm", address)]


def test_a_confirmation_that_does_not_get_through_leaves_it_to_the_host(tmp_path: Path) -> None:
    lines = [line(1, "segment_started"), line(2, "confirm_wait", within_s=1), line(3, "segment_finished", result="rolled_back")]
    assert made(tmp_path, Host(lines, {"confirm": [CUT]})).start({})["result"] == "rolled_back"


def test_a_wish_to_stop_is_sent_once_and_the_end_awaited(tmp_path: Path) -> None:
    host = Host(journal(5, "cancelled"))
    assert made(tmp_path, host, cancelled=lambda: True).start({})["result"] == "cancelled"
    assert host.operations().count("cancel") == 1 and kinds(tmp_path)[-1] == "segment_finished"


def test_a_wish_to_stop_that_did_not_get_through_is_sent_again(tmp_path: Path) -> None:
    host = Host(journal(5, "cancelled"), {"cancel": [CUT, CUT, None]})
    made(tmp_path, host, cancelled=lambda: True).start({})
    assert host.operations().count("cancel") == 3


def test_nobody_is_stopped_who_was_not_asked_to(tmp_path: Path) -> None:
    host = Host(journal())
    made(tmp_path, host).start({})
    assert set(host.operations()) == {"start", "read"}


# ------------------------------------------------------------------ a patient transport


def test_patience_tries_again_within_its_time_only() -> None:
    host = Host(journal(), {"state": [CUT, CUT, {"ok": True, "segments": []}]})
    assert follower.patient(host, PATIENT)("state", {}, {}) == {"ok": True, "segments": []}
    with pytest.raises(Unreachable, match="link is down"):
        follower.patient(Host([], {"state": [CUT] * 100_000}), 0.05)("state", {}, {})
    away = Host([], {"state": [Denied("sudo"), None]})
    with pytest.raises(Denied):
        follower.patient(away, PATIENT)("state", {}, {})
    assert away.operations() == ["state"], "a host that says no is not asked again"
