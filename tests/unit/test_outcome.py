# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every outcome and every exit status from the events alone; what is unknown is never a success."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, outcome, progress, record
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit import make
from tests.unit.story import CHANGE, RUN, Story

BIN = Path(sys.executable).parent

Tale = Callable[[], Story]

# ------------------------------------------------------------------ one host

HOST_TALES: dict[str, tuple[str, Tale]] = {
    "never begun": ("not_started", lambda: Story().begun()),
    "only backed up": ("not_started", lambda: Story().begun().backed_up("a")),
    "backup failed": ("not_started", lambda: Story().begun().segment("a", "backup", "backup", "abnormal")),
    "lost during the backup": ("not_started", lambda: Story().begun().started("a", "backup", "backup").lost("a", "backup")),
    "asked for a backup and never heard of": ("not_started", lambda: Story().begun().requested("a", "backup", "backup")),
    "patched and verified": ("achieved", lambda: Story().begun().patched("a")),
    "lost and found again": ("achieved", lambda: Story().begun().started("a", "patch-1", "patch").lost("a").regained("a").finished("a", "patch-1", "patch")),
    "rolled back by itself": ("rolled_back", lambda: Story().begun().patched("a", "rolled_back")),
    "rolled back by itself, unverified": ("rolled_back_unverified", lambda: Story().begun().patched("a", "rolled_back_unverified")),
    "its rollback failed": ("rollback_failed", lambda: Story().begun().patched("a", "rollback_failed")),
    "rolled back on request": ("rolled_back", lambda: Story().begun().patched("a").segment("a", "rollback-1", "rollback", "rolled_back")),
    "rolled back without a proof": ("rolled_back_unverified", lambda: Story().begun().patched("a").segment("a", "rollback-1", "rollback", "done")),
    "failed, then rolled back": ("rolled_back", lambda: Story().begun().patched("a", "abnormal").segment("a", "rollback-1", "rollback", "rolled_back")),
    "failed, and the rollback too": ("rollback_failed", lambda: Story().begun().patched("a", "abnormal").segment("a", "r", "rollback", "abnormal")),
    "failed and left so": ("rollback_failed", lambda: Story().begun().patched("a", "abnormal")),
    "stopped in the middle": ("rollback_failed", lambda: Story().begun().patched("a", "cancelled")),
    "patched, not verified": ("rollback_failed", lambda: Story().begun("run", "a", needed=("patch-1", "verify")).patched("a")),
    "patched, verification failed": (
        "rollback_failed", lambda: Story().begun("run", "a", needed=("patch-1", "verify")).patched("a").segment("a", "verify", "verify", "abnormal")),
    "failed over badly": ("rollback_failed", lambda: Story().begun().patched("a").segment("a", "failover-1", "failover", "abnormal")),
    "lost and not found": ("contact_lost", lambda: Story().begun().started("a", "patch-1", "patch").lost("a")),
    "lost after it was done": ("contact_lost", lambda: Story().begun().patched("a").lost("a")),
    "still running": ("contact_lost", lambda: Story().begun().started("a", "patch-1", "patch")),
    "its runner died": ("contact_lost", lambda: Story().begun().started("a", "patch-1", "patch").tell("segment_interrupted", host="a", phase="patch")),
    "asked and never heard of": ("contact_lost", lambda: Story().begun().requested("a", "patch-1", "patch")),
    "asked to go back and never heard of": ("contact_lost", lambda: Story().begun().patched("a").requested("a", "rollback-1", "rollback")),
    "asked and refused": ("not_started", lambda: Story().begun().requested("a", "patch-1", "patch").tell("segment_refused", host="a", phase="patch")),
    "left out": ("skipped", lambda: Story().begun("run", "b", skipped=("a",))),
    "left out later, but done before": ("achieved", lambda: Story().begun().patched("a").planned("b", skipped=("a",))),
    "nothing was planned for it": ("rollback_failed", lambda: Story().begun("run", "a", needed=()).started("a", "x", "patch").finished("a", "x", "patch")),
}  # fmt: skip


