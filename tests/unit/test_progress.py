# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is, whether it may go on, and what its own journals add to the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import admission, progress, reconciliation
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.follower import Refused
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan

from tests.unit.story import CHANGE, RUN, Story
from tests.unit.test_segments import host_plan

PATCH = "patch"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> HostPlan:
    """Of host web2 (standby) in the small workspace."""
    return host_plan(tmp_path_factory.mktemp("workspace"))


def host(story: Story, name: str = "a") -> progress.HostProgress:
    return progress.hosts(story.events)[name]


# ------------------------------------------------------------------ progress


def test_a_backup_counts_when_every_site_has_it_and_it_was_told_last() -> None:
    assert host(Story().backed_up("a")).backup_verified
    assert not host(Story().backed_up("a", verified=False)).backup_verified
    assert not host(Story().backed_up("a", sites=[])).backup_verified
    offsite = [{"site": "local", "verified": True}, {"site": "offsite", "verified": False}]
    assert not host(Story().backed_up("a", sites=offsite)).backup_verified
    told = Story().started("a", "backup", "backup").tell("backup_made", {"sites": [{"verified": True}]}, host="a", phase="backup")
    assert not host(told).backup_verified, "only its end makes it a backup"
    assert not host(Story().segment("a", "backup", "backup")).backup_verified, "an end without an archive (skipped by a person)"


def test_only_what_changes_the_host_touches_it() -> None:
    assert not host(Story().backed_up("a").segment("a", "verify", "verify").segment("a", "preflight", "gate")).touched
    assert host(Story().started("a", "patch-1", "patch")).touched and host(Story().started("a", "failover-1", "failover")).touched


def test_a_failed_gate_or_backup_is_no_failed_change() -> None:
    assert not host(Story().segment("a", "preflight", "gate", "abnormal").segment("a", "backup", "backup", "abnormal")).failed
    assert host(Story().segment("a", "verify", "verify", "abnormal")).failed


def test_hosts_are_told_apart_and_events_of_none_are_nobodys() -> None:
    story = Story().begun("run", "a", "b").patched("a").patched("b", "abnormal").lost("c")
    assert set(progress.hosts(story.events)) == {"a", "b", "c"}
    assert progress.failures(story.events) == ["b", "c"]


def test_the_last_imported_line_is_kept_for_each_segment_of_each_run() -> None:
    story = Story()
    for number in (1, 2, 3, 2):
        story.tell("step_finished", {"segment": "patch-1", "n": number}, host="a", phase=PATCH)
    story.tell("step_finished", {"segment": "patch-1", "n": 1}, host="a", phase=PATCH, run="R2")
    assert host(story).imported == {(RUN, "patch-1"): 3, ("R2", "patch-1"): 1}


def test_doubt_lasts_from_asking_to_hearing() -> None:
    story = Story().requested("a", "patch-1", PATCH)
    assert host(story).doubtful
    assert not host(Story().requested("a", "backup", "backup")).doubtful, "a backup changes nothing"
    assert not host(story.started("a", "patch-1", PATCH)).doubtful


# ------------------------------------------------------------------ admission


def planned_for(plan: HostPlan, story: Story, digest: str = "") -> Story:
    return story.opened().gate(authorised=plan.change.plan_digest).planned("web2", "web1", change_digest=digest or plan.change.digest)


def refused(plan: HostPlan, story: Story, phase: str = PATCH, run_id: str = RUN) -> list[str]:
    return [finding.id for finding in refusals(admission.findings(story.events, plan.change, run_id, "web2", "patch-1", phase))]


