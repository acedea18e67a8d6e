# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan takes from elsewhere than the files it was approved with: named, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, inputs, plan, task_files, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from tests.unit import make

HOSTS = [
    {"name": "web1", "role": "primary", "address": "192.0.2.11", "vars": {"port": 8080, "ansible_user": "deploy"}},
    {"name": "web2", "role": "standby", "vars": {"port": 8080}},
]
TASK = "ansible.builtin.debug"


def tasks(root: Path, *given: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a change with a task file of these tasks."""
    make.dump(root / "changes/t.yml", list(given))
    steps = make.plan()["steps"]
    return {"plan": {"steps": [*steps[:1], {"kind": "update", "title": "任务", "tasks": "t.yml"}, *steps[1:]]}}


def said(root: Path, inventory: dict[str, dict[str, Any]], *given: dict[str, Any]) -> list[str]:
    """What the guard has against these variables of the inventory."""
    known = catalogue.load(workspace.load(make.workspace(root, hosts=HOSTS)))
    change = change_file.load(make.change(root, **tasks(root, *given)), known.services, known.people)
    targets = plan.targets(change, known.services)[0]
    return [finding.message for finding in inputs.hosts(change, known.services, targets, inventory)]


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [("port", 9999, True), ("port", "{{ other }}", True), ("ansible_host", "192.0.2.99", True), ("port", "8080", False), ("ansible_host", "192.0.2.11", False),
     ("ansible_user", "root", False), ("elsewhere", "x", False)],
)  # fmt: skip
def test_the_inventory_may_not_say_something_else_than_the_record(tmp_path: Path, name: str, value: Any, refused: bool) -> None:
    found = said(tmp_path, {"web1": {name: value}})
    assert (found == [f"web1: the inventory says something else than the service record: {name}"]) is refused and (refused or not found)


TAKEN: dict[str, dict[str, Any]] = {
    "in a text": {TASK: {"msg": "to {{ rack }}"}},
    "in a filter": {TASK: {"msg": "{{ [] | ansible.builtin.combine(rack) }}"}},
    "in a condition": {TASK: {"msg": "x"}, "when": ["true", "rack is defined"]},
    "in an assertion": {"ansible.builtin.assert": {"that": "rack == 1"}},
    "in a loop": {TASK: {"msg": "{{ item }}"}, "loop": "{{ rack }}"},
    "in a template": {"ansible.builtin.template": {"src": "motd.j2", "dest": "/etc/motd"}},
    "in a file it includes": {"ansible.builtin.include_tasks": "more.yml"},
}


@pytest.mark.parametrize("how", TAKEN)
def test_a_task_file_takes_nothing_from_the_inventory_alone(tmp_path: Path, how: str) -> None:
    make.workspace(tmp_path)
    (tmp_path / "changes/motd.j2").write_text("{% if rack %}here{% endif %}\n", "utf-8")
    make.dump(tmp_path / "changes/more.yml", [{"name": "更多", TASK: {"msg": "{{ rack }}"}}])
    task = {"name": "任务", **TAKEN[how]}
    assert said(tmp_path, {"web2": {"rack": 7}}, task) == ["web2: a task file takes from the inventory: rack"]
    assert said(tmp_path, {"web2": {"other": 7}}, task) == [], "what nobody gives, Ansible itself refuses"


def test_a_task_file_may_take_what_the_record_gives_what_ansible_sets_and_secrets(tmp_path: Path) -> None:
    text = "{{ port }} {{ inventory_hostname }} {{ ansible_facts.distribution }} {{ api_token }} {{ made.stdout }} {{ change }}"
    inventory = {"web1": {"port": 8080, "inventory_hostname": "web1", "ansible_facts": {}, "api_token": "x", "change": make.CHANGE}}
    assert said(tmp_path, inventory, {"name": "任务", TASK: {"msg": text}}) == []


@pytest.mark.parametrize("text", ["{{ hostvars[inventory_hostname].rack }}", "{{ vars['rack'] }}", "{{ lookup('vars', 'ra' ~ 'ck') }}", "{{ query(which) }}"])
def test_a_variable_whose_name_is_made_up_in_the_run_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="only known in the run"):
        said(tmp_path, {}, {"name": "任务", TASK: {"msg": text}})


def test_a_lookup_of_something_else_is_none(tmp_path: Path) -> None:
    make.workspace(tmp_path)
    tasks(tmp_path, {"name": "任务", TASK: {"msg": "{{ lookup('ansible.builtin.pipe', 'date') }} {{ '{{' }}"}})
    assert list(task_files.faults(tmp_path / "changes", "t.yml")) == []


def test_a_plan_names_no_value_that_no_record_gives(tmp_path: Path) -> None:
    """One finding for each host, a secret by its name excepted; only hosts the change is for."""
    known = catalogue.load(workspace.load(make.workspace(tmp_path, hosts=HOSTS)))
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "更新", "command": "load %{port} %{rack} %{api_token} %{host} %{files}"}
    parts: dict[str, Any] = {"notice": {"id": "S", "files": []}}
    messages = [p.message for p in change_file.read(make.change(tmp_path, plan={"steps": steps}, **parts), known.services, known.people)[1]]
    assert messages == ["%{rack} has no value on web1", "%{rack} has no value on web2"]
    messages = [p.message for p in change_file.read(make.change(tmp_path, plan={"steps": steps, "hosts": ["web2"]}, **parts), known.services, known.people)[1]]
    assert messages == ["%{rack} has no value on web2"]
