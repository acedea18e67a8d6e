# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways round the guards that somebody with a shell would try. Each ends refused, with every host as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.house import BIN, REPO
from tests.integration.test_governance import Office, untouched


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def ready(office: Office) -> str:
    cid = office.complex_change()
    office.decide_all(cid)
    return cid


def stream(office: Office, cid: str) -> Path:
    return office.folder(cid) / "events.jsonl"


def test_a_backup_is_no_run_to_resume_before_the_window(office: Office) -> None:
    cid = office.complex_change()
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    office.edit_change(cid, lambda data: data["plan"].update(window={"start": later.isoformat(), "end": (later + timedelta(hours=3)).isoformat()}))
    office.decide_all(cid)
    assert office.itops("run", cid).returncode == 3
    assert office.playbook("backup", cid).returncode == 0
    done = office.itops("resume", cid)
    assert done.returncode == 3 and {"history", "in_window"} <= set(office.findings(cid)), done.stdout
    assert all(office.version(host) == "1.0" for host in ("a", "b"))


EXTRA: dict[str, tuple[str, ...]] = {
    "people": (
        "-e",
        json.dumps({"itops_people": {pid: {"name": pid, "roles": ["approver"], "accounts": ["root"]} for pid in ("li", "wang", "zhao", "zhang")}}),
    ),
    "a value of the plan": ("-e", "root=/tmp/elsewhere"),
    "the state folder": ("-e", "itops_state_dir=/tmp/elsewhere"),
    "the connection": ("-e", "ansible_connection=local"),
    "the port": ("-e", "ansible_port=2222"),
    "a value inside a value": ("-e", "base=/tmp/elsewhere"),
    "one step for all": ("-e", "segment_id=patch-1"),
    "another lineup": ("-e", json.dumps({"gate_lineup": {"targets": [{"host": "a", "stage": 1, "itops_segments": {}}], "failover": [], "verb": "run"}})),
}


@pytest.mark.parametrize("what", EXTRA)
def test_extra_variables_stand_in_for_nothing(office: Office, what: str) -> None:
    cid = ready(office)
    done = office.playbook("maintain", cid, *EXTRA[what])
    assert done.returncode != 0 and "extra_vars" in office.findings(cid), done.stdout
    assert untouched(office) and not Path("/tmp/elsewhere").exists()


def test_host_variables_are_no_second_people_file(office: Office) -> None:
    cid = ready(office)
    nobody = {"itops_people": {pid: {"name": pid, "roles": ["approver"], "accounts": [], "active": True} for pid in ("li", "wang", "zhao", "zhang")}}
    for host in ("a", "b", "localhost"):
        office.write(f"inventory/host_vars/{host}.yml", nobody)
    done = office.playbook("maintain", cid)
    assert done.returncode != 0 and untouched(office), done.stdout


def test_a_value_in_the_record_is_part_of_what_was_approved(office: Office) -> None:
    cid = ready(office)
    record = office.read_service("shop")
    record["hosts"][0]["vars"]["root"] = "/tmp/elsewhere"
    office.service(record)
    assert office.itops("run", cid).returncode == 3 and "approved" in office.findings(cid) and untouched(office)


INVENTORY: dict[str, tuple[str, dict[str, Any]]] = {
    "a value of a host": ("inventory/host_vars/a.yml", {"root": "/tmp/elsewhere"}),
    "another machine": ("inventory/host_vars/b.yml", {"ansible_host": "192.0.2.99"}),
    "a value of a task file": ("inventory/group_vars/all.yml", {"greeting": "$(touch /tmp/elsewhere)"}),
    "a value called as if it were Ansible's": ("inventory/group_vars/all.yml", {"ansible_greeting": "$(touch /tmp/elsewhere)"}),
    "steps left out": ("inventory/host_vars/a.yml", {"itops_segments": {"patch": []}}),
    "other packages to go back to": ("inventory/group_vars/all.yml", {"segment_packages": "/tmp/elsewhere"}),
    "the primary among the standby hosts": ("inventory/more.yml", {"itops_stage_1": {"hosts": {"a": None}}}),
}


