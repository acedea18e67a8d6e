# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change from the gate to the record, by the command line and by ansible-playbook."""

from __future__ import annotations

import json

import pytest

from tests.house import BIN
from tests.integration.conftest import LocalHouse


def test_achieved_standby_first_then_failover_then_primary(house: LocalHouse) -> None:
    cid = house.change()
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "achieved", "a": "achieved"}
    assert (house.version("a"), house.version("b")) == ("2.0", "2.0")
    assert (house.root.parent / "active").read_text() == "b\n"
    changed = [(event.host, event.phase) for event in house.events(cid) if event.kind == "segment_started" and event.phase in ("patch", "failover")]
    assert changed == [("b", "patch"), ("b", "failover"), ("a", "patch")]
    backups = [event.seq for event in house.events(cid) if event.kind == "backup_made"]
    first = next(event.seq for event in house.events(cid) if event.kind == "segment_started" and event.phase == "patch")
    assert len(backups) == 2 and max(backups) < first, "every backup before the first change"
    assert "应答正常" in done.stdout and "record.zh_CN.md" in done.stdout
    house.sound(cid)
    register = json.loads((house.root / "records/register.jsonl").read_text())
    assert register["change"] == cid and register["result"] == "achieved" and register["head"] == house.record(cid)["ledger"]["head"]


def test_bad_patch_on_the_standby_leaves_the_primary_alone(house: LocalHouse) -> None:
    cid = house.change(broken=True)
    before = house.picture("a"), house.picture("b")
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "rolled_back", "a": "not_started"}
    assert (house.picture("a"), house.picture("b")) == before
    assert house.record(cid)["outcome"] == {"result": "not_achieved", "backout": "succeeded"}
    assert not [e for e in house.events(cid) if e.host == "a" and e.phase == "patch"]
    house.sound(cid)


def test_bad_patch_on_the_primary_after_the_failover_is_partial(house: LocalHouse) -> None:
    cid = house.change(after=[{"kind": "update", "title": "主机特有故障", "command": "test ! -e %{root}/fails"}])
    (house.at("a") / "fails").touch()
    before = house.picture("a")
    done = house.itops("run", cid)
    assert done.returncode == 10, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "achieved", "a": "rolled_back"}
    assert house.picture("a") == before and house.version("b") == "2.0"
    house.sound(cid)


def test_a_check_that_never_answers_times_out_and_goes_back(house: LocalHouse) -> None:
    house.checks = [*house.checks, {"type": "command", "title": "卡住", "command": "sleep 600", "timeout": 1, "when": ["after"]}]
    cid = house.change()
    before = house.picture("b")
    assert house.itops("run", cid).returncode == 11
    assert house.picture("b") == before
    assert any("卡住" in row["title"] and row["result"] == "abnormal" for row in house.record(cid)["checks"])


def test_rollback_that_fails_says_so(house: LocalHouse) -> None:
    cid = house.change(broken=True, undo=[{"kind": "rollback", "title": "坏的回滚", "command": "false"}])
    done = house.itops("run", cid)
    assert done.returncode == 13, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "rollback_failed", "a": "not_started"}
    assert "itops rollback" in done.stdout
    house.sound(cid)


def test_no_way_back_is_impossible_not_success(house: LocalHouse) -> None:
    cid = house.change(broken=True, undo=[], not_applicable={"rollback": "数据结构已升级"})
    done = house.itops("run", cid)
    assert done.returncode == 17, done.stdout + done.stderr
    assert house.record(cid)["outcome"] == {"result": "not_achieved", "backout": "impossible"}


def test_rolled_back_but_not_verified(house: LocalHouse) -> None:
    house.checks = [{"type": "command", "title": "应答正常", "command": "test ! -e %{root}/srv/current/broken", "when": ["after"]}]
    cid = house.change(broken=True, undo=[{"kind": "rollback", "title": "换回", "revert": {}}])
    done = house.itops("run", cid)
    assert done.returncode == 12, done.stdout + done.stderr
    assert house.hosts(cid)["b"] == "rolled_back_unverified"
    assert house.version("b") == "1.0"