@pytest.mark.parametrize("tale", HOST_TALES)
def test_the_outcome_of_a_host(tale: str) -> None:
    wanted, tell = HOST_TALES[tale]
    assert outcome.of_hosts(tell().events)["a"] == wanted


def test_every_outcome_of_a_host_has_been_told() -> None:
    known = ("achieved", "rolled_back", "rolled_back_unverified", "rollback_failed", "contact_lost", "not_started", "skipped")
    assert {wanted for wanted, _tale in HOST_TALES.values()} == set(known)


# ------------------------------------------------------------------ the change


@pytest.mark.parametrize(
    ("hosts", "result", "backout"),
    [
        (["achieved", "achieved"], "achieved", "not_needed"),
        (["achieved", "skipped"], "partial", "not_needed"),
        (["achieved", "not_started"], "partial", "not_needed"),
        (["achieved", "rolled_back"], "partial", "succeeded"),
        (["rolled_back", "not_started"], "not_achieved", "succeeded"),
        (["rolled_back", "rolled_back_unverified"], "not_achieved", "failed"),
        (["achieved", "contact_lost"], "partial", "failed"),
        (["rollback_failed"], "not_achieved", "failed"),
        (["not_started", "skipped"], "not_achieved", "not_needed"),
        ([], "not_achieved", "not_needed"),
    ],
)
def test_the_outcome_of_a_change(hosts: list[str], result: str, backout: str) -> None:
    named = dict(zip("abc", hosts, strict=False))
    assert outcome.of_change(named, True) == {"result": result, "backout": backout}
    without = outcome.of_change(named, False)
    assert without == {"result": result, "backout": "impossible" if backout == "failed" else backout}


# ------------------------------------------------------------------ exit statuses, one by one

RUN_TALES: dict[str, tuple[int, Tale]] = {
    "achieved": (0, lambda: Story().begun("run", "a", "b").patched("a").patched("b")),
    "a backup alone": (0, lambda: Story().begun("backup").backed_up("a")),
    "verified": (0, lambda: Story().begun("verify").segment("a", "verify", "verify")),
    "a rehearsal": (0, lambda: Story().begun(check=True).segment("a", "preflight", "gate")),
    "refused on the controller": (3, lambda: Story().opened().gate("refused")),
    "refused by a host": (3, lambda: Story().begun("run", "a", "b").gate("passed", "a").gate("refused", "b").backed_up("a")),
    "partial: the rest not started": (10, lambda: Story().begun("run", "a", "b").patched("a")),
    "partial: the rest left out": (10, lambda: Story().begun("run", "a", skipped=("b",)).patched("a")),
    "partial: the other rolled back": (10, lambda: Story().begun("run", "a", "b").patched("a").patched("b", "rolled_back")),
    "rolled back": (11, lambda: Story().begun("run", "a", "b").patched("a", "rolled_back")),
    "rolled back, unverified": (12, lambda: Story().begun("run", "a", "b").patched("a").patched("b", "rolled_back_unverified")),
    "rollback failed": (13, lambda: Story().begun("run", "a", "b").patched("a").patched("b", "rollback_failed")),
    "a service that does not verify": (13, lambda: Story().begun("verify").segment("a", "verify", "verify", "abnormal")),
    "a verification that never ended": (13, lambda: Story().begun("verify").segment("a", "preflight", "gate").started("a", "verify", "verify")),
    "one host verified, one not asked": (13, lambda: Story().begun("verify", "a", "b").segment("a", "verify", "verify")),
    "contact lost": (14, lambda: Story().begun("run", "a", "b", "c").patched("a").patched("b", "rollback_failed").started("c", "p", "patch").lost("c")),
    "contact lost, no way back": (14, lambda: Story().begun("run", "a", can_roll_back=False).started("a", "patch-1", "patch").lost("a")),
    "not started": (15, lambda: Story().begun("run", "a", "b")),
    "nothing but opened": (15, lambda: Story().opened()),
    "no event at all": (15, Story),
    "a backup that failed": (15, lambda: Story().begun("backup").segment("a", "backup", "backup", "abnormal")),
    "a backup of one of two": (15, lambda: Story().begun("backup", "a", "b").backed_up("a")),
    "a backup that was lost": (15, lambda: Story().begun("backup").segment("a", "preflight", "gate").started("a", "backup", "backup").lost("a")),
    "a backup never heard of": (15, lambda: Story().begun("backup").segment("a", "preflight", "gate").requested("a", "backup", "backup")),
    "a rehearsal without its gate": (15, lambda: Story().opened(check=True).planned("a").segment("a", "preflight", "gate")),
    "a rehearsal of no host": (15, lambda: Story().opened(check=True).gate()),
    "every host left out": (16, lambda: Story().opened().gate().planned(skipped=("a", "b"))),
    "no way back": (17, lambda: Story().begun("run", "a", "b", can_roll_back=False).patched("a", "abnormal")),
}


