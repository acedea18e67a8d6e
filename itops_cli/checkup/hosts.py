# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts: whether each answers and lets Ansible in. Only looked at when asked for, for it speaks to all of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli import runner
from itops_cli.checkup import ERROR, OK, Sign
from itops_cli.checkup.controller import program
from itops_cli.errors import say

GROUP = "itops_services"
LIMIT = 600  # seconds for all hosts
SAID = re.compile(r"^(\S+) \| (SUCCESS|UNREACHABLE|FAILED)!?(?: => |: )?(.*)$")
MESSAGE = re.compile(r'"msg": "([^"]{1,200})')
LONGEST = 200  # characters of a reason


def reachable(ws: Workspace) -> Iterator[Sign]:
    """One finding for each host of a service."""
    say("asking every host of every service …")
    command = [program("ansible"), GROUP, "-i", str(ws.inventory), "-m", "ansible.builtin.ping", "--one-line", "-f", "20"]
    environment = {**os.environ, **runner.environment(ws)}
    try:
        done = subprocess.run(command, cwd=ws.root, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Sign("hosts", ERROR, f"the hosts could not be asked: {error}", f"ansible {GROUP} -i inventory -m ping")
        return
    said = [match for match in map(SAID.match, done.stdout.splitlines()) if match]
    if not said:
        yield Sign("hosts", ERROR, "no host of any service is known to the inventory", "ansible-inventory --graph itops_services")
    for match in said:
        host, ok, quoted = match[1], match[2] == "SUCCESS", MESSAGE.search(match[3])
        message = "answers" if ok else f"{match[2].lower()}: {quoted[1] if quoted else match[3][:LONGEST]}".rstrip(": ")
        yield Sign("hosts", OK if ok else ERROR, f"{host}: {message}", "" if ok else f"ansible {host} -i inventory -m ping -vvv")
