# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's events of a run become events of the change's ledger. Thin: everything it decides stands in plugin_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
name: record
type: notification
short_description: Keeps the maintenance record of a change
version_added: 0.1.0
author: itops contributors (@itops)
description:
  - Opens the tamper-evident record of a change at the start of a run, notes what Ansible itself does, and closes it.
  - It is active in every playbook run that is given the extra variable C(change).
  - The gate refuses to start anything when this callback has not written, so enable it by its qualified name.
requirements:
  - enable in C(callbacks_enabled)
"""

import gc
import importlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase
from ansible.release import __version__ as ansible_version
from ansible.utils.vars import transform_to_native_types
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils import host_protocol, outcome, parent, run, views, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

if TYPE_CHECKING:
    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.playbook.play import Play

ACTION_BASE = "ansible_collections.itops.maintenance.plugins.plugin_utils.action_base"
VERBS = {"maintain": "run"}  # playbook -> verb, where they differ
OWN = "itops.maintenance."  # actions that write their own events
QUIET = ("include_tasks", "include_role", "import_role", "add_host", "meta", "set_fact", "assert", "fail", "debug", "validate_argument_spec")


class CallbackModule(CallbackBase):  # type: ignore[misc] # ansible-core has no types
    """One object for the whole run, in Ansible's main process."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "itops.maintenance.record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._playbook = ""
        self._asked = False
        self._run: run.OpenRun | None = None
        self._ws: workspace.Workspace | None = None
        self._loader: Any = None
        self._began: dict[tuple[str, str], float] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook = Path(playbook._file_name).stem
        os.environ.pop(run.RUN_VARIABLE, None)

    def v2_playbook_on_play_start(self, play: Play) -> None:
        if self._asked:
            return
        self._asked = True
        extra = play.get_variable_manager().extra_vars
        self._loader = play.get_loader()
        if extra.get("change"):
            self._open(str(extra["change"]), extra)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._began[(host.get_name(), task._uuid)] = time.monotonic()

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self._task(result, "changed" if result.result.get("changed") else "ok")

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        self._task(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        self._task(result, "unreachable")

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        if self._run is None or self._ws is None:
            return
        self._unsilence()
        record = self._close(stats)
        status = outcome.exit_status(record) if record else outcome.RECORD_LOST
        if status:
            # A rescued or skipped run would end with 0; this one must not. The last callback of the run may end it.
            sys.exit(status)

    def _open(self, change: str, extra: Any) -> None:
        if os.environ.get("ITOPS_ENTRY") == "cli":
            parent.end_with_parent()
        try:
            self._ws = workspace.find()
            path = change_file.find(self._ws, change)
            services = change_file.services_of(path)
            about = {
                "playbook": self._playbook,
                "argv_verb": str(extra.get("verb") or VERBS.get(self._playbook, self._playbook)),
                "check": bool(_cli("check")),
                "terminal": sys.stdin.isatty() and os.environ.get("ITOPS_ENTRY") != "cli",
                "versions": {"ansible": ansible_version},
                "awx_user": str(extra.get("awx_user_name") or extra.get("tower_user_name") or ""),
            }
            self._run = run.open_run(self._ws, change, services, about)
            # loaded, packed and compiled once here, before the workers are forked: every one of them inherits it
            importlib.import_module(ACTION_BASE)
            host_protocol.engine()
            change_file.read(path, {}, {})
            gc.freeze()  # and no collection makes their pages differ from ours
        except (BadInput, LedgerError, OSError) as error:
            # Not raised: Ansible would only warn and go on. The gate finds no proof of a record and refuses.
            self._display.error(f"itops: no record was opened: {error}")

    def _task(self, result: CallbackTaskResult, verdict: str) -> None:
        action = str(result.task.action)
        if self._run is None or action.rsplit(".", 1)[-1] in QUIET or self._tells_itself(action, result, verdict):
            return
        host = result.host.get_name()
        began = self._began.pop((host, result.task._uuid), time.monotonic())
        hidden = bool(result.task.no_log or result.result.get("_ansible_no_log"))
        message = "" if hidden or verdict in ("ok", "changed") else str(transform_to_native_types(result.result.get("msg", "")))
        data = {
            "name": "«no_log»" if hidden else str(result.task.get_name()),
            "action": action,
            "result": verdict,
            "message": message,
            "duration_ms": int((time.monotonic() - began) * 1000),
        }
        self._append("task", data, host)

    def _tells_itself(self, action: str, result: CallbackTaskResult, verdict: str) -> bool:
        """Our own actions write their events; only where one failed before it could, this has to."""
        return action.startswith(OWN) and (verdict in ("ok", "changed") or "itops_result" in result.result)

    def _append(self, kind: str, data: dict[str, Any], host: str = "") -> None:
        assert self._run is not None
        try:
            self._run.ledger.append(kind, data, run=self._run.id, host=host)
        except (LedgerError, OSError) as error:
            self._display.error(f"itops: the record could not be written: {error}")

    def _unsilence(self) -> None:
        """Monitoring is let speak again. Nothing that goes wrong here may keep the record from being closed."""
        assert self._run is not None and self._ws is not None
        try:
            from ansible_collections.itops.maintenance.plugins.plugin_utils.action_base import secrets_of_policy
            from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import ending

            ending.end(self._ws, self._run.ledger, self._run.id, secrets_of_policy(self._ws, self._loader))
        except (Exception, KeyboardInterrupt) as error:
            self._display.warning(f"itops: monitoring may be silent until the silence ends by itself: {type(error).__name__}: {error}")

    def _close(self, stats: AggregateStats) -> dict[str, Any] | None:
        assert self._run is not None and self._ws is not None
        summary = {host: stats.summarize(host) for host in sorted(stats.processed)}
        try:
            record: dict[str, Any] = views.close(self._run.ledger.directory, self._run.ledger.change, self._run.id, "", summary)
        except (LedgerError, OSError, ValueError) as error:
            self._display.error(f"itops: the record could not be closed: {error}")
            return None
        return record


def _cli(name: str) -> Any:
    from ansible import context

    return context.CLIARGS.get(name)
