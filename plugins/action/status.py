# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects one host into the workspace's facts: the module measures there, the endpoints are tried from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.utils.vars import transform_to_native_types
from ansible_collections.itops.maintenance.plugins.plugin_utils import collecting, facts, facts_history, placeholders, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.action_base import RunAction
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput


class ActionModule(RunAction):
    """`itops.maintenance.status:`; needs no change and opens no record."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, args = self.validate_argument_spec({"timeout": {"type": "float", "default": 3}})
        variables = task_vars or {}
        host = str(variables["inventory_hostname"])
        try:
            return {**result, **self._collect(host, float(args["timeout"]), variables)}
        except (BadInput, OSError) as error:
            raise AnsibleActionFail(f"{host}: {error}") from None

    def _collect(self, host: str, timeout: float, variables: Mapping[str, Any]) -> dict[str, Any]:
        folder, secrets = workspace.find().facts, dict[str, str]()
        records = transform_to_native_types(variables.get("itops_services") or {})
        self._note_capacity(folder, records)
        try:
            values = self._values(host, records, variables)
            secrets.update(values.secret)
            measured = self._measure(collecting.questions(records, values), variables)
        except (AnsibleError, placeholders.UnknownPlaceholder) as error:
            self._failed(folder, host, collecting.hidden(str(error), secrets), records)
            if isinstance(error, AnsibleConnectionFailure):
                raise
            raise AnsibleActionFail(f"{host}: {collecting.hidden(str(error), secrets)}") from None
        for sid, record in records.items():
            measured["services"][sid]["endpoints"] = collecting.endpoints(record, timeout)
        measured = collecting.hidden(measured, secrets)
        if not self._task.check_mode:
            now = datetime.now(UTC)
            facts.save(folder, host, measured, now)
            facts_history.add(folder, host, measured, now)
        return {"changed": False, "collected": measured}

    def _note_capacity(self, folder: Path, records: Mapping[str, Any]) -> None:
        """n and X stand in the record: they are known whether or not the host answers."""
        if not self._task.check_mode:
            for sid, record in records.items():
                history.add(folder, sid, record, datetime.now(UTC))

    def _values(self, host: str, records: Mapping[str, Any], variables: Mapping[str, Any]) -> placeholders.Values:
        return collecting.values(host, records, lambda name: self._variable(variables, name))

    def _measure(self, services: list[dict[str, Any]], variables: Mapping[str, Any]) -> dict[str, Any]:
        """What the module says. Raises AnsibleError where it could not run."""
        said = self._execute_module("itops.maintenance.status", {"services": services}, task_vars=variables)
        if said.get("failed") or "collected" not in said:
            raise AnsibleActionFail(str(said.get("msg") or said.get("module_stderr") or "the module gave no answer"))
        collected: dict[str, Any] = transform_to_native_types(said["collected"])
        return collected

    def _failed(self, folder: Path, host: str, problem: str, services: Iterable[str]) -> None:
        if not self._task.check_mode:
            facts.save_failure(folder, host, problem, datetime.now(UTC), services)
