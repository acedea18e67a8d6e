# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out one planned segment on the host as a transaction, and follows it into the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    admission,
    answers,
    finding,
    follower,
    known_errors,
    placeholders,
    progress,
    request,
    runsheet_lines,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.action_base import RunAction, cancelled
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.segments import HostPlan, Segment
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

READ_ONLY = ("gate", "verify")
PREFLIGHT = "preflight"


class ActionModule(RunAction):
    """`itops.maintenance.execute: {segment: …}`"""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, args = self.validate_argument_spec({"segment": {"type": "str", "required": True}, "rejoin_within": {"type": "int"}})
        try:
            return {**result, **self._carry_out(args, task_vars or {})}
        except (BadInput, LedgerError, follower.Refused, follower.ContactLost, placeholders.UnknownPlaceholder, OSError) as error:
            if args["segment"] == PREFLIGHT and not isinstance(error, LedgerError):
                self._refuse(task_vars or {}, str(error))
                raise AnsibleActionFail(f"{args['segment']}: {error}", result={"itops_result": "refused"}) from None
            raise AnsibleActionFail(f"{args['segment']}: {error}") from None

    def _refuse(self, task_vars: Mapping[str, Any], message: str) -> None:
        """A host that cannot even be asked is a refusal of the gate."""
        now, host = self.load_session(task_vars), str(task_vars["inventory_hostname"])
        data = {"findings": [finding.Finding("host", False, message, f"ansible -m ping {host}", host=host).as_dict()], "result": "refused"}
        now.ledger().append("gate", data, run=now.run_id, host=host, phase="gate", sync=True)

    def _carry_out(self, args: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        now = self.load_session(task_vars)
        host_plan = self.host_plan(now, task_vars)
        segment = request.find(host_plan, args["segment"])
        ledger = now.ledger(tuple(host_plan.values.secret.values()))
        if self._task.check_mode and segment.phase not in READ_ONLY:
            return {"changed": True, "skipped": True, "msg": "check mode", "steps": [step["display"] for step in segment.steps]}
        done = self._admit(now, host_plan, segment, ledger)
        if done:
            return done
        answer = self._confirm(now, host_plan, segment, ledger)
        if answer != "continue":
            return request.declined(ledger, now, host_plan, segment, answer)
        rejoin = 0 if segment.phase == "gate" else args.get("rejoin_within") or int(task_vars.get("itops_rejoin_within") or follower.REJOIN_WITHIN)
        end = self._follow(now, host_plan, segment, ledger, task_vars, rejoin)
        return self._verdict(now, host_plan, segment, ledger, end)

    def _admit(self, now: Session, host_plan: HostPlan, segment: Segment, ledger: Ledger) -> dict[str, Any] | None:
        events, host = ledger.events(), host_plan.target.host
        if self._is_done(ledger, now, host_plan, segment):
            return {"changed": False, "msg": f"{segment.id} is done already"}
        refused = finding.refusals(admission.findings(events, now.change, now.run_id, host, segment.id, segment.phase))
        if refused:
            raise AnsibleActionFail("; ".join(map(str, refused)))
        return None

    def _confirm(self, now: Session, host_plan: HostPlan, segment: Segment, ledger: Ledger) -> str:
        if not segment.confirm:
            return "continue"
        question = runsheet_lines.question(host_plan, segment.id, list(segment.steps), self.connection_user())
        return self.ask(ledger, now, host_plan.target.host, segment.id, segment.phase, question, answers.ATTENDED)

    def _follow(self, now: Session, host_plan: HostPlan, segment: Segment, ledger: Ledger, task_vars: Mapping[str, Any], rejoin: int) -> dict[str, Any]:
        body, files = request.build(now, host_plan, segment)
        following = follower.Follower(
            self.transport(task_vars, host_plan.state_dir), ledger, body, rejoin,
            lambda: cancelled(ledger, now), self._show(host_plan.target.host),
        )  # fmt: skip
        where: dict[str, Any] = {"run": now.run_id, "host": host_plan.target.host, "phase": segment.phase, "sync": True}
        ledger.append("segment_requested", {"segment": segment.id}, **where)
        try:
            return following.start(files)
        except follower.Refused as error:
            ledger.append("segment_refused", {"segment": segment.id, "message": str(error)}, **where)
            raise

    def _verdict(self, now: Session, host_plan: HostPlan, segment: Segment, ledger: Ledger, end: Mapping[str, Any]) -> dict[str, Any]:
        if segment.phase == "gate":
            request.note_preflight(ledger, now, host_plan, end)
        result = {"changed": bool(end.get("changed")) and segment.phase not in READ_ONLY, "itops_result": end["result"], "itops_segment": segment.id}
        if end["result"] == "done" or (segment.phase == "rollback" and end["result"] in progress.WENT_BACK):
            return result
        message = f"{host_plan.target.host}: {segment.id}: {end['result']}: {end.get('message', '')}"
        if not segment.unattended and segment.phase in progress.CHANGING:
            question, choices = known_errors.question(message, ledger.events(), now.run_id, host_plan.target.host, segment.id)
            answer = self.ask(ledger, now, host_plan.target.host, segment.id, segment.phase, question, choices)
            result["itops_answer"] = answer
        return {**result, "failed": True, "msg": f"{message} → itops record show {now.change.id}"}

    def _show(self, host: str) -> Any:
        def show(kind: str, data: Mapping[str, Any]) -> None:
            if kind == "step_finished":
                self._display.display(f"  {host}: {data.get('title')}: {data.get('result')} {data.get('feedback', '')[:200]}".rstrip())
                for line in known_errors.shown(data) if data.get("result") == "abnormal" else []:
                    self._display.display(f"    {line}")

        return show
