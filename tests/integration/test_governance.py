# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The duties as gates, from outside: no way of starting a run goes round them, and a closed record stays as it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import governing
from tests.integration.conftest import LocalHouse


class Office(LocalHouse):
    """People who share this account and sign; what they decide is decided by the commands."""

    def __init__(self, root: Path):
        super().__init__(root)
        governing.move_in(self)

    def complex_change(self, number: int = 1, **more: Any) -> str:
        cid = self.change(number, window=governing.window(), **more)
        self.edit_change(cid, lambda data: data.update(category="normal", related_events=[{"id": "INC-7", "title": "首页慢"}]))
        return cid

    def decide(self, who: str, verb: str, cid: str, *more: str, expect: int = 0) -> str:
        return governing.decide(self, who, verb, cid, *more, expect=expect)

    def decide_all(self, cid: str) -> None:
        governing.decide_all(self, cid)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def untouched(office: Office) -> bool:
    return all(office.version(host) == "1.0" and not (office.at(host) / "backup").exists() for host in ("a", "b"))


def test_a_complex_change_from_its_file_to_closed(office: Office) -> None:
    cid = office.complex_change()
    told = json.loads(office.itops("change", "next", cid, "--format", "json").stdout)
    assert (told["state"], told["next"], told["complexity"]) == ("received", "assessed", "complex")
    assert told["missing"][0]["remedy"] == f"itops change assess {cid}"
    office.decide_all(cid)
    assert json.loads(office.itops("change", "next", cid, "--format", "json").stdout)["state"] == "prepared"
    done = office.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(office.itops("change", "next", cid, "--format", "json").stdout)["state"] == "implemented"
    assert "no monitor has looked at shop" in office.decide("wang", "close", cid, expect=3), "nobody closes what nobody has watched"
    office.decide("li", "observe", cid, "--abnormal", "--remark", "登录偶尔很慢")
    assert "登录偶尔很慢" in office.decide("wang", "close", cid, expect=3)
    office.decide("li", "observe", cid, "--remark", "观察一刻钟，下单正常")
    assert "neither closed nor left open" not in office.decide("zhao", "review", cid, "--remark", "记录完整")
    assert "INC-7" in office.decide("wang", "close", cid, expect=3), "nobody closes over an open incident"
    office.decide("wang", "close", cid, "--leave-open", "INC-7=观察一周")
    assert json.loads(office.itops("change", "next", cid, "--format", "json").stdout)["state"] == "closed"
    office.sound(cid)
    report = (office.folder(cid) / "record.zh_CN.md").read_text("utf-8")
    for word in ("评估与审批", "判断维护复杂度", "供应商确认", "审批通过", "通告相关方", "确认维护步骤", "复核", "观察一周", "刘洋", "人工观察", "观察一刻钟"):
        assert word in report, word
    assert office.record(cid)["basic"]["reviewer"] == "zhao"


def test_a_closed_record_stays_as_it_is_and_is_corrected_beside_it(office: Office) -> None:
    cid = office.complex_change()
    office.decide_all(cid)
    assert office.itops("run", cid).returncode == 0
    office.decide("li", "observe", cid, "--remark", "正常")
    office.decide("zhao", "review", cid)
    office.decide("wang", "close", cid, "--leave-open", "INC-7=观察")
    before = {path.name: path.read_bytes() for path in office.folder(cid).iterdir() if path.is_file()}
    for words in (["run", cid], ["rollback", cid], ["resume", cid], ["change", "review", cid, "--as", "zhao", "--key", "keys/zhao.pem"]):
        done = office.itops(*words)
        assert done.returncode == 3 and "closed" in done.stderr, (words, done.stderr)
    assert office.playbook("maintain", cid).returncode != 0
    assert office.playbook("rollback", cid).returncode != 0
    made = office.itops("record", "correct", cid, "--as", "zhao", "--key", "keys/zhao.pem", "--remark", "备份目录写错")
    assert made.returncode == 0, made.stderr
    assert {path.name: path.read_bytes() for path in office.folder(cid).iterdir() if path.is_file()} == before
    assert f"{cid}-K01" in office.itops("record", "show", cid).stdout
    correction = office.itops("record", "show", f"{cid}-K01").stdout
    head = json.loads(before["record.json"])["ledger"]["head"]
    for word in ("备份目录写错", "更正记录", f"{cid} → itops record show {cid}", "(UTC+8)", "zhao (zhao)", "商城 (shop)", head):
        assert word in correction, (word, correction)
    assert json.loads(office.itops("record", "show", f"{cid}-K01", "--format", "json").stdout)["corrects"] == cid
    assert f"更正 {cid}" in office.itops("record", "list").stdout
    assert office.itops("record", "verify").returncode == 0
    assert office.itops("record", "render", "--check").returncode == 0
    shutil.rmtree(office.folder(cid).with_name(f"{cid}-K01"))
    gone = office.itops("record", "verify")
    assert gone.returncode == 4 and f"{cid}-K01: cut: the whole ledger is missing" in gone.stdout


