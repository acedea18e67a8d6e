# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life cycle: its table, each guard missing in turn, and random histories against an independent judge."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decide, decisions, guards, lifecycle, standing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import make
from tests.unit.governed import CONFIRMED, DELIVERED, LOST, Office, window


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def refused(office: Office, verb: str = "run") -> set[str]:
    return {finding.id for finding in refusals(standing.may_run(office.look(), verb))}


# ---------------------------------------------------------------- the table


def test_every_guard_of_the_table_is_there_and_every_guard_is_in_the_table() -> None:
    named = {name for arrow in lifecycle.ARROWS for name in (*arrow.guards, *filter(None, [arrow.when]))}
    assert named == set(guards.GUARDS)


@pytest.mark.parametrize("kind", lifecycle.EVERY)
def test_every_kind_comes_from_received_to_closed(kind: str) -> None:
    def ask(name: str) -> list[Finding]:
        return [Finding(name, name != "simple", "")]

    states = [lifecycle.RECEIVED, *(arrow.target for arrow in lifecycle.path(kind, lifecycle.PREPARED, ask))]
    middle = [lifecycle.CONFIRMING] if kind == lifecycle.NORMAL else []
    assert states == ["received", "assessed", *middle, "planned", "approved", "scheduled", "prepared"]
    assert lifecycle.stand(kind, ask).state == lifecycle.PREPARED and lifecycle.stand(kind, ask).target == lifecycle.EXECUTING
    for end in lifecycle.ENDED:
        assert lifecycle.stand(kind, ask, end).state == lifecycle.CLOSED


@given(bad=st.sets(st.sampled_from(sorted(guards.GUARDS))), kind=st.sampled_from(lifecycle.EVERY))
def test_nothing_is_ready_while_any_guard_on_its_way_fails(bad: set[str], kind: str) -> None:
    def ask(name: str) -> list[Finding]:
        return [Finding(name, name not in bad, "")]

    wanted = {name for arrow in lifecycle.path(kind, lifecycle.EXECUTING, ask) for name in arrow.guards}
    found = lifecycle.findings(kind, ask)
    assert {finding.id for finding in found if not finding.ok} == bad & wanted
    told = lifecycle.stand(kind, ask)
    if bad & wanted - {"in_window", "executor"}:
        assert told.state != lifecycle.PREPARED and told.missing


def test_the_diagram_has_every_state_and_arrow() -> None:
    drawn = lifecycle.mermaid({arrow.target: arrow.target for arrow in lifecycle.ARROWS})
    for arrow in lifecycle.ARROWS:
        assert f"    {arrow.source} --> {arrow.target}" in drawn


# ---------------------------------------------------------------- one change


def test_from_nothing_to_prepared(office: Office) -> None:
    wanted = {"assessed", "supplier", "reported", "approved", "announced", "checklist"}
    assert refused(office) == wanted, "all that is missing is said at once"
    assert standing.of(office.look()).state == lifecycle.RECEIVED
    office.all()
    assert refused(office) == set()
    assert standing.of(office.look()).state == lifecycle.PREPARED


STEPS: dict[str, Callable[[Office], None]] = {
    "assessed": lambda o: o.assess(),
    "supplier": lambda o: o.decide(decisions.CONFIRM_SUPPLIER, "li", CONFIRMED),
    "reported": lambda o: o.decide(decisions.REPORT, "li", DELIVERED),
    "approved": lambda o: o.decide(decisions.APPROVE, "wang"),
    "announced": lambda o: o.decide(decisions.ANNOUNCE, "li", DELIVERED),
    "checklist": lambda o: o.checklist(),
}


@pytest.mark.parametrize("missing", STEPS)
def test_each_decision_missing_in_turn(office: Office, missing: str) -> None:
    for name, take in STEPS.items():
        if name != missing:
            take(office)
    found = {f.id: f for f in refusals(standing.may_run(office.look(), "run"))}
    assert set(found) == {missing} and found[missing].remedy.startswith("itops change "), found


