# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be started how often: the one thing that cron and systemd are told, each in its own words."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit

NAME = "itops-due"  # of units and of the file in /etc/cron.d
LOG = "due.log"  # in the workspace's cache
EVERY = ("1", "2", "3", "4", "5", "6", "10", "12", "15", "20", "30", "60")  # minutes: parts of an hour, so that both can say it


@dataclass(frozen=True)
class Timer:
    """`itops run --due` of one workspace. `every` in minutes, `jitter` in seconds; `system`: for the machine, else for one account."""

    itops: str
    workspace: Path
    log: Path
    every: int
    most: int
    jitter: int
    system: bool
    user: str
    name: str = NAME
    mailto: str = ""

    @property
    def base(self) -> tuple[str, ...]:
        return (self.itops, "--workspace", str(self.workspace))

    @property
    def command(self) -> tuple[str, ...]:
        return (*self.base, "run", "--due", "--max", str(self.most))

    @property
    def mark(self) -> str:
        return mark(self.workspace)


def mark(workspace: Path) -> str:
    """Says whose a block or a file is."""
    return f"# itops:schedule {workspace}"


def of(ws: Workspace, every: int, most: int, jitter: int, system: bool, user: str, name: str, mailto: str) -> Timer:
    """The timer for this workspace. Raises Exit 2 for what cron or systemd could not keep."""
    faults = [
        (not re.fullmatch(r"[A-Za-z0-9_-]+", name), "--name: letters, digits, - and _ only; cron passes over every other file"),
        (bool(re.search(r"\s", user + mailto)), "--user, --mailto: no blanks"),
        (jitter > every * 60, f"--jitter {jitter} s is longer than --every {every} min"),
        (any(char in str(ws.root) for char in "\n\r"), "the path of the workspace has a line break"),
        (bool(os.environ.get("ITOPS_RECORDS")), "ITOPS_RECORDS is set, which cron and systemd will not have → set records: in itops.yml"),
        (bool(user) and not system, "--user needs --system: a crontab or a unit of one account runs as that account"),
        (bool(mailto) and not system, "--mailto needs --system: in a crontab it would count for the lines below as well → MAILTO=… in its first line"),
    ]
    if bad := [text for fault, text in faults if fault]:
        raise Exit(2, "\n".join(bad))
    return Timer(_itops(), ws.root, ws.cache / LOG, every, most, jitter, system, user or _owner(ws, system), name, mailto)


def _owner(ws: Workspace, system: bool) -> str:
    """Who shall run it: whose workspace it is, so that records stay theirs; without root whoever asks."""
    try:
        return pwd.getpwuid(ws.root.stat().st_uid if system else os.geteuid()).pw_name
    except KeyError:
        raise Exit(2, f"the owner of {ws.root} has no account on this machine → --user NAME") from None


def _itops() -> str:
    """The command as it was started, as an absolute path: cron and systemd have another PATH."""
    started = Path(sys.argv[0])
    found = str(started.absolute()) if started.name == "itops" and started.is_file() else shutil.which("itops")
    if not found:
        raise Exit(2, "the command itops is not in the PATH → install the wheel, or call it by its full path")
    return found