@pytest.mark.parametrize("way", ["itops run", "maintain", "patch", "verb=verify", "verb=backup", "verb=rollback", "verb=resume"])
def test_no_way_of_starting_goes_round_the_guards(office: Office, way: str) -> None:
    cid = office.complex_change()
    if way == "itops run":
        done = office.itops("run", cid)
        assert done.returncode == 3
    elif way.startswith("verb="):
        done = office.playbook("maintain", cid, "-e", way)
    else:
        done = office.playbook(way, cid)
    assert done.returncode != 0 and "refused: refused:" not in done.stdout, done.stdout
    assert all(office.version(host) == "1.0" for host in ("a", "b"))
    if way in ("itops run", "maintain", "patch"):
        assert {"assessed", "supplier", "reported", "approved", "announced", "checklist"} <= set(office.findings(cid)), office.findings(cid)
        assert untouched(office)


def test_a_service_of_an_inventorys_group_is_planned_decided_on_and_run(office: Office) -> None:
    """Run-sheet and decisions ask the inventory who is in it, as the run does."""
    record, hosts = office.read_service("shop"), yaml.safe_load((office.root / "inventory/hosts.yml").read_text("utf-8"))
    active = record["hosts"][0]["vars"]["active"]
    grouped = {"group": "spare", "role": "standby", "vars": {"root": str(office.at("b")), "active": active}}
    office.service({**record, "hosts": [record["hosts"][0], grouped]})
    office.write("inventory/hosts.yml", {**hosts, "spare": {"hosts": {"b": None}}})
    cid = office.complex_change()
    office.decide_all(cid)
    sheet = office.itops("plan", cid)
    assert sheet.returncode == 0 and "group spare" not in sheet.stdout and str(office.at("b")) in sheet.stdout, sheet.stdout + sheet.stderr
    done = office.itops("run", cid)
    assert done.returncode == 0 and office.hosts(cid) == {"a": "achieved", "b": "achieved"}, done.stdout + done.stderr
    office.service({**office.read_service("shop"), "owner": "wang"})
    assert office.itops("rollback", cid).returncode == 11 and office.version("b") == "1.0"


def other_control(office: Office) -> None:
    """How the service is stopped stands in its record, and is part of what was approved."""
    record = office.read_service("shop")
    record["control"]["commands"]["stop"] += " # 换一条路"
    office.service(record)


GUARDS = {
    "assessed": lambda o, c: None,
    "record": lambda o, c: other_control(o),
    "edited": lambda o, c: o.edit_change(c, lambda data: data["plan"].update(batch=2)),
    "rejected": lambda o, c: o.decide("wang", "reject", c, "--remark", "先做演练"),
    "cancelled": lambda o, c: o.decide("li", "cancel", c, "--remark", "不再需要"),
}


