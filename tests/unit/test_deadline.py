# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of the window on the host: it stops what changes, before it begins, and never what goes back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from .engine_host import Host, check_file, command


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize("phase", ["patch", "verify", "failover"])
def test_an_attended_segment_ends_abnormal_before_the_step_that_does_not_fit(host: Host, tmp_path: Path, phase: str) -> None:
    long = {**command("long", f"touch {tmp_path}/long"), "expected_s": 600}
    told = host.run(command("first", f"touch {tmp_path}/first"), long, phase=phase, unattended=False, deadline=int(time.time()) + 300)
    assert told.result == "abnormal" and told.end["step"] == "long" and told.begun() == ["first"]
    assert "the window ends at" in told.end["message"] and "about 600 s" in told.end["message"]
    assert (tmp_path / "first").exists() and not (tmp_path / "long").exists()


@pytest.mark.parametrize("unattended", [True, False])
def test_a_rollback_is_carried_out_long_after_the_end(host: Host, tmp_path: Path, unattended: bool) -> None:
    undo = {**command("undo", f"touch {tmp_path}/undone"), "expected_s": 9000}
    told = host.run(undo, check_file(tmp_path / "undone"), segment="rollback-1", phase="rollback", unattended=unattended, deadline=int(time.time()) - 3600)
    assert told.result == "rolled_back" and (tmp_path / "undone").exists()


def test_a_step_that_fits_is_carried_out(host: Host, tmp_path: Path) -> None:
    told = host.run({**command("fits", f"touch {tmp_path}/x"), "expected_s": 60}, deadline=int(time.time()) + 3600)
    assert told.result == "done" and (tmp_path / "x").exists()


def test_a_step_is_not_tried_again_after_the_end(host: Host, tmp_path: Path) -> None:
    """A known error asks for another attempt, but the window is over by then."""
    busy = command("busy", f"echo x >> {tmp_path}/tries; while [ $(date +%s) -le {int(time.time()) + 3} ]; do sleep 0.05; done; echo locked; exit 1")
    entry = {"type": "锁", "pattern": "locked", "event": "", "steps": [], "action": "retry", "retries": 5, "self_service": []}
    told = host.run(busy, unattended=False, known_errors=[entry], deadline=int(time.time()) + 3)
    assert told.result == "abnormal" and "the window ends at" in told.end["message"]
    assert (tmp_path / "tries").read_text() == "x\n"
