# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the journal on the host into the ledger, follows what still runs, and says what is left to do there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.itops.maintenance.plugins.plugin_utils import follower, placeholders, progress, reconciliation, run
from ansible_collections.itops.maintenance.plugins.plugin_utils.action_base import RunAction, cancelled
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput


class ActionModule(RunAction):
    """`itops.maintenance.reconcile:`; returns `standing` and the rollback `segments` that are due."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, args = self.validate_argument_spec({"requested": {"type": "bool", "default": False}})
        try:
            return {**result, **self._reconcile(bool(args["requested"]), task_vars or {})}
        except (BadInput, LedgerError, follower.ContactLost, follower.Refused, placeholders.UnknownPlaceholder, OSError) as error:
            raise AnsibleActionFail(f"reconcile: {error}") from None
        except follower.Unreachable as error:
            raise AnsibleActionFail(f"the host cannot be reached: {error}") from None

    def _reconcile(self, requested: bool, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        now = self.load_session(task_vars)
        plan = self.host_plan(now, task_vars)
        ledger = now.ledger(tuple(plan.values.secret.values()))
        rejoin = int(task_vars.get("itops_rejoin_within") or follower.REJOIN_WITHIN)
        transport = self.transport(task_vars, plan.state_dir)
        reconciliation.catch_up(transport, ledger, plan, rejoin, lambda: cancelled(ledger, now))
        state = progress.hosts(ledger.events()).get(plan.target.host, progress.HostProgress(plan.target.host))
        standing = reconciliation.standing(state)
        if run.verb(ledger.events(), now.run_id) == "resume" and standing in reconciliation.NO_WAY_ON:
            raise AnsibleActionFail(f"{plan.target.host} cannot be resumed, it stands {standing} → itops rollback {now.change.id}")
        segments = plan.rollback() if reconciliation.rollback_due(ledger.events(), now.run_id, state, requested) else []
        return {"changed": False, "standing": standing, "segments": [segment.summary() for segment in segments]}