@pytest.mark.parametrize("tale", RUN_TALES)
def test_the_exit_status_of_a_run(tale: str) -> None:
    wanted, tell = RUN_TALES[tale]
    story = tell()
    assert outcome.of_run(story.events, RUN) == wanted
    story.closed(outcome.of_run(story.events, RUN))
    assert story.events[0].kind != "run_opened" or outcome.exit_status(record.fold(story.events)) == wanted


def itops(root: Path, *words: str) -> int:
    return subprocess.run([str(BIN / "itops"), *words], cwd=root, capture_output=True, check=False).returncode


def no_such_change(root: Path) -> int:
    return itops(root, "plan", "CHG-20200101-01")


def edited_ledger(root: Path) -> int:
    book = ledger.Ledger(root / f"records/2026/{CHANGE}", CHANGE)
    book.append("run_opened", {"user": "li"}, run=RUN, sync=True)
    book.path.write_bytes(book.path.read_bytes().replace(b'"li"', b'"xx"'))
    return itops(root, "record", "verify")


def open_record(root: Path) -> int:
    ledger.Ledger(root / f"records/2026/{CHANGE}", CHANGE).append("run_opened", {"user": "li"}, run=RUN)
    return itops(root, "doctor")


def no_callback(root: Path) -> int:
    (root / "ansible.cfg").write_text("[defaults]\n", "utf-8")
    return itops(root, "doctor")


ELSEWHERE: dict[int, Callable[[Path], int]] = {2: no_such_change, 4: edited_ledger, 5: open_record, 6: no_callback}
OF_PROGRAMS = {1, 20}  # a defect, and a record that could not be kept: tests/integration


@pytest.mark.parametrize("code", ELSEWHERE)
def test_an_exit_status_that_is_no_outcome(tmp_path: Path, code: int) -> None:
    root = make.workspace(tmp_path)
    make.change(root)
    assert ELSEWHERE[code](root) == code


def test_every_documented_status_has_been_told_and_has_both_languages() -> None:
    assert {code for code, _tale in RUN_TALES.values()} | set(ELSEWHERE) | OF_PROGRAMS == {status.code for status in outcome.EXIT_TABLE}
    assert len(outcome.CODES) == len(outcome.EXIT_TABLE) == len({s.code for s in outcome.EXIT_TABLE})
    for status in outcome.EXIT_TABLE:
        assert status.zh_CN in outcome.describe(status.code) and status.en in outcome.describe(status.code)
    assert [s.id for s in outcome.EXIT_TABLE if s.code == 0] == ["achieved"] and outcome.describe(99) == "exit 99"


def test_an_earlier_failure_is_not_forgotten_by_a_later_run() -> None:
    story = Story().begun("run", "a", "b").patched("a", "rollback_failed").closed(13)
    story.run = "R2"
    story.begun("resume", "a", "b").patched("b").closed()
    assert outcome.of_run(story.events, "R2") == 13


def test_an_open_record_is_judged_by_what_is_known_so_far() -> None:
    story = Story().begun().backed_up("a").started("a", "patch-1", "patch")
    assert outcome.exit_status(record.fold(story.events)) == 14
    assert outcome.exit_status(record.fold(story.closed(14).events)) == 14


# ------------------------------------------------------------------ what is unknown is never a success

