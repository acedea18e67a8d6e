# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known errors: which patterns are refused, which entry a failure is, and what a host does about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils import known_errors as host_side
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, known_errors, policy, record, report, safe_pattern, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, errors

from itops_cli.runs import live
from tests.unit import make
from tests.unit.engine_host import Host, check_file, command, step
from tests.unit.story import Story

EXPLOSIVE = "^(a+)+$"
BAIT = "a" * 60 + "!"  # takes that pattern longer than anybody waits


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def entry(kind: str, pattern: str, action: str = "pause", number: int = 1, **more: Any) -> dict[str, Any]:
    return {"n": number, "type": kind, "event": "", "pattern": pattern, "action": action, "retries": 1, "steps": [], **more}


# ------------------------------------------------------------------ which patterns are refused


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (EXPLOSIVE, "inside a repetition"), ("(a|aa)+$", "inside a repetition"), ("(a|a)*b", "inside a repetition"), ("(.*)*", "inside a repetition"),
        (r"(\w+\s?)+$", "inside a repetition"), ("(页.*)+x", "inside a repetition"), ("(a{1,16}){1,16}", "inside a repetition"),
        ("(a?){20}a{20}", "inside a repetition"), (r"^(([a-z])+.)+[A-Z]", "inside a repetition"), (r"(.\d*[.\d])*z", "inside a repetition"),
        ("(α+[α-ω]*)+", "inside a repetition"), ("a*a*b", "side by side"), (r"\d+a?\d+x", "side by side"), (".*.*x", "side by side"),
        ("a?" * 13 + "a" * 13, "optional parts"), ("a.*b.*c.*d.*e.*f", "nearly everything"), (r"(\w)x\1", "refers back"), ("(?>a)b", "Python 3.8"),
        ("a{2000}", "counts further"), ("x" * 501, "longer than"), ("", "nothing at all"), ("x*", "nothing at all"), ("(", "not a regular expression"),
    ],
)  # fmt: skip
def test_what_can_explode_is_refused_with_its_reason(pattern: str, why: str) -> None:
    assert why in known_errors.pattern_fault(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "Address already in use", r"\d{1,3}(\.\d{1,3}){3}", r"(\d+\.)+x", "error: .* not found", "(error|fail)ed", "(?:a|b)+", "(abc)+",
        "No space left|磁盘已满", "could not.*connect.*refused",
        r"(?i)timeout( after \d+ s)?", r"\d+\.\d+ \[error\] \d+#\d+: \*\d+ connect\(\) failed", "端口.*被占用",
        "(?<!not )ok", r"^E: .*$", r"/[^\s:]+: No such file",
    ],
)  # fmt: skip
def test_what_operators_write_is_allowed(pattern: str) -> None:
    assert known_errors.pattern_fault(pattern) == ""


@pytest.mark.parametrize("pattern", [r"(?:ab|ab)" * 30 + "Z", r"(?:\d+|)" * 20 + "Z", r"(?:a|ab)" * 20 + "c", r"\d+(?:x|)\d+"])
def test_alternatives_that_can_be_read_in_several_ways_are_refused(pattern: str) -> None:
    assert known_errors.pattern_fault(pattern)


@pytest.mark.parametrize(
    "pattern", [r"(?:error|failed) at", r"(ERROR|WARN): (?:disk|memory) full", r"exit (?:1|2|3)", r"(?:Connection refused|No route to host)"]
)
def test_alternatives_that_a_first_letter_tells_apart_are_not(pattern: str) -> None:
    assert not known_errors.pattern_fault(pattern)


@pytest.mark.parametrize("pattern", [EXPLOSIVE, "(a|aa)+$", "(a|a?)+$", "(a*)*$"])
def test_the_refused_ones_do_explode(pattern: str) -> None:
    """Else the rules would be superstition."""
    assert safe_pattern.fault(pattern)
    found, faults = host_side.find([entry("x", pattern)], BAIT, 0.3)
    assert found is None and "longer than 0.3 s" in faults[0]


