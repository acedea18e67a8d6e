# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision is about: edits that void it, and edits that do not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import binding
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted

Record = dict[str, Any]
CHANGE: Record = {"id": "CHG-20261123-01", "service": ["web"], "title": "升级", "approver": "wang", "plan": {"steps": [{"kind": "update", "tasks": "t.yml"}]}}
WEB: Record = {
    "owner": "zhang", "remark": "", "redundancy": "active_standby", "hosts": [{"name": "a", "role": "primary", "vars": {"x": 1}}],
    "maintenance": {"mode": "auto", "anchor": "2026-01-01"}, "failover": {"steps": [{"command": "promote"}]}, "backup": {"sites": ["local"]},
    "control": {"provider": "systemd", "unit": "web"}, "data_dirs": ["/srv/web"],
}  # fmt: skip


RETRY = {"type": "网络", "pattern": "timed out", "action": "retry", "retries": 2, "steps": ["重试"]}


def digest(folder: Path, change: Record, services: dict[str, Record]) -> str:
    return binding.digest(binding.bound(change, services, folder))


VOIDING: dict[str, Callable[[Record, Record, Path], Any]] = {
    "a step": lambda change, web, folder: change["plan"]["steps"].append({"kind": "update", "command": "x"}),
    "the fail-over": lambda change, web, folder: web["failover"]["steps"][0].update(command="demote"),
    "how the service is stopped": lambda change, web, folder: web["control"].update(unit="other"),
    "where the backup goes": lambda change, web, folder: web["backup"].update(destination={"local": "/tmp"}),
    "what is backed up": lambda change, web, folder: web["data_dirs"].append("/srv/more"),
    "a further host": lambda change, web, folder: web["hosts"].append({"name": "b", "role": "standby"}),
    "who is asked": lambda change, web, folder: web["maintenance"].update(mode="manual"),
    "the task file": lambda change, web, folder: (folder / "t.yml").write_text("- debug:\n", "utf-8"),
    "an entry that does a step again": lambda change, web, folder: web.update(known_errors=[RETRY]),
    "an entry of every service": lambda change, web, folder: (folder.parent / "policy.yml").write_text(yaml.safe_dump({"known_errors": [RETRY]}), "utf-8"),
    "the values of a group": lambda change, web, folder: web["hosts"].append({"group": "more", "vars": {"x": 2}}),
    "the task file away": lambda change, web, folder: (folder / "t.yml").unlink(),
}
HARMLESS: dict[str, Callable[[Record, Record, Path], Any]] = {
    "the title": lambda change, web, folder: change.update(title="升级到 2.0"),
    "the owner": lambda change, web, folder: web.update(owner="li"),
    "a remark": lambda change, web, folder: web.update(remark="年底下线"),
    "the cycle": lambda change, web, folder: web["maintenance"].update(anchor="2027-01-01"),
    "an entry that tells and asks": lambda change, web, folder: web.update(known_errors=[{**RETRY, "action": "pause"}]),
    "another service": lambda change, web, folder: (folder / "other.yml").write_text("", "utf-8"),
}


@pytest.mark.parametrize(("edit", "voids"), [*((name, True) for name in VOIDING), *((name, False) for name in HARMLESS)])
def test_edits(tmp_path: Path, edit: str, voids: bool) -> None:
    tmp_path = tmp_path / "changes"
    tmp_path.mkdir()
    (tmp_path / "t.yml").write_text("- ping:\n", "utf-8")
    change, web = copy.deepcopy(CHANGE), copy.deepcopy(WEB)
    before = digest(tmp_path, change, {"web": web})
    {**VOIDING, **HARMLESS}[edit](change, web, tmp_path)
    assert (digest(tmp_path, change, {"web": web}) != before) is voids


NAMED: dict[str, tuple[str, str]] = {  # how a task names a file, and the file
    "in words": ("ansible.builtin.script: run.sh --now", "run.sh"),
    "over lines": ("ansible.builtin.script: |\n    run.sh\n    --now\n", "run.sh"),
    "in quotes": ("""ansible.builtin.script: "'run it.sh' --now" """, "run it.sh"),
    "in a line of arguments": ("ansible.builtin.copy: src=app.conf dest=/etc/app.conf", "files/app.conf"),
    "in a lookup": ("""ansible.builtin.copy: {content: "{{ lookup('file', 'app.conf') }}", dest: /etc/app.conf}""", "app.conf"),
    "as its folder": ("ansible.builtin.copy: {src: conf/, dest: /etc/app}", "files/conf/deep/app.conf"),
    "by a glob": ("ansible.builtin.copy: {src: '{{ item }}', dest: /etc}\n  with_fileglob: ['conf/*.conf']", "conf/app.conf"),
    "as variables": ("ansible.builtin.include_vars: {dir: more}", "vars/more/a.yml"),
    "in a template": ("ansible.builtin.template: {src: outer.j2, dest: /etc/app.conf}", "templates/inner.j2"),
}


@pytest.mark.parametrize("how", NAMED)
def test_a_file_that_travels_to_a_host_is_decided_on_however_it_is_named(tmp_path: Path, how: str) -> None:
    folder, (task, name) = tmp_path / "changes", NAMED[how]
    (folder / name).parent.mkdir(parents=True)
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates/outer.j2").write_text("{% include 'inner.j2' %}", "utf-8")
    (folder / "t.yml").write_text(f"- name: 任务\n  {task}\n", "utf-8")
    digests = [digest(folder, CHANGE, {"web": WEB})]
    for content in ("good", "evil"):
        (folder / name).write_text(content, "utf-8")
        digests.append(digest(folder, CHANGE, {"web": WEB}))
    assert len({*digests}) == 3, "that there is one, and what is in it"


def test_a_task_file_of_the_fail_over_is_decided_on(tmp_path: Path) -> None:
    web = {**WEB, "failover": {"steps": [{"kind": "failover", "tasks": "switch.yml"}]}}
    digests = set()
    for content in ("- ping:\n", "- reboot:\n"):
        (tmp_path / "switch.yml").write_text(content, "utf-8")
        digests.add(digest(tmp_path, CHANGE, {"web": web}))
    assert len(digests) == 2


def test_a_file_of_the_host_is_not_the_controllers_of_that_name(tmp_path: Path) -> None:
    """A decision taken on one controller has to hold on another (AWX), and after an update of the first."""
    folder, own = tmp_path / "changes", tmp_path / "app.conf"
    folder.mkdir()
    (folder / "t.yml").write_text(f"- ansible.builtin.command: {own} -v\n- ansible.builtin.template: {{src: app.j2, dest: {own}}}\n", "utf-8")
    before = digest(folder, CHANGE, {"web": WEB})
    own.write_text("here", "utf-8")
    assert digest(folder, CHANGE, {"web": WEB}) == before


def test_an_encrypted_value_counts_the_same_whoever_reads_it(tmp_path: Path) -> None:
    mine, ansibles = ({**WEB, "control": {"start": text}} for text in (Vaulted("$ANSIBLE_VAULT;1.1;AES256"), binding.VAULTED))
    assert digest(tmp_path, CHANGE, {"web": mine}) == digest(tmp_path, CHANGE, {"web": ansibles})
