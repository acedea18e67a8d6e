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
    "in a template that is called YAML": {"ansible.builtin.template": {"src": "loose.yml", "dest": "/etc/motd"}},
    "in a template of a template": {"ansible.builtin.template": {"src": "outer.j2", "dest": "/etc/motd"}},
    "in a template that is looked up": {TASK: {"msg": "{{ lookup('template', 'motd.j2') }}"}},
    "in the end of a loop": {TASK: {"msg": "x"}, "loop": [1, 2], "loop_control": {"break_when": "rack"}},
    "beside braces in quotes": {TASK: {"msg": "x"}, "when": "'{{' in rack"},
    "in a text within Jinja": {TASK: {"msg": "{{ '{{ rack }}' }}"}},
    "as the name of a fact": {"ansible.builtin.set_fact": {"{{ rack }}": 1}},
    "in a statement": {TASK: {"msg": "{% do [].append(rack) %}"}},
}


@pytest.mark.parametrize("how", TAKEN)
def test_a_task_file_takes_nothing_from_the_inventory_alone(tmp_path: Path, how: str) -> None:
    make.workspace(tmp_path)
    (tmp_path / "changes/motd.j2").write_text("{% if rack %}here{% endif %}\n", "utf-8")
    (tmp_path / "changes/loose.yml").write_text("{% if rack %}\na: 1\n{% endif %}\n", "utf-8")
    (tmp_path / "changes/outer.j2").write_text("{% include 'motd.j2' %}\n", "utf-8")
    make.dump(tmp_path / "changes/more.yml", [{"name": "更多", TASK: {"msg": "{{ rack }}"}}])
    task = {"name": "任务", **TAKEN[how]}
    assert said(tmp_path, {"web2": {"rack": 7}}, task) == ["web2: a task file takes from the inventory: rack"]
    assert said(tmp_path, {"web2": {"other": 7}}, task) == [], "what nobody gives, Ansible itself refuses"


def test_a_task_file_may_take_what_the_record_gives_what_ansible_sets_and_secrets(tmp_path: Path) -> None:
    text = "{{ port }} {{ inventory_hostname }} {{ ansible_facts.distribution }} {{ api_token }} {{ made.stdout }} {{ change }}"
    inventory = {"web1": {"port": 8080, "inventory_hostname": "web1", "ansible_facts": {}, "api_token": "x", "change": make.CHANGE}}
    assert said(tmp_path, inventory, {"name": "任务", TASK: {"msg": text}}) == []


@pytest.mark.parametrize(
    ("name", "refused"), [("ansible_rack", True), ("change_rack", True), ("role_rack", True), ("ansible_port", False), ("role_name", False)]
)
def test_only_what_ansible_itself_sets_is_ansibles(tmp_path: Path, name: str, refused: bool) -> None:
    found = said(tmp_path, {"web1": {name: "x"}}, {"name": "任务", TASK: {"msg": f"{{{{ {name} }}}}"}})
    assert found == ([f"web1: a task file takes from the inventory: {name}"] if refused else [])


def test_a_fact_that_ansible_remembers_is_no_variable_of_the_inventory(tmp_path: Path) -> None:
    given = {"ansible_facts": {"distribution": "Debian"}, "ansible_distribution": "Debian"}
    assert said(tmp_path, {"web1": given}, {"name": "任务", TASK: {"msg": "{{ ansible_distribution }}"}}) == []


@pytest.mark.parametrize("given", [{"itops_segments": {}}, {"segment_packages": "/tmp"}, {"group_names": ["itops_shop", "itops_stage_1"]}])
def test_the_inventory_lines_up_no_run(tmp_path: Path, given: dict[str, Any]) -> None:
    assert any("only the gate lines up a run" in message for message in said(tmp_path, {"web1": given}))


