# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks can be started and print their tables. What they measure is no matter of tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measure
from benchmarks.measure import Cost, Entrant

REPO = Path(__file__).resolve().parents[2]


def benchmarks(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=REPO, capture_output=True, text=True, check=False)


def test_the_quick_ledger_benchmark_prints_its_tables() -> None:
    done = benchmarks("--quick", "ledger")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| itops |")]
    assert len(rows) == 3 and "absent" not in "".join(rows)
    assert done.stdout.splitlines()[0].startswith(str(os.cpu_count()))


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    done = benchmarks("nothing")
    assert done.returncode == 2 and "'ledger'" in done.stderr


def test_the_ratio_is_the_median_of_those_within_each_turn(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Entrant("ours", costs=[Cost(1, 0, 0), Cost(30, 0, 0), Cost(3, 0, 0)])
    peer = Entrant("peer", costs=[Cost(2, 0, 0), Cost(10, 0, 0), Cost(4, 0, 0)])
    measure.table("title", [ours, peer], "peer", columns=("wall",))
    assert "| ours | 3.00 | 3 | 0.750 |" in capsys.readouterr().out


def test_a_peer_that_is_absent_or_fails_keeps_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = Entrant("failing", [sys.executable, "-c", "import sys; sys.exit('broken | pipe')"])
    absent = Entrant("missing", ["nothing"], absent="not installed")
    measure.alternate([failing, absent], 2, tmp_path)
    measure.table("title", [failing, absent], "missing")
    said = capsys.readouterr().out
    assert r"| failing: absent (ended with 1: broken \| pipe) |" in said and "| missing: absent (not installed) |" in said


def test_processor_time_and_memory_of_grandchildren_count(tmp_path: Path) -> None:
    busy = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nb'x' * (100 << 20)"
    entrant = Entrant("busy", [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"])
    measure.alternate([entrant], 1, tmp_path)
    assert entrant.costs[0].cpu >= 0.2 and entrant.costs[0].memory >= 100
