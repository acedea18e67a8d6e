# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory plugin: service records become groups, hosts and host variables. The work is done in plugin_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: Service records as inventory
version_added: 0.1.0
author: itops contributors (@itops)
description:
  - Reads one service record from each file of a folder and the people of the department.
  - Every service becomes a group C(itops_<id>) (C(-) becomes C(_)) below the group C(itops_services).
  - Every host gets the variable C(itops_services), service id to record, so that a host of several services keeps all.
  - The group C(itops_services) gets the variable C(itops_people).
  - No string of a record is ever a template. Inline vaulted values stay vaulted.
  - A host without an address is one of another inventory source. The source of a named group has to stand before this.
  - Records with an error anywhere stop the whole source. Every error of every file is in the message.
options:
  plugin:
    description: Marks the file as one for this plugin.
    required: true
    choices: [itops.maintenance.services]
  services_dir:
    description: Folder with the service records, relative to this file.
    type: str
    default: services
  people:
    description: File with the people, relative to this file.
    type: str
    default: people.yml
notes:
  - C(any_unparsed_is_failed = true) in the section C(inventory) of ansible.cfg makes wrong records stop Ansible.
  - Without it there is only a warning.
"""

EXAMPLES = r"""
# inventory/services.itops.yml
plugin: itops.maintenance.services
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.parsing.vault import EncryptedString
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, membership, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Vaulted

SUFFIXES = (".itops.yml", ".itops.yaml")
ALL = "itops_services"


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # Ansible ships no types
    """Thin: options in, groups and variables out."""

    NAME = "itops.maintenance.services"

    def verify_file(self, path: str) -> bool:
        """Only files that say by their name that they are ours."""
        return bool(super().verify_file(path)) and path.endswith(SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add everything, or raise AnsibleParserError with every problem and add nothing."""
        super().parse(inventory, loader, path, cache)
        self._known_options_only(self._read_config_data(path))
        try:
            found = self._catalogue(Path(path)).required()
            members = membership.resolve(found, lambda group: _hosts_of(inventory, group))
        except BadInput as bad:
            raise AnsibleParserError(f"{len(bad.problems)} problem(s) in the service records, nothing is loaded:\n{bad}") from None
        self._add(found, members)

    def _known_options_only(self, config: dict[str, Any]) -> None:
        """Ansible itself ignores what it does not know, and a slip in `services_dir` would load another folder."""
        for name in sorted(set(config) - {"plugin", "services_dir", "people"}):
            raise AnsibleParserError(f"unknown option {name}; allowed: plugin, services_dir, people")

    def _catalogue(self, path: Path) -> catalogue.Catalogue:
        services, people = path.parent / self.get_option("services_dir"), path.parent / self.get_option("people")
        return catalogue.read(services, people, _cache_dir(path))

    def _add(self, found: catalogue.Catalogue, members: membership.Members) -> None:
        self.inventory.add_group(ALL)
        self.inventory.set_variable(ALL, "itops_people", native(found.people))
        for service_id in found.services:
            group = self.inventory.add_group(membership.group_name(service_id))
            self.inventory.add_child(ALL, group)
        for host in members.hosts.values():
            self._add_host(host)

    def _add_host(self, host: membership.Host) -> None:
        self.inventory.add_host(host.name)
        for service_id in host.services:
            self.inventory.add_child(membership.group_name(service_id), host.name)
        if host.address:
            self.inventory.set_variable(host.name, "ansible_host", host.address)
        for name, value in host.vars.items():
            self.inventory.set_variable(host.name, name, native(value))
        self.inventory.set_variable(host.name, "itops_services", native(host.services))


def native(value: Any) -> Any:
    """Our vaulted texts as Ansible's, everything else as it is."""
    if isinstance(value, Vaulted):
        return EncryptedString(ciphertext=str(value))
    if isinstance(value, dict):
        return {key: native(item) for key, item in value.items()}
    return [native(item) for item in value] if isinstance(value, list) else value


def _hosts_of(inventory: Any, group: str) -> list[str] | None:
    return [host.name for host in inventory.groups[group].get_hosts()] if group in inventory.groups else None


def _cache_dir(path: Path) -> Path | None:
    """A catalogue outside of any workspace is simply not cached."""
    try:
        return workspace.find(path.parent).cache
    except BadInput:
        return None
