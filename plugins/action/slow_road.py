# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes the beginning and the end of a step that Ansible itself carries out, with the same guards as a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.itops.maintenance.plugins.plugin_utils import admission, answers, finding, placeholders, request, runsheet_lines, slow_road
from ansible_collections.itops.maintenance.plugins.plugin_utils.action_base import RunAction
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

ARGUMENTS = {
    "segment": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["begun", "done", "failed"], "required": True},
    "feedback": {"type": "str", "default": ""},
}


class ActionModule(RunAction):
    """`itops.maintenance.slow_road: {segment: …, state: begun|done|failed}`"""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, args = self.validate_argument_spec(ARGUMENTS)
        try:
            return {**result, **self._note(args, task_vars or {})}
        except (BadInput, LedgerError, placeholders.UnknownPlaceholder, OSError) as error:
            raise AnsibleActionFail(f"{args['segment']}: {error}") from None

    def _note(self, args: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        now = self.load_session(task_vars)
        plan = self.host_plan(now, task_vars)
        segment = request.find(plan, args["segment"])
        ledger = now.ledger(tuple(plan.values.secret.values()))
        if args["state"] != "begun":
            slow_road.ended(ledger, now, plan, segment, args["state"], args["feedback"])
            return {"changed": args["state"] == "done", "failed": args["state"] == "failed", "msg": args["feedback"]}
        if self._task.check_mode or self._is_done(ledger, now, plan, segment):
            return {"go": False, **slow_road.step_args(segment, now.change.path.parent)}
        refused = finding.refusals(admission.findings(ledger.events(), now.change, now.run_id, plan.target.host, segment.id, segment.phase))
        if refused:
            raise AnsibleActionFail("; ".join(map(str, refused)))
        answer = "continue"
        if segment.confirm:
            question = runsheet_lines.question(plan, segment.id, list(segment.steps), self.connection_user())
            answer = self.ask(ledger, now, plan.target.host, segment.id, segment.phase, question, answers.ATTENDED)
        if answer != "continue":
            return {"go": False, **request.declined(ledger, now, plan, segment, answer)}
        slow_road.begun(ledger, now, plan, segment)
        if late := request.late(now, segment):
            slow_road.ended(ledger, now, plan, segment, "failed", late)
            raise AnsibleActionFail(late)
        return {"go": True, **slow_road.step_args(segment, now.change.path.parent)}
