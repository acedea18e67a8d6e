# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that is decided on may come in from the side: by an extra variable, by the inventory's own variables, by a variable in a task file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import binding, catalogue, placeholders, task_files
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.plan import Target, name_of
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

Records = Mapping[str, Mapping[str, Any]]

LOGIN = r"ansible_((ssh_)?user|(ssh_)?pass(word)?|(ssh_)?private_key_file|become_pass(word)?)"  # who logs in, never where or with what
# The only extra variables a run takes: whatever else is given that way goes before records, registered results and the inventory, also inside a value.
EXTRA = re.compile(rf"change|verb|itops_limit|itops_rejoin_within|(awx|tower)_\w+|{LOGIN}")
NOT_BOUND = re.compile(LOGIN)
# What Ansible itself sets, and where it finds the host: a task file may say these, whatever else the inventory gives is borrowed.
OF_ANSIBLE = re.compile(
    r"inventory_(hostname|hostname_short|dir|file)|group_names|play_hosts|playbook_dir|role_(name|names|path)|omit|change|ansible_(facts|local|host|port|version"
    r"|check_mode|diff_mode|config_file|forks|inventory_sources|limit|playbook_python|run_tags|skip_tags|verbosity|search_path|loop|loop_var|index_var"
    r"|failed_(task|result)|(play|role|collection|parent_role|dependent_role)_\w+)|" + LOGIN
)
# Variables and groups by which the playbooks of this collection hand on what the gate has lined up.
LINEUP = ("itops_segments", "segment_packages", "backup_packages", "rollback_requested", "gate_limit")
LINEUP_GROUPS = ("itops_targets", "itops_stage_1", "itops_stage_2", "itops_failover")


def extra_variables(change: Change, services: Records, given: Mapping[str, Any]) -> Finding:
    """No record, no person, no value of the plan, no list of hosts or steps by an extra variable."""
    used = set(placeholders.names([change.plan, *(dict(services[sid]) for sid in change.services)]))
    secrets = {name for name in used if placeholders.is_secret(name)}  # AWX hands its credentials over like this
    bad = sorted(name for name in given if name not in secrets and not EXTRA.fullmatch(str(name)))
    message = f"given as extra variables: {', '.join(bad)}" if bad else "no extra variable stands in for what was decided on"
    return Finding("extra_vars", not bad, message, "leave out these -e options (and survey answers); values of the plan belong into hosts[].vars of the record")


def records(ws: Workspace, change: Change, services: Records, people: Records) -> Iterator[Finding]:
    """Ansible's variables hand on the very records that the files have."""
    if ws.services_dir.is_dir():
        known = catalogue.load(ws)
        other = [sid for sid in change.services if sid in known.services and binding.of_service(known.services[sid]) != binding.of_service(services[sid])]
        other += sorted(pid for pid in {*people, *known.people} if _proof(people.get(pid)) != _proof(known.people.get(pid))) if known.people else []
        message = f"Ansible's variables say something else than the files: {', '.join(other)}" if other else "Ansible sees the records as the files have them"
        yield Finding(
            "variables", not other, message, "look for itops_services and itops_people in host_vars, group_vars and -e: ansible-inventory --host HOST"
        )


def hosts(change: Change, services: Records, targets: Sequence[Target], inventory: Records) -> Iterator[Finding]:
    """What the record gives of a host counts there, and task files take nothing from the inventory that the record does not give."""
    used = task_files.variables(binding.task_files(change.data, services, change.path.parent))
    for target in targets:
        given, entry = inventory.get(target.host, {}), host_entry(services[target.service], target.host)
        own = {**(entry.get("vars") or {}), **({"ansible_host": entry["address"]} if entry.get("address") else {})}
        other = sorted(name for name, value in own.items() if name in given and not NOT_BOUND.fullmatch(name) and _differs(value, given[name]))
        remedy = f"leave these out of host_vars and group_vars: ansible-inventory --host {target.host}"
        if other:
            yield Finding("variables", False, f"{target.host}: the inventory says something else than the service record: {', '.join(other)}", remedy)
        lined_up = [name for name in LINEUP if name in given] + [group for group in LINEUP_GROUPS if group in (given.get("group_names") or [])]
        if lined_up:
            yield Finding("variables", False, f"{target.host}: only the gate lines up a run, not the inventory: {', '.join(lined_up)}", remedy)
        borrowed = sorted(name for name in used if name in given and name not in own and not _may_be_said(name, given))
        remedy = f"set them in hosts[].vars of inventory/services/{target.service}.yml: only what stands there is approved with the plan"
        if borrowed:
            yield Finding("variables", False, f"{target.host}: a task file takes from the inventory: {', '.join(borrowed)}", remedy)


def host_entry(record: Mapping[str, Any], host: str) -> Mapping[str, Any]:
    """What a service record says of one of its hosts."""
    return next((entry for entry in record.get("hosts") or [] if name_of(entry) == host), {})


def _may_be_said(name: str, given: Mapping[str, Any]) -> bool:
    fact = name.removeprefix("ansible_") in (given.get("ansible_facts") or {}) and name.startswith("ansible_")  # goes before the inventory
    return fact or placeholders.is_secret(name) or bool(OF_ANSIBLE.fullmatch(name))


def _differs(recorded: Any, effective: Any) -> bool:
    return not binding.vaulted(recorded) and str(recorded) != str(effective)


def _proof(person: Mapping[str, Any] | None) -> dict[str, Any]:
    """What of a person decides whether they may decide."""
    return {key: person.get(key) for key in ("roles", "accounts", "deputy", "active", "public_key")} if person else {}
