# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: append and verify a long stream of events, and the history of one service in a long register.

Peers do the same with tools everybody has: SQLite with one commit for each event and no wait for the disk, as ours does not
wait either; `git fsck` over the same events as a chain of commits; `grep`, and an SQLite table with an index, for the history.
Their data is laid out beforehand and not measured.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import Entrant

CHANGE = "CHG-20261123-01"
SERVICES = 1000  # in the register, so that each has a thousandth of its lines
WANTED = "svc-00500"
SQLITE, FSCK, GREP = "SQLite, one commit each", "git fsck", "grep -F"
INDEXED = "SQLite with an index"


def run(quick: bool) -> None:
    """100,000 events and 1,000,000 lines (quick: 5,000 and 50,000)."""
    events, lines, runs = (5_000, 50_000, 1) if quick else (100_000, 1_000_000, 3)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for work in ("ours", "git", "register", "sqlite"):
            (root / work).mkdir()
        append(root, events, runs)
        verify(root, events, runs)
        history(root, lines, runs)


def append(root: Path, events: int, runs: int) -> None:
    def again() -> None:
        shutil.rmtree(root / "ours")

    ours = Entrant("itops", part("append_ours", root / "ours", events), before=again)
    peers = [
        Entrant(SQLITE, part("append_sqlite", root / "events.db", events), before=lambda: (root / "events.db").unlink(missing_ok=True)),
        Entrant("plain file, no chain, no lock", part("append_plain", root / "plain", events), before=lambda: (root / "plain").unlink(missing_ok=True)),
    ]
    measure.alternate([ours, *peers], runs, root)
    measure.table(f"append {events:,} events, each redacted, locked, hashed and chained by itself", [ours, *peers], SQLITE)


def verify(root: Path, events: int, runs: int) -> None:
    git = shutil.which("git")
    if git:
        measure.apart(lay_out_git, root / "ours", root / "git")
    entrants = [
        Entrant("itops", part("verify_ours", root / "ours", events)),
        Entrant(FSCK, ["git", "-C", root / "git", "fsck", "--full", "--no-progress"], absent="" if git else "not installed"),
        Entrant("sha256sum of the whole file", ["sha256sum", root / "ours/events.jsonl"]),
    ]
    measure.alternate(entrants, runs, root)
    measure.table(f"verify {events:,} events one by one", entrants, FSCK)


def history(root: Path, lines: int, runs: int) -> None:
    measure.apart(lay_out_register, root / "register", root / "sqlite", lines)
    found = lines // SERVICES
    register = root / "register/register.jsonl"
    entrants = [
        Entrant("itops", part("history_ours", root / "register", found)),
        Entrant(GREP, ["grep", "-F", f'"{WANTED}"', register]),
        Entrant("Python, every line parsed", part("history_parsed", register, found)),
        Entrant("jq", ["jq", "-c", f'select(.services | index("{WANTED}"))', register], absent="" if shutil.which("jq") else "not installed"),
        Entrant(INDEXED, part("history_sqlite", root / "sqlite/register.db", found)),
    ]
    measure.alternate(entrants, runs, root)
    size = register.stat().st_size / 1e6
    measure.table(f"history of one service: {found:,} of {lines:,} register lines ({size:,.0f} MB)", entrants, GREP)


def part(name: str, place: Path, count: int) -> list[str | Path]:
    """The command that does one of the works below in a process of its own."""
    return [sys.executable, "-m", "benchmarks.ledger", name, place, str(count)]


def data(number: int) -> dict[str, Any]:
    """What a step leaves in the stream."""
    return {
        "id": f"p{number}", "title": "更新文件", "type": "command", "command": "systemctl restart web.service", "result": "ok", "rc": 0,
        "started": "2026-11-23T02:05:11.123+08:00", "duration_ms": number % 977, "feedback": "服务已启动\n" * 3, "digest": f"{number:064x}",
    }  # fmt: skip


