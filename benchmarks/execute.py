# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One maintenance of 25 steps on 20 ssh hosts: itops, ordinary Ansible tasks (stock and tuned), pyinfra, and plain ssh.

The hosts are real Debian systems in a lab of their own beside the tests' one. Ours has backup, way back, journal on every
host, checks and the record in its time; the peers only do the steps. Before each run all hosts are put back. Connections are
made anew in each run. Aim: at most 0.067 × stock Ansible tasks, at most 1.2 × pyinfra.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks import execute_work as work
from benchmarks import measure
from benchmarks.measure import Entrant

LAB = "itopsbench"
STATE = Path("/run") / LAB
SCRIPT = measure.REPO / "tests/lab/lab.sh"
STOCK = "Ansible tasks, stock"
PYINFRA = "pyinfra"


def run(quick: bool) -> None:
    """20 hosts, three alternating runs (quick: 3 hosts, one run)."""
    if os.geteuid() or not SCRIPT.exists() or not shutil.which("systemd-nspawn"):
        click.echo("execute: needs root and the lab")
        return
    count, runs = (3, 1) if quick else (20, 3)
    with tempfile.TemporaryDirectory() as name, hosts(count) as addresses:
        root = Path(name)
        entrants = contenders(root, addresses)
        measure.alternate(entrants, runs, root)
    for peer in (STOCK, PYINFRA):
        measure.table(f"{work.STEPS} steps on {count} ssh hosts, against {peer}", entrants, peer, columns=("wall", "cpu"))


def contenders(root: Path, addresses: dict[str, str]) -> list[Entrant]:
    """Everything they need is made here; `root/NAME` is each one's folder."""
    places = {name: root / name for name in ("space", "ansible", "pyinfra", "ssh")}
    for place in places.values():
        place.mkdir()
    inventory = (STATE / "inventory.ini").read_text()
    measure.apart(work.workspace, places["space"], list(addresses), inventory)
    work.playbook(places["ansible"])
    missing = measure.installed(root / "venv", "pyinfra")
    work.pyinfra(places["pyinfra"], list(addresses.values()), STATE)
    work.plain_ssh(places["ssh"], list(addresses.values()), STATE)
    for name in ("pyinfra", "ssh"):
        work.patch(places[name])
    play = in_lab(places["ansible"], measure.BIN / "ansible-playbook", "-i", STATE / "inventory.ini", "play.yml")

    def entrant(name: str, command: list[str | Path], env: dict[str, str], absent: str = "") -> Entrant:
        sockets = root / f"cp-{len(name)}"  # connections of their own; the path of a socket is short
        return Entrant(
            name, command, {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets), **env}, absent=absent,
            before=lambda: reset(addresses, sockets, places), after=lambda: maintained(addresses),
        )  # fmt: skip

    return [
        entrant("itops run", in_lab(places["space"], *measure.itops("run", work.CHANGE)), {}),
        entrant(STOCK, play, {"ANSIBLE_CONFIG": str(places["ansible"] / "stock.cfg")}),
        entrant("Ansible tasks, tuned", play, {"ANSIBLE_CONFIG": str(places["ansible"] / "tuned.cfg")}),
        entrant(PYINFRA, in_lab(places["pyinfra"], root / "venv/bin/pyinfra", "-y", "inventory.py", "deploy.py"), {"PYTHONPATH": ""}, missing),
        entrant("plain ssh, hosts at once", in_lab(places["ssh"], "bash", "loop.sh"), {}),
    ]


def lab(*words: str) -> list[str | Path]:
    return ["env", f"LAB={LAB}", f"LAB_CACHE={os.environ.get('LAB_CACHE', '/var/cache/itopslab')}", SCRIPT, *words]


def in_lab(folder: Path, *command: str | Path) -> list[str | Path]:
    """The command within the lab's network, in this folder."""
    return [*lab("exec"), "env", "-C", folder, *command]


@contextmanager
def hosts(count: int) -> Iterator[dict[str, str]]:
    """A lab with so many hosts: name -> address. It is taken down whatever happens."""
    try:
        subprocess.run(lab("up", str(count)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = [line.split() for line in (STATE / "inventory.ini").read_text().splitlines() if "ansible_host=" in line]
        yield {name: address.removeprefix("ansible_host=") for name, address in lines}
    finally:
        subprocess.run(lab("down"), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def on_each(addresses: dict[str, str], script: str) -> list[int]:
    """Run a script as root on all hosts at once; the return codes."""
    running = [
        subprocess.Popen(lab("enter", name, "sh", "-c", script), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        for name in addresses
    ]
    return [process.wait() for process in running]


def reset(addresses: dict[str, str], sockets: Path, places: dict[str, Path]) -> None:
    """Hosts and workspace as before the maintenance, nobody connected."""
    shutil.rmtree(sockets, ignore_errors=True)
    for socket in places["ssh"].glob("s-*"):
        socket.unlink()
    shutil.rmtree(places["space"] / "records", ignore_errors=True)
    work.decide(places["space"])
    bad = on_each(addresses, work.RESET)
    if any(bad):
        raise RuntimeError(f"hosts could not be put back: {bad}")


def maintained(addresses: dict[str, str]) -> None:
    """Every host has all of it. Raises AssertionError."""
    bad = [name for name, code in zip(addresses, on_each(addresses, work.PROOF), strict=True) if code]
    assert not bad, f"not maintained: {', '.join(bad)}"