@pytest.mark.parametrize("what", INVENTORY)
def test_variables_beside_the_record_change_nothing_that_was_approved(office: Office, what: str) -> None:
    office.write(
        "changes/t.yml",
        [{"name": "说", "ansible.builtin.shell": "echo {{ greeting | default('') }} {{ ansible_greeting | default('') }}", "changed_when": False}],
    )
    record = office.read_service("shop")
    record["hosts"][1]["address"] = "127.0.0.1"
    office.service(record)
    cid = office.complex_change(after=[{"kind": "update", "title": "任务", "tasks": "t.yml"}])
    office.decide_all(cid)
    office.write(*INVENTORY[what])
    done = office.itops("run", cid)
    assert done.returncode == 3 and "variables" in office.findings(cid), done.stdout
    assert untouched(office) and not Path("/tmp/elsewhere").exists()


def test_the_folder_on_the_host_brings_no_command_of_its_own(office: Office) -> None:
    cid = office.complex_change(before=[{"kind": "update", "title": "看", "command": "ls %{files}", "shell": True}])
    office.decide_all(cid)
    office.write("inventory/host_vars/b.yml", {"itops_state_dir": f"/tmp; touch {office.root}/EVIL; ls "})
    done = office.itops("run", cid)
    assert done.returncode == 3 and "itops_state_dir" in office.findings(cid)["input"]["message"], done.stdout
    assert untouched(office) and not (office.root / "EVIL").exists()


def test_a_secret_renewed_meanwhile_is_no_other_command(office: Office) -> None:
    cid = office.complex_change(before=[{"kind": "update", "title": "登记", "command": "echo %{api_token} > %{root}/said", "shell": True}])
    office.decide_all(cid)
    office.write("inventory/group_vars/all.yml", {"api_token": f"x; touch {office.root}/EVIL #"})
    done = office.itops("run", cid)
    assert done.returncode == 3 and "%{api_token}" in office.findings(cid)["input"]["message"] and untouched(office), done.stdout
    office.write("inventory/group_vars/all.yml", {"api_token": "Abc-123"})
    assert office.itops("run", cid).returncode == 0 and not (office.root / "EVIL").exists()


@pytest.mark.parametrize("where", ["record", "policy"])
def test_a_known_error_that_makes_the_run_do_something_is_approved_with_it(office: Office, where: str) -> None:
    """One that only pauses and tells may be added at any time; it is what people learn."""
    cid = ready(office)
    entry = {"type": "网络", "pattern": "timed out", "action": "pause", "steps": ["查看网络"]}

    def write() -> None:
        if where == "record":
            office.service({**office.read_service("shop"), "known_errors": [entry]})
        else:
            office.write("policy.yml", {**kept, "known_errors": [entry]})

    kept = yaml.safe_load((office.root / "policy.yml").read_text("utf-8")) if (office.root / "policy.yml").exists() else {}
    write()
    assert json.loads(office.itops("change", "next", cid, "--format", "json").stdout)["state"] == "prepared"
    entry |= {"action": "retry", "retries": 2}
    write()
    done = office.itops("run", cid)
    assert done.returncode == 3 and "timed out" in office.findings(cid)["approved"]["message"] and untouched(office), done.stdout


def test_a_playbook_of_ones_own_does_not_change_the_primary_first(office: Office) -> None:
    cid = ready(office)
    plays = yaml.safe_load((REPO / "playbooks/maintain.yml").read_text("utf-8"))
    for play in plays:
        for task in play.get("tasks") or []:
            if name := task.get("ansible.builtin.import_tasks"):
                task["ansible.builtin.import_tasks"] = str(REPO / "playbooks" / name)
    gate, backup, standby, failover, primary = plays
    office.write("mine.yml", [gate, backup, primary, standby, failover])
    done = office.run(str(BIN / "ansible-playbook"), "mine.yml", "-i", "inventory", "-e", f"change={cid}")
    assert done.returncode != 0 and "not its turn: b: patch-1" in done.stdout, done.stdout
    assert office.version("a") == "1.0"


