# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream of events: chained, redacted, whole after every accident, written by many at once."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import Redactor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.story import CHANGE

WRITERS, EACH = 4, 400
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=[]), max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "2026" / CHANGE, CHANGE)


def faults(book: Ledger) -> list[chain.Fault]:
    return chain.verify(book.directory, CHANGE)


def child(work: Callable[..., None], *args: Any) -> multiprocessing.Process:
    """A process of its own, forked so that it starts at once."""
    process = multiprocessing.get_context("fork").Process(target=work, args=args)
    process.start()
    return process


# ------------------------------------------------------------------ form and chain


def test_the_first_event_hangs_on_its_change_and_each_on_the_one_before(book: Ledger) -> None:
    first, second = book.append("run_opened", {"a": 1}, run="R1", actor="li"), book.append("gate", host="h", phase="gate")
    assert (first.seq, second.seq) == (1, 2)
    assert first.prev == hashlib.sha256(f"itops-ledger\n{CHANGE}".encode()).hexdigest() != ledger.genesis("CHG-20261123-02")
    assert second.prev == first.hash
    assert book.events() == [first, second] and book.events(1) == [second] and book.events(9) == []


def test_every_line_is_canonical_json_and_its_hash_covers_all_the_rest(book: Ledger) -> None:
    book.append("step", {"ü": "值", "nested": {"b": [1, True, None], "a": ""}}, host="h1")
    line = book.path.read_bytes()
    raw = json.loads(line)
    assert line == rfc8785.dumps(raw) + b"\n"
    claimed = raw.pop("hash")
    assert hashlib.sha256(rfc8785.dumps(raw)).hexdigest() == claimed
    assert set(raw) == {"seq", "at", "kind", "actor", "run", "host", "phase", "data", "prev"}


def test_a_second_writer_goes_on_where_the_first_has_ended(book: Ledger) -> None:
    book.append("a")
    other = Ledger(book.directory, CHANGE)
    other.append("b")
    book.append("c")
    assert [e.kind for e in other.events()] == ["a", "b", "c"] and faults(book) == []


def test_what_is_not_there_yet_is_empty(book: Ledger) -> None:
    assert book.events() == [] and faults(book) == [] and not book.directory.exists()


def test_a_long_line_is_found_again_from_the_end(book: Ledger) -> None:
    book.append("long", {"text": "字" * ledger.TAIL_BLOCK})
    assert Ledger(book.directory, CHANGE).append("next").seq == 2
    assert faults(book) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(value=VALUES)
def test_whatever_a_host_says_can_be_written_down(book: Ledger, value: Any) -> None:
    """Lone surrogates, NaN, numbers beyond 2^53: an event that cannot be written would be an event that is missing."""
    event = book.append("said", {"value": value})
    assert Ledger(book.directory, CHANGE).events()[-1] == event
    assert faults(book) == []


def test_other_types_become_plain_ones(book: Ledger) -> None:
    said = book.append("x", {"path": Path("a/b"), "tuple": (1, 2.4), "big": 2**60, "nan": float("nan"), "odd": "a\udcff", 5: b"x"}).data
    assert said == {"path": "a/b", "tuple": [1, 2], "big": str(2**60), "nan": "nan", "odd": "a?", "5": "b'x'"}


# ------------------------------------------------------------------ many writers, readers


def write_many(directory: Path, name: str) -> None:
    book = Ledger(directory, CHANGE)
    for number in range(EACH):
        book.append("told", {"by": name, "n": number}, sync=number % 50 == 0)


def test_several_processes_lose_nothing_and_fork_nothing(book: Ledger) -> None:
    writers = [child(write_many, book.directory, str(n)) for n in range(WRITERS)]
    seen: list[int] = []
    while any(writer.is_alive() for writer in writers):  # read while written: whole events only, in order, from the first on
        found = [event.seq for event in book.events()]
        assert found == list(range(1, len(found) + 1)) and len(found) >= len(seen)
        seen = found
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    events = book.events()
    assert faults(book) == []
    assert [e.seq for e in events] == list(range(1, WRITERS * EACH + 1))
    for name in map(str, range(WRITERS)):
        assert [e.data["n"] for e in events if e.data["by"] == name] == list(range(EACH)), "each writer's own order"


def test_a_line_that_is_just_being_written_is_left_out_and_read_later(book: Ledger) -> None:
    book.append("a")
    whole = book.path.read_bytes()
    book.append("b")
    line = book.path.read_bytes()[len(whole) :]
    book.path.write_bytes(whole + line[:-1])
    assert [e.kind for e in book.events()] == ["a"] and book.events(1) == []
    book.path.write_bytes(whole + line)
    assert [e.kind for e in book.events(1)] == ["b"]


# ------------------------------------------------------------------ accidents


def write_until_killed(directory: Path) -> None:
    book = Ledger(directory, CHANGE)
    while True:
        book.append("x", {"text": "y" * 5000})


def test_a_writer_that_is_killed_takes_no_lock_and_no_event_with_it(book: Ledger) -> None:
    for _ in range(3):
        writer = child(write_until_killed, book.directory)
        before = len(book.events())
        while len(book.events()) < before + 5:
            assert writer.is_alive()
        writer.kill()
        writer.join()
        book.append("after")
    assert faults(book) == []


