# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of commands, edits and runs: none reaches `executing` but on the digest that every duty held on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import admission, gate, plan, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decide, decisions
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.facts import Facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.unit import make
from tests.unit.governed import CONFIRMED, DELIVERED, LOST, Office

PEOPLE = st.sampled_from(["zhang", "li", "wang", "chen"])
GUARDS = ("gate", "digest", "authorised")  # of admission: those about what was decided; the others need hosts
WALKED = {  # what a person types, in the order in which a complex change needs it
    "assess": ("li", True), "confirm_supplier": ("li", True), "report": ("li", True), "approve": ("wang", True), "announce": ("li", True),
    "checklist": ("li", True),
}  # fmt: skip
COMMANDS = st.one_of(
    st.tuples(st.just("all but"), st.sampled_from(["", *WALKED]), st.just(True)),
    st.tuples(st.just("all but"), st.sampled_from(["", *WALKED]), st.just(True)),
    st.tuples(st.sampled_from(sorted(WALKED)), PEOPLE, st.booleans()),
    st.tuples(st.sampled_from(["reject", "cancel"]), PEOPLE, st.just(True)),
    st.tuples(st.sampled_from(["plan", "record", "notice", "file"]), st.just(""), st.booleans()),
    st.tuples(st.just("run"), st.sampled_from(["", "", "plan", "record", "notice"]), st.booleans()),
)


class Walk:
    """One change, the commands that are given, and what a bookkeeper with a pencil would know of it."""

    def __init__(self, root: Path) -> None:
        self.office = Office(root)
        self.told: dict[tuple[Any, ...], dict[str, bool]] = {}  # content of the plan -> what was decided about it, and whether it speaks for going on
        self.content = {"plan": False, "record": False, "notice": False}
        self.good_file, self.cancelled, self.runs = True, False, 0

    @property
    def mine(self) -> dict[str, bool]:
        return self.told.setdefault(tuple(self.content.values()), {})

    def allowed(self) -> bool:
        """All duties fulfilled about the plan as it is now."""
        return self.good_file and not self.cancelled and all(self.mine.get(what) for what in WALKED)

    def decide(self, what: str, by: str, good: bool) -> None:
        """Through the same door as every command; what it refuses was not decided."""
        now = self.office.look()
        digest = now.list_digest if good else "0" * 64
        details = {
            "assess": {"computed": "complex", "complexity": "complex", "override": False}, "confirm_supplier": {**CONFIRMED, "content_ok": good},
            "report": DELIVERED if good else LOST, "announce": DELIVERED if good else LOST, "checklist": {"list_digest": digest},
        }.get(what, {})  # fmt: skip
        try:
            decide.take(now, what, self.office.maker(by), "", details)
        except decide.Refused:
            return
        assert not self.cancelled, "after cancelling nothing is decided"
        assert what not in ("approve", "reject") or by in ("wang", "zhang"), "by an approver or the owner, never by who executes"
        self.cancelled = what == "cancel"
        self.mine["approve" if what == "reject" else what] = {"reject": False}.get(what, good or what in ("assess", "approve"))

    def edit(self, what: str, there: bool) -> None:
        self.content[what] = there
        if what == "plan":
            self.office.edit(plan={"batch": 1 + there})
        elif what == "notice":
            self.office.edit(notice={**self.office.look().change.data["notice"], "id": f"SUP-{1 + there}"})
        else:
            path = self.office.root / "inventory/services/web.yml"
            record = yaml.safe_load(path.read_text("utf-8"))
            make.dump(path, {**record, "control": {"provider": "systemd", "unit": "other" if there else "web"}})

    def run(self, meanwhile: str, there: bool) -> bool:
        """The gate as the run asks it, then perhaps an edit, then the last guard before a host is changed: whether it lets it begin."""
        self.runs += 1
        now, run_id = self.office.look(), f"R{self.runs}"
        ledger = Ledger(now.ws.record_dir(now.change.id), now.change.id)
        situation = _situation(now)
        ledger.append("gate", gate.verdict(situation, gate.findings(situation)), run=run_id, phase="gate")
        ledger.append("planned", {"change_digest": now.change.digest, "plan_digest": now.change.plan_digest, "hosts": []}, run=run_id, phase="gate")
        if meanwhile:
            self.edit(meanwhile, there)
        after = self.office.look()
        found = [f for f in admission.findings(ledger.events(), after.change, run_id, "web2", "patch-1", "patch") if f.id in GUARDS]
        return all(f.ok for f in found)


def _situation(now: Facts) -> gate.Situation:
    targets = plan.targets(now.change, now.services)[0]
    compared = staging.compare(now.ws.staging / now.change.id, now.change.files)
    hosts = {target.host for target in targets}
    return gate.Situation(now.ws, now.change, now.services, targets, now.events, "", "run", hosts, True, compared, now.people)


@settings(max_examples=50)
@given(commands=st.lists(COMMANDS, min_size=1, max_size=8))
def test_no_sequence_reaches_executing_but_on_the_digest_all_duties_held_on(commands: list[tuple[str, str, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder))
        for what, by, good in [*commands, ("run", "", True)]:
            perform(walk, what, by, good)


def perform(walk: Walk, what: str, by: str, good: bool) -> None:
    if what == "run":
        allowed, before = walk.allowed(), dict(walk.content)
        executing = walk.run(by, good)
        event(f"executing: {executing}")
        assert executing == (allowed and before == walk.content), (executing, allowed, before, walk.content, walk.mine)
    elif what in ("plan", "record", "notice"):
        walk.edit(what, good)
    elif what == "file":
        walk.good_file = good
        (walk.office.root / f"staging/{walk.office.id}/app.tar.gz").write_bytes(make.PATCH if good else b"another")
    elif what == "all but":
        for word in [word for word in WALKED if word != by]:
            walk.decide(word, *WALKED[word])
    else:
        walk.decide(what, by, good)


def test_the_whole_way_and_an_edit_at_the_last_moment(tmp_path: Path) -> None:
    """So that the walk above is known to reach `executing` at all."""
    walk = Walk(tmp_path)
    perform(walk, "all but", "", True)
    assert walk.run("", True)
    for what in ("plan", "record", "notice"):
        assert not walk.run(what, True), f"{what} edited between the gate and the host"
        assert not walk.run("", True), f"{what} edited before"
        walk.edit(what, False)
        assert walk.run("", True), "as it was approved again"
    walk.decide(decisions.CANCEL, "li", True)
    assert not walk.run("", True)
