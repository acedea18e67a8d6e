# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs the controller needs: there, new enough, and telling their version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import tools

from tests.unit.test_controller_gate import refused, situation


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of our own with three programs."""
    said = {"fine": "echo fine version 3.2.10 of 2024", "mute": "exit 0", "grumbler": "echo grumbler 7 >&2; exit 2"}
    for name, line in said.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(
    ("tool", "holds", "words"),
    [
        ({"name": "fine"}, True, "fine"),
        ({"name": "fine", "version_min": "3.2"}, True, "3.2.10"),
        ({"name": "fine", "version_min": "3.2.10.0"}, True, "3.2.10"),
        ({"name": "fine", "version_min": "3.10"}, False, "3.2.10 is older than 3.10"),
        ({"name": "grumbler", "version_min": "7.0"}, True, "grumbler 7"),
        ({"name": "mute"}, True, "mute"),
        ({"name": "mute", "version_min": "1"}, False, "does not tell its version"),
        ({"name": "no-such-tool"}, False, "not on this controller"),
    ],
)
@pytest.mark.usefixtures("path")
def test_a_tool(tool: dict[str, Any], holds: bool, words: str) -> None:
    (finding,) = tools.findings("web", [tool])
    assert finding.ok is holds and words in finding.message, finding
    assert holds or finding.remedy


def test_tools_of_the_operator_are_not_asked_for() -> None:
    assert list(tools.findings("web", [{"name": "no-such-tool", "side": "operator"}])) == []


@pytest.mark.usefixtures("path")
def test_the_gate_refuses_without_it(tmp_path: Path) -> None:
    now = situation(tmp_path / "w", {"preparation": {"software": [{"name": "no-such-tool"}, {"name": "fine", "version_min": "3"}]}})
    assert set(refused(now)) == {"software"}