def test_a_file_that_a_task_file_includes_is_part_of_it(office: Office) -> None:
    (office.root / "changes/t.yml").write_text("- name: more\n  ansible.builtin.include_tasks: inner.yml\n", "utf-8")
    inner = office.root / "changes/inner.yml"
    inner.write_text("- name: look\n  ansible.builtin.command: 'true'\n", "utf-8")
    cid = office.complex_change(after=[{"kind": "update", "title": "任务", "tasks": "t.yml"}])
    office.decide_all(cid)
    inner.write_text(f"- name: look\n  ansible.builtin.file: {{path: {office.root}/EVIL, state: touch}}\n", "utf-8")
    assert office.itops("run", cid).returncode == 3 and "approved" in office.findings(cid)
    assert untouched(office) and not (office.root / "EVIL").exists()
    (office.root / "changes/t.yml").write_text("- name: more\n  ansible.builtin.include_tasks: '{{ which }}.yml'\n", "utf-8")
    refused = office.itops("change", "lint", cid)
    assert refused.returncode == 2 and "only known in the run" in refused.stdout


def test_files_of_a_folder_that_a_task_copies_are_part_of_it(office: Office) -> None:
    (office.root / "changes/conf").mkdir()
    (office.root / "changes/conf/app.conf").write_text("good\n", "utf-8")
    office.write("changes/t.yml", [{"name": "拷贝", "ansible.builtin.copy": {"src": "conf/", "dest": "{{ root }}/conf/", "mode": "0644"}}])
    cid = office.complex_change(after=[{"kind": "update", "title": "任务", "tasks": "t.yml"}])
    office.decide_all(cid)
    (office.root / "changes/conf/app.conf").write_text("evil\n", "utf-8")
    assert office.itops("run", cid).returncode == 3 and "approved" in office.findings(cid) and untouched(office)
    (office.root / "changes/conf/app.conf").write_text("good\n", "utf-8")
    assert office.itops("run", cid).returncode == 0 and (office.at("a") / "conf/app.conf").read_text() == "good\n"


def test_a_way_back_is_the_one_that_was_begun_or_approved_anew(office: Office) -> None:
    """The record may be edited otherwise: a rollback at night is not held up by a new retention."""
    cid = office.complex_change()
    office.decide_all(cid)
    assert office.itops("run", cid).returncode == 0
    record = office.read_service("shop")
    office.service({**record, "owner": "wang", "backup": {**record["backup"], "retention": {"keep": 9}}})
    office.edit_change(cid, lambda data: data["plan"]["steps"].insert(-3, {"kind": "rollback", "title": "多一步", "command": f"touch {office.root}/EVIL"}))
    done = office.itops("rollback", cid)
    assert done.returncode == 3 and "多一步" in office.findings(cid)["plan"]["message"] and not (office.root / "EVIL").exists(), done.stdout
    office.decide("li", "approve", cid, expect=3)
    office.edit_change(cid, lambda data: data["plan"]["steps"].pop(-4))
    record["control"]["commands"]["stop"] += f"; touch {office.root}/EVIL"
    office.service(record)
    done = office.itops("rollback", cid)
    assert done.returncode == 3 and "EVIL" in office.findings(cid)["plan"]["message"] and not (office.root / "EVIL").exists(), done.stdout
    office.decide("wang", "approve", cid, "--remark", "停止命令须如此")
    done = office.itops("rollback", cid)
    assert done.returncode == 11 and (office.root / "EVIL").exists() and office.version("a") == "1.0", done.stdout
    office.sound(cid)


def cut(office: Office, cid: str) -> None:
    lines = stream(office, cid).read_bytes().splitlines(keepends=True)
    stream(office, cid).write_bytes(b"".join(lines[:-1]))


