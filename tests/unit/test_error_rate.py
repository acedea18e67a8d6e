# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error rates on the host: counted in real files, asked of a local server, judged inside the transaction."""

from __future__ import annotations

import base64
import gzip
import os
import stat
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils import checks, checks_log, checks_rate, log_count, steps_extract
from ansible_collections.itops.maintenance.plugins.module_utils.child import bounded
from ansible_collections.itops.maintenance.plugins.module_utils.error_rate import Rate, allowed, shown
from ansible_collections.itops.maintenance.plugins.module_utils.log_times import MONTHS, stamp
from ansible_collections.itops.maintenance.plugins.module_utils.step import Context, StepFailed, StepResult
from hypothesis import given
from hypothesis import strategies as st

from .engine_host import Host, command, step
from .logstore import QUERY, Store, serve

FAST = {"observe": 1, "timeout": 5}
times = st.integers(1_000_000_000, 1_900_000_000)


def line(when: float, text: str = "ERROR") -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(when))} {text}\n"


class Rated:
    """One check on one host, before and after."""

    def __init__(self, root: Path, **args: Any) -> None:
        self.ctx = Context({"phase": "verify"}, root, root, root, root)
        self.args = {"type": "error_rate", **FAST, **args}

    def before(self) -> StepResult:
        self.ctx.step = {"kind": "before"}
        return checks.check(self.ctx, self.args)

    def start(self, ago: int = 0) -> None:
        """Mark as when the service was started; `ago` milliseconds before now."""
        mark = checks_log.mark(self.args)
        self.ctx.marks = {checks_rate.key_of(self.args): {**mark, "ms": mark["ms"] - ago}}

    def after(self) -> StepResult:
        self.ctx.step = {"kind": "after"}
        return checks.check(self.ctx, self.args)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("")
    return path


@pytest.fixture
def rated(tmp_path: Path, log: Path) -> Rated:
    return Rated(tmp_path, path=str(log), pattern="ERROR|FATAL", factor="2", window=600)


class TestArithmetic:
    @given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
    def test_a_rate_is_within_its_limit_exactly_when_the_whole_numbers_say_so(self, errors: int, ms: int, factor: int, most: int) -> None:
        before, after = Rate(errors, ms), Rate(errors * 2, ms)
        limit = allowed({"factor": f"{factor}.5", "max_per_minute": str(most)}, before)
        assert limit == max(Fraction(most), Fraction(2 * factor + 1, 2) * Fraction(errors * 60000, ms))
        assert (after.per_minute <= limit) == (errors * 2 * 60000 <= limit * ms)

    def test_the_same_rate_again_is_never_too_much(self) -> None:
        assert Rate(1, 3000).per_minute <= allowed({"factor": "1"}, Rate(7, 21000))

    def test_nothing_before_allows_nothing_but_the_floor(self) -> None:
        assert allowed({"factor": "100"}, Rate(0, 1)) == 0 and allowed({"factor": "100", "max_per_minute": "0.5"}, Rate(0, 1)) == Fraction(1, 2)

    @pytest.mark.parametrize(("number", "text"), [("0", "0"), ("1.50", "1.5"), ("1234", "1234"), ("1/3", "0.33"), ("1/240", "0.0042")])
    def test_it_is_readable(self, number: str, text: str) -> None:
        assert shown(Fraction(number)) == text