def test_records_and_policy_are_held_to_it(tmp_path: Path) -> None:
    bad = [{"type": "x", "pattern": EXPLOSIVE}, {"type": "y", "pattern": "fine", "retries": 11}]
    ws = workspace.load(make.workspace(tmp_path, known_errors=bad))
    found = {p.path: p for p in errors(catalogue.load(ws).problems)}
    assert set(found) == {"known_errors[0].pattern", "known_errors[1].retries"}
    assert found["known_errors[0].pattern"].found == EXPLOSIVE and "no repetition" in found["known_errors[0].pattern"].allowed
    make.dump(tmp_path / "policy.yml", {"known_errors": bad})
    with pytest.raises(BadInput) as refused:
        policy.load(ws)
    assert [p.path for p in refused.value.problems] == ["known_errors[0].pattern", "known_errors[1].retries"]


# ------------------------------------------------------------------ which entry it is


def test_own_entries_come_first_then_other_services_then_the_departments() -> None:
    services = {"db": {"known_errors": [{"type": "db", "pattern": "x"}]}, "web": {"known_errors": [{"type": "web", "pattern": "x"}]}}
    known = known_errors.entries("web", services, {"known_errors": [{"type": "all", "pattern": "x", "action": "retry", "retries": 2}]})
    assert [(e["n"], e["type"]) for e in known] == [(1, "web"), (2, "db"), (3, "all")]
    assert known[2]["retries"] == 2 and known[0]["action"] == "pause"


def test_the_first_that_matches_counts_line_by_line() -> None:
    known = [entry("none", "^x$"), entry("second", "^two$"), entry("third", "two")]
    assert (known_errors.match(known, "one\ntwo\nthree") or {})["type"] == "second"
    assert known_errors.match(known, "nothing") is None and known_errors.match([], "two") is None


def test_only_the_end_of_a_long_text_is_looked_at() -> None:
    known = [entry("x", "early|late")]
    assert known_errors.match(known, "early" + "." * host_side.TAIL) is None
    assert known_errors.match(known, "." * host_side.TAIL + "late") is known[0]


def test_a_pattern_that_hangs_is_killed_said_and_no_match_and_the_next_one_still_counts() -> None:
    found, faults = host_side.find([entry("bad", EXPLOSIVE), entry("good", "!$")], BAIT, 0.2)
    assert (found or {})["type"] == "good"
    assert faults == ["the pattern of bad took longer than 0.2 s: counted as no match"]


def test_many_that_hang_are_not_waited_for() -> None:
    found, faults = host_side.find([entry("bad", EXPLOSIVE)] * 9 + [entry("good", "!$")], BAIT, 0.1)
    assert found is None and len(faults) == host_side.HANGING + 1
    assert faults[-1] == "7 further known errors were not tried"


def test_a_pattern_that_this_python_cannot_read_matches_nothing() -> None:
    assert known_errors.match([entry("bad", "("), entry("good", "x")], "x") == entry("good", "x")


# ------------------------------------------------------------------ on the host


def flaky(tmp_path: Path, good_at: int) -> str:
    """A command line that fails with a message until it has been called so often."""
    return f"echo x >> {tmp_path}/calls; [ $(wc -l < {tmp_path}/calls) -ge {good_at} ] || {{ echo could not get lock; exit 100; }}"


def calls(tmp_path: Path) -> int:
    return (tmp_path / "calls").read_text().count("x")


BUSY = {"kind": "仓库被占用", "pattern": "could not get lock", "action": "retry"}


