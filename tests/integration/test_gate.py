# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal of the gate: exit 3, the finding named with the command that resolves it, nothing changed on any host."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.house import until
from tests.integration.conftest import LocalHouse

Spoil = Callable[[LocalHouse, str], None]


def patch(house: LocalHouse, cid: str) -> Any:
    return house.root / "staging" / cid / "shop-2.0.tar.gz"


def wrong_digest(house: LocalHouse, cid: str) -> None:
    content = bytearray(patch(house, cid).read_bytes())
    content[-1] ^= 1
    patch(house, cid).write_bytes(content)


def wrong_size(house: LocalHouse, cid: str) -> None:
    with patch(house, cid).open("ab") as stream:
        stream.write(b"more")


def missing_file(house: LocalHouse, cid: str) -> None:
    patch(house, cid).unlink()


def extra_file(house: LocalHouse, cid: str) -> None:
    (patch(house, cid).parent / "surprise.sh").write_text("#!/bin/sh\n")


def link_instead_of_the_file(house: LocalHouse, cid: str) -> None:
    real = patch(house, cid).rename(house.root / "elsewhere.tar.gz")
    patch(house, cid).symlink_to(real)


def no_backup_site(house: LocalHouse, cid: str) -> None:
    record = house.read_service("shop")
    record["backup"] = {"sites": [], "provider": "archive"}
    house.service(record)


