# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin inside real ansible-inventory and ansible-playbook."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LEAST = """\
id: {id}
name: 服务
owner: zhang.wei
platform: vm
redundancy: 单机
hosts: [{host}]
backup: {{sites: [local]}}
data_dirs: [/srv]
"""
CONFIG = f"""\
[defaults]
collections_path = {REPO / "collections"}
[inventory]
any_unparsed_is_failed = true
ignore_patterns = ^people\\.ya?ml$, ^services$
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    shutil.copytree(REPO / "inventory", tmp_path / "inventory")
    (tmp_path / "ansible.cfg").write_text(CONFIG)
    return tmp_path / "inventory"


def run(inventory: Path, program: str, *args: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "ITOPS_"))}
    env |= {
        "ANSIBLE_CONFIG": str(inventory.parent / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(inventory.parent / "home"),
    }
    command = [str(BIN / program), *args]
    return subprocess.run(command, cwd=inventory.parent, env=env, capture_output=True, text=True, check=False, timeout=120)


def sources(inventory: Path, *names: str) -> list[str]:
    return [part for name in names or ("hosts.yml", "services.itops.yml") for part in ("-i", str(inventory / name))]


def plain(value: Any) -> Any:
    """What ansible-inventory prints, without the mark on untrusted text."""
    if isinstance(value, dict):
        return plain(value["__ansible_unsafe"]) if set(value) == {"__ansible_unsafe"} else {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def listed(inventory: Path, *names: str) -> dict[str, Any]:
    done = run(inventory, "ansible-inventory", *sources(inventory, *names), "--list")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = plain(json.loads(done.stdout))
    return found


def service(inventory: Path, service_id: str, host: str, extra: str = "") -> None:
    (inventory / "services" / f"{service_id}.yml").write_text(LEAST.format(id=service_id, host=host) + extra)


def test_groups_hosts_and_records(inventory: Path) -> None:
    found = listed(inventory)
    assert sorted(found["itops_services"]["children"]) == ["itops_web", "itops_wiki"]
    assert sorted(found["itops_web"]["hosts"]) == ["web-1", "web-2"]
    assert found["itops_wiki"]["hosts"] == ["wiki-1"]
    hostvars = found["_meta"]["hostvars"]
    assert hostvars["web-1"]["ansible_host"] == "192.0.2.11"
    assert hostvars["web-1"]["vip"] == "192.0.2.10"
    assert hostvars["wiki-1"]["ansible_host"] == "192.0.2.31"
    assert hostvars["web-2"]["itops_services"]["web"]["redundancy"] == "active_standby"
    assert hostvars["web-2"]["itops_people"]["zhang.wei"]["name"] == "张伟"


def test_a_host_in_several_services_keeps_all_of_them(inventory: Path) -> None:
    service(inventory, "log-agent", "{name: web-1}")
    found = listed(inventory)
    assert sorted(found["_meta"]["hostvars"]["web-1"]["itops_services"]) == ["log-agent", "web"]
    assert found["itops_log_agent"]["hosts"] == ["web-1"]


def test_a_group_of_another_source_is_taken_apart(inventory: Path) -> None:
    service(inventory, "wiki2", "{group: wiki_servers}")
    found = listed(inventory)
    assert found["_meta"]["hostvars"]["wiki-1"]["itops_services"]["wiki2"]["hosts"] == [
        {"role": "primary", "vars": {}, "name": "wiki-1", "of_group": "wiki_servers"}
    ]


def test_a_group_that_is_not_there_is_an_error_with_a_place(inventory: Path) -> None:
    service(inventory, "wiki2", "{group: wiki_servers}")
    done = run(inventory, "ansible-inventory", *sources(inventory, "services.itops.yml", "hosts.yml"), "--list")
    assert done.returncode != 0
    assert "wiki2.yml:6: error: hosts[0].group: no such group in an inventory source before this one" in done.stderr


def test_a_host_of_a_group_whose_name_is_a_command_is_refused(inventory: Path) -> None:
    """What is in a group nobody approves, and `%{host}` stands in command lines."""
    (inventory / "a.yml").write_text("odd: {hosts: {'wiki-9;reboot': {}}}\n")
    service(inventory, "wiki2", "{group: odd}")
    done = run(inventory, "ansible-inventory", *sources(inventory, "a.yml", "hosts.yml", "services.itops.yml"), "--list")
    assert done.returncode != 0
    assert "wiki2.yml:6: error: hosts[0]: not a host name; found: wiki-9;reboot" in done.stderr


def test_the_order_does_not_matter_for_hosts_referred_to_by_name(inventory: Path) -> None:
    first, second = listed(inventory), listed(inventory, "services.itops.yml", "hosts.yml")
    assert first["_meta"]["hostvars"] == second["_meta"]["hostvars"]


def test_the_folder_as_one_source(inventory: Path) -> None:
    assert sorted(listed(inventory, ".")["_meta"]["hostvars"]) == ["web-1", "web-2", "wiki-1"]


def test_wrong_records_end_everything_with_all_errors(inventory: Path) -> None:
    service(inventory, "web", "{name: a, address: 192.0.2.300}", "colour: red\n")
    service(inventory, "x", "{name: b}", "owner: [\n")
    done = run(inventory, "ansible-inventory", *sources(inventory), "--list")
    assert done.returncode != 0
    assert done.stdout == ""
    for expected in (
        "web.yml:6: error: hosts[0].address: not an IP address",
        "web.yml:9: error: colour: unknown key",
        "x.yml:10: error: not YAML",
    ):
        assert expected in done.stderr


def test_a_wrong_option_and_another_file_name(inventory: Path) -> None:
    (inventory / "services.itops.yml").write_text("plugin: itops.maintenance.services\nfolder: x\n")
    done = run(inventory, "ansible-inventory", *sources(inventory), "--list")
    assert (done.returncode != 0, "unknown option folder" in done.stderr) == (True, True)
    (inventory / "services.yaml").write_text("plugin: itops.maintenance.services\n")
    assert "could not be verified" in run(inventory, "ansible-inventory", *sources(inventory, "services.yaml"), "--list").stderr


def test_other_places_for_records_and_people(inventory: Path) -> None:
    (inventory / "services").rename(inventory / "records")
    (inventory / "people.yml").rename(inventory / "staff.yml")
    (inventory / "b.itops.yaml").write_text("plugin: itops.maintenance.services\nservices_dir: records\npeople: staff.yml\n")
    assert sorted(listed(inventory, "b.itops.yaml")["_meta"]["hostvars"]) == ["web-1", "web-2", "wiki-1"]


PLAYBOOK = """
- hosts: itops_trap
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ itops_services['trap'] | to_json }} {{ greeting }}"
        dest: "{{ playbook_dir }}/out.json"
        mode: "0600"
      delegate_to: localhost
      connection: local
      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
    - ansible.builtin.debug:
        msg: "{{ hostvars[inventory_hostname] }}"
"""


def test_no_string_of_a_record_is_ever_a_template(inventory: Path) -> None:
    trap = "{{ lookup('pipe', 'touch %s') }}" % (inventory.parent / "stolen")
    quoted = json.dumps(trap)
    service(
        inventory,
        "trap",
        f"{{name: trapped, remark: {quoted}, vars: {{greeting: {quoted}}}}}",
        f"remark: {quoted}\nremarks: {{owner: {quoted}}}\n",
    )
    people = inventory / "people.yml"
    people.write_text(people.read_text().replace("remark: 运维部主管", f"remark: {quoted}"))
    (inventory.parent / "play.yml").write_text(PLAYBOOK)
    listed(inventory)
    done = run(inventory, "ansible-playbook", *sources(inventory), str(inventory.parent / "play.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    out = (inventory.parent / "out.json").read_text()
    assert out.count("lookup('pipe'") == 5
    assert not (inventory.parent / "stolen").exists()


VAULT_PLAY = """
- hosts: itops_vaulted
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that:
          - db_password == 'geheim'
          - itops_services['vaulted']['hosts'][0]['vars']['db_password'] == 'geheim'
"""


def test_inline_vault_values_survive_and_open_with_the_password(inventory: Path) -> None:
    password = inventory.parent / "pass"
    password.write_text("vault-password\n")
    made = run(inventory, "ansible-vault", "encrypt_string", "--vault-password-file", str(password), "geheim")
    indented = "".join(f"        {line.strip()}\n" for line in made.stdout.splitlines()[1:])
    text = LEAST.format(id="vaulted", host="").replace("hosts: []\n", f"hosts:\n- name: v1\n  vars:\n      db_password: !vault |\n{indented}")
    (inventory / "services" / "vaulted.yml").write_text(text)
    (inventory.parent / "play.yml").write_text(VAULT_PLAY)
    shown = run(inventory, "ansible-inventory", *sources(inventory), "--list")
    assert shown.returncode == 0, shown.stderr
    assert "$ANSIBLE_VAULT" in shown.stdout
    assert "geheim" not in shown.stdout
    play = [*sources(inventory), "--vault-password-file", str(password), str(inventory.parent / "play.yml")]
    done = run(inventory, "ansible-playbook", *play)
    assert done.returncode == 0, done.stdout + done.stderr


ROLE_PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: itops.maintenance.service}
      vars: {id: web, name: 门户, owner: zhang.wei, platform: %s, redundancy: standalone, hosts: [{name: web-1}]}
    - ansible.builtin.include_role: {name: itops.maintenance.step, tasks_from: step}
      vars: {step: {kind: stop, command: systemctl stop web}}
    - ansible.builtin.include_role: {name: itops.maintenance.step, tasks_from: check}
      vars: {check: {type: port, port: 80}}
"""


@pytest.mark.parametrize(("platform", "right"), [("vm", True), ("mars", False)])
def test_ansible_itself_validates_with_the_same_specs(inventory: Path, platform: str, right: bool) -> None:
    (inventory.parent / "play.yml").write_text(ROLE_PLAY % platform)
    done = run(inventory, "ansible-playbook", "-i", "localhost,", str(inventory.parent / "play.yml"))
    assert (done.returncode == 0) is right, done.stdout + done.stderr
    assert ("value of platform must be one of" in done.stdout + done.stderr) is not right


def test_documentation_and_example_are_read_by_ansible(inventory: Path) -> None:
    done = run(inventory, "ansible-doc", "-t", "inventory", "itops.maintenance.services")
    assert done.returncode == 0, done.stderr
    assert "services_dir" in done.stdout