HOSTS = ("a", "b")
KINDS = (
    "segment_requested", "segment_refused", "segment_started", "segment_finished", "segment_interrupted", "contact_lost", "contact_regained",
    "backup_made", "step_finished", "task", "planned", "run_closed",
)  # fmt: skip
MOVES = st.tuples(
    st.sampled_from(KINDS), st.sampled_from(HOSTS), st.sampled_from(("backup", "patch-1", "verify", "rollback-1", "failover-1")),
    st.sampled_from(("done", "done", "abnormal", "cancelled", "interrupted", "rolled_back", "rollback_failed", "", None)),
)  # fmt: skip
PHASES = {"backup": "backup", "patch-1": "patch", "verify": "verify", "rollback-1": "rollback", "failover-1": "failover"}
NEEDED = ("patch-1", "verify")


def played(moves: list[tuple[str, str, str, Any]]) -> Story:
    story = Story().begun("run", *HOSTS, needed=("backup", *NEEDED))
    for kind, host, segment, result in moves:
        if kind == "planned":
            story.planned(*HOSTS, needed=("backup", *NEEDED))
        elif kind == "run_closed":
            story.closed()
        else:
            data = {"segment": segment, "result": result, "sites": [{"site": "local", "verified": result == "done"}]}
            story.tell(kind, data, host=host, phase=PHASES[segment])
    return story


def proven(story: Story, host: str) -> bool:
    """Said without any of the code under test: the last word on every needed segment is done, and nothing speaks against it."""
    mine = [e for e in story.events if e.host == host]
    ends = [e for e in mine if e.kind == "segment_finished"]
    done = all([e.data["result"] for e in ends if e.data["segment"] == name][-1:] == ["done"] for name in NEEDED)
    bad = any(e.data["result"] != "done" for e in ends if e.phase in ("patch", "verify", "failover")) or any(e.phase == "rollback" for e in ends)
    contact = [e.kind for e in mine if e.kind in ("contact_lost", "contact_regained")][-1:] != ["contact_lost"]
    talk = [e for e in mine if e.kind in ("segment_requested", "segment_started", "segment_refused", "segment_finished")]
    return done and not bad and contact and not open_end(talk)


def open_end(talk: list[Any]) -> bool:
    """A segment that began and has no end; a changing one that was asked for and is not known to have begun or not."""
    running = asked = False
    for event in talk:
        running = event.kind == "segment_started" or (running and event.kind != "segment_finished")
        asked = event.kind == "segment_requested" and event.phase in ("patch", "failover", "rollback")
    return running or asked


@settings(max_examples=600, deadline=None)
@given(moves=st.lists(MOVES, max_size=14))
@example([("segment_started", h, "patch-1", "done") for h in HOSTS])
@example([move for h in HOSTS for name in NEEDED for move in (("segment_started", h, name, ""), ("segment_finished", h, name, "done"))])
def test_achieved_only_if_all_that_is_needed_is_proven(moves: list[tuple[str, str, str, Any]]) -> None:
    story = played(moves)
    hosts = outcome.of_hosts(story.events)
    for host in HOSTS:
        assert hosts[host] != "achieved" or proven(story, host)
    code = outcome.of_run(story.events, RUN)
    assert (code == 0) == all(found == "achieved" for found in hosts.values())
    assert (outcome.of_change(hosts, True)["result"] == "achieved") == (code == 0)
    assert code in outcome.CODES.values()


@given(segments=st.lists(st.sampled_from(("backup", "patch-1", "verify")), unique=True), verb=st.sampled_from(("backup", "verify")))
def test_a_read_only_run_succeeds_only_if_its_last_segment_has_ended_well(segments: list[str], verb: str) -> None:
    story = Story().begun(verb).segment("a", "preflight", "gate")
    for name in segments:
        story.started("a", name, "gate" if name == "patch-1" else PHASES[name])
    assert (outcome.of_run(story.events, RUN) == 0) == (not segments)


def test_an_achieved_change_looks_so() -> None:
    """The example above is no accident: the shortest tale of success is one."""
    story = played([move for h in HOSTS for name in NEEDED for move in (("segment_started", h, name, ""), ("segment_finished", h, name, "done"))])
    assert outcome.of_hosts(story.events) == {"a": "achieved", "b": "achieved"} and progress.failures(story.events) == []