def endpoint_down(house: LocalHouse, cid: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    house.service({**house.read_service("shop"), "endpoints": [{"ip": "127.0.0.1", "port": port, "protocol": "tcp"}]})


def bad_service_record(house: LocalHouse, cid: str) -> None:
    house.write("inventory/services/other.yml", {"id": "other", "nmae": "typo"})


def bad_change(house: LocalHouse, cid: str) -> None:
    house.edit_change(cid, lambda data: data["plan"].update(chekcs=[]))


def needs_a_person(house: LocalHouse, cid: str) -> None:
    record = house.read_service("shop")
    record["maintenance"]["mode"] = "manual"
    house.service(record)


def looser_than_the_service(house: LocalHouse, cid: str) -> None:
    record = house.read_service("shop")
    record["maintenance"]["mode"] = "semi"
    house.service(record)
    house.edit_change(cid, lambda data: data["plan"].update(mode="auto"))


def unknown_host(house: LocalHouse, cid: str) -> None:
    house.edit_change(cid, lambda data: data["plan"].update(hosts=["nowhere"]))


def outage_without_window(house: LocalHouse, cid: str) -> None:
    record = house.read_service("shop")
    house.service({**record, "redundancy": "standalone", "hosts": record["hosts"][:1], "failover": {}})


def service_is_down_before(house: LocalHouse, cid: str) -> None:
    (house.at("a") / "running").unlink()


def register_edited(house: LocalHouse, cid: str) -> None:
    other = house.change(9)
    assert house.itops("run", other, "--limit", "b").returncode == 10
    register = house.root / "records/register.jsonl"
    register.write_text(register.read_text().replace('"partial"', '"achieved"'))


@pytest.mark.parametrize(
    ("spoil", "finding", "remedy"),
    [
        (wrong_digest, "files", "fetch shop-2.0.tar.gz again"),
        (wrong_size, "files", "fetch shop-2.0.tar.gz again"),
        (missing_file, "files", "put shop-2.0.tar.gz into"),
        (extra_file, "files", "remove surprise.sh"),
        (link_instead_of_the_file, "files", "a symbolic link"),
        (no_backup_site, "backup_site", "backup.sites"),
        (endpoint_down, "endpoint", "bring shop up"),
        (bad_service_record, "input", "nmae"),
        (bad_change, "input", "itops lint"),
        (needs_a_person, "terminal", "itops run"),
        (outage_without_window, "outage", "plan.window"),
        (service_is_down_before, "before-c1", "mend it on a"),
        (register_edited, "register", "itops record verify"),
    ],
)
def test_refused(house: LocalHouse, spoil: Spoil, finding: str, remedy: str) -> None:
    cid = house.change()
    spoil(house, cid)
    before = house.picture("a"), house.picture("b")
    done = house.itops("run", cid)
    said = done.stdout + done.stderr
    assert done.returncode == 3, said
    found = house.findings(cid)
    assert finding in found or any(finding in name for name in found), found
    assert remedy in said, said
    last = json.loads((house.root / "records/register.jsonl").read_text("utf-8").splitlines()[-1])
    assert (last["change"], last["exit"]) == (cid, 3)
    assert (house.picture("a"), house.picture("b")) == before
    assert not [e for e in house.events(cid) if e.phase in ("patch", "backup") and e.kind == "segment_started"]


@pytest.mark.parametrize("spoil", [looser_than_the_service, unknown_host])
def test_refused_by_lint_already(house: LocalHouse, spoil: Spoil) -> None:
    cid = house.change()
    spoil(house, cid)
    assert house.itops("run", cid).returncode == 3
    assert house.version("a") == house.version("b") == "1.0"


def test_weak_digest_is_flagged_and_does_not_refuse(house: LocalHouse) -> None:
    cid = house.change()

    def weaken(data: dict[str, Any]) -> None:
        item = data["notice"]["files"][0]
        item["md5"] = hashlib.md5(patch(house, cid).read_bytes()).hexdigest()
        del item["sha256"]

    house.edit_change(cid, weaken)
    assert house.itops("run", cid).returncode == 0
    assert house.findings(cid)["files"]["severity"] == "warning"


def test_a_variable_that_a_host_lacks(house: LocalHouse) -> None:
    cid = house.change(after=[{"kind": "update", "title": "更新", "command": "echo %{nowhere}"}])
    done = house.itops("run", cid)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "%{nowhere} has no value on b" in done.stdout + done.stderr and "hosts[].vars" in done.stdout + done.stderr
    assert house.version("b") == "1.0"


def test_a_checkpoint_key_that_cannot_sign(house: LocalHouse) -> None:
    cid = house.change()
    (house.root / "key.pem").write_text("no key\n")
    done = house.itops("run", cid, env={"ITOPS_CHECKPOINT_KEY": str(house.root / "key.pem")})
    assert done.returncode != 0 and "checkpoint" in house.findings(cid), done.stdout
    assert house.version("b") == "1.0"


def test_two_services_on_one_host_need_two_changes(house: LocalHouse) -> None:
    house.service({**house.read_service("shop"), "id": "till", "name": "收银"})
    cid = house.change()
    house.edit_change(cid, lambda data: data.update(service=["shop", "till"]))
    done = house.itops("run", cid)
    assert done.returncode == 3 and "shares the host a with shop" in done.stdout, done.stdout + done.stderr


def test_callback_disabled_no_record_no_maintenance(house: LocalHouse) -> None:
    cid = house.change()
    before = house.picture("a"), house.picture("b")
    (house.root / "ansible.cfg").write_text("[defaults]\n")
    done = house.playbook("maintain", cid)
    assert done.returncode != 0
    assert "no record, no maintenance" in done.stdout + done.stderr and "callbacks_enabled" in done.stdout + done.stderr
    assert (house.picture("a"), house.picture("b")) == before
    assert set(house.kinds(cid)) == {"decided"}


def test_a_planted_run_id_is_no_proof_of_a_record(house: LocalHouse) -> None:
    cid = house.change()
    assert house.itops("run", cid, "--check").returncode == 0
    old = next(event.run for event in house.events(cid) if event.run)
    (house.root / "ansible.cfg").write_text("[defaults]\n")
    done = house.playbook("maintain", cid, env={"ITOPS_RUN": old})
    assert done.returncode != 0 and house.version("b") == "1.0"


def test_two_runs_at_once_on_one_service(house: LocalHouse) -> None:
    house.checks = house.checks[:1]
    first = house.change(1, before=[{"kind": "update", "title": "等待", "command": "%{root}/hold %{root}/mid"}])
    second = house.change(2, version="3.0")
    running = house.start("run", first)
    try:
        until((house.at("b") / "mid.reached").exists, "the first run to be in the middle")
        for verb, cid in (("run", second), ("run", first), ("resume", first), ("rollback", first)):
            refused = house.itops(verb, cid)
            assert refused.returncode == 3, refused.stdout + refused.stderr
            assert "lock" in house.findings(cid)
    finally:
        for host in ("a", "b"):
            (house.at(host) / "mid.go").touch()
        said = running.communicate(timeout=60)[0]
    assert running.returncode == 0, said
    assert house.version("a") == "2.0"
    house.sound(first)
    opened, closed = (sorted(e.run for e in house.events(first) if e.kind == kind) for kind in ("run_opened", "run_closed"))
    assert opened == closed, "nobody has closed the record of the run that was alive"


def test_a_ledger_that_was_edited_is_not_built_upon(house: LocalHouse) -> None:
    cid = house.change()
    assert house.itops("run", cid, "--check").returncode == 0
    stream = house.folder(cid) / "events.jsonl"
    stream.write_text(stream.read_text().replace("升级到 2.0", "升级到 9.9"))
    done = house.itops("run", cid)
    assert done.returncode == 3 and "ledger" in house.findings(cid), done.stdout
    assert house.itops("record", "verify", cid).returncode == 4


def test_records_that_cannot_be_written(house: LocalHouse) -> None:
    """A file where the folder should be: also root cannot write there."""
    cid = house.change()
    (house.root / "records").write_text("in the way")
    done = house.itops("run", cid)
    assert done.returncode == 20, done.stdout + done.stderr
    assert "nothing was changed" in done.stderr and house.version("b") == "1.0"


def test_unknown_change_lists_what_there_is(house: LocalHouse) -> None:
    cid = house.change()
    done = house.itops("run", "CHG-20200101-01")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert cid in done.stderr + done.stdout


def test_findings_are_data_too(house: LocalHouse) -> None:
    cid = house.change()
    extra_file(house, cid)
    shown = house.itops("plan", cid, "--format", "json")
    assert shown.returncode == 3
    wrong = [f for f in json.loads(shown.stdout)["gate"]["findings"] if not f["ok"]]
    assert [f["id"] for f in wrong] == ["files"]
