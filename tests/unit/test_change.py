# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change file: everything that is wrong with it at once, and digests that notice any edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from tests.unit import make


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path)


def problems(root: Path, path: Path) -> list[Problem]:
    known = catalogue.load(workspace.load(root))
    assert not known.problems, known.problems
    return change_file.read(path, known.services, known.people)[1]


def text(found: list[Problem]) -> str:
    return "\n".join(map(str, found))


def test_a_good_change_is_clean(root: Path) -> None:
    assert problems(root, make.change(root)) == []


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"service": ["wbe"]}, "unknown service"),
        ({"executor": "nobody"}, "not in people.yml"),
        ({"executor": "li", "approver": "li"}, "nobody approves what they execute"),
        ({"category": "emergency"}, "needs the id of its incident"),
        ({"plan": {"checks": []}}, "without a check nothing can be verified"),
        ({"plan": {"hosts": ["web9"]}}, "not a host of the service"),
        ({"plan": {"batch": 0}}, "too small"),
        ({"plan": {"window": {"start": "2026-11-23 02:00", "end": "2026-11-23T04:00:00+08:00"}}}, "not a time with offset"),
        ({"plan": {"window": {"start": "2026-11-23T05:00:00+08:00", "end": "2026-11-23T04:00:00+08:00"}}}, "not after its start"),
        ({"plan": {"not_applicable": {"stop": "无需停止"}}}, "there are steps of kind stop all the same"),
        ({"notice": {"id": "S", "files": [{"name": "a/b", "size": 1, "sha256": "0" * 64}]}}, "not a plain file name"),
        ({"notice": {"id": "S", "files": [{"name": "app.tar.gz", "size": 1, "sha256": "12"}]}}, "not a sha256 digest"),
        ({"notice": {"id": "S", "files": [{"name": "app.tar.gz", "size": 1}]}}, "no digest to compare with"),
        ({"notice": {"id": "S", "files": []}}, "file is not in the notice"),
        ({"plan": {"steps": [*make.plan()["steps"], {"kind": "other", "command": "echo 'open"}]}}, "not a command line"),
        ({"plan": {"checks": [{"type": "log", "path": "/var/log/x", "pattern": "("}]}}, "not a regular expression"),
        ({"plan": {"checks": [{"type": "port", "port": 99999}]}}, "port"),
        ({"plan": {"checks": [{"type": "port", "port": 80, "sha256": "0" * 64}]}}, ""),
    ],
)
def test_each_mistake_is_named_with_its_line(root: Path, parts: dict[str, Any], said: str) -> None:
    found = [p for p in problems(root, make.change(root, **parts)) if said in p.message]
    assert found, text(problems(root, make.change(root, **parts)))
    assert found[0].line > 0 and found[0].path


def test_a_missing_kind_of_step_needs_a_reason(root: Path) -> None:
    steps = [s for s in make.plan()["steps"] if s["kind"] != "rollback"]
    assert "no step of kind rollback" in text(problems(root, make.change(root, plan={"steps": steps})))
    assert problems(root, make.change(root, plan={"steps": steps, "not_applicable": {"rollback": "供应商不支持"}})) == []


def test_undoing_belongs_to_the_rollback(root: Path) -> None:
    steps = [*make.plan()["steps"], {"kind": "update", "title": "x", "restore": {}}]
    assert "undoing belongs to the rollback" in text(problems(root, make.change(root, plan={"steps": steps})))


def test_a_weak_digest_is_a_warning(root: Path) -> None:
    files = [{"name": "app.tar.gz", "size": len(make.PATCH), "md5": "0" * 32}]
    found = problems(root, make.change(root, notice={"id": "S", "files": files}))
    assert [p.severity for p in found] == ["warning"]


def test_all_errors_come_at_once(root: Path) -> None:
    found = problems(root, make.change(root, service=["wbe"], executor="nobody", plan={"checks": [], "batch": 0}))
    assert len(found) >= 4


def test_an_edit_of_the_plan_changes_its_digest_and_a_remark_does_not(root: Path) -> None:
    known = catalogue.load(workspace.load(root))
    digests = [change_file.load(make.change(root, **p), known.services, known.people) for p in ({}, {"remark": "x"}, {"plan": {"batch": 2}})]
    assert digests[0].plan_digest == digests[1].plan_digest != digests[2].plan_digest
    assert len({c.digest for c in digests}) == 3


def test_an_unknown_change_names_the_known_ones(root: Path) -> None:
    make.change(root)
    with pytest.raises(BadInput, match=make.CHANGE):
        change_file.find(workspace.load(root), "CHG-20261123-99")
    with pytest.raises(BadInput, match="not a change id"):
        change_file.find(workspace.load(root), "../../etc/passwd")


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\ufeff", "\u00ad"])
def test_nothing_is_hidden_from_who_approves(tmp_path: Path, hidden: str) -> None:
    """A mark that turns the order of the text round, or one without width, in a title or a command."""
    ws = workspace.load(make.workspace(tmp_path))
    known = catalogue.load(ws)
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "更新", "command": f"install{hidden} app"}
    path = make.change(tmp_path, title=f"升级{hidden}", plan={"steps": steps})
    found = [p.path for p in change_file.read(path, known.services, known.people)[1] if "nobody sees" in p.message]
    assert found == ["title", "plan.steps[1].command"]


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("mysql -u root --password=hunter2", "plan.steps[1].command"), ("curl -u admin:hunter2 https://h/", "plan.steps[1].command"),
        ("redis-cli -a hunter2 ping", "plan.steps[1].command"), ("mysql --password=%{db_password} db", ""), ("curl -u admin:%{api_token} https://h/", ""),
    ],
)  # fmt: skip
def test_a_secret_in_clear_is_refused_without_repeating_it(tmp_path: Path, command: str, where: str) -> None:
    """A plan is approved, printed and kept: what it needs to know comes from the vault."""
    make.workspace(tmp_path)
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "更新", "command": command}
    path = make.change(tmp_path, plan={"steps": steps})
    known = catalogue.load(workspace.load(tmp_path))
    problems = change_file.read(path, known.services, known.people)[1]
    assert [p.path for p in problems if "literal secret" in p.message] == ([where] if where else [])
    assert not any("hunter2" in str(p) for p in problems)


def test_a_person_still_to_be_named_is_said_once(root: Path) -> None:
    found = problems(root, make.change(root, executor="待填"))
    assert [(problem.path, problem.message) for problem in found] == [("executor", "still to be filled in")]
