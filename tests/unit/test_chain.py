# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing can be edited, deleted, inserted, swapped or cut off unseen; signed checkpoints and the register remember the end."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, ledger
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.story import CHANGE

MANY = 8  # events of the stream that is tampered with
QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


@pytest.fixture
def book(tmp_path: Path) -> ledger.Ledger:
    """A stream whose last event was synced, so that head.json knows it."""
    made = ledger.Ledger(tmp_path / CHANGE, CHANGE)
    for number in range(1, MANY + 1):
        made.append("step", {"n": number, "text": "更新 \\"}, run="R1", host="a", phase="patch", sync=number == MANY)
    return made


def lines(book: ledger.Ledger) -> list[bytes]:
    return book.path.read_bytes().splitlines(keepends=True)


def put(book: ledger.Ledger, made: list[bytes]) -> list[tuple[str, int]]:
    """Write these lines and verify: kind and seq of every fault."""
    book.path.write_bytes(b"".join(made))
    return found(book)


def found(book: ledger.Ledger, *known: dict[int, str]) -> list[tuple[str, int]]:
    return [(fault.kind, fault.seq) for fault in chain.verify(book.directory, CHANGE, *known)]


def forged(line: bytes, **parts: Any) -> bytes:
    """The line with other content and a hash that fits it again."""
    event = {**json.loads(line), **parts}
    return ledger.canonical({**event, "hash": ledger.digest(event)}) + b"\n"


# ------------------------------------------------------------------ every way to tamper


def test_an_untouched_stream_verifies(book: ledger.Ledger) -> None:
    assert found(book) == [] and found(book, {e.seq: e.hash for e in book.events()}) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"n":3', b'"n":4'), (b'"host":"a"', b'"host":"b"'), (b'"kind":"step"', b'"kind":"gate"'), (b'"run":"R1"', b'"run":"R2"'),
        (b'"text":', b'"TEXT":'), (b'{"actor":""', b'{"actor": ""'), (b'{"actor":""', b'{"aaa":1,"actor":""'),
        (b'"kind":"step"', b'"kind":"gate","kind":"step"'), (b'"n":3', b'"n":NaN'), (b'"n":3', b'"n":"\\ud800"'), (b"\n", b"\r\n"),
    ],
)  # fmt: skip
def test_an_edited_event_is_named(book: ledger.Ledger, old: bytes, new: bytes) -> None:
    made = lines(book)
    made[2] = made[2].replace(old, new, 1)
    assert put(book, made) == [("edited", 3)]
    fault = chain.verify(book.directory, CHANGE)[0]
    assert fault.line == 3 and str(fault).startswith(f"{CHANGE}: event 3 (line 3): edited: ")


@pytest.mark.parametrize("seq", [b'"3"', b"null", b"[]", b"3.0", b"true", b"{}"])
def test_a_number_that_is_none_is_damage(book: ledger.Ledger, seq: bytes) -> None:
    made = lines(book)
    made[2] = made[2].replace(b'"seq":3', b'"seq":' + seq)
    assert put(book, made) == [("damaged", 3)]


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"7", b"\xff\xfe", b"[" * 50_000, b'{"seq":3}'])
def test_a_line_that_is_no_event_is_damage(book: ledger.Ledger, line: bytes) -> None:
    made = lines(book)
    made[2] = line + b"\n"
    assert put(book, made) == [("damaged", 3)]


@pytest.mark.parametrize("which", range(MANY))
def test_an_event_edited_together_with_its_hash_breaks_the_next_one(book: ledger.Ledger, which: int) -> None:
    made = lines(book)
    made[which] = forged(made[which], data={"n": 99})
    last = which == MANY - 1
    assert put(book, made) == [("edited", MANY) if last else ("inserted", which + 2)]


@pytest.mark.parametrize("which", range(MANY - 1))
def test_a_deleted_event_is_named(book: ledger.Ledger, which: int) -> None:
    made = lines(book)
    del made[which]
    assert put(book, made) == [("deleted", which + 1)]


def test_several_deleted_events_are_named_with_their_span(book: ledger.Ledger) -> None:
    made = lines(book)
    assert put(book, made[:2] + made[5:]) == [("deleted", 3)]
    assert "events 3 to 5 are missing" in chain.verify(book.directory, CHANGE)[0].message


def test_an_inserted_event_is_named(book: ledger.Ledger) -> None:
    made = lines(book)
    assert ("inserted", 3) in put(book, [*made[:3], made[2], *made[3:]]), "a line that stands twice"
    between = forged(made[2], seq=3, prev=json.loads(made[1])["hash"], data={"n": 99})
    assert ("inserted", 3) in put(book, [*made[:2], between, *made[2:]]), "one that even hangs on the one before"
    assert found(book)


