# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: old backups go, the newest and the change's own stay, and what is not ours is left alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from .backup_host import BackupHost
from .engine_host import step, until

DAY = 86400


@pytest.fixture
def host(tmp_path: Path) -> BackupHost:
    found = BackupHost(tmp_path)
    found.data.mkdir()
    (found.data / "a").write_text("alpha")
    return found


def name(age_days: int, change: str, service: str = "web", host: str = "a") -> str:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() - age_days * DAY))
    return f"{service}_{host}_{stamp}_{change}"


def old(host: BackupHost, *names: str) -> None:
    """Backups of other changes."""
    for each in names:
        for suffix in (".tar.zst", ".manifest.json"):
            host.dest.mkdir(exist_ok=True)
            (host.dest / (each + suffix)).write_text("x")


def prune(host: BackupHost, **args: Any) -> dict[str, Any]:
    told = host.do(step("keep", "prune", phase="backup", dest=str(host.dest), service="web", **args))
    assert told.result == "done", told.end["message"]
    found: dict[str, Any] = told.finished("keep")["data"]
    return found


def kept(host: BackupHost) -> set[str]:
    return {path.name.split(".")[0] for path in host.dest.iterdir()}


def test_the_number_is_kept_and_the_rest_goes_as_pairs(host: BackupHost) -> None:
    names = [name(age, f"CHG-{age}") for age in (1, 2, 3, 4)]
    old(host, *names)
    done = prune(host, keep=2)
    assert kept(host) == set(names[:2]) and set(done["pruned"]) == set(names[2:]) and set(done["kept"]) == set(names[:2])
    assert len(list(host.dest.iterdir())) == 4


def test_younger_ones_stay_beyond_the_number(host: BackupHost) -> None:
    names = [name(age, f"CHG-{age}") for age in (1, 5, 9, 40)]
    old(host, *names)
    prune(host, keep=1, keep_days=10)
    assert kept(host) == set(names[:3])


def test_the_own_backup_and_the_newest_stay_whatever_is_asked(host: BackupHost) -> None:
    own = name(50, "CHG-20260101-01")
    host.back_up(own)
    old(host, name(1, "CHG-1"), name(2, "CHG-2"))
    prune(host, keep=1)
    assert kept(host) == {own, name_of(host, "CHG-1")}
    host.restore()


def name_of(host: BackupHost, change: str) -> str:
    return next(found for found in kept(host) if found.endswith("_" + change))


def test_what_belongs_to_others_or_has_lost_its_half_is_left_alone(host: BackupHost) -> None:
    others = [name(90, "CHG-9", service="web2"), name(90, "CHG-9", host="b"), "notes"]
    old(host, *others, name(1, "CHG-1"), name(99, "CHG-99"))
    alone = host.dest / (name(80, "CHG-8") + ".tar.gz")
    alone.write_text("x")
    done = prune(host, keep=1)
    assert done["orphans"] == [alone.name] and alone.exists()
    assert set(others) <= kept(host) and not any(found.endswith("CHG-99") for found in kept(host))


def test_an_archive_that_others_were_reused_from_may_go(host: BackupHost) -> None:
    first = host.back_up(name(9, "CHG-1"))
    until(lambda: time.time() - (host.data / "a").stat().st_ctime > 2.1, "the rest")  # else its content must be read to know
    assert host.back_up(name(1, "CHG-20260101-01"))["reused"]
    Path(first["archive"]).unlink()
    Path(first["manifest"]).unlink()
    (host.data / "a").unlink()
    host.restore()
    assert (host.data / "a").read_text() == "alpha"


@pytest.mark.parametrize("keep", [0, -1])
def test_nothing_is_not_a_number_to_keep(host: BackupHost, keep: int) -> None:
    old(host, name(1, "CHG-1"))
    told = host.do(step("keep", "prune", phase="backup", dest=str(host.dest), keep=keep))
    assert "at least one" in told.end["message"] and len(kept(host)) == 1


def test_an_empty_folder_is_fine(host: BackupHost) -> None:
    assert prune(host, keep=3) == {"pruned": [], "kept": [], "orphans": []}