def test_a_step_is_tried_again_and_may_succeed(host: Host, tmp_path: Path) -> None:
    told = host.run(command("flaky", flaky(tmp_path, 3)), known_errors=[entry(**BUSY, retries=3, event="EVT-7", steps=["wait"])])
    assert told.result == "done" and calls(tmp_path) == 3
    ends = [line for line in told.lines if line["event"] == "step_finished"]
    assert [(line["attempt"], line["result"]) for line in ends] == [(1, "abnormal"), (2, "abnormal"), (3, "ok")]
    assert ends[0]["match"] == {"n": 1, "type": "仓库被占用", "event": "EVT-7", "action": "retry", "steps": ["wait"], "attempt": 1, "taken": "retry"}
    assert "match" not in ends[2] and [line["attempt"] for line in told.lines if line["event"] == "step_started"] == [1, 2, 3]


def test_trying_again_is_bounded_and_then_it_goes_back(host: Host, tmp_path: Path) -> None:
    told = host.run(
        command("flaky", flaky(tmp_path, 9)), back=(command("undo", f"touch {tmp_path}/undone"), check_file(tmp_path / "undone")),
        known_errors=[entry(**BUSY, retries=2)],
    )  # fmt: skip
    assert told.result == "rolled_back" and calls(tmp_path) == 3, "once, and twice again"
    last = [line for line in told.lines if line["event"] == "step_finished" and line["step"] == "flaky"][-1]
    assert last["match"]["taken"] == "" and last["match"]["attempt"] == 3
    assert told.end["step"] == "flaky"


def test_a_check_is_tried_again_too(host: Host, tmp_path: Path) -> None:
    told = host.run(step("proof", "check", type="command", command=flaky(tmp_path, 2), shell=True), known_errors=[entry(**BUSY)])
    assert told.result == "done" and calls(tmp_path) == 2


def test_a_way_back_is_tried_again_and_then_counts_as_gone(host: Host, tmp_path: Path) -> None:
    told = host.run(command("bad", "exit 3"), back=(command("undo", flaky(tmp_path, 2)), check_file(tmp_path)), known_errors=[entry(**BUSY)])
    assert told.result == "rolled_back" and calls(tmp_path) == 2


@pytest.mark.parametrize("action", ["rollback", "pause"])
def test_nobody_is_there_to_pause_for_so_an_unattended_segment_goes_back(host: Host, tmp_path: Path, action: str) -> None:
    told = host.run(
        command("bad", "echo Address already in use; exit 1"), back=(command("undo", f"touch {tmp_path}/undone"), check_file(tmp_path / "undone")),
        known_errors=[entry("端口被占用", "Address already in use", action)],
    )  # fmt: skip
    assert told.result == "rolled_back" and told.begun() == ["bad", "undo", "proof"]
    assert told.finished("bad")["match"]["type"] == "端口被占用"


def test_an_attended_segment_stops_where_it_is(host: Host) -> None:
    told = host.run(command("bad", "echo nobody knows this; exit 1"), unattended=False, known_errors=[entry("x", "something else")])
    assert told.result == "abnormal" and told.finished("bad")["match"] is None


def test_files_half_replaced_are_not_tried_again(host: Host) -> None:
    told = host.run(step("new", "release", file="none.tar.gz", dest="/nonexistent/x"), unattended=False, known_errors=[entry("x", ".", "retry", retries=5)])
    assert told.begun() == ["new"] and told.finished("new")["match"]["taken"] == ""
    assert "not tried again" in told.finished("new")["match_faults"][0]


def test_a_stop_is_heard_between_two_attempts(host: Host, tmp_path: Path) -> None:
    names = json.dumps({"signal": "SIGTERM", "by": "li"})
    line = f"{flaky(tmp_path, 9)[:-9]}; printf %s '{names}' > {host.change_dir}/r1/patch-1/cancel; echo could not get lock; exit 1; }}"
    told = host.run(command("flaky", line), unattended=False, known_errors=[entry(**BUSY, retries=5)])
    assert told.result == "cancelled" and calls(tmp_path) == 1