@pytest.mark.parametrize("torn", [b'{"actor":"","at":"2026', b"\x00\xff\x00", b"{}"])
def test_a_torn_line_is_set_aside_and_said(book: Ledger, torn: bytes) -> None:
    book.append("a")
    with book.path.open("ab") as stream:
        stream.write(torn)
    assert [f.kind for f in faults(book)] == ["damaged"]
    assert [e.kind for e in book.events()] == ["a"]
    Ledger(book.directory, CHANGE).append("b")
    kinds = [e.kind for e in book.events()]
    assert kinds == ["a", "torn_line", "b"] and faults(book) == []
    said = book.events()[1].data
    assert said["bytes"] == len(torn)
    assert (book.directory / "evidence" / said["evidence"]).read_bytes() == torn.decode("utf-8", "replace").encode()


def test_a_stream_that_is_one_torn_line_begins_anew_on_its_genesis(book: Ledger) -> None:
    book.directory.mkdir(parents=True)
    book.path.write_bytes(b'{"kind":"run_op')
    book.append("a")
    assert [e.kind for e in book.events()] == ["torn_line", "a"] and faults(book) == []


def test_the_torn_line_may_hold_a_secret(tmp_path: Path) -> None:
    book = Ledger(tmp_path, CHANGE, Redactor(["hunter2-xyz"]))
    book.path.write_bytes(b'{"data":{"said":"hunter2-xyz ')
    book.append("a")
    assert b"hunter2-xyz" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_nothing_is_built_upon_a_last_line_that_is_no_event(book: Ledger) -> None:
    book.append("a")
    book.path.write_bytes(b"{}\n")
    before = book.path.read_bytes()
    with pytest.raises(LedgerError, match=f"itops record verify {CHANGE}"):
        Ledger(book.directory, CHANGE).append("b")
    assert book.path.read_bytes() == before


def append_to_the_limit(directory: Path, limit: int) -> None:
    """No file of this process may grow beyond the limit: the write gets short, then fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    book = Ledger(directory, CHANGE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for number in range(1000):
        try:
            book.append("x", {"n": number, "text": "y" * 300}, sync=number % 2 == 0)
        except LedgerError:
            os._exit(0)
    os._exit(1)


@pytest.mark.parametrize("limit", [5000, 5001, 5150, 5400])
def test_a_full_disk_leaves_whole_lines_only_and_one_can_go_on_later(book: Ledger, limit: int) -> None:
    writer = child(append_to_the_limit, book.directory, limit)
    writer.join()
    assert writer.exitcode == 0, "the full disk was noticed"
    events = book.events()
    assert len(events) > 3 and book.path.read_bytes().endswith(b"\n") and book.path.stat().st_size <= limit
    assert faults(book) == [] and [e.data["n"] for e in events] == list(range(len(events)))
    assert book.append("room again").seq == len(events) + 1
    assert faults(book) == []


def test_refused_means_that_nothing_was_added(book: Ledger) -> None:
    """Also where only the head beside the stream cannot be written."""
    book.append("a")
    (book.directory / ledger.HEAD).unlink()
    (book.directory / ledger.HEAD).mkdir()
    for writer in (book, Ledger(book.directory, CHANGE)):
        with pytest.raises(LedgerError):
            writer.append("b", sync=True)
    (book.directory / ledger.HEAD).rmdir()
    book.append("c", sync=True)
    assert [e.kind for e in book.events()] == ["a", "c"] and faults(book) == []


@pytest.mark.parametrize("where", ["directory", "stream", "lock"])
def test_what_cannot_be_opened_is_a_ledger_error(tmp_path: Path, where: str) -> None:
    book = Ledger(tmp_path / "record", CHANGE)
    if where == "directory":
        book.directory.write_text("in the way")
    else:
        (book.directory / (ledger.STREAM if where == "stream" else ledger.LOCK)).mkdir(parents=True)
    with pytest.raises(LedgerError):
        book.append("a")


def test_reading_what_cannot_be_read_is_a_ledger_error(book: Ledger) -> None:
    book.path.mkdir(parents=True)
    with pytest.raises(LedgerError):
        book.events()


# ------------------------------------------------------------------ head, secrets, evidence


def test_the_head_is_noted_at_the_edges(book: Ledger) -> None:
    book.append("a", sync=True)
    book.append("b")
    assert json.loads((book.directory / ledger.HEAD).read_bytes()) == {"seq": 1, "hash": book.events()[0].hash}


def test_redaction_comes_before_the_write(tmp_path: Path) -> None:
    secret = 'p"ss/wörd '
    book = Ledger(tmp_path, CHANGE, Redactor([secret]))
    said = book.append("x", {"cmd": f"login {secret}!", "deep": [{"password": "other"}], f"key {secret}": 1, "json": json.dumps({"a": secret})})
    book.evidence(f"output {secret}".encode())
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode()
    assert secret not in everything and json.dumps(secret)[1:-1] not in everything and "other" not in everything
    assert said == book.events()[0] and faults(book) == [], "what is hashed is what was redacted"


def test_evidence_lies_under_its_digest_once(book: Ledger) -> None:
    names = {book.evidence(b"a large output \xff"), book.evidence(b"a large output \xff")}
    assert len(names) == 1
    path = book.directory / "evidence" / names.pop()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert [p.name for p in path.parent.iterdir()] == [path.name]
