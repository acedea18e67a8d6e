# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup benchmark: our archive step against `tar | zstd`, restic, borg and the gzip of community.general.archive.

    python benchmarks/backup.py                # 1 GiB, three alternating runs
    python benchmarks/backup.py --quick        # 64 MiB
    python benchmarks/backup.py --folder /mnt  # where the data and the archives lie, by default the temporary folder

The data is half compressible text and half random bytes, half in a few big files and half in many small ones, and lies in
the page cache. Ours hashes every file into a manifest, syncs, decompresses the archive again and compares every member,
and hashes the archive; `tar | zstd` does none of that, so a third row does the same work with the stock tools. `again` is
a second backup of the unchanged data. Times are wall clock of whole processes; ratios are against `tar | zstd -1 -T0`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
BASELINE = "tar, zstd -1 -T0"
MIB = 1 << 20
BIG_FILES = 8  # together half of the data
SMALL = 16 << 10  # bytes of a small file, on average
SETTLED = 2.5  # seconds after which an unchanged file is trusted by its times, see archive_reuse
OURS = """
import sys, pathlib, uuid
from ansible_collections.itops.maintenance.plugins.module_utils import archive, step
state = pathlib.Path(sys.argv[2])
for name in ("c", "c/r", "c/r/s"):
    (state / name).mkdir(mode=0o700, parents=True, exist_ok=True)
ctx = step.Context({"change": "c", "host": "h", "service": "s"}, state, state / "c", state / "c/r", state / "c/r/s")
print(archive.archive(ctx, {"paths": [sys.argv[1]], "dest": str(state / "backups"), "name": uuid.uuid4().hex}).feedback)
"""
GZIP = "import sys, tarfile; tarfile.open(sys.argv[2], 'w:gz').add(sys.argv[1])"
SAME_WORK = """
set -e -o pipefail
tar -c -C "$1" . | zstd -1 -T0 -q -f -o "$2/a.tar.zst"
(cd "$1" && find . -type f -print0 | xargs -0 sha256sum > "$2/manifest")
sync "$2/a.tar.zst"
zstd -dc "$2/a.tar.zst" | tar --compare -C "$1"
sha256sum "$2/a.tar.zst" >> "$2/manifest"
"""


@dataclass
class Contender:
    """One way to back up. `before` makes ready for a run and is not timed."""

    name: str
    command: list[str]
    before: Callable[[], None] = lambda: None
    needs: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    failed: str = ""

    def missing(self) -> str:
        return next((tool for tool in self.needs if not shutil.which(tool)), "")


