# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts behind the groups that service records refer to: only Ansible's inventory knows them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import membership, redact
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli import runner

LIMIT = 120  # seconds an inventory source may take


def expanded(ws: Workspace, known: Catalogue, wanted: Iterable[str]) -> Catalogue:
    """The catalogue with the groups of these services replaced by their hosts; the very same where they refer to none. Raises BadInput."""
    open_ones = {sid: known.services[sid] for sid in wanted if any("group" in host for host in known.services.get(sid, {}).get("hosts") or [])}
    if not open_ones:
        return known
    members = _members(_inventory(ws))
    hosts = membership.resolve(replace(known, services=open_ones), members.get).hosts.values()
    return replace(known, services={**known.services, **{sid: record for host in hosts for sid, record in host.services.items()}})


def _members(inventory: dict[str, Any]) -> dict[str, list[str]]:
    """Group -> its hosts, as the records of the inventory's hosts have taken them apart."""
    found: dict[str, list[str]] = {}
    for variables in inventory["_meta"]["hostvars"].values():
        for entry in (entry for record in (variables.get("itops_services") or {}).values() for entry in record["hosts"] if entry.get("of_group")):
            names = found.setdefault(entry["of_group"], [])
            names += [entry["name"]] if entry["name"] not in names else []
    return found


def _inventory(ws: Workspace) -> dict[str, Any]:
    command = ["ansible-inventory", "-i", str(ws.inventory), "--list"]
    env = {**os.environ, **runner.environment(ws), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "True"}
    try:
        done = subprocess.run(command, cwd=ws.root, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout, object_hook=_plain)
            return found
        said = redact.redact(" ".join(done.stderr.split()))[:500]  # Ansible shows the lines around an error
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        said = str(error)
    raise BadInput([Problem(str(ws.inventory), 0, "", f"Ansible cannot read the inventory: {said}", remedy=f"ansible-inventory -i {ws.inventory} --list")])


def _plain(value: dict[str, Any]) -> Any:
    """Ansible writes a text that is never a template as {"__ansible_unsafe": text}."""
    return value.get("__ansible_unsafe", value)