def test_an_event_with_an_absurd_number_costs_no_time(book: ledger.Ledger) -> None:
    made = lines(book)
    assert put(book, [*made[:3], forged(made[3], seq=2**52), *made[4:]])[0] == ("deleted", 4)


def test_swapped_events_are_named(book: ledger.Ledger) -> None:
    made = lines(book)
    made[2], made[3] = made[3], made[2]
    assert {("swapped", 4), ("swapped", 3)} <= set(put(book, made))


def test_the_stream_of_another_change_is_foreign(book: ledger.Ledger, tmp_path: Path) -> None:
    other = tmp_path / "CHG-20261123-02"
    shutil.copytree(book.directory, other)
    assert [(f.kind, f.seq) for f in chain.verify(other, "CHG-20261123-02")] == [("foreign", 1)]


@QUICK
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_any_changed_byte_is_found(book: ledger.Ledger, place: int, byte: int) -> None:
    raw = bytearray(whole := b"".join(genuine(book)))
    raw[place % len(raw)] = byte
    assume(bytes(raw) != whole)
    assert put(book, [bytes(raw)]), "unseen"


@QUICK
@given(data=st.data())
def test_any_mutation_of_any_event_is_found_and_named(book: ledger.Ledger, data: st.DataObject) -> None:
    """One field of one event gets another value, with its old hash or with one that fits."""
    made = genuine(book)
    which = data.draw(st.integers(0, MANY - 1))
    field = data.draw(st.sampled_from(ledger.NAMES))
    value = data.draw(st.none() | st.booleans() | st.integers(-2, 12) | st.text(max_size=4) | st.dictionaries(st.sampled_from("na"), st.integers(0, 9)))
    event = json.loads(made[which])
    assume(json.dumps(event[field]) != json.dumps(value))
    refit = field not in ("hash", "seq") and data.draw(st.booleans())
    made[which] = forged(made[which], **{field: value}) if refit else ledger.canonical({**event, field: value}) + b"\n"
    put(book, made)
    faults = chain.verify(book.directory, CHANGE)
    assert faults and faults[0].line in (which + 1, which + 2 if refit else which + 1)


@QUICK
@given(order=st.permutations(range(MANY)), keep=st.integers(0, MANY))
def test_any_other_order_and_any_cut_is_found(book: ledger.Ledger, order: list[int], keep: int) -> None:
    made = genuine(book)
    chosen = [made[n] for n in order[:keep]]
    assume(chosen != made)
    assert put(book, chosen)


def genuine(book: ledger.Ledger) -> list[bytes]:
    """The lines as they were written: Hypothesis tampers with the same stream again and again."""
    kept = book.directory / "genuine"
    if not kept.exists():
        kept.write_bytes(book.path.read_bytes())
    return kept.read_bytes().splitlines(keepends=True)


# ------------------------------------------------------------------ the end, remembered elsewhere


@pytest.mark.parametrize("left", range(MANY))
def test_a_cut_is_seen_by_the_head_beside_the_stream(book: ledger.Ledger, left: int) -> None:
    assert put(book, lines(book)[:left]) == [("cut", MANY)]
    assert f"ends at event {left}, but event {MANY} is known to exist" in chain.verify(book.directory, CHANGE)[0].message


def test_a_stream_that_is_gone_is_a_cut(book: ledger.Ledger) -> None:
    book.path.unlink()
    assert found(book) == [("cut", MANY)]


def test_cut_together_with_its_head_what_is_remembered_elsewhere_tells(book: ledger.Ledger) -> None:
    known = {e.seq: e.hash for e in book.events() if e.seq in (2, 6)}
    kept = lines(book)[:4]
    (book.directory / ledger.HEAD).write_bytes(ledger.canonical({"seq": 4, "hash": json.loads(kept[-1])["hash"]}))
    assert put(book, kept) == [], "nothing beside the stream tells"
    assert found(book, known) == [("cut", 6)]


def test_rewritten_from_the_beginning_what_is_remembered_elsewhere_tells(book: ledger.Ledger) -> None:
    known = {e.seq: e.hash for e in book.events() if e.seq in (5, MANY)}
    shutil.rmtree(book.directory)
    again = ledger.Ledger(book.directory, CHANGE)
    for number in range(MANY):
        again.append("step", {"n": number, "text": "another story"}, sync=True)
    mine = {MANY: again.events()[-1].hash}
    assert found(again) == found(again, mine) == []
    assert found(again, known) == found(again, known, mine) == found(again, mine, known) == [("edited", 5), ("edited", MANY)], (
        "one memory is not put over another"
    )


@pytest.mark.parametrize("head", [b"", b"[]", b"{}", b'{"seq":"x","hash":""}', b"\xff"])
def test_a_damaged_head_is_said(book: ledger.Ledger, head: bytes) -> None:
    (book.directory / ledger.HEAD).write_bytes(head)
    assert [kind for kind, _seq in found(book)] == ["damaged"]


