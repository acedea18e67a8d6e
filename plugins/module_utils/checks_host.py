# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that look at the host itself: a port, processes, a file, the state of a service."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import fileio
from .service_control import BROKEN, RUNNING, STOPPED, control_of
from .step import Context, StepResult, abnormal, done


def port(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: host, port, state (open|closed)."""
    host, number = str(args.get("host") or "127.0.0.1"), int(args["port"])
    wanted = str(args.get("state") or "open")
    found, said = _connect(host, number, limit)
    if found != wanted:
        return abnormal(f"expected port {host}:{number} {wanted}, found it {found}", said, port=number)
    return done(said, port=number)


def _connect(host: str, number: int, limit: float) -> tuple[str, str]:
    try:
        with socket.create_connection((host, number), timeout=limit):
            return "open", f"{host}:{number} accepts connections"
    except (OSError, ValueError) as exc:
        return "closed", f"{host}:{number}: {getattr(exc, 'strerror', None) or exc}"


def process(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: pattern (regular expression on the command line), min, max."""
    pattern = re.compile(str(args["pattern"]))
    found = [(pid, line) for pid, line in _processes() if pattern.search(line)]
    said = "\n".join(f"{pid} {line[:200]}" for pid, line in found[:20]) or "none"
    least = 1 if args.get("min") is None else int(args["min"])
    most = None if args.get("max") is None else int(args["max"])
    if len(found) < least or (most is not None and len(found) > most):
        bounds = f"at least {least}" if most is None else f"{least} to {most}"
        return abnormal(f"expected {bounds} processes matching {pattern.pattern!r}, found {len(found)}", said, count=len(found))
    return done(said, count=len(found))


def _processes() -> Iterator[tuple[int, str]]:
    own = _ancestors(os.getpid())
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) not in own:
            line = _read(f"/proc/{entry}/cmdline").replace(b"\x00", b" ").strip()
            if line:
                yield int(entry), line.decode("utf-8", errors="replace")


def _ancestors(pid: int) -> set[int]:
    """We and those who started us: they carry the plan on their command lines."""
    seen: set[int] = set()
    while pid > 1 and pid not in seen:
        seen.add(pid)
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        pid = int(fields[1]) if len(fields) > 1 else 0
    return seen


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def file(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: path, sha256 and/or exists."""
    path = Path(str(args["path"]))
    there = os.path.lexists(path)
    if args.get("exists") is not None and bool(args["exists"]) != there:
        return abnormal(f"expected {path} {'to be there' if args['exists'] else 'not to be there'}, found the opposite")
    if not args.get("sha256"):
        return done(f"{path} is {'there' if there else 'not there'}")
    if not there:
        return abnormal(f"expected {path}, found nothing")
    found = fileio.sha256_file(path)
    if found != str(args["sha256"]).lower():
        return abnormal(f"expected {path} with sha256 {args['sha256']}, found {found}", sha256=found)
    return done(f"{found}  {path}", sha256=found)


def service(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: state (running|stopped), control."""
    wanted = str(args.get("state") or RUNNING)
    status = control_of(ctx, args.get("control") or {}).status()
    word = STOPPED if status.word == BROKEN else status.word
    if word != wanted:
        return abnormal(f"expected the service {wanted}, found {status.text or status.word}", status.text, state=status.word)
    return done(status.text, state=status.word)
