# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts lines that match a pattern in a file or in the journal of a unit: in the time before a change, or from a mark on."""

from __future__ import annotations

import glob
import gzip
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from .checks_log import since, text_lines
from .log_times import stamp
from .step import StepFailed

MATCHED = 4000  # characters of a line that are held against the pattern
SHOWN, SHOWN_WIDTH = 5, 300  # matching lines that are told
ROTATED = re.compile(r"[.-]\d[\d.-]*(\.\w+)?")
COMPRESSED = (".gz", ".xz", ".bz2", ".zst", ".zip")
BLOCK = 1 << 16  # bytes within which the begin of the time need not be found


def new(args: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    """Since the mark: {errors, lines}."""
    if args.get("unit"):
        with _journal(args, *since(place)) as lines:
            return _count(args, lines)
    path = str(args["path"])
    if not place["inode"] and not os.path.exists(path):
        raise StepFailed(f"there is no log {path}")
    for name in _rotated(path, place["ms"] / 1000):
        if name.endswith(COMPRESSED):
            raise StepFailed(f"{name} was written to since the service was started and is compressed already: set delaycompress")
    return _count(args, text_lines(path, place))


def between(args: dict[str, Any], start: float, end: float) -> dict[str, Any]:
    """In this time (seconds since 1970), told by the lines' own times: {errors, lines}."""
    if args.get("unit"):
        with _journal(args, "-n", "1", "-o", "json") as lines:
            if not any(line.startswith("{") for line in lines):
                raise StepFailed(f"the journal has nothing of the unit {args['unit']}, or may not be read")
        with _journal(args, f"--since=@{int(start)}", f"--until=@{int(end)}") as lines:
            return _count(args, lines)
    return _count(args, _stamped(str(args["path"]), start, end))


def _count(args: dict[str, Any], lines: Iterable[str]) -> dict[str, Any]:
    pattern, errors, shown = re.compile(str(args["pattern"])), 0, []
    for line in lines:
        if pattern.search(line[:MATCHED]):
            errors += 1
            shown += [line[:SHOWN_WIDTH]] if errors <= SHOWN else []
    return {"errors": errors, "lines": shown}


@contextmanager
def _journal(args: dict[str, Any], *words: str) -> Iterator[Iterator[str]]:
    command = ["journalctl", "-u", str(args["unit"]), "--no-pager", "-q", *(("-o", "cat") if "-o" not in words else ()), *words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as started:
        assert started.stdout is not None  # opened with PIPE
        yield (raw.decode("utf-8", errors="replace").rstrip("\n") for raw in started.stdout)
        started.stdout.close()
    if started.returncode:
        raise StepFailed(f"journalctl ended with exit status {started.returncode}")


def _stamped(path: str, start: float, end: float) -> Iterator[str]:
    """Lines written in this time; one without a time of its own belongs to the last that has one."""
    known, silent, when = False, True, None
    for name in _files(path, start):
        with _opened(name) as stream:
            _skip(stream, name, start, end)
            for raw in stream:
                line = raw.decode("utf-8", errors="replace").rstrip("\n")
                found = stamp(line, end)
                silent, known = False, known or found is not None
                when = when if found is None else found
                if when is not None and start <= when <= end:
                    yield line
    if not known and not silent:
        raise StepFailed(f"no line of {path} says when it was written: set timestamps: false, and the rate is watched before the change instead")


def _files(path: str, start: float) -> list[str]:
    """The log, and the rotated ones that were still written to in this time."""
    current = os.path.getmtime(path)  # a log that is not there says nothing
    return [*_rotated(path, start), *([path] if current >= start else [])]


def _rotated(path: str, start: float) -> list[str]:
    names = [name for name in glob.glob(glob.escape(path) + "[.-]*") if ROTATED.fullmatch(name[len(path) :])]
    return [name for name in sorted(names, reverse=True) if os.path.getmtime(name) >= start]


def _opened(name: str) -> IO[bytes]:
    if name.endswith(".gz"):
        return gzip.open(name)  # type: ignore[return-value]  # it reads like a file
    if name.endswith(COMPRESSED):
        raise StepFailed(f"{name} was rotated within the window and cannot be read: a shorter window, or delaycompress")
    return open(name, "rb")


def _skip(stream: IO[bytes], name: str, start: float, now: float) -> None:
    """Go near the first line of this time, in a file that may be huge: its times rise, so halving finds it."""
    if name.endswith(".gz"):
        return
    low, high = 0, os.path.getsize(name)
    while high - low > BLOCK:
        middle = (low + high) // 2
        stream.seek(middle)
        stream.readline()
        when = next((t for t in (stamp(raw.decode("utf-8", "replace"), now) for raw in _some(stream)) if t is not None), None)
        if when is not None and when < start:
            low = middle
        else:
            high = middle
    stream.seek(low)
    if low:
        stream.readline()


def _some(stream: IO[bytes]) -> Iterator[bytes]:
    for _number in range(200):
        yield stream.readline()