class TestTimes:
    @given(times, st.sampled_from([0, 480, -330]))
    def test_every_form_says_the_same_moment(self, when: int, offset: int) -> None:
        there, zone = time.gmtime(when + offset * 60), f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}{abs(offset) % 60:02d}"
        month = MONTHS[there.tm_mon - 1]
        for text in (
            time.strftime("%Y-%m-%dT%H:%M:%S.123", there) + f"{zone[:3]}:{zone[3:]} x", time.strftime('{"time": "%Y-%m-%d %H:%M:%S,5 ', there) + zone + '"}',
            time.strftime(f"::1 - - [%d/{month}/%Y:%H:%M:%S {zone}] GET", there),
        ):  # fmt: skip
            assert stamp(text, when) == when, text

    @given(times)
    def test_without_a_zone_it_is_the_host_s_own_and_without_a_year_the_last_one(self, when: int) -> None:
        here = time.localtime(when)
        assert time.localtime(stamp(time.strftime("%Y/%m/%d %H:%M:%S [error]", here), when) or 0)[:6] == here[:6]
        if (here.tm_mon, here.tm_mday) != (2, 29):
            told = stamp(f"{MONTHS[here.tm_mon - 1]} {here.tm_mday:2d} {time.strftime('%H:%M:%S', here)} web app[1]: x", when + 200 * 86400)
            assert time.localtime(told or 0)[:6] == here[:6]

    @pytest.mark.parametrize("text", ["", "ERROR", "2026-13-40T25:61:61Z", "0000-00-00 00:00:00", "Feb 30 10:00:00", "9999-12-31T23:59:59-23:59"])
    def test_nonsense_has_none_and_breaks_nothing(self, text: str) -> None:
        assert stamp(text, 0) is None or text.startswith("9999")


class TestFile:
    @given(st.lists(st.tuples(st.integers(0, 2000), st.booleans()), max_size=60), st.integers(0, 60), st.booleans())
    def test_whatever_is_rotated_the_same_lines_are_counted(
        self, tmp_path_factory: pytest.TempPathFactory, said: list[tuple[int, bool]], cut: int, packed: bool
    ) -> None:
        now, path = 1_700_000_000, tmp_path_factory.mktemp("logs") / "app.log"
        lines = [line(now - age, "ERROR" if bad else "fine") + "  at ERROR\n" for age, bad in sorted(said, reverse=True)]
        rotated = "".join(lines[:cut]).encode()
        (path.with_name("app.log.1.gz" if packed else "app.log.1")).write_bytes(gzip.compress(rotated) if packed else rotated)
        path.with_name("app.log.json").write_text(line(now))  # another log
        path.write_text("".join(lines[cut:]))
        counted = log_count.between({"path": str(path), "pattern": "^.*Z ERROR"}, now - 1000, now)
        assert counted["errors"] == sum(bad and age <= 1000 for age, bad in said)
        assert log_count.between({"path": str(path), "pattern": "  at ERROR"}, now - 1000, now)["errors"] == sum(age <= 1000 for age, _bad in said)

    def test_in_a_huge_file_only_the_end_is_read(self, log: Path) -> None:
        now = 1_700_000_000
        log.write_text("".join(line(now - age, "ERROR " + "x" * 200) for age in range(20000, 0, -1)))
        with log.open("rb") as stream:
            log_count._skip(stream, str(log), now - 100, now)
            assert log.stat().st_size - stream.tell() < 2 * log_count.BLOCK
        assert log_count.between({"path": str(log), "pattern": "ERROR"}, now - 100, now)["errors"] == 100

    @given(st.lists(st.sampled_from(["ERROR", "fine", "rotate", "truncate"]), max_size=20))
    def test_after_the_mark_rotation_and_truncation_hide_nothing(self, tmp_path_factory: pytest.TempPathFactory, course: list[str]) -> None:
        path, turned, emptied = tmp_path_factory.mktemp("logs") / "app.log", False, 0
        path.write_text("")
        place, expected = checks_log.mark({"path": str(path)}), 0
        for what in course:
            if what == "rotate" and not turned:
                path.rename(path.with_name("app.log.1"))
                path.write_text("")
                turned, emptied = True, expected
            elif what == "truncate":
                os.truncate(path, 0)
                expected = emptied  # what was cut off is gone; what was rotated away is not
            elif what in ("ERROR", "fine"):
                with path.open("a") as out:
                    out.write(f"{what}\n")
                expected += what == "ERROR"
        assert log_count.new({"path": str(path), "pattern": "ERROR"}, place)["errors"] == expected

    def test_a_log_that_was_packed_away_meanwhile_is_not_taken_for_silence(self, rated: Rated, log: Path) -> None:
        rated.before()
        rated.start()
        log.unlink()
        log.with_name("app.log.1.gz").write_bytes(gzip.compress(b"ERROR\n"))
        log.write_text("")
        assert rated.after().reason.endswith("compressed already: set delaycompress")

    def test_a_pattern_that_takes_for_ever_is_ended(self, log: Path) -> None:
        log.write_text(line(time.time(), "a" * 40))
        rated = Rated(log.parent, path=str(log), pattern="(a+)+b", factor="1", timeout=0.3)
        assert rated.before().reason == "not done after 0.3 s"


