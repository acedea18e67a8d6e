# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs whose records are kept in a real PostgreSQL: from any copy of the workspace, by one controller at a time, and not at all without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place

from tests.house import BIN, LIMIT, House
from tests.integration.conftest import LocalHouse
from tests.integration.test_interrupted import go_on, in_the_middle
from tests.postgres import OWNER, WRITER, Server

HOLD = {"kind": "update", "title": "等待", "command": "%{root}/hold %{root}/mid"}


@pytest.fixture
def stored(house: LocalHouse, server: Server) -> LocalHouse:
    house.keep(server.url(server.new()))
    return house


def copy(house: LocalHouse, to: Path) -> House:
    """The same workspace on another controller: nothing of it but what is in the repository and on the hosts."""
    other: House = object.__new__(House)
    other.__dict__.update(house.__dict__, root=to)
    shutil.copytree(house.root, to, ignore=shutil.ignore_patterns("records", ".itops-cache", "facts", ".ansible"))
    return other


def test_one_store_for_two_copies_of_the_workspace(stored: LocalHouse, tmp_path: Path) -> None:
    first = stored.change(1)
    done = stored.itops("run", first)
    assert done.returncode == 0, done.stdout + done.stderr
    stored.sound(first)
    other = copy(stored, tmp_path / "elsewhere")
    shutil.rmtree(stored.root)  # the first copy was thrown away
    second = other.change(2, "3.0", broken=True)
    assert other.itops("run", second).returncode == 11
    assert other.hosts(first) == {"b": "achieved", "a": "achieved"} and other.hosts(second) == {"b": "rolled_back", "a": "not_started"}
    other.sound(second)
    listed = json.loads(other.itops("record", "list", "--format", "json").stdout)
    assert [(row["change"], row["result"]) for row in listed] == [(first, "achieved"), (second, "not_achieved")]
    assert "升级到 2.0" in other.itops("record", "show", first).stdout
    assert second in other.itops("status").stdout
    assert not (other.root / "records").exists()


def test_two_controllers_never_carry_out_one_change_at_once(stored: LocalHouse, tmp_path: Path) -> None:
    cid = stored.change(before=[HOLD])
    other = copy(stored, tmp_path / "elsewhere")
    running = in_the_middle(stored, cid)
    refused = other.itops("run", cid)
    assert refused.returncode == 3 and "held" in refused.stdout, refused.stdout + refused.stderr
    seen = json.loads(other.itops("doctor", "--format", "json").stdout)
    assert [sign for sign in seen if "is being carried out now" in sign["message"]], seen
    go_on(stored)
    said = running.communicate(timeout=LIMIT)[0]
    assert running.returncode == 0, said
    stored.sound(cid)


WALK = (  # commands that read records, and how each ends; {done} was achieved, {back} rolled back, {next} is agreed on
    ("lint", 0), ("status --collect", 0), ("schedule list", 0), ("schedule show shop", 0), ("schedule calendar --year 2027 --ics due.ics", 0),
    ("run --due --check", 0), ("window {next}", 0), ("plan {next}", 0), ("watch {done}", 3), ("change next {done}", 0), ("change new --from {done}", 0),
    ("precedents {next}", 0), ("errors draft {back}", 0), ("record list", 0), ("record show {back} --lang en", 0), ("record render {done}", 0),
    ("record verify", 0), ("metrics textfile itops.prom", 0), ("docs build", 0), ("docs register", 0), ("docs clauses", 0), ("docs site site", 0),
    ("awx export --scm-url https://git.example/m.git", 0), ("change cancel {next} --remark 停", 0), ("doctor --hosts", 0),
)  # fmt: skip


def test_every_command_reads_records_in_a_database(stored: LocalHouse) -> None:
    ids = {"done": stored.change(1), "back": stored.change(2, "3.0", broken=True), "next": stored.change(3, "4.0")}
    assert [stored.itops("run", ids[name]).returncode for name in ("done", "back")] == [0, 11]
    stored.govern(ids["next"])
    for words, code in WALK:
        done = stored.run(str(BIN / "itops"), *words.format(**ids).split())
        assert done.returncode == code and "Traceback" not in done.stderr, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    told = (stored.root / "itops.prom").read_text("utf-8")
    assert 'itops_runs_total{result="achieved",service="shop"} 1.0' in told and "itops_ledger_faults 0.0" in told
    assert ids["back"] in "".join(path.read_text("utf-8") for path in (stored.root / "site").rglob("*.html"))
    assert not (stored.root / "records").exists(), "nothing of it is kept in a folder"