def test_a_hanging_pattern_does_not_hold_the_way_back_up(host: Host, tmp_path: Path) -> None:
    told = host.run(command("bad", f"echo {BAIT}; exit 1"), back=(check_file(tmp_path),), known_errors=[entry("bad", "^(a+)+$")])
    assert told.result == "rolled_back"
    assert told.finished("bad")["match"] is None and "counted as no match" in told.finished("bad")["match_faults"][0]


def test_a_secret_in_the_output_is_in_no_match(host: Host) -> None:
    told = host.run(command("bad", "echo key=plantedhunter2; exit 1"), unattended=False, secrets=["plantedhunter2"], known_errors=[entry("x", "key=.*2$")])
    assert told.finished("bad")["match"]["type"] == "x" and "plantedhunter2" not in json.dumps(told.lines)


# ------------------------------------------------------------------ in the record, on the screen, in the question


MATCH = {"n": 1, "type": "端口被占用", "event": "EVT-7", "action": "pause", "steps": ["查进程", "重启"], "attempt": 1, "taken": ""}


def failed(**more: Any) -> Story:
    return Story().begun("run", "a", mode="semi").started("a", "patch-1", "patch").step("a", "s2", "patch", "abnormal", reason="rc 1", rc=1, **more)


def test_the_record_and_both_reports_name_it() -> None:
    story = failed(match=MATCH).tell("confirmation_requested", {"token": "t", "segment": "patch-1", "question": "?"}, host="a", phase="patch")
    found = record.fold(story.events)["exceptions"]
    assert found[0]["type"] == "端口被占用" and found[0]["event"] == "EVT-7" and found[0]["steps"] == ["查进程", "重启"] and found[0]["taken"] == "pause"
    for lang, word in (("zh_CN", "暂停"), ("en", "paused")):
        line = next(line for line in report.render(record.fold(story.events), lang).splitlines() if "端口被占用" in line)
        assert all(text in line for text in ("EVT-7", "1) 查进程 2) 重启", word))


def test_what_nobody_knows_is_called_unknown_and_what_the_run_did_is_told() -> None:
    story = failed(match=None, match_faults=["the pattern of x took longer than 2 s: counted as no match"])
    assert record.fold(story.events)["exceptions"][0]["taken"] == "stop"
    story.step("a", "s4", "rollback")
    found = record.fold(story.events)
    assert (found["exceptions"][0]["type"], found["exceptions"][0]["taken"]) == ("unknown_error", "rollback")
    assert "took longer" in found["exceptions"][0]["message"]
    assert "未知异常" in report.render(found, "zh_CN") and "unknown error" in report.render(found, "en")


def test_a_further_attempt_shows_its_number() -> None:
    story = failed(match={**MATCH, "action": "retry", "taken": "retry"}, attempt=1).step("a", "s2", "patch", attempt=2)
    found = record.fold(story.events)
    assert [(s["attempt"], s["result"]) for s in found["steps"]] == [(1, "abnormal"), (2, "ok")] and found["exceptions"][0]["taken"] == "retry"
    assert "更新 (第 2 次)" in report.render(found, "zh_CN") and "更新 (attempt 2)" in report.render(found, "en")


def test_the_screen_shows_what_to_do_next() -> None:
    text = live.line(failed(match=MATCH).events[-1])
    assert "端口被占用 (EVT-7)" in text and text.index("1. 查进程") < text.index("2. 重启")
    assert "未知异常" in live.line(failed(match=None).events[-1])


@pytest.mark.parametrize(("match", "first"), [({**MATCH, "action": "pause"}, "stop"), ({**MATCH, "action": "rollback"}, "rollback"), (None, "rollback")])
def test_a_person_is_asked_with_the_handling_steps_and_the_entrys_action_first(match: dict[str, Any] | None, first: str) -> None:
    events = failed(match=match).events
    question, choices = known_errors.question("it failed", events, events[-1].run, "a", "patch-1")
    assert choices[0] == first and set(choices) == {"stop", "rollback"}
    assert question.startswith("it failed\n") and (("2. 重启" in question) if match else ("未知异常" in question))