class TestJudgement:
    def add(self, log: Path, *texts: str) -> None:
        with log.open("a") as out:
            out.writelines(line(time.time(), text) for text in texts)

    def test_more_than_before_is_abnormal_with_both_numbers_and_at_once(self, rated: Rated, log: Path) -> None:
        self.add(log, *["ERROR old"] * 10)
        told = rated.before()
        assert told.ok and told.feedback == "errors before: 1 a minute (10 in 600 s)" and told.data["rates"] == {"before": "1"}
        rated.args["observe"] = 3600
        rated.start()
        self.add(log, "fine", *["FATAL new"] * 121)
        told = rated.after()
        assert told.reason.startswith(
            "errors since the start: 2.02 a minute (121 in 3600 s); before: 1 a minute (10 in 600 s); allowed: 2 a minute; the first: "
        )
        assert told.data["rates"] == {"before": "1", "after": "2.02", "allowed": "2"} and "FATAL new" in told.feedback

    def test_as_many_as_before_is_normal(self, rated: Rated, log: Path) -> None:
        self.add(log, *["ERROR"] * 600)
        rated.before()
        rated.start()
        self.add(log, "ERROR")
        told = rated.after()
        assert told.ok and told.data["errors"] == 1, told

    def test_none_before_allows_only_the_floor(self, rated: Rated, log: Path) -> None:
        assert rated.before().data["errors"] == 0
        rated.start()
        self.add(log, "ERROR")
        assert not rated.after().ok
        rated.args["max_per_minute"] = "100"
        assert rated.after().ok

    def test_a_missing_log_no_mark_and_no_baseline_are_abnormal(self, rated: Rated, log: Path) -> None:
        assert "nobody has marked" in rated.after().reason
        rated.start()
        assert "no error rate from before the change is known" in rated.after().reason
        log.unlink()
        assert rated.before().reason == f"No such file or directory: {log}"

    def test_lines_without_a_time_need_to_be_watched(self, rated: Rated, log: Path) -> None:
        log.write_text("ERROR one\n")
        assert "set timestamps: false" in rated.before().reason
        rated.args |= {"timestamps": False, "window": 1}
        assert rated.before().feedback == "errors before: 0 a minute (0 in 1 s)"

    def test_a_resumed_change_keeps_the_rate_from_before_it(self, rated: Rated, log: Path, tmp_path: Path) -> None:
        rated.before()
        self.add(log, *["ERROR"] * 50)
        (tmp_path / "r1/patch-1").mkdir(parents=True)
        assert rated.before().feedback.startswith("errors before: 0 a minute (0 in 600 s), as measured at 2")


@pytest.fixture
def store() -> Iterator[Store]:
    with serve(Store("pa55-word-of-the-store")) as found:
        yield found


