# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeping the record costs: a playbook of 20 tasks without a callback, with ours, and with ARA.

The tasks are the cheapest that reach a host at all (`raw: echo`, no module is packed, no Python starts), so a callback's share
of the whole is as large as it can be; our callback leaves out `debug`, `set_fact` and their like, these tasks it writes
one event each for. Its run opens a real change, and ends with the outcome `not started`, which closes record, reports and register.
The aim counts processor time of the whole `ansible-playbook`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import measure
from benchmarks.measure import Entrant

TASKS = 20
NONE = "no callback"
NOT_STARTED = 15  # exit status of a change of which no host was changed


def run(quick: bool) -> None:
    """100 hosts, three alternating runs (quick: 20 hosts, one run)."""
    hosts, runs = (20, 1) if quick else (100, 3)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        measure.apart(lay_out, root, hosts)
        entrants = contenders(root, hosts)
        measure.alternate(entrants, runs, root)
    title = f"{TASKS} tasks × {hosts} hosts, connection local; aim: itops ≤ 1.030 × {NONE} in processor time"
    measure.table(title, entrants, NONE, ratio="cpu")


def contenders(root: Path, hosts: int) -> list[Entrant]:
    """The same command; only the callback differs."""
    play = [measure.BIN / "ansible-playbook", "-i", "hosts.ini", "play.yml"]
    quiet = {"ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}
    ours = {**quiet, "ANSIBLE_CALLBACKS_ENABLED": "itops.maintenance.record", "ITOPS_WORKSPACE": str(root / "space")}
    from tests.unit import make

    return [
        Entrant(NONE, play, quiet),
        Entrant(
            "itops (record)", [*play, "-e", f"change={make.CHANGE}"], ours, accept=(NOT_STARTED,),
            before=lambda: shutil.rmtree(root / "space/records", ignore_errors=True), after=lambda: written(root, hosts),
        ),
        ara(root, play, quiet, hosts),
    ]  # fmt: skip


def ara(root: Path, play: list[Path | str], quiet: dict[str, str], hosts: int) -> Entrant:
    """ARA with its own defaults (SQLite, no server), loaded into the very same Ansible."""
    modules = root / "ara"
    missing = measure.installed(modules, "ara[server]", apart_from_us=False)
    env = {
        **quiet,
        "PYTHONPATH": os.pathsep.join([measure.environment({})["PYTHONPATH"], str(modules)]),
        "ANSIBLE_CALLBACK_PLUGINS": str(modules / "ara/plugins/callback"),
        "ARA_BASE_DIR": str(root / "ara-data"),
    }
    return Entrant(
        "ARA", play, env, absent=missing,
        before=lambda: shutil.rmtree(root / "ara-data", ignore_errors=True), after=lambda: stored(root, hosts),
    )  # fmt: skip


def written(root: Path, hosts: int) -> None:
    """Our run has kept every task of every host, and closed the record. Raises AssertionError."""
    stream = next((root / "space/records").rglob("events.jsonl"))
    kinds = [json.loads(line)["kind"] for line in stream.read_bytes().splitlines()]
    assert kinds.count("task") == TASKS * hosts, f"itops kept {kinds.count('task')} of {TASKS * hosts} tasks"
    assert kinds[-1] == "run_closed", "itops did not close its record"


def stored(root: Path, hosts: int) -> None:
    """ARA has kept as many. Raises AssertionError."""
    database = next((root / "ara-data").rglob("*.sqlite"))
    count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('select count(*) from results').fetchone()[0])"
    found = int(subprocess.run([sys.executable, "-c", count, database], check=True, capture_output=True).stdout)
    assert found == TASKS * hosts, f"ARA kept {found} of {TASKS * hosts} results"


def lay_out(root: Path, hosts: int) -> None:
    """Inventory, playbook, and a workspace with a change for the record to belong to."""
    from tests.unit import make

    make.change(make.workspace(root / "space"))
    names = "\n".join(f"host{n:03} ansible_connection=local" for n in range(hosts))
    (root / "hosts.ini").write_text(f"[all]\n{names}\n")
    (root / "ansible.cfg").write_text("[defaults]\nforks = 20\ngathering = explicit\n")
    tasks = "".join(f"    - {{name: Step {n}, ansible.builtin.raw: echo step {n}}}\n" for n in range(TASKS))
    (root / "play.yml").write_text(f"- name: Cheap steps\n  hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