SPOILED: dict[str, tuple[list[str], Callable[[HostPlan], Story]]] = {
    "all is well": ([], lambda plan: planned_for(plan, Story()).backed_up("web2")),
    "the other host is done": ([], lambda plan: planned_for(plan, Story()).backed_up("web2").patched("web1")),
    "no backup": (["backup"], lambda plan: planned_for(plan, Story()).backed_up("web1")),
    "a backup that was not verified": (["backup"], lambda plan: planned_for(plan, Story()).backed_up("web2", verified=False)),
    "a backup that failed": (["backup"], lambda plan: planned_for(plan, Story()).segment("web2", "backup", "backup", "abnormal")),
    "the change file was edited": (["digest"], lambda plan: planned_for(plan, Story(), "other").backed_up("web2")),
    "nothing was planned": (["digest"], lambda plan: Story().opened().gate(authorised=plan.change.plan_digest).backed_up("web2")),
    "its gate did not ask the life cycle": (
        ["authorised"], lambda plan: Story().opened().gate().planned("web2", change_digest=plan.change.digest).backed_up("web2")),
    "its gate asked about another plan": (
        ["authorised"], lambda plan: Story().opened().gate(authorised="other").planned("web2", change_digest=plan.change.digest).backed_up("web2")),
    "the gate was not passed": (["gate", "authorised"], lambda plan: Story().opened().planned("web2", change_digest=plan.change.digest).backed_up("web2")),
    "only a host passed its gate": (
        ["gate", "authorised"], lambda plan: Story().opened().gate("passed", "web2").planned("web2", change_digest=plan.change.digest).backed_up("web2")),
    "a host was refused": (["preflight"], lambda plan: planned_for(plan, Story()).gate("refused", "web1").backed_up("web2")),
    "another host failed": (["rollout"], lambda plan: planned_for(plan, Story()).backed_up("web2").patched("web1", "rolled_back")),
    "another host was lost": (["rollout"], lambda plan: planned_for(plan, Story()).backed_up("web2").started("web1", "patch-1", PATCH).lost("web1")),
    "this host itself failed": ([], lambda plan: planned_for(plan, Story()).backed_up("web2").patched("web2", "abnormal")),
    "the operator asked to stop": (["cancel"], lambda plan: planned_for(plan, Story()).backed_up("web2").tell("cancel_requested")),
    "an earlier run was stopped": ([], lambda plan: planned_for(plan, Story().tell("cancel_requested", run="R0")).backed_up("web2")),
    "everything at once": (
        ["gate", "digest", "authorised", "backup", "preflight", "rollout", "cancel"],
        lambda plan: Story().gate("refused", "web1").patched("web1", "abnormal").tell("cancel_requested")),
}  # fmt: skip


@pytest.mark.parametrize("spoiled", SPOILED)
def test_the_last_guard_before_a_change(plan: HostPlan, spoiled: str) -> None:
    wanted, tell = SPOILED[spoiled]
    assert refused(plan, tell(plan)) == refused(plan, tell(plan), "failover") == wanted
    assert refused(plan, tell(plan), "backup") == [name for name in wanted if name in ("gate", "digest")], "what changes nothing needs no backup"


def test_what_another_run_has_proven_does_not_open_this_one(plan: HostPlan) -> None:
    story = planned_for(plan, Story()).backed_up("web2")
    assert refused(plan, story, run_id="R2") == ["gate", "digest", "authorised"], "its backup counts, its gate does not"


def test_a_plan_may_tolerate_failures(plan: HostPlan) -> None:
    tolerant = replace(plan.change, data={**plan.change.data, "plan": {**plan.change.plan, "failures_tolerated": 1}})
    story = planned_for(plan, Story()).backed_up("web2").patched("web1", "abnormal")
    assert refusals(admission.findings(story.events, tolerant, RUN, "web2", "patch-1", PATCH)) == []
    more = story.patched("web3", "abnormal")
    assert [f.id for f in refusals(admission.findings(more.events, tolerant, RUN, "web2", "patch-1", PATCH))] == ["rollout"]


def test_every_refusal_names_its_remedy(plan: HostPlan) -> None:
    found = admission.findings(SPOILED["everything at once"][1](plan).events, plan.change, RUN, "web2", "patch-1", PATCH)
    assert all(finding.remedy and finding.message for finding in found)


# ------------------------------------------------------------------ reconciliation


class Journals:
    """A host that answers from its journals: (run, segment) -> lines."""

    def __init__(self, journals: Mapping[tuple[str, str], list[dict[str, Any]]], running: tuple[str, str] | None = None, **more: Any):
        self.journals, self.running, self.more = journals, running, more

    def __call__(self, op: str, body: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        if op == "state":
            found = [{"run": run, "segment": name, "phase": lines[0]["phase"], "status": "running" if (run, name) == self.running else "finished",
                      "last": lines[-1]} for (run, name), lines in self.journals.items()]  # fmt: skip
            return {"ok": True, "segments": found, **self.more}
        lines = self.journals[body["run"], body["segment"]]
        return {"ok": True, "lines": lines[body["offset"] :], "offset": len(lines), "alive": False}


def journal(segment: str, phase: str, *events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"n": n, "at": "", "event": kind, "segment": segment, "phase": phase, **data} for n, (kind, data) in enumerate(events, 1)]


WHOLE = journal("patch-1", PATCH, ("segment_started", {}), ("step_finished", {"step": "s1", "result": "ok"}), ("segment_finished", {"result": "done"}))


def reconciled(tmp_path: Path, plan: HostPlan, journals: Journals, *told: tuple[str, dict[str, Any], str]) -> Ledger:
    book = Ledger(tmp_path / "ledger", CHANGE)
    for kind, data, phase in told:
        book.append(kind, data, run=RUN, host="web2", phase=phase)
    reconciliation.catch_up(journals, book, plan, 0, lambda: False)
    return book


