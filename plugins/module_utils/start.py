# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins a segment: lock, files, journal, and a runner that outlives the connection that started it."""

from __future__ import annotations

import base64
import os
import signal
import time
from pathlib import Path
from typing import IO, Any

from . import clock, dispatch, fileio, host_lock, leftover, patch_files, places
from .cancel import Cancel
from .follow import UNTIL_END, follow
from .journal import Journal, JournalError
from .redaction import Redactor, without_secrets
from .segment import Run
from .step import Context

STARTED = b"+"


def start(state: Path, segment: dict[str, Any], stream: IO[bytes], names: list[str]) -> dict[str, Any]:
    """Start a segment and wait (wait_ms) for its end. Refused when the lock is taken or the segment ran before."""
    holder = {key: str(segment[key]) for key in ("change", "run", "segment")}
    where = places.make_segment_dir(state, holder["change"], holder["run"], holder["segment"])
    began = {**holder, "pid": os.getpid(), "at": clock.now()}
    try:
        lock = host_lock.acquire(state, began)
    except host_lock.Locked as exc:
        same = all(exc.holder.get(key) == value for key, value in holder.items())
        return {"ok": True, "refused": "duplicate" if same else "locked", "holder": exc.holder, "alive": True}
    if (where / "journal.jsonl").exists():
        return {"ok": True, "refused": "duplicate", "holder": None, "alive": False}
    left = leftover.find(state)
    if left is not None:
        return {"ok": True, "refused": "locked", "holder": left, "alive": False}
    context = Context(segment, state, where.parent.parent, where.parent, where)
    _receive(context, stream, names)
    run = _prepare(context)
    if segment.get("detach", True):
        _detach(run, lock, began)
        lock.leave()
    else:
        _foreground(run)
    return follow(state, holder, 0, int(segment.get("wait_ms") or 0), UNTIL_END)


def _receive(ctx: Context, stream: IO[bytes], names: list[str]) -> None:
    """Patch files: from the request, one base64 line each, or from where the controller has put the big ones."""
    for name in names:
        patch_files.place(ctx, name, base64.b64decode(stream.readline()))
    for item in ctx.segment.get("files") or []:
        if item.get("path"):
            patch_files.copy(ctx, item)
    for item in ctx.segment.get("files") or []:
        patch_files.verified(ctx, str(item["name"]))


def _prepare(ctx: Context) -> Run:
    dispatch.preload(ctx.segment)
    redact = Redactor(ctx.segment.get("secrets") or [])
    # the way back is worth trying without room to spare, too
    must_keep = ctx.segment.get("phase") != "rollback"
    try:
        fileio.write_json(ctx.segment_dir / "segment.json", without_secrets(ctx.segment, redact))
    except OSError as exc:
        if must_keep:
            raise JournalError(f"the segment cannot be kept: {exc.strerror}") from exc
    journal = Journal(ctx.segment_dir / "journal.jsonl", redact, must_reserve=must_keep)
    return Run(ctx, journal, Cancel(ctx.segment_dir))


def _foreground(run: Run) -> None:
    run.cancel.listen()
    run.begin()
    run.go()
    run.close()


def _detach(run: Run, lock: host_lock.HostLock, holder: dict[str, Any]) -> None:
    """Fork twice, so that nobody is our parent, and return when the first line of the journal is on the disk."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _first_child(run, lock, holder, reader, writer)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    if not said.startswith(STARTED):
        raise JournalError(said.decode("utf-8", errors="replace") or "the runner died before it began")


def _first_child(run: Run, lock: host_lock.HostLock, holder: dict[str, Any], reader: int, writer: int) -> None:
    try:
        os.setsid()
        if os.fork() == 0:
            os.close(reader)
            _runner(run, lock, holder, writer)
    finally:
        os._exit(0)


def _runner(run: Run, lock: host_lock.HostLock, holder: dict[str, Any], writer: int) -> None:
    status = 1
    try:
        run.cancel.listen()
        os.chdir("/")
        _leave_terminal()
        lock.describe({**holder, "pid": os.getpid()})
        run.begin()
        os.write(writer, STARTED)
        os.close(writer)
        run.go()
        run.close()
        status = 0
    except JournalError as exc:
        _tell(writer, str(exc))
    finally:
        os._exit(status)


def _leave_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    if null > 2:
        os.close(null)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _tell(writer: int, text: str) -> None:
    try:
        os.write(writer, text.encode("utf-8", errors="replace"))
    except OSError:
        time.sleep(0)  # nobody listens any more
