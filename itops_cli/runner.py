# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a playbook of the collection by name, through ansible-runner, and leaves nothing of its artefacts behind."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
from ansible_collections.itops.maintenance.plugins.plugin_utils import redact
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

COLLECTION = "itops.maintenance"
CALLBACK = f"{COLLECTION}.record"
NOT_INVENTORY = (r"^services$", r"^people\.ya?ml$")  # read by the inventory plugin; Ansible would take them for inventories of their own
KEEPALIVE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"  # a link that is cut while nothing is sent would never be noticed
PREFIX = "itops-run-"  # of the folder ansible-runner works in; then the process it belongs to
TAIL = 60  # lines of Ansible's own output kept for a failure that left no other trace


@dataclass
class Started:
    """A playbook under way in a thread of its own."""

    thread: Any
    runner: Any
    folder: str
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))

    def alive(self) -> bool:
        return bool(self.thread.is_alive())

    def last_lines(self, most: int = TAIL) -> list[str]:
        """What Ansible itself said last, without secrets: with an error of a file it shows the lines around."""
        return str(redact.redact("\n".join(list(self.tail)[-most:]))).splitlines()

    def finish(self) -> int:
        """Wait for the end, remove the artefacts, and give Ansible's return code (which is not the outcome)."""
        self.thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)
        return int(self.runner.rc if self.runner.rc is not None else 254)


def start(ws: Workspace, playbook: str, extra: Mapping[str, str], check: bool = False, env: Mapping[str, str] | None = None) -> Started:
    """Start `itops.maintenance.<playbook>` on this workspace. Only plain words travel as extra variables: they are templates."""
    _sweep()
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    tail: deque[str] = deque(maxlen=TAIL)
    words = [f"-e {name}={value}" for name, value in extra.items() if value]
    thread, runner = ansible_runner.run_async(
        private_data_dir=folder,
        project_dir=str(ws.root),
        playbook=f"{COLLECTION}.{playbook}",
        inventory=str(ws.inventory),
        cmdline=" ".join([*words, *(["--check"] if check else [])]) or None,
        envvars={**environment(ws), **(env or {})},
        quiet=True,
        suppress_env_files=True,
        suppress_output_file=True,
        event_handler=lambda event: _keep(tail, event),
        status_handler=_forget_environment,
        cancel_callback=lambda: False,
    )
    return Started(thread, runner, folder, tail)


def environment(ws: Workspace) -> dict[str, str]:
    """What Ansible must know: where the collection is, which configuration, and that the record is kept."""
    import ansible_collections.itops.maintenance as collection

    home = Path(next(iter(collection.__path__))).parents[2]
    paths = [
        os.environ.get("ANSIBLE_COLLECTIONS_PATH", ""),
        str(ws.root / "collections"),
        str(home),
        "~/.ansible/collections",
        "/usr/share/ansible/collections",
    ]
    enabled = {*filter(None, os.environ.get("ANSIBLE_CALLBACKS_ENABLED", "").split(",")), CALLBACK}
    config = os.environ.get("ANSIBLE_CONFIG") or str(ws.root / "ansible.cfg")
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(dict.fromkeys(filter(None, paths))),
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(sorted(enabled)),
        "ANSIBLE_HOST_KEY_CHECKING": os.environ.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
        "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore",
        "ANSIBLE_SSH_EXTRA_ARGS": os.environ.get("ANSIBLE_SSH_EXTRA_ARGS") or KEEPALIVE,
        "ANSIBLE_INVENTORY_IGNORE_REGEX": ",".join(NOT_INVENTORY),
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ITOPS_WORKSPACE": str(ws.root),
        **({"ANSIBLE_CONFIG": config} if Path(config).is_file() else {}),
        **({"LC_ALL": "C.UTF-8"} if os.environ.get("LC_ALL", "") in ("C", "POSIX", "") else {}),
    }


def _sweep() -> None:
    """Remove what command lines that were killed have left of ansible-runner."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name[len(PREFIX) :].partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)


def _keep(tail: deque[str], event: Mapping[str, Any]) -> bool:
    """Remember the last lines in memory; false: nothing of an event is written to disk."""
    tail.extend(line for line in str(event.get("stdout") or "").splitlines() if line.strip())
    return False


def _forget_environment(status: Mapping[str, Any], runner_config: Any) -> None:
    """ansible-runner writes the whole environment into a file beside its artefacts; it goes before anything runs."""
    if status["status"] == "running":
        Path(runner_config.artifact_dir, "command").unlink(missing_ok=True)
