# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The register: one chained line per closed run, found again by service and by change, and any edit of it found."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, register
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WRITERS, EACH = 4, 15


def record(number: int, *services: str) -> dict[str, Any]:
    """What a closed run hands to the register."""
    run = {"run": f"R20261123T0{number:05}Z-abcd", "verb": "run", "user": "li", "started": "", "ended": "", "exit": 0, "check": False}
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


def append_many(folder: Path, first: int) -> None:
    for number in range(first, first + EACH):
        assert register.append(folder, record(number, "web"))


def test_several_processes_append_without_losing_a_line(tmp_path: Path) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=append_many, args=(tmp_path, n * EACH)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    lines = register.read(tmp_path)
    assert register.verify(tmp_path) == [] and [line["number"] for line in lines] == list(range(1, WRITERS * EACH + 1))
    assert {line["change"] for line in lines} == {record(n)["change"] for n in range(WRITERS * EACH)}


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"number":3', b'"number": 3'), (b'"exit":0', b'"exit":0,"x":1'), (b'"exit":0', b'"exit":1'), (b'"exit":0', b'"exit":"\\ud800"')],
)
def test_any_edit_is_found_also_one_that_a_reader_would_not_see(records: Path, old: bytes, new: bytes) -> None:
    lines = register.path(records).read_bytes().splitlines(keepends=True)
    register.path(records).write_bytes(b"".join([*lines[:2], lines[2].replace(old, new), lines[3]]))
    assert register.verify(records)[0].startswith("register line 3: ")


@pytest.mark.parametrize("line", [b"[]", b"7", b'"CHG-20261123-02"', b'["CHG-20261123-02"]', b"{}", b"{", b"\xff", b"[" * 50_000])
def test_a_damaged_line_is_named_and_nothing_is_added_to_it(records: Path, line: bytes) -> None:
    with register.path(records).open("ab") as stream:
        stream.write(line + b"\n")
    assert register.verify(records)[0] == "register line 5: damaged"
    assert register.heads(records, "CHG-20261123-02") in ({2: f"{2:064}"}, {})
    with pytest.raises(ledger.LedgerError):
        register.append(records, record(6, "web"))
    with pytest.raises((ValueError, KeyError)):
        register.read(records)


@given(order=st.permutations(range(4)), keep=st.integers(0, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_order_but_the_beginning_is_found(records: Path, order: list[int], keep: int) -> None:
    kept = records / "genuine"
    if not kept.exists():
        kept.write_bytes(register.path(records).read_bytes())
    lines = kept.read_bytes().splitlines(keepends=True)
    chosen = [lines[n] for n in order[:keep]]
    register.path(records).write_bytes(b"".join(chosen))
    assert bool(register.verify(records)) == (chosen != lines[:keep])


def test_the_line_is_that_of_the_run_that_was_closed_not_of_the_one_that_is_open(records: Path) -> None:
    """A run whose controller died is closed by the next one, which has begun by then and closes later."""
    both = record(7, "web")
    dead = {**both["runs"][0], "run": "R-dead", "exit": 14}
    both["runs"] = [dead, {**dead, "run": "R-next", "exit": None}]
    assert (register.append(records, both, "R-dead") or {})["exit"] == 14
    both["runs"][1]["exit"] = 0
    assert (register.append(records, both, "R-next") or {})["exit"] == 0
    assert register.append(records, both, "R-dead") is None
    assert [(line["run"], line["exit"]) for line in register.history(records, "web")[-2:]] == [("R-dead", 14), ("R-next", 0)]