@pytest.fixture
def mortal(house: LocalHouse, own_server: Server) -> Iterator[tuple[LocalHouse, Server]]:
    """Records on a server that the test may kill."""
    house.keep(own_server.url(own_server.new()))
    yield house, own_server


def test_a_server_killed_during_a_run_ends_it_and_loses_nothing(mortal: tuple[LocalHouse, Server]) -> None:
    house, server = mortal
    cid = house.change(before=[HOLD])
    running = in_the_middle(house, cid)
    known = house.events(cid)
    server.kill()
    go_on(house)
    said = running.communicate(timeout=LIMIT)[0]
    assert running.returncode == 20 and "can no longer be written" in said, said
    assert house.version("a") == "1.0" and not (house.at("a") / "mid.reached").exists(), "no host is begun without a record"
    server.start()
    assert house.events(cid)[: len(known)] == known
    assert house.itops("record", "verify").returncode == 0
    doctor = house.itops("doctor", "--format", "json")
    assert doctor.returncode == 5 and f"itops resume {cid}" in doctor.stdout
    done = house.itops("resume", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "achieved", "a": "achieved"}
    house.sound(cid)


def test_no_store_no_maintenance(mortal: tuple[LocalHouse, Server]) -> None:
    house, server = mortal
    cid = house.change()
    house.govern(cid)
    before = house.picture("a"), house.picture("b")
    server.stop()
    for words in (("run", cid), ("record", "verify"), ("record", "list")):
        done = house.run("itops", *words)
        assert done.returncode == 20 and "itops doctor" in done.stderr, done.stdout + done.stderr
    assert house.run("ansible-playbook", "itops.maintenance.maintain", "-i", "inventory", "-e", f"change={cid}").returncode != 0
    doctor = house.run("itops", "doctor")
    assert doctor.returncode == 5 and "connection" in doctor.stdout
    assert (house.picture("a"), house.picture("b")) == before


def test_records_move_into_the_database_and_out_again(house: LocalHouse, server: Server, tmp_path: Path) -> None:
    cid = house.change()
    assert house.itops("run", cid).returncode == 0
    server.sql("postgres", "CREATE DATABASE moved")
    house.keep(server.url("moved"))
    assert house.itops("record", "push", "records").returncode == 20  # not prepared
    for url in (server.url("moved", OWNER), server.url("moved", OWNER)):  # twice: what is there stays
        (house.root / "itops.yml").write_text(f"records: {url}\n")
        assert house.itops("record", "prepare", "--writer", WRITER).returncode == 0
    assert "owns the tables" in house.itops("doctor").stdout
    house.keep(server.url("moved"))
    (house.root / "itops.yml").write_text(f"records: {house.records}\n")
    assert "itops record push" in house.itops("doctor").stdout, "records that nobody looks at any more"
    done = house.itops("record", "push", "records", "--format", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["changes"] == 1, done.stdout + done.stderr
    shutil.move(house.root / "records", tmp_path / "old")
    house.sound(cid)
    assert house.itops("doctor").returncode == 0, house.itops("doctor").stdout
    assert house.itops("record", "pull", str(tmp_path / "new")).returncode == 0
    files = [path.relative_to(tmp_path / "old") for path in (tmp_path / "old").rglob("*") if path.is_file() and ".lock" not in str(path)]
    assert [(tmp_path / "old" / name).read_bytes() for name in files] == [(tmp_path / "new" / name).read_bytes() for name in files]
    stream = tmp_path / "new" / cid[4:8] / cid / "events.jsonl"
    stream.write_bytes(stream.read_bytes().replace(b"shop", b"shoq", 1))
    refused = house.itops("record", "push", str(tmp_path / "new"))
    assert refused.returncode == 4 and "edited" in refused.stderr
    assert place.changes(place.at(house.root, house.records)) == [cid]


def test_a_folder_of_records_is_not_pushed_into_a_folder(house: LocalHouse) -> None:
    refused = house.itops("record", "pull", "elsewhere")
    assert refused.returncode == 2 and "itops.yml" in refused.stderr


def test_a_password_in_the_address_is_refused_by_lint(house: LocalHouse) -> None:
    house.keep("postgresql://itops:S3cret-pass@db.example/records")
    done = house.itops("lint")
    assert done.returncode == 2 and "PGPASSFILE" in done.stderr and "S3cret" not in done.stdout + done.stderr
