# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The block of a crontab, and where crontabs are. A line that is not ours is never touched."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, insert

from itops_cli.errors import Exit
from itops_cli.schedule.timer import Timer

FOLDER = Path("/etc/cron.d")
NONE = "no crontab for"  # what crontab -l says where there is none


def block(timer: Timer) -> list[str]:
    """The lines between the markers. Jitter, lock and log are matters of `itops run --due`; what it prints, cron mails."""
    minutes = {1: "*", 60: "0"}.get(timer.every, f"*/{timer.every}")
    words = [*timer.command, "--jitter", str(timer.jitter), "--log", str(timer.log)]
    line = f"{minutes} * * * * {timer.user + ' ' if timer.system else ''}{shlex.join(words)}".replace("%", r"\%")
    return [*([f"MAILTO={timer.mailto}"] if timer.mailto else []), line]


def put(old: bytes, timer: Timer, lines: list[str] | None, where: str) -> bytes:
    """The crontab with our block: replaced where it is, else added at the end; taken out where `lines` is None. Raises BadInput for damaged markers."""
    edges = {edge: f"{timer.mark} {edge}" for edge in ("begin", "end")}
    there = old.splitlines(keepends=True)
    new = [f"{line}\n".encode() for line in (edges["begin"], *lines, edges["end"])] if lines is not None else []
    if not any(line.strip() == text.encode() for line in there for text in edges.values()):
        return b"".join([*there, b"\n" if new and there and not old.endswith(b"\n") else b"", *new])
    begin, end = insert.positions(there, edges, where, "mend the markers by hand, or delete them with all that is between them")
    return b"".join([*there[:begin], *new, *there[end + 1 :]])


@dataclass(frozen=True)
class Crontab:
    """The crontab of this account, as the command crontab keeps it."""

    name: str = "crontab"

    def read(self) -> bytes:
        done = _crontab("-l")
        if done.returncode and NONE not in done.stderr.decode("utf-8", "replace"):
            raise Exit(1, f"crontab -l: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done.stdout if done.returncode == 0 else b""

    def write(self, content: bytes) -> None:
        done = _crontab("-", content)
        if done.returncode:
            raise Exit(1, f"crontab refused it, nothing was changed: {done.stderr.decode('utf-8', 'replace').strip()}")


def _crontab(word: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["crontab", word], input=content, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False)
    except FileNotFoundError:
        raise Exit(1, "there is no command crontab → apt install cron, or itops schedule install --as systemd") from None


@dataclass(frozen=True)
class File:
    """A file that is ours, or has a part that is; one without content is no file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def write(self, content: bytes) -> None:
        if content:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(self.path, content, mode=0o644)
        else:
            self.path.unlink(missing_ok=True)