SPOILED: dict[str, tuple[str, Callable[[Office], None]]] = {
    "an edited plan voids all of it": ("approved", lambda o: o.edit(plan={"batch": 2})),
    "another executor voids the approval": ("approved", lambda o: o.edit(executor="zhao")),
    "an edited notice": ("approved", lambda o: o.edit(notice={**o.look().change.data["notice"], "id": "SUP-2"})),
    "rejected afterwards": ("approved", lambda o: o.decide(decisions.REJECT, "wang")),
    "the supplier does not stand for the rollback": ("supplier", lambda o: o.decide(decisions.CONFIRM_SUPPLIER, "li", {**CONFIRMED, "rollback_ok": False})),
    "a report that did not arrive": ("reported", lambda o: o.decide(decisions.REPORT, "li", LOST)),
    "an announcement nobody got": ("announced", lambda o: o.decide(decisions.ANNOUNCE, "li", {"recipients": [], "deliveries": []})),
    "another list of steps": ("checklist", lambda o: o.decide(decisions.CHECKLIST, "li", {"list_digest": "0" * 64})),
    "a file that is not the notice's": ("prepared_files", lambda o: (o.root / f"staging/{o.id}/app.tar.gz").write_bytes(b"other")),
    "no notice": ("notice", lambda o: o.edit(notice={"files": o.look().change.data["notice"]["files"]})),
    "cancelled": ("over", lambda o: o.decide(decisions.CANCEL, "li")),
    "closed": ("over", lambda o: o.decide(decisions.CLOSE, "wang")),
    "standard, but complex": ("category", lambda o: o.edit(category="standard")),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_what_refuses_a_change_that_was_ready(office: Office, how: str) -> None:
    wanted, spoil = SPOILED[how]
    office.all()
    assert refused(office) == set()
    spoil(office)
    assert wanted in refused(office)


UNFIT: dict[str, Callable[[Office], None]] = {
    "approved by who executes": lambda o: o.decide(decisions.APPROVE, "li"),
    "approved by somebody without the role": lambda o: o.decide(decisions.APPROVE, "chen"),
    "rejected by who executes": lambda o: o.decide(decisions.REJECT, "li"),
    "waived by who executes": lambda o: o.decide(decisions.WAIVE, "li", {"reason": "急"}),
    "held for simple by who executes": lambda o: o.assess("li", simple=True),
}


@pytest.mark.parametrize("how", UNFIT)
def test_what_somebody_decides_who_may_not_counts_for_nothing(office: Office, how: str) -> None:
    """It neither opens a way nor closes one, is said, and is not let be taken."""
    UNFIT[how](office)
    assert "assessed" in refused(office) and "approved" in refused(office)
    office.all()
    UNFIT[how](office)
    assert refused(office) == set()
    assert any("does not count" in finding.message for finding in standing.may_run(office.look(), "run") if finding.id == "decision")
    simple = {"override": True, "complexity": "simple"}
    for what, details in ((decisions.APPROVE, {}), (decisions.REJECT, {}), (decisions.WAIVE, {}), (decisions.ASSESS, simple)):
        assert "fit" in {finding.id for finding in refusals(decide.allowed(office.look(), what, "li", details))}


def test_an_edit_says_which_lines_changed(office: Office) -> None:
    office.all()
    office.edit(plan={"batch": 2})
    found = next(f for f in standing.may_run(office.look(), "run") if f.id == "approved")
    assert "wang" in found.message and "- batch: 1" in found.message and "+ batch: 2" in found.message


def test_the_plan_put_back_as_it_was_is_the_plan_that_was_approved(office: Office) -> None:
    office.all()
    before = office.path.read_bytes()
    office.edit(plan={"batch": 2})
    assert "approved" in refused(office)
    office.path.write_bytes(before)
    assert refused(office) == set()


def test_the_owner_may_approve_and_waive(office: Office) -> None:
    office.all()
    office.decide(decisions.APPROVE, "zhang")
    office.decide(decisions.WAIVE, "zhang", {"reason": "供应商停止支持"})
    assert refused(office) == set()


def test_a_deputy_of_an_approver_may_approve(office: Office) -> None:
    people = make.yaml.safe_load((office.root / "inventory/people.yml").read_text("utf-8"))
    next(p for p in people["people"] if p["id"] == "wang")["deputy"] = "chen"
    make.dump(office.root / "inventory/people.yml", people)
    office.all()
    office.decide(decisions.APPROVE, "chen")
    assert refused(office) == set()


def test_simple_by_a_decision_of_the_owner(office: Office) -> None:
    office.assess("zhang", simple=True)
    assert refused(office) == {"approved", "checklist"}, "a normal change is approved even when it is simple"
    office.edit(category="standard")
    office.assess("zhang", simple=True)
    office.checklist()
    assert refused(office) == set()


def test_an_emergency_is_approved_at_once_and_told_afterwards(tmp_path: Path) -> None:
    office = Office(tmp_path, category="emergency", incident="INC-9", plan={"window": None})
    assert refused(office) == {"assessed", "approved", "checklist"}
    office.assess()
    office.decide(decisions.APPROVE, "wang")
    office.checklist()
    assert refused(office) == set()


def test_a_window_that_is_over(tmp_path: Path) -> None:
    office = Office(tmp_path, plan={"window": window(-0.5)})
    office.all()
    assert refused(office) & {"window", "in_window"}


def test_resume_is_not_refused_for_the_window(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.all()
    assert refused(office, "resume") == set()


# ---------------------------------------------------------------- forgery


def test_a_stream_copied_from_another_change_counts_for_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.all()
    other = make.change(tmp_path, "CHG-20261123-02", category="normal", executor="li", plan={"window": window()})
    shutil.copytree(office.look().ws.record_dir(office.id), office.look().ws.record_dir("CHG-20261123-02"))
    office.id, office.path = "CHG-20261123-02", other
    assert {"ledger", "approved"} <= refused(office)


def test_an_edited_decision_is_found(office: Office) -> None:
    office.all()
    stream = office.look().ws.record_dir(office.id) / "events.jsonl"
    stream.write_text(stream.read_text("utf-8").replace('"by":"wang"', '"by":"zhang"'), "utf-8")
    assert "ledger" in refused(office)


def test_a_decision_cut_off_is_found(office: Office) -> None:
    office.all()
    office.decide(decisions.REJECT, "wang")
    stream = office.look().ws.record_dir(office.id) / "events.jsonl"
    lines = stream.read_text("utf-8").splitlines(keepends=True)
    stream.write_text("".join(lines[:-1]), "utf-8")
    assert "ledger" in refused(office)


def test_a_signed_checkpoint_finds_what_was_cut_off_with_its_head(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITOPS_CHECKPOINT_KEY", str(office.keys / "zhao.pem"))
    office.all()
    folder = office.look().ws.record_dir(office.id)
    before = {name: (folder / name).read_bytes() for name in ("events.jsonl", "head.json")}
    office.decide(decisions.REJECT, "wang")
    for name, content in before.items():
        (folder / name).write_bytes(content)
    assert "ledger" in refused(office), "the rejection is gone, and the checkpoint knows that there was more"


@pytest.mark.parametrize("forge", ["unsigned", "another's key", "rewritten"])
def test_what_is_not_signed_by_the_person_does_not_count(office: Office, forge: str) -> None:
    office.all()
    office.edit(plan={"batch": 2})
    office.all_but_approval()
    if forge == "unsigned":
        now = office.look()
        decisions.append(now.ws, now.change, decisions.APPROVE, decisions.Maker("wang", now.account))
    elif forge == "another's key":
        office.decide(decisions.APPROVE, "wang", key="li")
    else:  # a whole chain, computed anew, in which wang's old approval is about the new plan
        now = office.look()
        old = next(e for e in now.events if e.data.get("decision") == "approve")
        ledger.Ledger(now.ws.record_dir(office.id), office.id).append("decided", {**old.data, "plan_digest": now.change.plan_digest}, phase="govern")
    found = standing.may_run(office.look(), "run")
    assert "approved" in {f.id for f in refusals(found)}
    assert any(f.id == "decision" and "wang" in f.message for f in found), "and it is said"


# ---------------------------------------------------------------- the order of decisions


def test_a_decision_before_its_time_is_refused_with_every_reason(office: Office) -> None:
    with pytest.raises(decide.Refused) as refusal:
        decide.take(office.look(), decisions.APPROVE, office.maker("wang"))
    assert {f.id for f in refusal.value.findings} == {"assessed", "supplier", "reported"}
    assert all(f.remedy for f in refusal.value.findings)
    assert office.look().events == [], "and nothing was written"


@pytest.mark.parametrize("what", [decisions.REVIEW, decisions.CLOSE])
def test_nothing_is_reviewed_or_closed_that_was_not_carried_out(office: Office, what: str) -> None:
    office.all()
    with pytest.raises(decide.Refused) as refusal:
        decide.take(office.look(), what, office.maker("zhao"))
    assert "executed" in {f.id for f in refusal.value.findings}


def test_after_cancelling_nothing_more_is_decided(office: Office) -> None:
    office.decide(decisions.CANCEL, "li")
    with pytest.raises(decide.Refused):
        decide.take(office.look(), decisions.ASSESS, office.maker("li"), details={})
    assert standing.of(office.look()).state == lifecycle.CANCELLED


# ---------------------------------------------------------------- random histories

PEOPLE = st.sampled_from(["zhang", "li", "wang", "chen"])
COMMANDS = st.one_of(
    st.tuples(st.just("assess"), PEOPLE, st.booleans()),
    st.tuples(st.just("confirm_supplier"), PEOPLE, st.booleans()),
    st.tuples(st.just("waive"), PEOPLE, st.just(True)),
    st.tuples(st.sampled_from(["report", "announce"]), PEOPLE, st.booleans()),
    st.tuples(st.sampled_from(["approve", "approve", "reject"]), PEOPLE, st.booleans()),
    st.tuples(st.just("checklist"), PEOPLE, st.just(True)),
    st.tuples(st.just("everything"), st.just("li"), st.just(True)),
    st.tuples(st.just("edit"), st.just(""), st.booleans()),
)


class Judge:
    """Knows the duties from the department's rules, and nothing of our tables."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, bool, int]] = []
        self.plan = 0

    def hear(self, what: str, by: str, good: bool) -> None:
        for_approvers = what in ("approve", "reject", "waive") or (what == "assess" and good)
        if by in ("zhang", "wang") or not for_approvers:
            self.said.append((what, by, good, self.plan))

    def last(self, *what: str) -> tuple[str, str, bool]:
        return next(((w, by, good) for w, by, good, plan in reversed(self.said) if w in what and plan == self.plan), ("", "", False))

    def allows(self) -> bool:
        word, by, simple = self.last("assess")
        signs = ("zhang", "wang")
        if not word or (simple and by not in signs):
            return False
        supplier, who, good = self.last("confirm_supplier", "waive")
        complex_done = (good if supplier == "confirm_supplier" else who in signs) and self.last("report")[2] and self.last("announce")[2]
        verdict, approver, _signed = self.last("approve", "reject")
        return (simple or complex_done) and verdict == "approve" and approver in signs and bool(self.last("checklist")[0])


@settings(max_examples=60)
@given(history=st.lists(COMMANDS, max_size=14))
def test_no_history_is_let_run_that_the_duties_forbid_and_none_refused_that_they_allow(history: list[tuple[str, str, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office, judge = Office(Path(folder)), Judge()
        for what, by, good in history:
            perform(office, judge, what, by, good)
            assert (refused(office) == set()) == judge.allows(), (what, by, good, refused(office), judge.said)


def perform(office: Office, judge: Judge, what: str, by: str, good: bool) -> None:
    details: dict[str, Any] = {}
    if what == "edit":
        judge.plan = int(good)
        office.edit(plan={"batch": 1 + judge.plan})
        return
    if what == "everything":
        office.all()
        for word, who in (("confirm_supplier", "li"), ("report", "li"), ("approve", "wang"), ("announce", "li"), ("checklist", "li")):
            judge.hear(word, who, True)
        judge.hear("assess", "li", False)
        return
    if what == "assess":
        office.assess(by, simple=good)
    elif what == "checklist":
        office.checklist(by)
    else:
        details = {**CONFIRMED, "rollback_ok": good} if what == "confirm_supplier" else (DELIVERED if good else LOST) if what in ("report", "announce") else {}
        office.decide(what, by, details)
    judge.hear(what, by, good)