def main() -> int:
    """Measure and print; 0 when every program that is installed has worked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="64 MiB instead of 1 GiB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    return run(args.quick, args.runs, args.folder)


def run(quick: bool = False, runs: int = 3, folder: Path | None = None) -> int:
    """Lay out the data, alternate over all contenders, print the table."""
    size = 64 * MIB if quick else 1024 * MIB
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = Path(name)
        files = lay_out(root / "data", size)
        entrants = list(contenders(root))
        for _run in range(runs):
            for entrant in entrants:
                if not entrant.missing() and not entrant.failed:
                    once(entrant)
        table(f"{size // MIB} MiB of mixed data in {files:,} files", entrants)
    return 1 if any(entrant.failed for entrant in entrants) else 0


def lay_out(data: Path, size: int) -> int:
    """The data; the same bytes every time. Returns the number of files."""
    chance = random.Random(20)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 12))) for _ in range(5000)]
    text = b" ".join(chance.choices(words, k=size // 64))
    text *= 2 + size // BIG_FILES // len(text)
    written = files = 0
    while written < size:
        length = size // BIG_FILES // 2 if files < BIG_FILES else chance.randint(1, 2 * SMALL)
        start = chance.randrange(len(text) - length)
        content = text[start : start + length] if files % 2 else chance.randbytes(length)
        place = data / f"{files // 200:04}" / f"{files:06}.{'txt' if files % 2 else 'bin'}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        written, files = written + length, files + 1
    os.sync()
    return files


def contenders(root: Path) -> Iterator[Contender]:
    """Each with a place of its own."""
    data, out = str(root / "data"), root / "out"
    ours = [sys.executable, "-c", OURS, data]
    yield Contender(BASELINE, ["bash", "-c", 'tar -c -C "$1" . | zstd -1 -T0 -q -f -o "$2"', "bash", data, str(root / "t.tar.zst")], needs=("tar", "zstd"))
    yield Contender("itops", [*ours, str(out / "first")], fresh(out / "first"), env=environment())
    same = ["bash", "-c", SAME_WORK, "bash", data, str(out / "same")]
    yield Contender("tar, zstd, sha256sum of every file, tar --compare", same, fresh(out / "same"), ("tar", "zstd", "sha256sum"))
    yield from repositories(data, out)
    yield Contender("gzip as community.general.archive does it", [sys.executable, "-c", GZIP, data, str(root / "t.tar.gz")])
    again = [*ours, str(out / "again")]
    yield Contender("itops, again", again, settled(again, out / "again"), env=environment())


def repositories(data: str, out: Path) -> Iterator[Contender]:
    """Programs that keep a repository: first into a new one, then again into one that has everything."""
    secret = {"RESTIC_PASSWORD": "benchmark", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
    for when in ("", ", again"):
        restic, borg = str(out / f"restic{when[-1:]}"), str(out / f"borg{when[-1:]}")
        make = {
            "restic": (["restic", "-q", "-r", restic, "--no-cache", "init"], ["restic", "-q", "-r", restic, "--no-cache", "backup", data]),
            "borg": (["borg", "init", "-e", "none", borg], ["borg", "create", "-C", "zstd,1", f"{borg}::{{now:%s}}-{{pid}}", data]),
        }
        for tool, (init, backup) in make.items():
            place = Path(init[-1] if tool == "borg" else restic)
            env = {**secret, "BORG_BASE_DIR": str(out / "borg-home")}
            before = kept(place, init, backup, env) if when else fresh(place, init, env)
            yield Contender(tool + when, backup, before, (tool,), env)


def fresh(place: Path, init: list[str] | None = None, env: dict[str, str] | None = None) -> Callable[[], None]:
    """An empty folder, or a new repository."""

    def make() -> None:
        shutil.rmtree(place, ignore_errors=True)
        (place.parent if init else place).mkdir(parents=True, exist_ok=True)
        if init:
            quietly(init, env or {})

    return make


def kept(place: Path, init: list[str], backup: list[str], env: dict[str, str]) -> Callable[[], None]:
    """A repository that has one backup of the data."""

    def make() -> None:
        if not place.exists():
            fresh(place, init, env)()
            quietly(backup, env)

    return make


def settled(backup: list[str], place: Path) -> Callable[[], None]:
    """One backup, of files that are older than the guard against changes within one tick of the clock."""

    def make() -> None:
        if not place.exists():
            time.sleep(SETTLED)
            place.mkdir(parents=True)
            quietly(backup, environment())

    return make


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(REPO / "collections"), "PYTHONDONTWRITEBYTECODE": ""}


def quietly(command: list[str], env: dict[str, str]) -> None:
    subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def once(entrant: Contender) -> None:
    """One run; what earlier runs left to be written goes to the disk first."""
    entrant.before()
    os.sync()
    started = time.perf_counter()
    done = subprocess.run(entrant.command, env={**os.environ, **entrant.env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        entrant.failed = f"ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()[-80:]!r}"
        return
    entrant.seconds.append(time.perf_counter() - started)


def table(title: str, entrants: list[Contender]) -> None:
    """Medians; a ratio above 1 is slower than the baseline."""
    base = next((statistics.median(e.seconds) for e in entrants if e.name == BASELINE and e.seconds), None)
    print(f"\n{title}\n\n| program | median s | runs | × {BASELINE} |\n|---|--:|--:|--:|")
    for entrant in entrants:
        if not entrant.seconds:
            print(f"| {entrant.name}: {entrant.failed or f'absent ({entrant.missing()} is not installed)'} | — | 0 | — |")
            continue
        median = statistics.median(entrant.seconds)
        print(f"| {entrant.name} | {median:.2f} | {len(entrant.seconds)} | {f'{median / base:.2f}' if base else '—'} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