def test_check_mode_changes_nothing(house: LocalHouse) -> None:
    cid = house.change()
    before = house.picture("a"), house.picture("b")
    done = house.itops("run", cid, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (house.picture("a"), house.picture("b")) == before
    assert not [e for e in house.events(cid) if e.phase in ("patch", "failover", "backup") and e.kind == "segment_started"]
    assert house.itops("run", cid).returncode == 0, "a rehearsal does not use the change up"


def test_limit_leaves_hosts_out_and_says_so(house: LocalHouse) -> None:
    cid = house.change()
    done = house.itops("run", cid, "--limit", "b")
    assert done.returncode == 10, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "achieved", "a": "skipped"}


def test_json_for_programs(house: LocalHouse) -> None:
    cid = house.change()
    done = house.itops("run", cid, "--format", "json")
    told = json.loads(done.stdout)
    assert (told["exit"], told["record"]["outcome"]["result"]) == (0, "achieved")


@pytest.mark.parametrize("gone", ["| head -1", "> /dev/full"])
def test_a_reader_that_is_gone_does_not_change_how_it_ends(house: LocalHouse, gone: str) -> None:
    cid = house.change(broken=True)
    house.govern(cid)
    done = house.run("bash", "-c", f"{BIN / 'itops'} run {cid} {gone}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 11, done.stdout + done.stderr
    house.sound(cid)


def test_batches_and_tolerated_failures(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = LocalHouse(tmp_path_factory.mktemp("h"), ("a", "b", "c", "d"))
    cid = house.change(after=[{"kind": "update", "title": "故障", "command": "test ! -e %{root}/fails"}], batch=2, failures_tolerated=1)
    (house.at("b") / "fails").touch()
    done = house.itops("run", cid)
    assert done.returncode == 10, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "rolled_back", "c": "achieved", "d": "achieved", "a": "achieved"}


def test_the_same_record_from_ansible_playbook(house: LocalHouse) -> None:
    cid = house.change()
    done = house.playbook("maintain", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.hosts(cid) == {"b": "achieved", "a": "achieved"}
    assert house.record(cid)["runs"][0]["entry"] == "ansible-playbook"
    house.sound(cid)


def test_ansible_playbook_ends_failed_when_rolled_back(house: LocalHouse) -> None:
    cid = house.change(broken=True)
    done = house.playbook("maintain", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    house.sound(cid)


def test_ansible_limit_without_the_gate_is_not_success(house: LocalHouse) -> None:
    cid = house.change()
    before = house.picture("a"), house.picture("b")
    done = house.playbook("maintain", cid, "--limit", "b")
    assert done.returncode != 0, done.stdout + done.stderr
    assert (house.picture("a"), house.picture("b")) == before


def test_phases_on_their_own(house: LocalHouse) -> None:
    cid = house.change()
    refused = house.playbook("patch", cid)
    assert refused.returncode != 0 and house.version("b") == "1.0", "no verified backup, no change"
    for name in ("backup", "patch", "verify"):
        done = house.playbook(name, cid)
        assert done.returncode == (0 if name != "patch" else house_patch_status(house, cid)), name + done.stdout + done.stderr
    assert (house.version("a"), house.version("b")) == ("2.0", "2.0")
    back = house.playbook("rollback", cid)
    assert back.returncode == 11, back.stdout + back.stderr
    assert (house.version("a"), house.version("b")) == ("1.0", "1.0")
    house.sound(cid)


def house_patch_status(house: LocalHouse, cid: str) -> int:
    """`patch` alone has no fail-over, so a service that has one is only partly done; one without is achieved."""
    return int(house.record(cid)["runs"][-1]["exit"])


def test_rollback_of_what_was_achieved(house: LocalHouse) -> None:
    cid = house.change()
    before = house.picture("a"), house.picture("b")
    assert house.itops("run", cid).returncode == 0
    done = house.itops("rollback", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert (house.picture("a"), house.picture("b")) == before
    assert house.hosts(cid) == {"b": "rolled_back", "a": "rolled_back"}
    assert house.itops("run", cid).returncode == 3, "a change is carried out once"
    house.sound(cid)


def test_plan_changes_nothing_and_shows_every_step(house: LocalHouse) -> None:
    cid = house.change()
    house.govern(cid)
    before = house.events(cid)
    shown = house.itops("plan", cid)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "@shop]#" in shown.stdout and "更新文件" in shown.stdout and "回滚" in shown.stdout
    assert shown.stdout.index("b") < shown.stdout.rindex("a")
    assert house.events(cid) == before and not (house.at("a") / "state").exists()
    assert json.loads(house.itops("plan", cid, "--format", "json").stdout)


def test_a_host_that_cannot_be_asked_is_named_before_anything_is_changed(house: LocalHouse) -> None:
    cid = house.change()
    record = house.read_service("shop")
    record["hosts"][0]["vars"]["ansible_python_interpreter"] = "no-such-python"
    house.service(record)
    before = house.picture("a"), house.picture("b")
    done = house.itops("run", cid)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no-such-python" in done.stdout and "ansible -m ping a" in done.stdout
    assert (house.picture("a"), house.picture("b")) == before
    del record["hosts"][0]["vars"]["ansible_python_interpreter"]
    house.service(record)
    assert house.itops("run", cid).returncode == 0, "once it is mended, the change goes through"
    house.sound(cid)


def test_verifying_a_rolled_back_change_does_not_rewrite_how_it_ended(house: LocalHouse) -> None:
    house.checks = [*house.checks, {"type": "command", "title": "新版", "command": "grep -q 2.0 %{root}/srv/current/VERSION", "when": ["after"]}]
    cid = house.change(broken=True)
    assert house.itops("run", cid).returncode == 11
    looked = house.playbook("verify", cid)
    assert looked.returncode not in (0, 3), "the plan's checks do not hold"
    assert house.record(cid)["outcome"] == {"result": "not_achieved", "backout": "succeeded"}
    assert house.hosts(cid) == {"b": "rolled_back", "a": "not_started"}


def test_a_refused_repeat_and_a_rehearsal_are_no_maintenance(house: LocalHouse) -> None:
    cid = house.change()
    rehearsed = house.itops("run", cid, "--check")
    assert rehearsed.returncode == 0 and "nothing was changed" in rehearsed.stdout
    assert json.loads(house.itops("status", "--format", "json").stdout)["rows"][0]["last"]["at"] is None
    assert house.itops("run", cid).returncode == 0
    before = json.loads(house.itops("status", "--format", "json").stdout)["rows"][0]["last"]
    assert house.itops("run", cid).returncode == 3
    assert json.loads(house.itops("status", "--format", "json").stdout)["rows"][0]["last"] == before


def test_a_long_output_lies_in_the_evidence(house: LocalHouse) -> None:
    cid = house.change(before=[{"kind": "update", "title": "多话", "command": "seq 1 5000"}])
    assert house.itops("run", cid).returncode == 0
    step = next(s for s in house.record(cid)["steps"] if s["title"] == "多话")
    kept = house.folder(cid) / "evidence" / step["evidence"]
    assert kept.read_text().splitlines()[:3] == ["1", "2", "3"] and "5000" in kept.read_text()
    assert step["evidence"] in (house.folder(cid) / "record.en.md").read_text()
    house.sound(cid)


def test_a_checkpoint_is_signed_and_its_signature_verified(house: LocalHouse) -> None:
    for name in ("key", "other"):
        assert house.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{name}.pem").returncode == 0
    env = {"ITOPS_CHECKPOINT_KEY": str(house.root / "key.pem")}
    cid = house.change()
    assert house.itops("run", cid, env=env).returncode == 0
    assert (house.folder(cid) / "checkpoint.txt").exists()
    assert house.itops("record", "verify", env=env).returncode == 0
    forged = house.itops("record", "verify", env={"ITOPS_CHECKPOINT_KEY": str(house.root / "other.pem")})
    assert forged.returncode == 4 and "checkpoint" in forged.stdout


def test_a_check_that_nobody_would_be_asked_is_refused_by_lint(house: LocalHouse) -> None:
    house.checks = [*house.checks, {"type": "manual", "title": "看一眼", "question": "好了吗？"}]
    cid = house.change(before=[{"kind": "update", "title": "任务", "tasks": "tasks/none.yml"}])
    linted = house.itops("change", "lint", cid)
    assert linted.returncode == 2 and "nobody is asked" in linted.stdout and "no such task file" in linted.stdout