def append_ours(place: Path, count: int) -> None:
    from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

    stream = Ledger(place, CHANGE)
    for number in range(count):
        stream.append("step", data(number), run="R20261123T020500Z-abcd", host="web1", phase="patch")


def append_sqlite(place: Path, count: int) -> None:
    base = sqlite3.connect(place, isolation_level=None)
    base.execute("pragma journal_mode=wal")
    base.execute("pragma synchronous=off")
    base.execute("create table events (seq integer primary key, run text, host text, phase text, kind text, data text)")
    for number in range(count):
        row = (number, "R20261123T020500Z-abcd", "web1", "patch", "step", json.dumps(data(number), ensure_ascii=False))
        base.execute("insert into events values (?, ?, ?, ?, ?, ?)", row)


def append_plain(place: Path, count: int) -> None:
    with place.open("ab", buffering=0) as stream:
        for number in range(count):
            stream.write(json.dumps(data(number), ensure_ascii=False).encode() + b"\n")


def verify_ours(place: Path, count: int) -> None:
    from ansible_collections.itops.maintenance.plugins.plugin_utils import chain

    faults = chain.verify(place, CHANGE, {count: last_hash(place)})
    assert not faults, faults[0]


def last_hash(place: Path) -> str:
    """Of the last line; verifying then also proves that the stream has its full length."""
    with (place / "events.jsonl").open("rb") as stream:
        stream.seek(-8192, 2)
        return str(json.loads(stream.read().splitlines()[-1])["hash"])


def history_ours(place: Path, count: int) -> None:
    from ansible_collections.itops.maintenance.plugins.plugin_utils import register

    assert len(register.history(place, WANTED)) == count


def history_parsed(place: Path, count: int) -> None:
    with place.open("rb") as stream:
        assert sum(WANTED in json.loads(line)["services"] for line in stream) == count


def history_sqlite(place: Path, count: int) -> None:
    rows = sqlite3.connect(place).execute("select line from register where service = ? order by number", (WANTED,))
    assert len([json.loads(line) for (line,) in rows]) == count


def lay_out_git(ours: Path, place: Path) -> None:
    """The same events as messages of a chain of commits."""
    subprocess.run(["git", "init", "--quiet", "--bare", place], check=True)
    with subprocess.Popen(["git", "-C", place, "fast-import", "--quiet"], stdin=subprocess.PIPE) as git, (ours / "events.jsonl").open("rb") as stream:
        assert git.stdin
        for number, line in enumerate(stream):
            git.stdin.write(b"commit refs/heads/main\ncommitter itops <itops@example.org> %d +0000\ndata %d\n%s\n" % (1_700_000_000 + number, len(line), line))
    assert git.returncode == 0


def lay_out_register(place: Path, sqlite: Path, lines: int) -> None:
    """The register, and the same lines in a table with an index."""
    base = sqlite3.connect(sqlite / "register.db")
    base.execute("create table register (number integer primary key, service text, line text)")
    with (place / "register.jsonl").open("wb") as stream:
        for number, line in enumerate(register_lines(lines)):
            stream.write(line + b"\n")
            base.execute("insert into register values (?, ?, ?)", (number, f"svc-{number % SERVICES:05}", line.decode()))
    base.execute("create index by_service on register (service)")
    base.commit()


def register_lines(count: int, services: int = SERVICES) -> Iterator[bytes]:
    """Lines as the register itself makes them, of so many services in turns."""
    from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, register

    line = None
    for number in range(count):
        run = {"run": f"R20261123T{number:08}Z-abcd", "verb": "run", "user": "li.si", "started": "2026-11-23T02:05:11.123+08:00",
               "ended": "2026-11-23T02:09:41.017+08:00", "exit": 0}  # fmt: skip
        record = {"change": f"CHG-20261123-{number:07}", "title": "门户网站升级", "runs": [run], "services": [{"id": f"svc-{number % services:05}"}],
                  "outcome": {"result": "achieved", "backout": "not_needed"}, "ledger": {"seq": 42, "head": f"{number:064x}"}}  # fmt: skip
        line = register._line(record, line)
        yield ledger.canonical(line)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
