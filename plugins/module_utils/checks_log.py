# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log check: no new line matching a pattern since the transaction began. Knows rotated and truncated files."""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .expect import quote
from .process import run
from .step import Context, StepFailed, StepResult, abnormal, done


def key_of(check: dict[str, Any]) -> str:
    """The name of the log a check reads."""
    return f"unit:{check['unit']}" if check.get("unit") else f"path:{check.get('path')}"


def mark(check: dict[str, Any]) -> dict[str, Any]:
    """Now, and where the log ends now: inode and offset of a file, cursor of a journal."""
    now = time.time()
    return {"time": int(now), "ms": int(now * 1000), **_end(check)}


def _end(check: dict[str, Any]) -> dict[str, Any]:
    if check.get("unit"):
        said = run(["journalctl", "-n", "0", "--show-cursor", "--no-pager", "-q"], timeout=30).output
        cursor = re.search(r"-- cursor: (\S+)", said)
        return {"cursor": cursor.group(1) if cursor else ""}
    if not check.get("path"):
        return {}  # a log store: the time says it all
    try:
        info = os.stat(str(check["path"]))
    except OSError:
        return {"inode": 0, "device": 0, "offset": 0}
    return {"inode": info.st_ino, "device": info.st_dev, "offset": info.st_size}


def since(place: dict[str, Any]) -> list[str]:
    """How journalctl is told to begin after the mark."""
    return [f"--after-cursor={place['cursor']}"] if place.get("cursor") else [f"--since=@{place['time']}"]


def log(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: path or unit, pattern (regular expression)."""
    place = ctx.marks.get(key_of(args))
    if place is None:
        raise StepFailed("nobody has marked the end of this log when the transaction began")
    lines = _journal(ctx, args, place, limit) if args.get("unit") else text_lines(str(args["path"]), place)
    pattern, seen, matching = re.compile(str(args["pattern"])), 0, []
    for line in lines:
        seen += 1
        if pattern.search(line):
            matching.append(line)
    if matching:
        reason = f"expected no new line matching {pattern.pattern!r}, found {len(matching)}, the first: {quote(matching[0])}"
        return abnormal(reason, "\n".join(matching[:20]), lines=seen, matching=len(matching))
    return done(f"{seen} new lines, none matching", lines=seen, matching=0)


def _journal(ctx: Context, args: dict[str, Any], place: dict[str, Any], limit: float) -> list[str]:
    said = ctx.run(["journalctl", "-u", str(args["unit"]), *since(place), "--no-pager", "-q", "-o", "cat"], run_as="", timeout=limit)
    if not said.ok:
        raise StepFailed(said.error or f"journalctl ended with exit status {said.rc}: {quote(said.output)}")
    return said.output.splitlines()


def text_lines(path: str, place: dict[str, Any]) -> Iterator[str]:
    """New lines of the file; when it was rotated, first the rest of the old one."""
    try:
        info = os.stat(path)
    except FileNotFoundError:
        info = None
    if info is not None and (info.st_dev, info.st_ino) == (place["device"], place["inode"]):
        # shorter than it was: emptied in place, everything in it is new
        yield from _lines(path, place["offset"] if info.st_size >= place["offset"] else 0)
        return
    for old in _rotated(path, place):
        yield from _lines(old, place["offset"])
    if info is not None:
        yield from _lines(path, 0)


def _rotated(path: str, place: dict[str, Any]) -> Iterable[str]:
    if not place["inode"]:
        return
    for candidate in glob.glob(glob.escape(path) + "?*"):
        try:
            info = os.stat(candidate)
        except OSError:
            continue
        if (info.st_dev, info.st_ino) == (place["device"], place["inode"]):
            yield candidate


def _lines(path: str, offset: int) -> Iterator[str]:
    with open(path, "rb") as stream:
        stream.seek(offset)
        for raw in stream:
            yield raw.decode("utf-8", errors="replace").rstrip("\n")
