# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies a backup to another host: rsync over ssh, or scp where one side has no rsync; hashed again by that host.

ssh never asks for anything, and knows the host's key beforehand or refuses. What runs there is a constant script for any
POSIX shell, on one line, without exclamation marks (a csh would take them for history); names are its quoted arguments.
"""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .backup_record import Part, differs
from .process import Completed, lines
from .step import Context, StepFailed

ADDRESS = re.compile(r"(?:(?P<user>\w[\w.-]*)@)?(?:\[(?P<v6>[0-9A-Fa-f:]+)\]|(?P<host>\w[\w.-]*)):(?P<folder>/.*)", re.DOTALL)
OPTIONS = (
    "-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oConnectTimeout=20", "-oServerAliveInterval=15", "-oServerAliveCountMax=4",
    "-oForwardAgent=no", "-oForwardX11=no", "-oClearAllForwardings=yes",
)  # fmt: skip
PLAIN = re.compile(r"[\w@%+=:,./-]+")  # means the same to every scp: old ones let a shell read the path, new ones do not
GRACE = 10.0  # seconds kept back for cleaning up
PREPARE = (
    'umask 077; mkdir -p -- "$1" && cd -- "$1" && rm -rf -- "$2" && mkdir -- "$2" && echo itops-ready'
    " && { command -v rsync > /dev/null 2>&1 && echo itops-rsync; true; }"
)
FINISH = (
    'cd -- "$1" || exit 1; part=$2; shift 2;'
    ' for name; do { sync -- "$part/$name" 2> /dev/null || sync; } && mv -f -- "$part/$name" "$name" || exit 1; done;'
    ' rmdir -- "$part"; sync -- . 2> /dev/null || sync;'
    ' for name; do dd if="./$name" iflag=nocache count=0 2> /dev/null; printf "itops-sha256 "; sha256sum < "$name" || exit 1; done'
)
REMOVE = 'cd -- "$1" && rm -rf -- "$2" && shift 2 && rm -f -- "$@"'
SHA256 = re.compile(r"^itops-sha256 ([0-9a-f]{64})\b", re.MULTILINE)


class Far(NamedTuple):
    """The other host, as ssh takes it and as it stands before a colon; the folder there, and one of ours inside it."""

    ssh: str
    colon: str
    folder: str
    part: str


def deliver(ctx: Context, destination: str, parts: Sequence[Part]) -> str:
    """Copy, give the copies their names, have them hashed. Returns where the first lies. Raises StepFailed."""
    far, names = _far(destination, parts), [part.source.name for part in parts]
    work = _Work(ctx, far)
    by_rsync = "itops-rsync" in work.there("cannot write", PREPARE, far.folder, far.part) and shutil.which("rsync", path=ctx.env.get("PATH")) is not None
    try:
        work.send([part.source for part in parts], by_rsync)
        found = SHA256.findall(work.there("cannot finish the copy", FINISH, far.folder, far.part, *names))
        _compare(far, parts, found)
    except BaseException as exc:
        kept = work.remove(names)
        if kept and isinstance(exc, StepFailed):
            raise StepFailed(f"{exc}; and it could not be removed: {kept}") from exc
        raise
    return f"{far.colon}:{far.folder}/{names[0]}"


def _far(destination: str, parts: Sequence[Part]) -> Far:
    match = ADDRESS.fullmatch(destination)
    if match is None:
        raise StepFailed(f"the offsite destination is neither an absolute folder nor [user@]host:/folder: {destination!r}")
    user = f"{match['user']}@" if match["user"] else ""
    named = match["host"] or f"[{match['v6']}]"
    return Far(user + (match["host"] or match["v6"]), user + named, match["folder"].rstrip("/") or "/", f".{parts[0].source.name}.itops")


def _compare(far: Far, parts: Sequence[Part], found: list[str]) -> None:
    if len(found) != len(parts):
        raise StepFailed(f"{far.colon} did not say what it has: no sha256sum there?")
    for part, digest in zip(parts, found):
        differs(f"{far.colon}:{far.folder}/{part.source.name}", digest, part.sha256)


class _Work:
    """Commands against one far host, within the time of the step."""

    def __init__(self, ctx: Context, far: Far) -> None:
        self._ctx, self._far = ctx, far
        self._until = time.monotonic() + ctx.timeout - GRACE

    def there(self, failing: str, script: str, *args: str) -> str:
        """Run a script on the far host. Returns what it said. Raises StepFailed."""
        line = " ".join(["sh", "-c", shlex.quote(script), "sh", *map(shlex.quote, args)])
        return self._run(failing, ["ssh", *OPTIONS, "--", self._far.ssh, line], "ssh").output

    def send(self, sources: Sequence[Path], by_rsync: bool) -> None:
        """Into our folder at the far end."""
        place, files = f"{self._far.folder}/{self._far.part}/", [str(source) for source in sources]
        if not by_rsync and not PLAIN.fullmatch(place):
            raise StepFailed(f"without rsync on both sides the offsite folder must have a plain name: {self._far.folder!r}")
        there = f"{self._far.colon}:{place}"
        rsync = ["rsync", "-s", "--timeout=60", "-e", " ".join(["ssh", *OPTIONS]), "--", *files, there]
        scp = ["scp", "-q", "-B", *OPTIONS, "--", *files, there]
        self._run("cannot copy", rsync if by_rsync else scp, "rsync" if by_rsync else "scp")

    def remove(self, names: Sequence[str]) -> str:
        """Everything of ours. Returns why that did not work, or ""."""
        try:
            self.there("cannot remove", REMOVE, self._far.folder, self._far.part, *names)
        except StepFailed as exc:
            return str(exc)
        return ""

    def _run(self, failing: str, argv: list[str], tool: str) -> Completed:
        ended = self._ctx.run(argv, timeout=max(GRACE / 2, self._until - time.monotonic()))
        if not ended.ok:
            said = "; ".join(lines(ended.output)[-3:])[:300]
            why = ended.error or f"{tool} ended with exit status {ended.rc}"
            raise StepFailed(f"{failing} to {self._far.colon}:{self._far.folder}: {why}" + (f": {said}" if said else ""))
        return ended
