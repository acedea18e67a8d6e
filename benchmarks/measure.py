# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every benchmark shares: whole programs in alternating runs, their medians, and a Markdown table of ratios.

Wall clock, processor time and peak memory are the kernel's own count of a program and all it waited for; the peak is at
least that of the small process that starts it (about 20 MB). A peer that is not there, or that fails, keeps its row and
says why.
"""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
COLUMNS = ("wall", "cpu", "memory")
TITLES = {"wall": "median s", "cpu": "processor s", "memory": "peak MB"}


@dataclass(frozen=True)
class Cost:
    """One run: seconds of wall clock, seconds of processor time, megabytes at the peak."""

    wall: float
    cpu: float
    memory: float


@dataclass
class Entrant:
    """A program that takes part. `absent` says why it cannot; `accept` are the return codes of a run that did its work."""

    name: str
    command: Sequence[str | Path] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None
    accept: tuple[int, ...] = (0,)
    absent: str = ""
    costs: list[Cost] = field(default_factory=list)

    def median(self, what: str) -> float | None:
        return statistics.median(getattr(cost, what) for cost in self.costs) if self.costs else None


def alternate(entrants: Sequence[Entrant], runs: int, cwd: Path) -> None:
    """Run them in turns, each time another one first: what else happens on the machine meets all of them alike.

    `before` and `after` are not measured; `after` raises AssertionError where the work was not done.
    """
    for turn in range(runs):
        for entrant in [*entrants[turn % len(entrants) :], *entrants[: turn % len(entrants)]]:
            if not entrant.absent:
                entrant.before()
                _once(entrant, cwd)


def _once(entrant: Entrant, cwd: Path) -> None:
    said = cwd / "said"
    with said.open("wb") as out:
        started = time.perf_counter()
        process = subprocess.Popen(entrant.command, cwd=cwd, env=environment(entrant.env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in entrant.accept:
        entrant.absent = f"ended with {process.returncode}: {_last_words(said)}"
        return
    try:
        entrant.after()
    except AssertionError as error:
        entrant.absent = str(error)
        return
    entrant.costs.append(Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))


def _last_words(said: Path) -> str:
    lines = said.read_text("utf-8", "replace").strip().splitlines()
    return (lines[-1] if lines else "no word")[-100:].replace("|", "\\|")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This checkout's code and collection; nothing of the caller's own Ansible settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "ITOPS_"))}
    path = os.pathsep.join([str(REPO), str(REPO / "collections")])
    return {**inherited, "PYTHONPATH": path, "ANSIBLE_COLLECTIONS_PATH": str(REPO / "collections"), "LC_ALL": "C.UTF-8", **more}


def apart(work: Callable[..., object], *args: Any) -> None:
    """Do preparations in a process of their own: the peak memory of a child begins with that of its parent."""
    process = multiprocessing.Process(target=work, args=args)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{work.__name__} failed")


def table(title: str, entrants: Sequence[Entrant], peer: str, ratio: str = "wall", columns: Sequence[str] = COLUMNS) -> None:
    """Print medians and how each compares with `peer` in the column `ratio`: 0.500 needs half of what the peer needs.

    The ratio is the median of the ratios within each turn, which noise of the machine moves less than the medians themselves.
    """
    base = next((e.costs for e in entrants if e.name == peer), [])
    head = ["program", *(TITLES[name] for name in columns), "runs", f"× {peer} ({TITLES[ratio]})"]
    rows = [_row(entrant, columns, base, ratio) for entrant in entrants]
    print(f"\n{title}\n")
    for row in (head, ["---", *(["--:"] * (len(head) - 1))], *rows):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def _row(entrant: Entrant, columns: Sequence[str], base: Sequence[Cost], ratio: str) -> list[str]:
    if not entrant.costs:
        return [f"{entrant.name}: absent ({entrant.absent or 'not run'})", *(["—"] * len(columns)), "0", "—"]
    note = f": {entrant.absent}" if entrant.absent else ""
    numbers = [_number(name, entrant.median(name) or 0.0) for name in columns]
    shares = [getattr(own, ratio) / getattr(other, ratio) for own, other in zip(entrant.costs, base, strict=False)]
    share = f"{statistics.median(shares):.3f}" if shares else "—"
    return [entrant.name + note, *numbers, str(len(entrant.costs)), share]


def _number(name: str, value: float) -> str:
    return f"{value:,.0f}" if name == "memory" else f"{value:,.2f}"


def machine() -> str:
    """One line: what the numbers below were measured on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("ansible-core", "ansible-runner", "pyyaml"))
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}"


def itops(*words: str) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-c", "from itops_cli.main import main; main()", *words]


def installed(folder: Path, package: str, apart_from_us: bool = True) -> str:
    """Get a peer from the package index into `folder`: as an environment of its own, or as plain modules. Why not, or nothing."""
    python = folder / "bin/python" if apart_from_us else Path(sys.executable)
    where = [] if apart_from_us else ["--target", str(folder)]
    if apart_from_us and subprocess.run([sys.executable, "-m", "venv", folder], check=False, capture_output=True).returncode:
        return "no environment could be made"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", *where, package]
    done = subprocess.run(pip, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"pip could not install {package}"
