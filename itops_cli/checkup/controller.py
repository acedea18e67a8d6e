# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller: versions, what Ansible is configured to do here, tools, the clock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import checkpoint
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace
from packaging.requirements import Requirement

from itops_cli import runner
from itops_cli.checkup import NOTE, OK, WARNING, Sign, judged

ANSWER = 60  # seconds Ansible may take to tell its configuration
TOOLS = {"ssh": "apt install openssh-client", "rsync": "apt install rsync", "git": "apt install git"}  # what most workspaces need on the controller


def fonts(ws: Workspace) -> Iterator[Sign]:
    """Whether a PDF could be made here. Only a note: not every controller hands documents out."""
    try:
        from itops_cli.typeset import fonts as faces

        found = faces.find(ws.fonts)
        yield Sign("fonts", OK, f"PDFs are set in {found.text[0]}")
    except BadInput as error:
        yield from (Sign("fonts", NOTE, f"no PDF can be made here: {problem.message}", problem.remedy) for problem in error.problems)


def versions(_ws: Workspace) -> Iterator[Sign]:
    """Each of our requirements against what is installed."""
    for line in metadata.requires("itops") or []:
        need = Requirement(line)
        if need.marker is None:
            found = _version(need.name)
            fits = bool(found) and need.specifier.contains(found, prereleases=True)
            bad = f"{need.name} {found or 'is missing'}, needed is {need.specifier}"
            yield judged("versions", fits, f"{need.name} {found}", bad, f"pip install --upgrade '{need.name}{need.specifier}'")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def ansible(ws: Workspace) -> Iterator[Sign]:
    """What `ansible-playbook` would do here without our command line, as cron and AWX start it: the collection found, the callback enabled."""
    found = _ansible("ansible-doc", "--json", "-t", "callback", runner.CALLBACK, ws=ws)
    yield judged(
        "collection", runner.CALLBACK in found, f"Ansible finds {runner.COLLECTION}", f"Ansible does not find {runner.COLLECTION} here",
        "collections_path = … in ansible.cfg, or ANSIBLE_COLLECTIONS_PATH",
    )  # fmt: skip
    settings = _entries(_ansible("ansible-config", "dump", "--format", "json", ws=ws))
    if not settings:
        yield Sign("callback", NOTE, "what Ansible is configured to do here cannot be told", "ansible-config dump --only-changed")
        return
    enabled = next((json.dumps(entry.get("value")) for entry in settings if entry.get("name") == "CALLBACKS_ENABLED"), "")
    yield judged(
        "callback", runner.CALLBACK in enabled, "the record callback is enabled", "ansible-playbook alone would keep no record here, so the gate would refuse",
        f"callbacks_enabled = {runner.CALLBACK} in ansible.cfg", WARNING,
    )  # fmt: skip


def program(name: str) -> str:
    """One of Ansible's programs: beside our own Python, else as a person would find it."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}") or name


def _ansible(*words: str, ws: Workspace) -> str:
    """What an Ansible tool prints in the workspace as a person would start it there; "" where it cannot be started."""
    try:
        done = subprocess.run(
            [program(words[0]), *words[1:]], cwd=ws.root, capture_output=True, text=True, timeout=ANSWER, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _entries(text: str) -> list[dict[str, object]]:
    try:
        return [entry for entry in json.loads(text or "[]") if isinstance(entry, dict)]
    except ValueError:
        return []


def tools(_ws: Workspace) -> Iterator[Sign]:
    """Programs of this machine that most workspaces need."""
    for name, remedy in TOOLS.items():
        yield judged("tools", bool(shutil.which(name)), name, f"{name} is not on this controller", remedy, WARNING)


def clock(_ws: Workspace) -> Iterator[Sign]:
    """Windows and records are only as good as the clock."""
    if not shutil.which("timedatectl"):
        yield Sign("clock", NOTE, "nothing here tells whether the clock is synchronised", "chronyc tracking, or ntpq -p")
        return
    try:
        done = subprocess.run(["timedatectl", "show", "--property=NTPSynchronized", "--value"], capture_output=True, text=True, timeout=10, check=False)
        said = done.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    if said in ("yes", "no"):
        yield judged("clock", said == "yes", "the clock is synchronised", "the clock is not synchronised", "timedatectl set-ntp true", WARNING)
    else:
        yield Sign("clock", NOTE, "whether the clock is synchronised cannot be told", "timedatectl")


def signing(_ws: Workspace) -> Iterator[Sign]:
    """Whether checkpoints are signed, and with a key that can."""
    why = checkpoint.unusable()
    if why:
        yield Sign("checkpoint", "error", why, f"name a readable Ed25519 key in {checkpoint.KEY_VARIABLE}")
    elif checkpoint.configured():
        yield Sign("checkpoint", OK, "checkpoints are signed")
    else:
        remedy = f"openssl genpkey -algorithm ed25519 -out KEY.pem, and name it in {checkpoint.KEY_VARIABLE}"
        yield Sign("checkpoint", NOTE, "checkpoints are not signed: a ledger that is cut at its end is only found by the register", remedy)
