# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action of a run starts from: the workspace, the change, its services and the open record."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import binding, inputs, placeholders, plan, run, segments, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import Redactor
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

DEFAULT_STATE_DIR = "/var/lib/itops"
Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Session:
    """One change in one workspace, in the process of a run."""

    ws: Workspace
    change: Change
    services: Records
    people: Records
    run_id: str

    @property
    def mode(self) -> str:
        return plan.mode(self.change, self.services)

    def ledger(self, secrets: tuple[str, ...] = ()) -> Ledger:
        """The change's ledger; `secrets` are values that must never reach it."""
        return Ledger(self.ws.record_dir(self.change.id), self.change.id, Redactor(secrets))

    def host_plan(self, target: plan.Target, values: placeholders.Values, state_dir: str) -> segments.HostPlan:
        """What the segments of this host are made from."""
        return segments.HostPlan(self.change, self.services[target.service], target, self.mode, values, state_dir, run.stamp_of(self.run_id))


def load(change_id: str, services: Records, people: Records) -> Session:
    """Read the change against these records. Raises BadInput."""
    ws = workspace.find()
    change = change_file.load(change_file.find(ws, change_id), services, people)
    return Session(ws, change, services, people, os.environ.get(run.RUN_VARIABLE, ""))


def plain_folder(path: str) -> str:
    """The same path, where it is an absolute one without signs of a command line. Raises BadInput."""
    if not path.startswith("/") or shlex.quote(path) != path:
        found = Problem(
            "inventory", 0, "itops_state_dir", "not a plain absolute path", path, f"such as {DEFAULT_STATE_DIR}", remedy="ansible-inventory --host HOST"
        )
        raise BadInput([found])
    return path


def values(session: Session, target: plan.Target, lookup: Callable[[str], str | None], state_dir: str) -> placeholders.Values:
    """Placeholder values of one host. They stand in the service record, where they are approved with the plan.

    Only secrets may come from elsewhere: `lookup` gives such an inventory variable.
    """
    plain = {
        "host": target.host,
        "service": target.service,
        "change": session.change.id,
        "files": str(Path(state_dir) / session.change.id / "files"),
    }
    own = inputs.host_entry(session.services[target.service], target.host).get("vars") or {}
    secret: dict[str, str] = {}
    wanted = {*placeholders.names(session.change.plan), *placeholders.names(dict(session.services[target.service]))}
    for name in sorted(wanted - set(plain)):
        hidden = placeholders.is_secret(name) or binding.vaulted(own.get(name))
        if name in own and not hidden:
            plain[name] = str(own[name])
        elif hidden and (found := lookup(name)):
            secret[name] = found
    return placeholders.Values(plain, secret)
