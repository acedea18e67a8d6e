# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The announcement and the report upward: all that they have to say, in both languages, and nothing that a title could add."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import complexity, messages
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import make

WINDOW = {"start": "2026-11-28T02:00:00+08:00", "end": "2026-11-28T05:00:00+08:00"}
LANGUAGES = ("zh_CN", "en")
EVIL = "x\r\nBcc: evil@example.com\r\n# H\n\n[click](http://evil.example/) <b>**b** `c` | {{ 71*7193 }} {% raw %}"


@pytest.fixture
def case(tmp_path: Path) -> Any:
    """A maker of a loaded change with its services and people; keywords are of the service, `change` and `plan`."""

    def made(change: dict[str, Any] | None = None, plan: dict[str, Any] | None = None, **service: Any) -> tuple[Change, dict[str, Any], dict[str, Any]]:
        root = make.workspace(tmp_path, **service)
        people = [
            {"id": "zhang", "name": "张三", "roles": ["owner"], "contact": {"mail": "zhang@example.com", "phone": "8001"}},
            {"id": "li", "name": "李四", "roles": ["executor"]},
            {"id": "wang", "name": "王五", "roles": ["approver"], "contact": {"phone": "8003"}},
        ]
        make.dump(root / "inventory/people.yml", {"people": people})
        make.change(root, executor="li", plan={"window": WINDOW, **(plan or {})}, **(change or {}))
        ws = workspace.load(root)
        known = catalogue.load(ws)
        loaded = change_file.load(change_file.find(ws, make.CHANGE), known.services, known.people)
        return loaded, {sid: known.services[sid] for sid in loaded.services}, known.people

    return made


STANDALONE = {"redundancy": "standalone", "hosts": [{"name": "web1", "role": "primary"}]}


def test_the_announcement_says_what_when_and_whom_to_ask(case: Any) -> None:
    subject, text = messages.render("announce", *case(), None, "zh_CN")
    assert subject == "【维护通告】升级（CHG-20261123-01）：门户网站 (web)"
    for said in (
        "门户网站 (web)",
        "2026-11-28 02:00 (UTC+8) – 2026-11-28 05:00 (UTC+8), 3 h 0 min",
        "张三, zhang@example.com, 8001",
        "主备切换，服务不中断",
        "请刷新",
    ):
        assert said in text
    subject, text = messages.render("announce", *case(), None, "en")
    assert subject == "[Maintenance] 升级 (CHG-20261123-01): 门户网站 (web)"
    assert "a short pause at the change-over is possible" in text and "standby and primary change over, the service goes on" in text


def test_an_outage_is_called_one(case: Any) -> None:
    for parts in ((case(**STANDALONE)), case(plan={"impact": ["outage", "reboot"]})):
        text = messages.render("announce", *parts, None, "zh_CN")[1]
        assert "服务中断" in text and "维护期间服务不可用" in text
    assert "重启机器" in text


def test_a_service_that_is_not_stopped(case: Any) -> None:
    plan = {"steps": [{"kind": "update", "title": "x", "command": "true"}], "not_applicable": {"stop": "热更新", "start": "热更新", "rollback": "无状态"}}
    parts = case(plan=plan, **STANDALONE)
    assert "服务不停止" in messages.render("announce", *parts, None, "zh_CN")[1]
    report = messages.render("report", *parts, None, "zh_CN")[1]
    assert "不可回滚：无状态" in report and "- 不适用 停止: 热更新" in report


def test_no_window_is_said(case: Any) -> None:
    parts = case(plan={"window": None})
    assert "待定，另行通知" in messages.render("announce", *parts, None, "zh_CN")[1]
    assert "to be announced" in messages.render("report", *parts, None, "en")[1]


