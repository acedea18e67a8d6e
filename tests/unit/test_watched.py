# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the events tell of monitoring: what is still to be lifted, what alerts make of an outcome, what a person has to watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import outcome, record, report
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import silencing, watched
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.story import Story
from tests.unit.test_controller_gate import before, situation

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = datetime.now(UTC) + HOUR


def silenced(story: Story, name: str = "s1", run: str = "", until: datetime = LATER, before: tuple[str, ...] = ()) -> Story:
    data = {"service": "web", "monitor": "prom", "silence": name, "until": until.isoformat(), "match": {}, "hosts": ["a"], "before": list(before)}
    return story.tell("silenced", data, phase="gate", run=run)


def lifted(story: Story, name: str = "s1", result: str = "lifted") -> Story:
    return story.tell("silence_lifted", {"service": "web", "monitor": "prom", "silence": name, "result": result, "message": ""}, phase="close")


def checked(story: Story, result: str, name: str = "s1", run: str = "") -> Story:
    return story.tell("alerts_checked", {"service": "web", "monitor": "prom", "silence": name, "result": result, "message": ""}, phase="close", run=run)


def carried_out(*results: str, back: bool = False) -> Story:
    """One host, patched or rolled back, and what alerts were then."""
    story = silenced(Story().begun("run", "a", services={"web": {"id": "web", "name": "门户"}}, needed=("backup", "patch-1")))
    story.patched("a", "rolled_back" if back else "done")
    for result in results:
        checked(lifted(story), result)
    return story.closed()


@pytest.mark.parametrize(
    ("results", "back", "result", "host", "code"),
    [
        ((), False, "achieved", "achieved", 0),
        (("clear",), False, "achieved", "achieved", 0),
        (("firing",), False, "partial", "achieved", 10),
        (("unknown",), False, "partial", "achieved", 10),
        (("firing", "clear"), False, "achieved", "achieved", 0),
        ((), True, "not_achieved", "rolled_back", 11),
        (("clear",), True, "not_achieved", "rolled_back", 11),
        (("firing",), True, "not_achieved", "rolled_back_unverified", 12),
        (("unknown",), True, "not_achieved", "rolled_back_unverified", 12),
    ],
)
def test_what_alerts_make_of_an_outcome(results: tuple[str, ...], back: bool, result: str, host: str, code: int) -> None:
    events = carried_out(*results, back=back).events
    assert (outcome.of_events(events)["result"], outcome.of_hosts(events)["a"]) == (result, host)
    assert outcome.of_run(events, events[0].run) == code


@given(st.lists(st.sampled_from(["clear", "firing", "unknown"]), max_size=5), st.booleans())
def test_never_a_success_over_alerts_that_stay(results: list[str], back: bool) -> None:
    events = carried_out(*results, back=back).events
    good = outcome.of_run(events, events[0].run) == (11 if back else 0)
    assert good == (not results or results[-1] == "clear")


def test_what_is_to_be_lifted() -> None:
    at = datetime.now(UTC)
    story = silenced(Story().opened(), "mine")
    silenced(story, "alive", run="R-alive")
    silenced(story, "over", until=at - timedelta(seconds=1))
    silenced(story, "dead", run="R-dead").tell("run_closed", {"exit": 14}, run="R-dead")
    assert [event.data["silence"] for event in watched.due(story.events, story.run, at)] == ["mine", "dead"]
    assert [event.data["silence"] for event in watched.left(story.events, at)] == ["mine", "alive", "dead"]
    lifted(lifted(story, "mine", "failed"), "dead")
    assert [event.data["silence"] for event in watched.due(story.events, story.run, at)] == ["mine"], "what failed is tried again"


def test_what_fired_before_is_what_fired_when_the_change_began() -> None:
    events = silenced(Story().opened(), before=("a", "b")).events
    assert watched.baseline(events, "rollback", "web", ["c"]) == watched.baseline(events, "resume", "web", ["c"]) == ["a", "b"]
    assert watched.baseline(events, "run", "web", ["d", "c"]) == ["c", "d"] and watched.baseline([], "resume", "web", ["c"]) == ["c"]


