# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records in a real PostgreSQL: the same chain and the same proof as in files, several controllers at once, and nothing without a commit."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, ledger, proof, register, service_lock, views, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger, LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import address, database, place, transfer
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.postgres import OWNER, READER, WRITER, Server
from tests.unit.story import CHANGE, Story
from tests.unit.test_register import record

EVENTS = 10_000  # of two controllers on one store, together
REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def book(kept: Entry) -> Ledger:
    return Ledger(place.of_change(kept, CHANGE), CHANGE)


def url(kept: Entry) -> str:
    return kept.database.url


def child(work: Callable[..., None], *args: Any) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=work, args=args)
    process.start()
    return process


def execute(kept: Entry, role: str, *statements: str) -> None:
    with psycopg.connect(url(kept).replace(WRITER, role), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type] # a test's own text


def as_owner(kept: Entry, *statements: str) -> None:
    """What only somebody with the whole database in hand can do: the guards taken off first."""
    execute(kept, OWNER, "ALTER TABLE itops.line DISABLE TRIGGER ALL", *statements, "ALTER TABLE itops.line ENABLE TRIGGER ALL")


def filled(records: Any, number: int = 5) -> Ledger:
    """A stream, its evidence, its views and a line in the register."""
    book = Ledger(place.of_change(records, CHANGE), CHANGE)
    for event in Story().begun(change={"id": CHANGE, "title": "升级"}).events:
        book.append(event.kind, event.data, run=event.run, phase=event.phase)
    name = book.evidence(b"a long output")
    for _ in range(number):
        book.append("step_finished", {"evidence": name}, host="a")
    views.close(book.directory, CHANGE, "R20260101T000000Z-0000", "", {})
    return book


# ------------------------------------------------------------------ the same as in files


def test_the_same_events_make_the_same_bytes_as_in_a_file(kept: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "now", lambda: "2026-11-23T02:00:00.000+08:00")
    books = [filled(records) for records in (kept, tmp_path)]
    assert books[0].events() == books[1].events()
    names = [ledger.STREAM, ledger.HEAD, "record.json", "record.zh_CN.md", "record.en.md", "transcript.txt"]
    assert [(books[0].directory / name).read_bytes() for name in names] == [(books[1].directory / name).read_bytes() for name in names]
    assert register.path(kept).read_bytes() == register.path(tmp_path).read_bytes()
    assert place.changes(kept) == place.changes(tmp_path) == [CHANGE]
    assert transfer.names(kept) == transfer.names(tmp_path)


def test_an_empty_store_is_empty(kept: Entry) -> None:
    book = Ledger(place.of_change(kept, CHANGE), CHANGE)
    assert book.events() == [] and chain.verify(book.directory, CHANGE) == [] and not book.directory.exists()
    assert place.changes(kept) == [] and register.read(kept) == [] and register.verify(kept) == [] and checkpoint.head(book.directory) == {}
    with pytest.raises(FileNotFoundError):
        (book.directory / "record.json").read_bytes()


def test_a_second_writer_goes_on_where_the_first_has_ended(book: Ledger) -> None:
    book.append("a")
    other = Ledger(book.directory, CHANGE)
    other.append("b", sync=True)
    assert [e.kind for e in book.events()] == ["a", "b"]
    book.append("c")
    assert [e.kind for e in other.events(2)] == ["c"] and proof.faults(book.directory.parent.parent, CHANGE) == []


def test_reports_are_replaced_and_evidence_is_kept_once(book: Ledger) -> None:
    place.write(book.directory / "record.en.md", b"old")
    place.write(book.directory / "record.en.md", b"new")
    assert (book.directory / "record.en.md").read_text() == "new"
    assert book.evidence(b"password=hunter22 said") == book.evidence(b"password=hunter22 said")
    (kept,) = [file for file in book.directory.files() if ledger.EVIDENCE in file.path]  # type: ignore[union-attr] # a store it is
    assert b"hunter22" not in kept.read_bytes() and kept.name == hashlib.sha256(kept.read_bytes()).hexdigest()