@pytest.mark.parametrize("text", [
    "{{ hostvars[inventory_hostname].rack }}", "{{ vars['rack'] }}", "{{ lookup('vars', 'ra' ~ 'ck') }}", "{{ query(which) }}", "{{ groups.lb[0] }}",
    "{% set ask = lookup %}{{ ask('vars', 'rack') }}", "{{ lookup('file', which) }}", "{{ lookup('template', 'a.j2', variable_start_string='[[') }}",
    "{% include which %}", "#jinja2: variable_start_string:'[['\n[[ rack ]]",
])  # fmt: skip
def test_a_variable_whose_name_is_made_up_in_the_run_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="only known in the run"):
        said(tmp_path, {}, {"name": "任务", TASK: {"msg": text}})


HIDDEN: dict[str, dict[str, Any]] = {
    "a role": {"action": "include_role name=other"},
    "a role elsewhere": {"local_action": {"module": "include_role", "name": "other"}},
    "a module": {"action": "{{ which }} x"},
    "variables by a loop": {TASK: {"msg": "{{ item }}"}, "with_vars": ["rack"]},
    "tasks": {"action": "include_tasks {{ which }}.yml"},
    "tasks in a file of another kind": {"ansible.builtin.include_tasks": "more.txt"},
    "a file": {"ansible.builtin.copy": {"src": "conf/{{ which }}", "dest": "/etc/app.conf"}},
    "a file in one line": {"ansible.builtin.copy": "src=conf/{{ which }} dest=/etc/app.conf"},
    "files of a made list": {"ansible.builtin.copy": {"src": "{{ item }}", "dest": "/etc/"}, "loop": "{{ which }}"},
    "a folder that is not beside it": {"ansible.builtin.copy": {"src": "../inventory", "dest": "/etc/"}},
    "other signs": {"ansible.builtin.template": {"src": "motd.j2", "dest": "/etc/motd", "variable_start_string": "[["}},
}


@pytest.mark.parametrize("what", HIDDEN)
def test_what_is_only_known_in_the_run_is_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(BadInput, match="only known in the run"):
        said(tmp_path, {}, {"name": "任务", **HIDDEN[what]})


def test_a_task_file_of_a_fail_over_is_held_to_the_same(tmp_path: Path) -> None:
    switch = {"steps": [{"kind": "failover", "title": "切换", "tasks": "switch.yml"}]}
    known = catalogue.load(workspace.load(make.workspace(tmp_path, hosts=HOSTS, failover=switch)))
    assert [problem.message for problem in change_file.read(make.change(tmp_path), known.services, known.people)[1]] == ["its fail-over: no such task file"]
    make.dump(tmp_path / "changes/switch.yml", [{"name": "切换", TASK: {"msg": "{{ rack }}"}}])
    change = change_file.load(make.change(tmp_path), known.services, known.people)
    found = list(inputs.hosts(change, known.services, plan.targets(change, known.services)[0], {"web1": {"rack": 1}}))
    assert [finding.message for finding in found] == ["web1: a task file takes from the inventory: rack"]


SEEN: dict[str, dict[str, Any]] = {
    "a file of the host": {"ansible.builtin.copy": {"src": "/opt/{{ port }}.conf", "dest": "/etc/app.conf", "remote_src": True}},
    "files of a written list": {"ansible.builtin.copy": {"src": "{{ item }}", "dest": "/etc/"}, "loop": ["a.conf", "b.conf"]},
    "a script with arguments": {"ansible.builtin.script": "run.sh {{ port }}"},
    "a made name on the host": {"ansible.builtin.file": {"path": "/opt/{{ port }}", "state": "absent"}},
    "another program's braces": {"ansible.builtin.copy": {"content": "{{ $labels.instance }}", "dest": "/etc/rules"}},
}


@pytest.mark.parametrize("what", SEEN)
def test_what_can_be_seen_is_not_refused(tmp_path: Path, what: str) -> None:
    assert said(tmp_path, {}, {"name": "任务", **SEEN[what]}) == []


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