@pytest.fixture(params=["loki", "elasticsearch"])
def asked(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> Rated:
    where = {"url": store.url, "query": QUERY, "headers": {"Authorization": f"Bearer {store.password}"}} if request.param == "loki" else {
        "url": store.url + "/", "index": "logs-web", "query": "level:error", "user": "itops", "password": store.password}  # fmt: skip
    return Rated(tmp_path, **{request.param: where}, max_per_minute="3", factor="2", window=60)


class TestStore:
    def test_before_and_after_with_the_host_s_own_edges(self, asked: Rated, store: Store) -> None:
        now = int(time.time() * 1000)
        store.entries = [(now - 120_000, True), (now - 30_000, True), (now - 20_000, False)]
        assert asked.before().feedback == "errors before: 1 a minute (1 in 60 s)"
        assert [(ask["to"] - ask["from"], ask["errors"]) for ask in store.asked] == [(60_000, False), (60_000, True)]
        asked.start()
        mark = next(iter(asked.ctx.marks.values()))["ms"]
        assert asked.after().ok and store.asked[-1]["from"] == mark and store.asked[-1]["to"] >= mark + 1000
        store.entries += [(mark + 1, True)]
        told = asked.after()
        assert told.reason.startswith("errors since the start: ") and told.reason.endswith("before: 1 a minute (1 in 60 s); allowed: 3 a minute")

    def test_a_store_without_anything_of_the_time_is_no_baseline(self, asked: Rated, store: Store) -> None:
        assert "nothing at all of the last 60 s" in asked.before().reason

    @pytest.mark.parametrize(
        "raw", [(200, "{}"), (200, "<html>"), (500, "out of order"), (302, ""), (200, '{"status": "error"}'), (200, '{"count": 1}'), (200, "[]")]
    )
    def test_an_answer_that_is_none_is_never_taken_for_no_errors(self, asked: Rated, store: Store, raw: tuple[int, str]) -> None:
        store.entries = [(int(time.time() * 1000) - 1000, False)]
        assert asked.before().ok
        asked.start(ago=2000)
        store.raw = raw
        told = asked.after()
        assert not told.ok and store.url in told.reason, told

    def test_a_store_that_is_down_is_said(self, asked: Rated) -> None:
        for name in ("loki", "elasticsearch"):
            if name in asked.args:
                asked.args[name]["url"] = "http://127.0.0.1:1"
        assert "refused" in asked.before().reason

    def test_a_store_that_repeats_what_it_was_told_gives_nothing_away(self, asked: Rated, store: Store) -> None:
        store.password = "another"
        told = asked.before()
        assert "HTTP status 401" in told.reason and "«redacted»?" in told.reason, told
        assert "pa55" not in told.reason and base64.b64encode(b"itops:pa55-word-of-the-store").decode() not in told.reason

    def test_an_index_that_matches_nothing_is_no_number(self, tmp_path: Path, store: Store) -> None:
        where = {"url": store.url, "index": "logs-wbe*", "query": "level:error", "user": "itops", "password": store.password}
        assert "0 of 0 shards of logs-wbe* did not answer" in Rated(tmp_path, elasticsearch=where, factor="1").before().reason


class TestTransaction:
    def steps(self, log: Path, started: str, **args: Any) -> tuple[Host, dict[str, Any], tuple[dict[str, Any], ...]]:
        check = {"type": "error_rate", "path": str(log), "pattern": "ERROR", "factor": "1", "window": 60, **FAST, **args}
        host = Host(log.parent)
        assert host.run(step("rate", "check", role="before", **check), phase="gate", segment="preflight").result == "done"
        after = step("rate", "check", role="after", phase="verify", **check)
        update = command("update", f"echo ERROR while it is stopped >> {log}")
        return host, after, (update, command("start", started, role="start"), after)

    def test_what_is_written_before_the_start_does_not_count(self, log: Path) -> None:
        host, _check, forward = self.steps(log, "true")
        assert host.run(*forward).result == "done"

    def test_errors_since_the_start_roll_back_and_the_way_back_is_judged_afresh(self, log: Path) -> None:
        host, check, forward = self.steps(log, f"echo ERROR now >> {log}")
        back = (command("undo", f"echo ERROR undoing >> {log}", phase="rollback"), command("again", "true", role="start", phase="rollback"),
                {**check, "id": "rate-back", "phase": "rollback", "kind": "rollback"})  # fmt: skip
        told = host.run(*forward, back=back)
        assert told.result == "rolled_back" and "errors since the start" in told.end["message"], told.end
        assert told.finished("rate-back")["data"]["errors"] == 0

    def test_a_credential_lies_nowhere_on_the_host(self, tmp_path: Path, store: Store) -> None:
        where = {"url": f"{store.url}/{store.password}", "query": QUERY, "headers": {"Authorization": f"Bearer {store.password}"}}
        check = step("rate", "check", role="before", type="error_rate", loki=where, factor="1", timeout=5)
        told = Host(tmp_path).run(check, phase="gate", segment="preflight", secrets=[store.password])
        assert told.result == "abnormal" and store.password not in str(told.answer)
        kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if stat.S_ISREG(path.stat().st_mode)]
        assert kept and not any(store.password.encode() in content for content in kept)


