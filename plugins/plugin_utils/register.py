# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""公司内部IT系统日常维护跟踪记录表: one line per closed run of a change, each chained to the one before and to its ledger's head."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from ansible_collections.itops.maintenance.plugins.plugin_utils import correction, ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place

FILE = "register.jsonl"
GENESIS = hashlib.sha256(b"itops-register").hexdigest()


def path(records: Place) -> Place:
    return records / FILE


def append(records: Place, record: Mapping[str, Any], run_id: str = "") -> dict[str, Any] | None:
    """Add the line of one run of a record, else of its last; None where it is there already. Raises LedgerError."""
    try:
        with _book(path(records)) as (stream, add):
            raw, run = b"", run_id or record["runs"][-1]["run"]
            wanted = _quoted(run)
            for raw in filter(bytes.strip, stream):
                if wanted in raw and (known := json.loads(raw))["run"] == run and known["change"] == record["change"]:
                    return None
            line = _line(record, _parsed(raw) if raw else None, run)
            add(line)
            return line
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ledger.LedgerError(f"{path(records)}: {error}") from None


@contextmanager
def _book(book: Place) -> Iterator[tuple[Iterable[bytes], Callable[[Mapping[str, Any]], None]]]:
    """Its lines, and what adds one, while nobody else does."""
    if isinstance(book, Entry):
        with book.database.adding(book.path) as connection:
            book.end(connection)
            yield book.lines(), lambda line: book.add(connection, line["number"], line["prev"], line["hash"], ledger.canonical(line))
        return
    with book.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        yield stream, lambda line: _add(stream, ledger.canonical(line) + b"\n")


def _add(stream: BinaryIO, line: bytes) -> None:
    """All of the line or nothing: what did not fit is taken back."""
    size = os.fstat(stream.fileno()).st_size
    try:
        if os.write(stream.fileno(), line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(stream.fileno())
    except OSError:
        os.ftruncate(stream.fileno(), size)
        raise


def read(records: Place) -> list[dict[str, Any]]:
    """All lines, oldest first."""
    return list(lines(records))


def history(records: Place, service: str) -> list[dict[str, Any]]:
    """The lines of one service, oldest first. Only lines that name it are parsed, so a long register costs little."""
    return [line for line in lines(records, service) if service in line["services"]]


def lines(records: Place, word: str = "") -> Iterator[dict[str, Any]]:
    """Line by line; with `word` those that have this text as a value, and perhaps a few more. Raises ValueError for a damaged one."""
    wanted = _quoted(word) if word else b""
    try:
        with path(records).open("rb") as stream:
            yield from (_parsed(line) for line in stream if wanted in line and line.strip())
    except FileNotFoundError:
        return


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except RecursionError:
        line = None
    if type(line) is not dict or type(line.get("services")) is not list:
        raise ValueError("not a line of the register")
    return line


def _quoted(word: str) -> bytes:
    """How a line spells this text: lines are canonical JSON, so there is one spelling only."""
    return json.dumps(word, ensure_ascii=False).encode()


def heads(records: Place, change: str) -> dict[int, str]:
    """What the register remembers of a change's stream: sequence number -> hash."""
    return {int(line["seq"]): str(line["head"]) for line in _readable(records, change) if line.get("change") == change}


def expected(events: Iterable[ledger.Event]) -> dict[str, dict[str, Any]]:
    """What the line of each closed run must say, as far as single events of its ledger tell."""
    opened: dict[str, ledger.Event] = {}
    found: dict[str, dict[str, Any]] = {}
    events = list(events)
    if correction.made(events):
        (run,) = (record := correction.line(correction.fold(events)))["runs"]
        told = {"executor": run["user"], "started": run["started"], "ended": run["ended"], "exit": run["exit"], **record["outcome"]}
        return {run["run"]: told}
    for event in events:
        if event.kind == "run_opened":
            opened[event.run] = event
        elif event.kind == "run_closed" and event.run in opened:
            began, told = opened[event.run], event.data
            found[event.run] = {"executor": began.data.get("user", ""), "started": began.at, "ended": event.at,
                                **{key: told.get(key) for key in ("exit", "result", "backout")}}  # fmt: skip
    return found


def verify(records: Place) -> list[str]:
    """What is wrong with the register itself, in words."""
    if not path(records).exists():
        return []
    with path(records).open("rb") as stream:
        return _faults(stream)


def _faults(stream: Iterable[bytes]) -> list[str]:
    faults, prev = [], GENESIS
    for number, raw in enumerate(stream, 1):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
            if _digest(line) != line["hash"] or ledger.canonical(line) + b"\n" != raw:
                faults.append(f"register line {number}: edited")
            elif line["prev"] != prev:
                faults.append(f"register line {number}: a line before it was deleted, inserted or swapped")
            prev = line["hash"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ledger.LedgerError):
            faults.append(f"register line {number}: damaged")
    return faults


def _readable(records: Place, word: str) -> list[dict[str, Any]]:
    try:
        return list(lines(records, word))
    except ValueError:
        return []  # verify() names the damaged line


def _line(record: Mapping[str, Any], before: Mapping[str, Any] | None, run_id: str = "") -> dict[str, Any]:
    run = next((run for run in record["runs"] if run["run"] == run_id), record["runs"][-1])
    body = {
        "number": (int(before["number"]) if before else 0) + 1,
        "change": record["change"],
        "run": run["run"],
        "verb": run["verb"],
        "check": bool(run.get("check")),
        "title": record["title"],
        "services": [service["id"] for service in record["services"]],
        "executor": run["user"],
        "started": run["started"],
        "ended": run["ended"],
        "result": record["outcome"]["result"],
        "backout": record["outcome"]["backout"],
        "exit": run["exit"],
        "seq": record["ledger"]["seq"],
        "head": record["ledger"]["head"],
        "prev": before["hash"] if before else GENESIS,
    }
    return {**body, "hash": _digest(body)}


def _digest(line: Mapping[str, Any]) -> str:
    return hashlib.sha256(ledger.canonical({k: v for k, v in line.items() if k != "hash"})).hexdigest()
