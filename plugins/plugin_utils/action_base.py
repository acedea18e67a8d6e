# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions of a run share: Ansible's variables and connection in the words of the domain.

The one place of plugin_utils that knows Ansible's action API; everything it hands on is plain data.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.parsing.vault import EncryptedString, VaultHelper
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible.utils.vars import transform_to_native_types
from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    admission,
    answers,
    catalogue,
    change,
    follower,
    host_protocol,
    placeholders,
    plan,
    policy,
    progress,
    redact,
    run,
    secret_ref,
    segments,
    session,
    wording,
    workspace,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.session import Session

TaskVars = Mapping[str, Any]
GOES_ON = ("resume", "patch")  # verbs that leave alone what an earlier run has done
CONFIRM_POLL = 0.3  # seconds between two looks for an answer
_READ: dict[str, str] = {}  # reference -> value, for the one task this process carries out


class RunAction(ActionBase):  # type: ignore[misc] # ansible-core has no types
    """Base of the actions that run on behalf of a change (the extra variable `change`)."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def load_session(self, task_vars: TaskVars) -> Session:
        """Change, services and people from the inventory's variables. Raises BadInput."""
        change_id = str(task_vars.get("change", ""))
        ws = workspace.find()
        services, people = inventory_records(task_vars, change.services_of(change.find(ws, change_id)))
        if not services and ws.services_dir.is_dir():  # bad records load none at all; what is wrong with them says more
            bad = errors(catalogue.load(ws).problems)
            if bad:
                raise BadInput(bad)
        return session.load(change_id, services, people)

    def host_plan(self, now: Session, task_vars: TaskVars) -> Any:
        """The plan of the host this task is for."""
        host = str(task_vars["inventory_hostname"])
        targets, _skipped = plan.targets(now.change, now.services)
        target = next(t for t in targets if t.host == host)
        state_dir = self.state_dir(task_vars)

        def lookup(name: str) -> str | None:
            if name == secret_ref.PLACEHOLDER:
                return self._credential(now, target.service)
            found = self._variable(task_vars, name)
            return found[0] if found else None

        return now.host_plan(target, session.values(now, target, lookup, state_dir), state_dir)

    def credential_findings(self, now: Session) -> list[Finding]:
        """A refusal for every credential the plan uses that cannot be read here and now; what is wrong by itself the gate has said."""
        found = []
        for sid in now.change.services:
            usable = all(finding.ok for finding in secret_ref.findings(now.change.plan, now.services, [sid]))
            if usable and secret_ref.used(now.change.plan, now.services[sid]):
                try:
                    self._credential(now, sid)
                except BadInput as error:
                    found += [Finding("credential", False, f"{sid}: {problem.message}", problem.remedy) for problem in error.problems]
        return found

    def connection_user(self) -> str:
        """Who types on the host, as in `[用户@服务名称]#`."""
        return str(self._play_context.become_user if self._connection.become else self._play_context.remote_user or getpass.getuser())

    def state_dir(self, task_vars: TaskVars) -> str:
        """The folder on the host. `%{files}` is in it, so it may not bring anything else into a command line. Raises BadInput."""
        return session.plain_folder(str(self._templar.template(task_vars.get("itops_state_dir") or session.DEFAULT_STATE_DIR)))

    def transport(self, task_vars: TaskVars, state_dir: str) -> follower.Transport:
        """Requests over this task's connection, become included; one exec each, nothing is copied beforehand."""
        named = task_vars.get("ansible_python_interpreter") or task_vars.get("discovered_interpreter_python") or "python3"
        python = str(self._templar.template(named))
        python = "python3" if python.startswith("auto") else python

        def send(op: str, request: bytes) -> dict[str, Any]:
            try:
                said = self._low_level_execute_command(host_protocol.bootstrap(python, state_dir, op), in_data=request, executable="/bin/sh")
                return host_protocol.reply(said["stdout"] or said["stderr"])
            except AnsibleConnectionFailure as error:
                self._drop_connection()
                raise follower.Unreachable(str(error)) from None
            except host_protocol.ProtocolError as error:  # it may have begun all the same: only the journal knows
                raise follower.Unreachable(str(error)) from None
            except AnsibleError as error:  # sudo broke: it did not begin
                raise follower.Denied(str(error)) from None

        def exchange(op: str, body: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
            if op == "start":
                return send(op, host_protocol.request(body, files))
            answer = send(op, host_protocol.small_request(body))
            return send(op, host_protocol.request(body)) if answer.get("missing_engine") else answer

        return exchange

    def _is_done(self, ledger: Ledger, now: Session, host_plan: segments.HostPlan, segment: segments.Segment) -> bool:
        """Whether an earlier run has carried out this segment, and this one goes on from there."""
        events = ledger.events()
        state = progress.hosts(events).get(host_plan.target.host)
        again = segment.phase in ("gate", "rollback") or run.verb(events, now.run_id) not in GOES_ON
        return state is not None and segment.id in state.done and not again

    def _drop_connection(self) -> None:
        """A shared ssh connection whose link was cut stays stuck long after the link is back: the next try gets a new one."""
        if getattr(self._connection, "transport", "") == "ssh":
            with suppress(AnsibleError, OSError):
                self._connection.reset()

    def ask(self, ledger: Ledger, now: Session, host: str, segment: str, phase: str, question: str, choices: Sequence[str]) -> str:
        """A person's answer, as events. A pause keeps its reason and is asked again; what lacks its reason counts for nothing."""
        wanted = answers.offered(choices)
        while True:
            answer, reason = self._asked(ledger, now, (host, segment, phase), question, wanted)
            if answers.lacks_reason(answer, reason):
                question = f"{answer} needs a reason\n{question}"
            elif answer == answers.PAUSE:
                wanted, question = answers.after_pause(wanted), f"paused: {reason}\n{question}"
            else:
                return answer

    def _asked(self, ledger: Ledger, now: Session, where: tuple[str, str, str], question: str, choices: Sequence[str]) -> tuple[str, str]:
        """One question and its answer with its reason. The command line answers through the ledger, else Ansible's own prompt asks."""
        host, segment, phase = where
        token = f"{host}:{segment}:{time.time_ns()}"
        data = {"token": token, "segment": segment, "question": question, "show": "", "choices": list(choices)}
        asked = ledger.append("confirmation_requested", data, run=now.run_id, host=host, phase=phase)
        if os.environ.get(run.CONFIRM_VARIABLE):
            return self._await(ledger, now, token, asked.seq)
        answer = self._prompt(question, choices)
        reason = self._reason(answer) if answer in answers.NEEDS_REASON else ""
        given = {"token": token, "answer": answer, "by": _user(), "channel": "terminal", "reason": reason}
        ledger.append("confirmation_given", given, run=now.run_id, host=host, phase=phase)
        return answer, reason

    def _reason(self, answer: str) -> str:
        while True:
            typed = bytes(self._display.prompt_until(f"{answer}: why? ")).decode("utf-8", "replace").strip()
            if typed:
                return typed

    def _await(self, ledger: Ledger, now: Session, token: str, after: int) -> tuple[str, str]:
        while True:
            for event in ledger.events(after):
                if event.kind == "confirmation_given" and event.data.get("token") == token:
                    return str(event.data["answer"]), str(event.data.get("reason") or "")
                if event.kind == "cancel_requested" and event.run == now.run_id:
                    return answers.STOP, ""
            time.sleep(CONFIRM_POLL)

    def _prompt(self, question: str, choices: Sequence[str]) -> str:
        while True:
            typed = self._display.prompt_until(f"{question} [{'/'.join(choices)}] ")
            answer = bytes(typed).decode("utf-8", "replace").strip()
            match = [choice for choice in choices if answer and choice.startswith(answer)]
            if len(match) == 1:
                return match[0]

    def _credential(self, now: Session, sid: str) -> str:
        """What the service's credentials.ref stands for, read once in this process. Raises BadInput that names the reference."""
        try:
            ref = secret_ref.reference_of(now.services[sid])
            if ref.text not in _READ:
                _READ[ref.text] = read_secret(ref, now.ws, self._loader, self._templar)
            return _READ[ref.text]
        except secret_ref.Unresolved as error:
            raise BadInput([error.problem(f"inventory/services/{sid}.yml")]) from None

    def _variable(self, task_vars: TaskVars, name: str) -> tuple[str, bool] | None:
        if name not in task_vars:
            return None
        raw = task_vars[name]
        vaulted = isinstance(raw, EncryptedString) or VaultHelper.get_ciphertext(raw, with_tags=False) is not None
        return str(self._templar.template(raw)), vaulted


def inventory_records(task_vars: TaskVars, wanted: Sequence[str]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """These services' records and all people, from hostvars: files may be elsewhere (AWX)."""
    services: dict[str, dict[str, Any]] = {}
    people: dict[str, dict[str, Any]] = {}
    for sid in wanted:
        # the host of this task mostly has it; asking for another's variables is what costs
        variables = task_vars if sid in (task_vars.get("itops_services") or {}) else _of_a_host(task_vars, str(sid))
        if variables:
            services[sid] = transform_to_native_types(variables["itops_services"])[sid]
            people = transform_to_native_types(variables.get("itops_people") or {})
    return services, people


def _of_a_host(task_vars: TaskVars, sid: str) -> TaskVars | None:
    group = task_vars["groups"].get(f"itops_{sid.replace('-', '_')}") or []
    found: TaskVars | None = task_vars["hostvars"][group[0]] if group else None
    return found


def read_secret(ref: secret_ref.Reference, ws: workspace.Workspace, loader: Any, templar: Any) -> str:
    """The value behind a reference, by the lookup plugin for it. Raises Unresolved."""
    name, term, options = secret_ref.lookup(ref, ws.root)
    plugin = lookup_loader.get(name, loader=loader, templar=templar)
    if plugin is None:
        needed = name.rpartition(".")[0]
        raise ref.fault(f"the lookup plugin {name} is not installed", f"ansible-galaxy collection install {needed}, and what it needs")
    try:
        found = transform_to_native_types(plugin.run([term], variables={}, **options)[0])
    except (AnsibleError, OSError, UnicodeDecodeError) as error:
        why = "not text" if isinstance(error, UnicodeDecodeError) else wording.shorten(redact.redact(str(error)))
        raise ref.fault(f"cannot be read: {why}") from None
    return secret_ref.value(ref, found)


def secrets_of_policy(ws: workspace.Workspace, loader: Any, templar: Any = None) -> Callable[[str], str]:
    """What reads the references in policy.yml; it raises BadInput that names the reference."""

    def value(text: str) -> str:
        try:
            return read_secret(secret_ref.parse(text), ws, loader, templar or Templar(loader=loader, variables={}))
        except secret_ref.Unresolved as error:
            raise BadInput([error.problem(policy.FILE, "monitors.secret")]) from None

    return value


def cancelled(ledger: Ledger, now: Session) -> bool:
    """Whether the operator has asked this run to stop."""
    return admission.cancelled(ledger.events(), now.run_id)


def _user() -> str:
    return identity.account()


__all__ = ["RunAction", "cancelled", "inventory_records", "placeholders", "secrets_of_policy"]