def test_who_stands_in_is_the_contact(case: Any) -> None:
    change, services, people = case()
    away = {**people, "zhang": {**people["zhang"], "active": False, "deputy": "wang"}}
    text = messages.render("announce", change, services, away, None, "zh_CN")[1]
    assert "王五, 8003" in text and "张三" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_report_holds_all_that_is_approved(case: Any, lang: str) -> None:
    change, services, people = case()
    assessment = complexity.assess(change, services, (), False).as_dict()
    text = messages.render("report", change, services, people, assessment, lang)[1]
    trace = next(one for one in complexity.assess(change, services, (), False).trace if one.rule == complexity.UNTESTED_ROLLBACK)
    for said in (change.id, change.plan_digest, "李四", "SUP-1", "app.tar.gz", "systemctl stop web", "release app.tar.gz", "revert releases and files",
                 "首页: http", "version web --version = 2", complexity.text(trace.rule, trace.reason, trace.facts, lang)):  # fmt: skip
        assert said in text, said
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == {"zh_CN": ["## 步骤", "## 回滚", "## 验证", "## 风险"], "en": ["## Steps", "## Rollback", "## Checks", "## Risk"]}[lang]


def test_complexity_and_the_suppliers_word(case: Any) -> None:
    change, services, people = case()
    judged = complexity.assess(change, services, (), False).as_dict()
    assert "须经供应商确认" in messages.render("report", change, services, people, judged, "zh_CN")[1]
    confirmed = {**judged, "supplier_confirmation": {"contact": "刘洋", "at": "2026-11-24T10:00:00+08:00"}}
    assert "内容及回滚方案已由 刘洋 确认（2026-11-24 10:00 (UTC+8)）" in messages.render("report", change, services, people, confirmed, "zh_CN")[1]
    overridden = {**judged, "override": {"complexity": "simple", "by": "wang", "reason": "演练过"}}
    assert "简易（由 王五 判定：演练过）" in messages.render("report", change, services, people, overridden, "zh_CN")[1]
    simple = {"complex": False, "trace": []}
    assert "simple, none needed" in messages.render("report", change, services, people, simple, "en")[1]


@pytest.mark.parametrize("kind", ["announce", "report"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_value_becomes_a_header_a_line_or_markup(case: Any, kind: str, lang: str) -> None:
    plan = {"steps": [{**step, "title": EVIL} for step in make.plan()["steps"]], "checks": [{**check, "title": EVIL} for check in make.plan()["checks"]]}
    clean = messages.render(kind, *case(), None, lang)[1]
    subject, text = messages.render(kind, *case(change={"title": EVIL}, plan=plan, name=EVIL), None, lang)
    assert subject.isprintable() and "\n" not in subject and "\r" not in subject
    assert len(text.splitlines()) == len(clean.splitlines()), "not one line more"
    assert "](http" not in text and "<b>" not in text.replace("\\<b", "")
    assert "{{ 71\\*7193 }}" in text and "510703" not in text


@given(st.text(max_size=300))
def test_a_subject_is_one_printable_line(title: str) -> None:
    data = {"title": title, "kind": "patch", "service": ["web"], "plan": {"steps": [], "impact": []}}
    change = Change("CHG-20261123-01", Path("CHG-20261123-01.yml"), data, "", "")
    subject, text = messages.render("announce", change, {"web": {"name": title, "redundancy": "active_standby"}}, {}, None, "zh_CN")
    assert len(subject.splitlines()) == 1 and len(subject) <= messages.SUBJECT_LENGTH
    subject.encode("utf-8")
    assert len(text.splitlines()) == 15


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_secret_in_a_command_stays_at_home(case: Any, lang: str) -> None:
    steps = [*make.plan()["steps"], {"kind": "update", "title": "登记", "command": "/opt/register --password=planted-9f8e7d"}]
    change, services, people = case()
    change.plan["steps"] = steps  # the linter would refuse it; were it there all the same
    text = messages.render("report", change, services, people, None, lang)[1]
    assert "planted-9f8e7d" not in text and "register" in text


def test_every_type_of_step_is_shown(case: Any) -> None:
    steps = [
        {"kind": "update", "files": [{"src": "a", "dest": "/b"}]}, {"kind": "update", "archive": {"paths": ["/c"]}}, {"kind": "rollback", "restore": {}},
        {"kind": "update", "packages": {"provider": "apt", "names": [{"name": "nginx", "version": "1"}]}}, {"kind": "update", "tasks": "t.yml"},
        {"kind": "other", "check": {"type": "service", "state": "running"}},
    ]  # fmt: skip
    change, services, people = case()
    change.plan["steps"] = steps
    text = messages.render("report", change, services, people, None, "en")[1]
    for shown in ("install a /b", "archive /c", "restore from", "apt install nginx=1", "tasks t.yml", "service running"):
        assert shown in text