JOURNALCTL = """#!/bin/sh
echo "$*" >> "$0.asked"
case "$*" in
*--show-cursor*) echo "-- cursor: s=1;i=2" ;;
*"-o json"*) echo '{"MESSAGE": "x"}' ;;
*"-u web --no-pager -q -o cat --since=@"*) echo "ERROR old" ;;
*"-u web --no-pager -q -o cat --after-cursor=s=1;i=2"*) echo "ERROR new"; echo "ERROR again" ;;
*"--since=@"*"-u web"*) echo "2026-11-27T02:00:00+0800 web1 web[1]: password=hunter2hunter2" ;;
esac
"""


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake = tmp_path / "bin/journalctl"
    fake.parent.mkdir()
    fake.write_text(JOURNALCTL)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    return fake


class TestJournal:
    def test_before_within_the_window_and_after_its_cursor(self, tmp_path: Path, journalctl: Path) -> None:
        rated = Rated(tmp_path, unit="web", pattern="ERROR", factor="1", window=60)
        assert rated.before().feedback == "errors before: 1 a minute (1 in 60 s)"
        rated.start(ago=2000)
        told = rated.after()
        assert told.data["errors"] == 2 and "before: 1 a minute (1 in 60 s); allowed: 1 a minute; the first: 'ERROR new'" in told.reason

    def test_a_unit_the_journal_does_not_know_has_no_rate(self, tmp_path: Path, journalctl: Path) -> None:
        journalctl.write_text("#!/bin/sh\n")
        assert "the journal has nothing of the unit web" in Rated(tmp_path, unit="web", pattern="x", factor="1").before().reason
        journalctl.write_text("#!/bin/sh\necho '{}'; exit 1\n")
        assert "ended with exit status 1" in Rated(tmp_path, unit="web", pattern="x", factor="1").before().reason

    @pytest.mark.parametrize(("step_says", "result"), [("true", "done"), ("false", "abnormal")])
    def test_the_extract_is_kept_however_it_ends(self, tmp_path: Path, journalctl: Path, step_says: str, result: str) -> None:
        closing = {"steps": [step("x", "journal_extract", phase="close", unit="web")], "when_done": True}
        told = Host(tmp_path).run(command("update", step_says), closing=closing, unattended=False)
        assert told.result == result and told.finished("x")["result"] == "ok"
        kept = told.finished("x")["output"]
        assert "web1 web[1]: password=«redacted»" in kept and kept.startswith("# journalctl --since=@") and "hunter2" not in str(told.answer)

    def test_an_earlier_segment_of_a_phase_keeps_one_only_where_it_failed(self, tmp_path: Path, journalctl: Path) -> None:
        closing = {"steps": [step("x", "journal_extract", phase="close", unit="web")], "when_done": False}
        assert "x" not in Host(tmp_path).run(command("update", "true"), closing=closing).begun()

    def test_it_begins_where_the_forward_phase_began_also_from_a_later_run(self, tmp_path: Path, journalctl: Path) -> None:
        closing, host = {"steps": [step("x", "journal_extract", phase="close", unit="web")], "when_done": True}, Host(tmp_path)
        host.run(command("update", "true"), closing=closing)
        host.run(command("back", "true", phase="rollback"), phase="rollback", run="r2", segment="rollback-1", closing=closing)
        asked = {line for line in Path(f"{journalctl}.asked").read_text().splitlines() if line.startswith("--since=@")}
        assert len(asked) == 1, asked

    @pytest.mark.parametrize(("fake", "why"), [("", "keeps no journal"), ("exit 1", "no journal extract: nothing"), (None, "cannot run journalctl")])
    def test_without_a_journal_it_says_so_and_nothing_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journalctl: Path, fake: str | None, why: str
    ) -> None:
        journalctl.write_text(f"#!/bin/sh\n{fake}\n")
        if fake is None:
            journalctl.unlink()
            monkeypatch.setenv("PATH", str(journalctl.parent))
        ctx = Context({"phase": "patch"}, tmp_path, tmp_path, tmp_path, tmp_path)
        told = steps_extract.journal_extract(ctx, {"unit": ""})
        assert told.result == "skipped" and why in told.reason, told


def test_a_child_that_dies_is_no_answer() -> None:
    with pytest.raises(StepFailed, match="without a word"):
        bounded(lambda: os._exit(1), 5)