# ------------------------------------------------------------------ signed checkpoints


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ed25519.Ed25519PrivateKey:
    made = ed25519.Ed25519PrivateKey.generate()
    configure(made, tmp_path, monkeypatch)
    return made


def configure(made: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(made.private_bytes(*form))
    monkeypatch.setenv(checkpoint.KEY_VARIABLE, str(folder / "key.pem"))


def signed(book: ledger.Ledger) -> str:
    last = book.events()[-1]
    assert checkpoint.sign(book.directory, CHANGE, {"seq": last.seq, "head": last.hash})
    return (book.directory / checkpoint.FILE).read_text("utf-8")


def check(note: str, public: ed25519.Ed25519PublicKey) -> None:
    """As any reader of C2SP signed notes does. Raises InvalidSignature."""
    body, _blank, signatures = note.partition("\n\n")
    mark, name, encoded = signatures.rstrip("\n").split(" ")
    raw = base64.b64decode(encoded, validate=True)
    encoded_key = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    if raw[:4] != hashlib.sha256(name.encode() + b"\n\x01" + encoded_key).digest()[:4]:
        raise InvalidSignature
    assert mark == "—"
    public.verify(raw[4:], (body + "\n").encode())


def test_a_checkpoint_has_the_text_form_of_c2sp_and_its_signature_verifies(book: ledger.Ledger, key: ed25519.Ed25519PrivateKey) -> None:
    note = signed(book)
    origin, size, root, blank, signature = note.rstrip("\n").split("\n")
    assert (origin, size, blank) == (f"itops/{CHANGE}", str(MANY), "") and note.endswith("\n")
    assert base64.b64decode(root, validate=True).hex() == book.events()[-1].hash
    assert signature.startswith(f"— itops/{CHANGE} ")
    check(note, key.public_key())


def test_another_key_or_another_text_does_not_verify(book: ledger.Ledger, key: ed25519.Ed25519PrivateKey) -> None:
    note = signed(book)
    with pytest.raises(InvalidSignature):
        check(note, ed25519.Ed25519PrivateKey.generate().public_key())
    for edited in (note.replace(f"\n{MANY}\n", "\n4\n"), note.replace(CHANGE, "CHG-20261123-02")):
        with pytest.raises(InvalidSignature):
            check(edited, key.public_key())


def test_a_cut_below_the_checkpoint_and_an_edited_checkpoint_do_not_verify(book: ledger.Ledger, key: ed25519.Ed25519PrivateKey) -> None:
    note = signed(book)
    known = checkpoint.head(book.directory)
    assert known == {MANY: book.events()[-1].hash} and found(book, known) == []
    root = note.split("\n")[2]
    (book.directory / checkpoint.FILE).write_text(note.replace(root, base64.b64encode(bytes(32)).decode()), "utf-8")
    assert found(book, checkpoint.head(book.directory)) == [("edited", MANY)]
    (book.directory / ledger.HEAD).unlink()
    put(book, lines(book)[:3])
    assert found(book, known) == [("cut", 3), ("cut", MANY)], "the head is gone, and the checkpoint knows more"


def test_without_a_key_there_is_no_checkpoint(book: ledger.Ledger) -> None:
    assert checkpoint.sign(book.directory, CHANGE, {"seq": 1, "head": "00"}) is False
    assert checkpoint.head(book.directory) == {} and not (book.directory / checkpoint.FILE).exists()


@pytest.mark.parametrize("note", ["", "itops/x\n", "itops/x\nmany\nAAAA\n", "itops/x\n3\n*\n"])
def test_a_damaged_checkpoint_remembers_nothing_that_could_be_taken_for_true(tmp_path: Path, note: str) -> None:
    (tmp_path / checkpoint.FILE).write_text(note)
    assert set(checkpoint.head(tmp_path).values()) <= {""}


def test_a_key_that_is_none_is_said(book: ledger.Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(rsa.generate_private_key(65537, 2048), tmp_path, monkeypatch)
    with pytest.raises(ValueError, match="not an Ed25519 key → openssl genpkey"):
        checkpoint.sign(book.directory, CHANGE, {"seq": 1, "head": "00"})


def test_every_pair_of_streams_can_be_told_apart(tmp_path: Path) -> None:
    """Events of two streams mixed at random are never taken for one of them."""
    books = [ledger.Ledger(tmp_path / str(n), CHANGE) for n in range(2)]
    for book in books:
        for number in range(4):
            book.append("step", {"n": number, "of": str(book.directory)})
    both = [lines(book) for book in books]
    dice = random.Random(20261123)
    for _ in range(50):
        mixed = [both[dice.randrange(2)][n] for n in range(4)]
        (books[0].directory / ledger.HEAD).unlink(missing_ok=True)
        assert bool([fault for fault in put(books[0], mixed) if fault != ("cut", 4)]) == (mixed not in both)
