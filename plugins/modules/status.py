#!/usr/bin/python
# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The target's half of the action plugin of the same name: read-only, standard library only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Collect how a host and its services are
version_added: 0.1.0
author:
  - itops contributors (@itops)
description:
  - Measures load, memory, uptime and kind of machine, the file systems of each service's data, and the state of each service.
    The controller tries the endpoints.
  - Everything goes into one JSON file for each host in the workspace's facts folder. It needs no change and opens no record.
  - A host that cannot be collected keeps what was known of it, and the reason is noted beside it.
options:
  timeout:
    description: Seconds to wait for an endpoint to answer.
    type: float
    default: 3
  services:
    description: The action plugin fills it from the inventory's records; it cannot be given.
    type: list
    elements: dict
    suboptions:
      id:
        description: The service.
        type: str
        required: true
      paths:
        description: Where its data lies.
        type: list
        elements: str
      provider:
        description: Who controls it.
        type: str
      unit:
        description: Its name there.
        type: str
      config:
        description: Configuration of supervisor.
        type: str
      supervisorctl:
        description: The program to ask.
        type: str
      status:
        description: The command that tells whether it is running.
        type: str
attributes:
  check_mode:
    description: Nothing is written in check mode.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  platform:
    description: Hosts with Python 3.8 or newer.
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: Collect, and give distant endpoints more time
  itops.maintenance.status:
    timeout: 10
"""

RETURN = r"""
collected:
  description: What was found, as it stands in the host's file.
  returned: success
  type: dict
  sample: {cpu_percent: 7, mem_percent: 42, services: {web: {state: running}}}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.itops.maintenance.plugins.module_utils import measure

CONTROL = ("provider", "unit", "config", "supervisorctl")
TEXT = {"type": "str"}
OPTIONS = {
    "id": {"type": "str", "required": True},
    "paths": {"type": "list", "elements": "str"},
    **{name: TEXT for name in CONTROL},
    "status": {"type": "str", "no_log": True},  # may hold a secret, which must not get into the host's log
}


def main() -> None:
    """Measure, and say it."""
    spec = {"timeout": {"type": "float", "default": 3}, "services": {"type": "list", "elements": "dict", "options": OPTIONS}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    place = Path(module.tmpdir)
    services = {asked["id"]: _service(place, asked) for asked in module.params["services"] or []}
    module.exit_json(changed=False, collected={**measure.host(), "services": services})


def _service(place: Path, asked: dict[str, Any]) -> dict[str, Any]:
    control = {name: asked[name] for name in CONTROL if asked.get(name)}
    if asked.get("status"):
        control["commands"] = {"status": asked["status"]}
    return {**measure.service(measure.context(place), control), "disks": measure.disks(asked.get("paths") or [])}


if __name__ == "__main__":
    main()