def test_a_checkpoint_is_signed_and_verified_there(book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    monkeypatch.setenv(checkpoint.KEY_VARIABLE, str(tmp_path / "key.pem"))
    last = book.append("a")
    assert checkpoint.sign(book.directory, CHANGE, {"seq": last.seq, "head": last.hash})
    assert checkpoint.head(book.directory) == {1: last.hash} and checkpoint.fault(book.directory, CHANGE) == ""
    (forged := book.directory / checkpoint.FILE).replace(forged.read_bytes().replace(b"\n1\n", b"\n2\n"))  # type: ignore[union-attr, arg-type]
    assert "signature" in checkpoint.fault(book.directory, CHANGE)


# ------------------------------------------------------------------ several controllers


def write_many(address_: str, name: str) -> None:
    book = Ledger(place.of_change(Entry(database.Database(address_)), CHANGE), CHANGE)
    for number in range(EVENTS // 2):
        book.append("told", {"by": name, "n": number})


def test_two_controllers_racing_for_ten_thousand_events_lose_and_fork_nothing(book: Ledger, kept: Entry) -> None:
    controllers = [child(write_many, url(kept), name) for name in ("here", "there")]
    seen = 0
    while any(controller.is_alive() for controller in controllers):  # read while written: whole, in order, from the first on
        found = [event.seq for event in book.events(seen)]
        assert found == list(range(seen + 1, seen + 1 + len(found)))
        seen += len(found)
        controllers[0].join(0.2)
    assert [controller.exitcode for controller in controllers] == [0, 0]
    events = book.events()
    assert len(events) == EVENTS and chain.verify(book.directory, CHANGE) == []
    for name in ("here", "there"):
        assert [event.data["n"] for event in events if event.data["by"] == name] == list(range(EVENTS // 2))
    assert len({event.data["by"] for event in events[: EVENTS // 2]}) == 2  # they did race


def close_many(address_: str, first: int) -> None:
    kept = Entry(database.Database(address_))
    for number in range(first, first + 20):
        register.append(kept, record(number, "web"))
        register.append(kept, record(number, "web"))


def test_the_register_has_each_run_once_whoever_closes_it(kept: Entry) -> None:
    for controller in [child(close_many, url(kept), first) for first in (1, 1, 21)]:
        controller.join()
        assert controller.exitcode == 0
    lines = register.read(kept)
    assert len(lines) == 40 == len({line["run"] for line in lines}) and register.verify(kept) == []


HOLDER = """
import sys
from tests import conftest
from ansible_collections.itops.maintenance.plugins.plugin_utils import service_lock
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
kept = place.at(None, sys.argv[1])
print(service_lock.take(kept / ".locks", "service-web", {"run": "R9"}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(kept: Entry) -> Iterator[subprocess.Popen[str]]:
    """Another controller, which has the service."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, url(kept)], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "0\n"
    yield process
    process.kill()
    process.communicate()


def test_one_controller_at_a_time_has_a_service_until_it_dies(kept: Entry, holder: subprocess.Popen[str]) -> None:
    locks = kept / ".locks"
    refused = service_lock.take(locks, "service-web", {"run": "mine"})
    assert isinstance(refused, service_lock.Held) and json.loads(refused.by) == {"run": "R9"}
    assert service_lock.is_held(locks, "service-web") and service_lock.held(locks, "service-") == ["service-web"]
    assert service_lock.take(locks, "service-db", {"run": "mine"}) == 0
    holder.kill()
    holder.wait()
    while service_lock.is_held(locks, "service-web"):
        pass
    assert service_lock.take(locks, "service-web", {"run": "mine"}) == 0


# ------------------------------------------------------------------ it refuses what would forge


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE itops.line SET line = '{}' WHERE number = 2",
        "DELETE FROM itops.line WHERE number = 3",
        "TRUNCATE itops.line",
        "UPDATE itops.document SET content = 'x' WHERE file LIKE '%evidence%'",
        "DELETE FROM itops.document WHERE file LIKE '%evidence%'",
        "INSERT INTO itops.line SELECT file, 2, hash, hash, line FROM itops.line WHERE number = 2",
        "INSERT INTO itops.line SELECT file, 99, hash, 'x', line FROM itops.line WHERE number = 2",
        "INSERT INTO itops.line VALUES ('2026/CHG-20261123-09/events.jsonl', 2, 'x', 'y', '{}')",
    ],
)
@pytest.mark.parametrize("role", [WRITER, OWNER])
def test_the_database_itself_refuses_what_is_not_one_line_more(kept: Entry, statement: str, role: str) -> None:
    filled(kept)
    before = {file.path: file.read_bytes() for file in kept.files()}
    with pytest.raises(psycopg.Error):
        execute(kept, role, statement)
    assert {file.path: file.read_bytes() for file in kept.files()} == before


@pytest.mark.parametrize(
    ("role", "statement"),
    [(WRITER, "UPDATE itops.tail SET number = 1"), (READER, "DELETE FROM itops.tail"), (READER, "INSERT INTO itops.document VALUES ('x', 'y')")],
)
def test_a_controller_cannot_rewind_what_is_remembered_nor_an_auditor_write(kept: Entry, role: str, statement: str) -> None:
    filled(kept)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        execute(kept, role, statement)
    assert place.changes(Entry(database.Database(url(kept).replace(WRITER, role)))) == [CHANGE]


@pytest.mark.parametrize(
    ("tampering", "kind"),
    [
        ("UPDATE itops.line SET line = replace(line, '\"host\":\"a\"', '\"host\":\"b\"') WHERE number = 5 AND file LIKE '2026%'", "edited"),
        ("DELETE FROM itops.line WHERE number = 5 AND file LIKE '2026%'", "deleted"),
        ("DELETE FROM itops.line WHERE number > 5 AND file LIKE '2026%'", "cut"),
        ("UPDATE itops.line a SET line = b.line FROM itops.line b WHERE a.file LIKE '2026%' AND a.file = b.file"
         " AND (a.number, b.number) IN ((5, 6), (6, 5))", "swapped"),
    ],
)  # fmt: skip
def test_what_the_owner_of_the_database_did_is_found_and_not_written_on(kept: Entry, tampering: str, kind: str) -> None:
    book = filled(kept)
    assert proof.faults(kept, CHANGE) == []
    as_owner(kept, tampering)
    assert any(f": {kind}: " in fault for fault in proof.faults(kept, CHANGE))
    if kind == "cut":
        with pytest.raises(LedgerError, match="its end is not the one that is remembered"):
            book.append("more")


def test_a_line_of_the_register_taken_out_is_found(kept: Entry) -> None:
    for number in range(1, 4):
        register.append(kept, record(number, "web"))
    as_owner(kept, "DELETE FROM itops.line WHERE number = 2 AND file = 'register.jsonl'")
    assert register.verify(kept)


# ------------------------------------------------------------------ it fails closed


def test_a_killed_server_loses_nothing_it_has_confirmed(own_server: Server) -> None:
    kept = Entry(database.at(own_server.url(own_server.new())))
    book = Ledger(place.of_change(kept, CHANGE), CHANGE)
    told = [book.append("told", {"n": number}) for number in range(50)]
    own_server.kill()
    for attempt in (lambda: book.append("lost"), book.events, lambda: register.append(kept, record(1, "web")), lambda: place.changes(kept)):
        with pytest.raises(LedgerError):
            attempt()
    own_server.start()
    assert book.events() == told and chain.verify(book.directory, CHANGE) == []
    assert book.append("again").seq == 51


def test_a_run_whose_locks_the_server_let_go_of_writes_no_more(own_server: Server) -> None:
    """Its workers connect anew and could: but another run may have the locks by now."""
    kept = Entry(database.at(own_server.url(own_server.new())))
    book = Ledger(place.of_change(kept, CHANGE), CHANGE)
    assert service_lock.take(kept / ".locks", "service-web", {"run": "R1"}) == 0

    def worker(expected: str) -> None:
        try:
            book.append("told")
            said = "written"
        except LedgerError as error:
            said = str(error)
        os._exit(0 if expected in said else 1)

    for expected in ("written", "let go of the locks"):
        process = child(worker, expected)
        process.join()
        assert process.exitcode == 0
        own_server.kill()
        own_server.start()
    with pytest.raises(LedgerError):
        book.append("told")
    with pytest.raises(LedgerError, match="held the locks"):
        book.append("told")


def test_what_is_no_store_says_what_to_do(server: Server, tmp_path: Path) -> None:
    for named, said in (("nothing", "does not exist"), ("postgres", "itops record prepare")):
        with pytest.raises(LedgerError, match=said):
            Ledger(Entry(database.Database(server.url(named))) / "x", CHANGE).append("a")
    with pytest.raises(LedgerError, match="connection"):
        Entry(database.Database(f"postgresql://x@/x?host={tmp_path}")).files()


def test_a_database_that_cannot_hold_every_text_is_refused(server: Server) -> None:
    server.sql("postgres", "CREATE DATABASE narrow ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    with pytest.raises(LedgerError, match="UTF8"):
        Entry(database.Database(server.url("narrow"))).files()


def test_without_psycopg_it_says_how_to_get_it(tmp_path: Path) -> None:
    """The collection does without it: only who names a database needs the library."""
    (tmp_path / "psycopg.py").write_text("raise ImportError('not here')\n")
    code = "from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place\nplace.at(None, 'postgresql:///x').files()"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert "pip install 'itops[postgres]'" in done.stderr


# ------------------------------------------------------------------ what may be named


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        ("postgresql://itops@db.example/records", ""),
        ("postgres://db.example:5433,other.example:5433/records?sslmode=verify-full&target_session_attrs=read-write", ""),
        ("postgresql://?service=itops", ""),
        ("postgresql://itops:S3cret-pass@db.example/records", "password"),
        ("postgresql://db.example/records?user=itops&PassWord=S3cret-pass", "password"),
        ("mysql://db.example/records", "PostgreSQL"),
    ],
)
def test_an_address_without_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, wrong: str) -> None:
    (tmp_path / "itops.yml").write_text(f"records: {named}\n")
    (variable := tmp_path / "variable").mkdir()
    (variable / "itops.yml").write_text("timezone: UTC\n")
    assert wrong in address.fault(named)
    for root, value in ((tmp_path, ""), (variable, named)):
        monkeypatch.setenv(workspace.RECORDS_VARIABLE, value)
        if not wrong:
            assert isinstance(workspace.load(root).records, Entry)
            continue
        with pytest.raises(BadInput, match=wrong) as refused:
            workspace.load(root)
        assert "S3cret" not in str(refused.value)


def test_a_variable_names_no_other_store_than_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "itops.yml").write_text("records: postgresql:///one\n")
    monkeypatch.setenv(workspace.RECORDS_VARIABLE, "postgresql:///two")
    with pytest.raises(BadInput, match="another place"):
        workspace.load(tmp_path)
    (tmp_path / "itops.yml").write_text("timezone: UTC\n")
    (tmp_path / "records/2026" / CHANGE).mkdir(parents=True)
    with pytest.raises(BadInput, match="another place"):
        workspace.load(tmp_path)


# ------------------------------------------------------------------ from one into the other


def copied(source: Any, target: Any) -> list[bool]:
    return [transfer.copy(source, target, name) for name in transfer.names(source)]


def test_into_the_database_and_out_again_is_the_same(kept: Entry, tmp_path: Path) -> None:
    filled(tmp_path / "old")
    assert all(copied(tmp_path / "old", kept)) and all(copied(kept, tmp_path / "new"))
    assert proof.faults(kept, CHANGE) == proof.faults(tmp_path / "new", CHANGE) == register.verify(kept) == []
    names = transfer.names(tmp_path / "old")
    assert names == transfer.names(tmp_path / "new")
    assert [(tmp_path / "old" / name).read_bytes() for name in names] == [(tmp_path / "new" / name).read_bytes() for name in names]
    assert all(copied(tmp_path / "old", kept))  # again: nothing to add
    more = Ledger(place.of_change(tmp_path / "new", CHANGE), CHANGE).append("more", sync=True)
    assert all(copied(tmp_path / "new", kept)) and Ledger(place.of_change(kept, CHANGE), CHANGE).events()[-1] == more


def test_a_store_that_is_further_on_keeps_what_it_has(kept: Entry, tmp_path: Path) -> None:
    book = filled(tmp_path)
    copied(tmp_path, kept)
    Ledger(place.of_change(kept, CHANGE), CHANGE).append("more")
    place.write(kept / "2026" / CHANGE / "record.en.md", b"newer")
    assert not all(copied(tmp_path, kept))
    assert (kept / "2026" / CHANGE / "record.en.md").read_bytes() == b"newer" != (book.directory / "record.en.md").read_bytes()


def test_two_histories_are_never_made_one(kept: Entry, tmp_path: Path) -> None:
    Ledger(place.of_change(tmp_path, CHANGE), CHANGE).append("mine")
    Ledger(place.of_change(kept, CHANGE), CHANGE).append("theirs")
    for source, target in ((tmp_path, kept), (kept, tmp_path)):
        before = [event.kind for event in Ledger(place.of_change(target, CHANGE), CHANGE).events()]
        with pytest.raises(transfer.Diverged):
            copied(source, target)
        assert [event.kind for event in Ledger(place.of_change(target, CHANGE), CHANGE).events()] == before
