# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Containerfile, really built and used: by Debian's buildah, on a base image made of Debian's packages, since no registry is asked. Needs root."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import REPO

BASE = "python3,python3-venv,python3-pip,ca-certificates"  # of what the official image of Python brings
AS_THERE = "rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && ln -sf python3 /usr/bin/python"  # pip installs into the system, as in that image
COMPLETE = "COMP_WORDS='itops sched' COMP_CWORD=1 _ITOPS_COMPLETE=bash_complete itops"
LIMIT = 900  # seconds


def call(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=LIMIT, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


class Image:
    """Built below a folder of its own, which goes again."""

    def __init__(self, home: Path):
        self.home = home
        self._base(re.search(r"^FROM (\S+)", (REPO / "Containerfile").read_text("utf-8"), re.MULTILINE)[1])  # type: ignore[index] # else it is no Containerfile
        call("git", "clone", "--quiet", "--no-hardlinks", REPO, home / "tree")
        call(sys.executable, "-m", "pip", "--quiet", "wheel", "--wheel-dir", home / "wheels", f"{REPO}[pdf,postgres]", "build", "hatchling")
        next((home / "wheels").glob("itops-*.whl")).unlink()
        (home / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        seen = ("--volume", f"{home}/wheels:/wheels:ro", "--volume", f"{home}/pip.conf:/etc/pip.conf:ro")
        self.buildah("bud", "--quiet", "--pull-never", "--layers=false", "--network=host", *seen, "--tag", "itops", home / "tree")
        self.container = self.buildah("from", "--pull-never", "localhost/itops").strip()

    def _base(self, name: str) -> None:
        mirror = re.search(r"^URIs: (\S+)", Path("/etc/apt/sources.list.d/debian.sources").read_text(), re.MULTILINE)
        assert mirror, "where Debian's packages come from"
        call("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE}", "--dpkgopt=force-unsafe-io", "bookworm", self.home / "base.tar", mirror[1])
        made = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", made, self.home / "base.tar", "/")
        self.buildah("run", made, "--", "sh", "-c", AS_THERE)
        self.buildah("commit", "--quiet", "--rm", made, f"docker.io/library/{name}")

    def buildah(self, command: str, *words: str | Path) -> str:
        isolated = ("--isolation", "chroot") if command in ("bud", "run") else ()
        place = ("--storage-driver", "vfs", "--root", self.home / "store", "--runroot", self.home / "run")
        return call("buildah", *place, command, *isolated, *words)

    def sh(self, script: str) -> str:
        return self.buildah("run", self.container, "--", "sh", "-c", script)

    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", "localhost/itops"))["OCIv1"]["config"]
        return found


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    home = Path(tempfile.mkdtemp(prefix="itops-image-", dir="/var/tmp"))
    try:
        yield Image(home)
    finally:
        shutil.rmtree(home)


def test_the_image_is_a_whole_controller(image: Image) -> None:
    config = image.config()
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("itops", ["tini", "--", "itops"], ["doctor"])
    assert config["WorkingDir"] in config["Volumes"]
    assert image.sh("id -u").strip() == "10001"
    looks = json.loads(image.sh("cd && itops init space >&2 && cd space && tini -s -- itops doctor --all --format json"))
    wrong = [look for look in looks if look["severity"] in ("error", "warning")]
    assert not wrong and {"fonts", "collection", "callback", "tools"} <= {look["check"] for look in looks if look["severity"] == "ok"}, wrong
    assert image.sh("python3 -c 'import psycopg; print(psycopg.pq.__impl__)'").strip() == "binary", "records in PostgreSQL"
    assert image.sh("man -w itops-metrics-serve").strip().endswith("itops-metrics-serve.1")
    assert "schedule" in image.sh(COMPLETE) and "_itops_completion" in image.sh("cat /etc/bash_completion.d/itops")