@pytest.mark.parametrize("how", ["edited", "record", "rejected", "cancelled"])
def test_what_was_ready_is_refused_again(office: Office, how: str) -> None:
    cid = office.complex_change()
    office.decide_all(cid)
    assert office.itops("run", cid, "--check").returncode == 0
    GUARDS[how](office, cid)
    done = office.itops("run", cid)
    assert done.returncode == 3 and untouched(office), done.stdout
    if how == "edited":
        assert "batch: 2" in office.findings(cid)["approved"]["message"]
    if how == "record":
        assert "换一条路" in office.findings(cid)["approved"]["message"]


def test_the_user_of_awx_executes_by_that_name(office: Office) -> None:
    """Inside a job of AWX its user is the account; one who is nobody here is refused."""
    people = yaml.safe_load((office.root / "inventory/people.yml").read_text("utf-8"))
    next(person for person in people["people"] if person["id"] == "li")["accounts"].append("awx:lilei")
    office.write("inventory/people.yml", people)
    (office.root / "itops.yml").write_text("organisation: 示例公司\ntimezone: Asia/Shanghai\nawx: true\n", "utf-8")
    cid = office.complex_change()
    office.decide_all(cid)
    job = {"JOB_ID": "17", "PROJECT_REVISION": "4fd2a1"}
    stranger = office.playbook("maintain", cid, "-e", "awx_user_name=mallory", env=job)
    assert stranger.returncode != 0 and untouched(office), stranger.stdout
    assert "awx:mallory" in office.findings(cid)["executor"]["message"]
    done = office.playbook("maintain", cid, "-e", "awx_user_name=lilei", env=job)
    assert done.returncode == 0, done.stdout
    opened = [event.data for event in office.events(cid) if event.kind == "run_opened"][-1]
    assert opened["entry"] == "awx" and opened["awx"] == job and opened["awx_user"] == "lilei"


def test_who_may_decide(office: Office) -> None:
    cid = office.complex_change()
    alone = office.itops("change", "assess", cid)
    assert alone.returncode == 2 and "--as" in alone.stderr, "the account is shared"
    other = office.itops("change", "assess", cid, "--as", "li", "--key", "keys/wang.pem")
    assert other.returncode == 2 and "not the key of li" in other.stderr
    unsigned = office.itops("change", "assess", cid, "--as", "li")
    assert unsigned.returncode == 2 and "--key" in unsigned.stderr
    people = yaml.safe_load((office.root / "inventory/people.yml").read_text("utf-8"))
    for person in people["people"]:
        person["accounts"] = ["somebody-else"]
    office.write("inventory/people.yml", people)
    nobody = office.itops("change", "assess", cid)
    assert nobody.returncode == 2 and "accounts: [" in nobody.stderr and "Traceback" not in nobody.stderr


def test_the_approver_does_not_execute(office: Office) -> None:
    cid = office.complex_change()
    office.edit_change(cid, lambda data: data.update(executor="wang", approver="zhang"))
    (office.root / "mail.eml").write_text("已确认\n", "utf-8")
    office.decide("li", "assess", cid)
    office.decide("li", "supplier", cid, "--contact", "刘洋", "--content-ok", "--rollback-ok", "--evidence", "mail.eml")
    office.decide("li", "report", cid, "--by-hand", "例会")
    assert "executed by wang" in office.decide("wang", "approve", cid, expect=3)
    done = office.itops("run", cid)
    assert done.returncode == 3 and "approved" in office.findings(cid) and untouched(office)


def test_a_decision_is_json_and_a_refusal_names_every_reason(office: Office) -> None:
    cid = office.complex_change()
    done = office.itops("change", "approve", cid, "--as", "wang", "--key", "keys/wang.pem", "--format", "json")
    assert done.returncode == 3
    assert {f["id"] for f in json.loads(done.stdout)["refused"]} == {"assessed", "supplier", "reported"}
    made = json.loads(office.itops("change", "assess", cid, "--as", "li", "--key", "keys/li.pem", "--format", "json").stdout)
    assert made["signed"] is True and made["by"] == "li" and made["decision"] == "assess"