def added(book: Ledger, *told: Any) -> list[tuple[str, str]]:
    return [(event.kind, event.run) for event in book.events()[len(told) :]]


ASKED = ("segment_requested", {"segment": "patch-1"}, PATCH)
BEGAN = ("segment_started", {"segment": "patch-1", "n": 1}, PATCH)
LOST = ("contact_lost", {"message": "x"}, PATCH)


def test_what_the_host_has_done_meanwhile_comes_in_once(tmp_path: Path, plan: HostPlan) -> None:
    told = (ASKED, BEGAN, LOST)
    book = reconciled(tmp_path, plan, Journals({(RUN, "patch-1"): WHOLE}), *told)
    assert added(book, *told) == [("step_finished", RUN), ("segment_finished", RUN), ("contact_regained", "")]
    state = progress.hosts(book.events())["web2"]
    assert not state.lost and not state.running and state.done == {"patch-1"} and reconciliation.standing(state) == "done"
    before = len(book.events())
    reconciliation.catch_up(Journals({(RUN, "patch-1"): WHOLE}), book, plan, 0, lambda: False)
    assert len(book.events()) == before, "a second look adds nothing"


def test_asked_for_and_begun_unheard_comes_in_whole(tmp_path: Path, plan: HostPlan) -> None:
    book = reconciled(tmp_path, plan, Journals({(RUN, "patch-1"): WHOLE}), ASKED)
    assert [kind for kind, _run in added(book, ASKED)] == ["segment_started", "step_finished", "segment_finished"]


def test_asked_for_and_never_begun_is_said(tmp_path: Path, plan: HostPlan) -> None:
    book = reconciled(tmp_path, plan, Journals({}), ASKED)
    assert added(book, ASKED) == [("segment_refused", RUN)] and book.events()[-1].phase == PATCH
    assert reconciliation.standing(progress.hosts(book.events())["web2"]) == "untouched"


@pytest.mark.parametrize("told", [(ASKED,), (ASKED, BEGAN, LOST)])
def test_a_host_that_gives_an_error_for_an_answer_proves_nothing(tmp_path: Path, plan: HostPlan, told: tuple[Any, ...]) -> None:
    with pytest.raises(Refused, match="not a directory"):
        reconciled(tmp_path, plan, Journals({}, ok=False, error="/var/lib/itops is not a directory"), *told)
    book = Ledger(tmp_path / "ledger", CHANGE)
    assert added(book, *told) == []
    assert reconciliation.standing(progress.hosts(book.events())["web2"]) != "done"


def test_a_journal_that_breaks_off_is_an_interruption(tmp_path: Path, plan: HostPlan) -> None:
    book = reconciled(tmp_path, plan, Journals({(RUN, "patch-1"): WHOLE[:2]}), ASKED, BEGAN)
    assert [kind for kind, _run in added(book, ASKED, BEGAN)] == ["step_finished", "segment_interrupted"]
    state = progress.hosts(book.events())["web2"]
    assert reconciliation.standing(state) == "failed" and "patch-1" not in state.done


@pytest.mark.parametrize(
    ("story", "standing", "due"),
    [
        (Story().backed_up("a"), "untouched", False),
        (Story().patched("a"), "done", False),
        (Story().patched("a", "abnormal"), "failed", True),
        (Story().started("a", "patch-1", PATCH), "failed", True),
        (Story().patched("a").lost("a"), "failed", True),
        (Story().patched("a", "rolled_back"), "rolled_back", False),
        (Story().patched("a", "rollback_failed"), "failed", True),
        (Story().patched("a", "abnormal").segment("a", "rollback-1", "rollback", "done"), "rolled_back", False),
        (Story().patched("a", "abnormal").tell("confirmation_given", {"answer": "stop"}, host="a"), "failed", False),
        (Story().patched("a", "abnormal").tell("confirmation_given", {"answer": "rollback"}, host="a"), "failed", True),
        (Story().patched("a", "abnormal").tell("confirmation_given", {"answer": "stop"}, host="b"), "failed", True),
        (Story().patched("a", "abnormal").tell("confirmation_given", {"answer": "stop"}, host="a", run="R0"), "failed", True),
    ],
)
def test_where_a_host_stands_and_whether_it_has_to_go_back(story: Story, standing: str, due: bool) -> None:
    state = host(story)
    assert reconciliation.standing(state) == standing
    assert reconciliation.rollback_due(story.events, RUN, state, requested=False) is due
    answered = any(e.kind == "confirmation_given" and e.host == "a" and e.run == RUN and e.data["answer"] == "stop" for e in story.events)
    wanted = state.touched and standing != "rolled_back" and not answered
    assert reconciliation.rollback_due(story.events, RUN, state, requested=True) is wanted
