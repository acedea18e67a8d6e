# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units: a timer, the service that it starts, and another one that tells people when that has failed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from itops_cli.errors import Exit
from itops_cli.schedule.timer import Timer

SYSTEM = Path("/etc/systemd/system")


def folder(timer: Timer) -> Path:
    """Where the units of the machine, or of this account, belong."""
    return SYSTEM if timer.system else own()


def own() -> Path:
    """The folder of this account's units."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"


def units(timer: Timer) -> dict[str, str]:
    """File name -> content. The first line says whose they are."""
    user = [f"User={timer.user}"] if timer.system and timer.user != "root" else []
    made = {
        f"{timer.name}.service": [
            "[Unit]", f"Description=itops: start the maintenance that is due in {_percent(str(timer.workspace))}", f"OnFailure={timer.name}-failed.service",
            *(["Wants=network-online.target", "After=network-online.target"] if timer.system else []),
            "", "[Service]", "Type=oneshot", *user, f"ExecStart={_line(timer.command)}",
            "# Only the command is told to stop: its runs end at a step boundary.", "KillMode=mixed", "TimeoutStopSec=15min",
        ],
        f"{timer.name}-failed.service": [
            "[Unit]", f"Description=itops: tell people that {timer.name}.service has failed",
            "", "[Service]", "Type=oneshot", *user, f"ExecStart={_line((*timer.base, 'schedule', 'alert', f'{timer.name}.service'))}",
        ],
        f"{timer.name}.timer": [
            "[Unit]", f"Description=itops: look every {timer.every} minutes for maintenance that is due",
            "", "[Timer]", f"OnCalendar=*:{'0' if timer.every == 60 else f'0/{timer.every}'}", f"RandomizedDelaySec={timer.jitter}",
            "AccuracySec=1s", "Persistent=true", "", "[Install]", "WantedBy=timers.target",
        ],
    }  # fmt: skip
    return {name: "\n".join([timer.mark, *lines, ""]) for name, lines in made.items()}


def control(timer: Timer, *words: str) -> None:
    """One systemctl command. Raises Exit 1 with what it said."""
    command = ["systemctl", *([] if timer.system else ["--user"]), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Exit(1, "there is no command systemctl → itops schedule install --as cron") from None
    if done.returncode:
        raise Exit(1, f"{' '.join(command)}: {done.stderr.strip()} → mend that and run the same command again")


def _line(words: tuple[str, ...]) -> str:
    """As systemd reads a command line: every word quoted, its own signs doubled."""
    return " ".join('"' + _percent(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"' for word in words)


def _percent(text: str) -> str:
    return text.replace("%", "%%")