def test_who_watches() -> None:
    for results, wanted in (((), ["web"]), (("unknown",), ["web"]), (("firing",), []), (("clear",), [])):
        assert watched.by_hand(carried_out(*results).events) == wanted
    untouched = silenced(Story().begun("run", "a", services={"web": {}})).closed(15)
    assert watched.by_hand(untouched.events) == [], "there is nothing to watch"
    looked = carried_out("clear").opened("verify").tell("planned", {"services": {"web": {}}, "hosts": [], "segments": {}})
    assert watched.by_hand(looked.events) == [], "a run that only looks changes nothing of it"


def test_what_a_person_saw_is_in_the_record() -> None:
    story = carried_out()
    row = watched.rows(story.events)[-1]
    assert (row["service"], row["monitor"], row["result"]) == ("web", "", "not_observed")
    said = {"decision": "observe", "by": "li", "name": "李四", "at": "2026-11-23T03:00:00+08:00", "remark": "一切正常", "details": {"verdict": "fine"}}
    text = report.render(record.fold(story.tell("decided", said, run="-").events), "zh_CN")
    line = next(line for line in text.splitlines() if "人工观察" in line and "门户" not in line and "一切正常" in line and "web" in line)
    assert "正常" in line and "李四" in line and "未做" not in text
    assert "未做" in report.render(record.fold(story.begun("run", "a", services={"web": {}}).patched("a").closed().events), "zh_CN"), "about an earlier run"


@pytest.mark.parametrize(
    ("starts", "ends", "least", "most"),
    [
        (-HOUR, 3 * HOUR, 2.9 * HOUR, 3 * HOUR),
        (-HOUR, 9 * DAY, silencing.LONGEST, silencing.LONGEST),
        (-HOUR, HOUR / 30, silencing.SHORTEST, silencing.SHORTEST),
        (-300 * DAY, -299 * DAY, silencing.MARGIN, HOUR),
        (None, None, silencing.MARGIN, HOUR),
    ],
)
def test_a_silence_ends_by_itself(tmp_path: Path, starts: timedelta | None, ends: timedelta | None, least: timedelta, most: timedelta) -> None:
    """`starts` and `ends` of the window count from the moment of the test: a suite takes longer than some windows."""
    at = datetime.now().astimezone()
    window = {"start": (at + starts).isoformat(), "end": (at + ends).isoformat()} if starts and ends else None
    lasts = silencing.ends(at, situation(tmp_path, plan={"window": window} if window else {})) - at
    assert least <= lasts <= most


@pytest.mark.parametrize(
    ("monitoring", "ok", "said"),
    [
        ({"state": "absent"}, True, "a person watches it"),
        ({"state": "deployed", "ref": "prom"}, True, "silenced through prom"),
        ({"state": "deployed", "ref": "alertmanager:http://192.0.2.5:9093"}, False, "no monitor of policy.yml is named"),
        ({"state": "deployed"}, False, "no monitor of policy.yml is named"),
        ({"state": "absent", "ref": "prom"}, True, "a person watches it"),
    ],
)
def test_what_the_records_say_before_anybody_is_asked(tmp_path: Path, monitoring: dict[str, str], ok: bool, said: str) -> None:
    now = situation(tmp_path, {"monitoring": monitoring})
    (tmp_path / "policy.yml").write_text("monitors: [{id: prom, type: alertmanager, url: 'http://192.0.2.5:9093'}]\n")
    (finding,) = silencing.findings(now)
    assert finding.ok == ok and said in finding.message and finding.severity == ("error" if ok else "warning")
    assert list(silencing.findings(replace(now, verb="verify"))) == []
    (tmp_path / "policy.yml").write_text("monitors: 7\n")
    broken = replace(now, verb="rollback", events=[*before().patched("web2").events, *now.events])
    assert [f.severity for f in silencing.findings(broken)] == ["warning"], "nothing of this may keep anybody from going back"
    assert silencing.watches(broken) == []
