# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the gate: proves the record, evaluates every guard, notes the plan, lines up the hosts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.vars import load_extra_vars
from ansible_collections.itops.maintenance.plugins.plugin_utils import gate, lineup, plan, run, staging, views, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.action_base import RunAction, secrets_of_policy
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import silencing
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import LooseSecret, UnknownPlaceholder
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

LOOSE = "hand it over by env: of the step, or as one of its args: (docs/howto/secrets.md); in a shell between single quotes"
UNSAID = "set this secret where credentials.ref says, or as a vaulted variable of the host (docs/howto/secrets.md)"


class ActionModule(RunAction):
    """`itops.maintenance.gate: {limit: [hosts]}` on the controller."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, args = self.validate_argument_spec({"limit": {"type": "list", "elements": "str"}})
        try:
            return {**result, **self._evaluate(args.get("limit") or None, task_vars or {})}
        except (BadInput, UnknownPlaceholder) as error:
            remedy = "itops lint" if isinstance(error, BadInput) else LOOSE if isinstance(error, LooseSecret) else UNSAID
            self._refuse(str((task_vars or {}).get("change", "")), str(error), remedy)
            raise AnsibleActionFail(f"refused: {error}", result={"itops_result": "refused"}) from None
        except (LedgerError, OSError) as error:
            raise AnsibleActionFail(f"gate: {error}") from None

    def _refuse(self, change: str, message: str, remedy: str) -> None:
        """A change or record that cannot be read at all is a refusal as well, and stands in the record."""
        run_id = os.environ.get(run.RUN_VARIABLE, "")
        if run_id:
            data = {"findings": [Finding("input", False, message, remedy).as_dict()], "result": "refused"}
            Ledger(workspace.find().record_dir(change), change).append("gate", data, run=run_id, phase="gate", sync=True)

    def _evaluate(self, limit: list[str] | None, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        now = self.load_session(task_vars)
        ledger = now.ledger()
        proof = gate.proof(ledger.events(), now.run_id, os.getppid())
        if not proof.ok:
            raise AnsibleActionFail(str(proof))
        situation, skipped = self._situation(now, ledger, limit, task_vars)
        if situation.verb in ("resume", "rollback") and gate.alone(situation):
            self._close_dead(now, ledger)
        self._compare(situation, ledger)
        found = [proof, *gate.findings(situation), *self.credential_findings(now)]
        planned, lined_up = ({}, {}) if refusals(found) else self._line_up(now, situation, skipped, task_vars)
        if not refusals(found):  # last of all: nothing else may refuse once monitoring is silent
            found += silencing.silence(situation, ledger, secrets_of_policy(now.ws, self._loader, self._templar), self._task.check_mode)
        ledger.append("gate", gate.verdict(situation, found), run=now.run_id, phase="gate", sync=True)
        if refused := refusals(found):
            raise AnsibleActionFail("; ".join(map(str, refused)), result={"itops_result": "refused"})
        ledger.append("planned", planned, run=now.run_id, phase="gate", sync=True)
        return lined_up

    def _situation(self, now: Session, ledger: Ledger, limit: list[str] | None, task_vars: Mapping[str, Any]) -> tuple[gate.Situation, list[str]]:
        events = ledger.events()
        opened = run.opened(events, now.run_id)
        verb = run.verb(events, now.run_id)
        can_confirm = bool(os.environ.get(run.CONFIRM_VARIABLE)) or bool(opened and opened.data.get("terminal"))
        targets, skipped = plan.targets(now.change, now.services, limit)
        compared = staging.compare(now.ws.staging / now.change.id, now.change.files)
        known = set(task_vars["hostvars"])
        inventory = {target.host: task_vars["hostvars"].raw_get(target.host) for target in targets if target.host in known}
        extra = load_extra_vars(self._loader)
        awx_user = str(opened.data.get("awx_user", "")) if opened else ""
        return gate.Situation(
            now.ws, now.change, now.services, targets, events, now.run_id, verb, known, can_confirm, compared, now.people, awx_user, extra, inventory
        ), skipped

    def _close_dead(self, now: Session, ledger: Ledger) -> None:
        """A run whose controller died holds no lock any more (this run has it): its record is closed as what it is."""
        for dead in run.open_runs(event for event in ledger.events() if event.run != now.run_id):
            views.close(ledger.directory, now.change.id, dead, "the controller ended without closing the record", {})

    def _compare(self, situation: gate.Situation, ledger: Ledger) -> None:
        if situation.changes_hosts:
            verdict = "refused" if staging.refused(situation.compared) else "ok"
            ledger.append("files_compared", {"files": list(situation.compared), "verdict": verdict}, run=situation.run_id, phase="gate")

    def _line_up(self, now: Session, situation: gate.Situation, skipped: list[str], task_vars: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is planned, for the ledger and for the play."""
        plans = [self.host_plan(now, {**task_vars["hostvars"][target.host], "inventory_hostname": target.host}) for target in situation.targets]
        return lineup.planned(now, plans, skipped), {
            "changed": False,
            "targets": [lineup.host_vars(host_plan) for host_plan in plans],
            "failover": lineup.failover_order(plans),
            "verb": situation.verb,
            "serial": now.change.plan["batch"],
        }
