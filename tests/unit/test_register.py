# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register: one chained line per closed run, found again by service and by change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, register


def record(number: int, *services: str) -> dict[str, Any]:
    """What a closed run hands to the register."""
    run = {"run": f"R20261123T0{number:05}Z-abcd", "verb": "run", "user": "li", "started": "", "ended": "", "exit": 0}
    return {
        "change": f"CHG-20261123-{number:02}", "title": "升级 \"db\"", "runs": [run], "services": [{"id": name} for name in services],
        "outcome": {"result": "achieved", "backout": "not_needed"}, "ledger": {"seq": number, "head": f"{number:064}"},
    }  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> Path:
    for number, services in enumerate((("web",), ("db", "web"), ("db-old",), ("db",)), 1):
        assert register.append(tmp_path, record(number, *services))
    return tmp_path


def test_lines_are_numbered_and_chained_and_a_run_stands_there_once(records: Path) -> None:
    assert register.append(records, record(2, "db", "web")) is None
    assert [line["number"] for line in register.read(records)] == [1, 2, 3, 4]
    assert register.verify(records) == []


def test_the_history_of_a_service_is_what_a_full_reading_says(records: Path) -> None:
    for service in ("web", "db", "db-old", "none"):
        assert register.history(records, service) == [line for line in register.read(records) if service in line["services"]]


def test_a_register_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    assert (register.read(tmp_path), register.history(tmp_path, "web"), register.heads(tmp_path, "x"), register.verify(tmp_path)) == ([], [], {}, [])


def test_a_deleted_line_and_an_edited_one_are_named(records: Path) -> None:
    lines = register.path(records).read_bytes().splitlines(keepends=True)
    register.path(records).write_bytes(b"".join([lines[0], lines[2].replace(b"achieved", b"partial"), lines[3]]))
    assert register.verify(records) == ["register line 2: edited"]
    register.path(records).write_bytes(b"".join([lines[0], *lines[2:]]))
    assert register.verify(records) == ["register line 2: a line before it was deleted, inserted or swapped"]


def test_nothing_is_added_behind_a_torn_line(records: Path) -> None:
    with register.path(records).open("ab") as stream:
        stream.write(b'{"number": 5, "chan')
    with pytest.raises(ledger.LedgerError):
        register.append(records, record(5, "web"))
    assert register.verify(records) == ["register line 5: damaged"]


def test_what_is_remembered_of_a_change(records: Path) -> None:
    assert register.heads(records, "CHG-20261123-02") == {2: f"{2:064}"}