def cut_and_forget(office: Office, cid: str) -> None:
    cut(office, cid)
    (office.folder(cid) / "head.json").unlink()


@pytest.mark.parametrize("how", [cut, cut_and_forget])
def test_a_rejection_cut_off_the_ledger_is_missed(office: Office, how: Callable[[Office, str], None]) -> None:
    """Before and after the attempt: a ledger that was cut is not written on as if nothing had been."""
    cid = ready(office)
    office.decide("wang", "reject", cid, "--remark", "先做演练")
    how(office, cid)
    done = office.itops("run", cid)
    assert done.returncode not in (0, 10, 11) and untouched(office), done.stdout
    assert office.itops("record", "verify").returncode == 4


def test_a_copy_of_the_records_is_no_second_ledger(office: Office, tmp_path: Path) -> None:
    cid = ready(office)
    shutil.copytree(office.root / "records", tmp_path / "copy")
    office.decide("li", "cancel", cid, "--remark", "不再需要")
    done = office.itops("run", cid, env={"ITOPS_RECORDS": str(tmp_path / "copy")})
    assert done.returncode == 2 and "ITOPS_RECORDS" in done.stderr and untouched(office)


def test_the_environment_lends_nobody_a_name(office: Office) -> None:
    cid = ready(office)
    borrowed = {"ITOPS_ACTOR": "ghost", "USER": "ghost", "LOGNAME": "ghost", "JOB_ID": "17"}
    done = office.playbook("maintain", cid, "-e", "awx_user_name=ghost", env=borrowed)
    assert done.returncode == 0, done.stdout
    opened = next(event.data for event in office.events(cid) if event.kind == "run_opened")
    assert opened["user"] != "ghost"
    gate = next(event.data for event in office.events(cid) if event.kind == "gate" and not event.host)
    assert "ghost" not in json.dumps(gate, ensure_ascii=False)


def test_nobody_rejects_what_is_under_way_or_over(office: Office) -> None:
    cid = ready(office)
    assert office.itops("run", cid).returncode == 0
    done = office.itops("change", "reject", cid, "--as", "wang", "--key", "keys/wang.pem", "--remark", "太晚", "--format", "json")
    assert done.returncode == 3 and "executed" in {finding["id"] for finding in json.loads(done.stdout)["refused"]}


def test_a_reference_taken_out_of_the_file_is_still_to_be_settled(office: Office) -> None:
    cid = ready(office)
    assert office.itops("run", cid).returncode == 0
    office.edit_change(cid, lambda data: data.update(related_events=[]))
    office.decide("li", "observe", cid, "--remark", "正常")
    office.decide("zhao", "review", cid, "--accept")
    assert "INC-7" in office.decide("zhao", "close", cid, expect=3)


def test_an_objection_does_not_close_it(office: Office) -> None:
    cid = ready(office)
    assert office.itops("run", cid).returncode == 0
    office.decide("li", "observe", cid, "--remark", "正常")
    office.decide("zhao", "review", cid, "--object", "--remark", "缺截图")
    assert "objected to by zhao" in office.decide("zhao", "close", cid, "--leave-open", "INC-7=观察", expect=3)
    office.decide("zhao", "review", cid, "--accept")
    office.decide("zhao", "close", cid, "--leave-open", "INC-7=观察")


@pytest.mark.parametrize(("option", "value"), [("--at", "gestern"), ("--at", "2099-01-01T00:00:00+08:00"), ("--evidence", "empty.eml"), ("--contact", " ")])
def test_a_confirmation_that_says_nothing_is_none(office: Office, option: str, value: str) -> None:
    cid = office.complex_change()
    (office.root / "mail.eml").write_text("已确认\n", "utf-8")
    (office.root / "empty.eml").write_text("", "utf-8")
    office.decide("li", "assess", cid)
    given = {"--contact": "刘洋", "--evidence": "mail.eml", option: value}
    words = [word for pair in given.items() for word in pair]
    office.decide("li", "supplier", cid, "--content-ok", "--rollback-ok", *words, expect=2)
