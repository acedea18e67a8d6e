# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error rates in plans and service records: what is refused, what a record adds to every change, how it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    binding,
    catalogue,
    error_rate,
    gate,
    instruction,
    placeholders,
    record_tables,
    request,
    secret_ref,
    steps,
    workspace,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from tests.unit import make
from tests.unit.story import Story
from tests.unit.test_segments import host_plan, maintenance

RATE: dict[str, Any] = {"path": "/var/log/web.log", "pattern": "ERROR", "factor": 1.5, "max_per_minute": 2, "window": 600, "observe": 30}
LOKI: dict[str, Any] = {"loki": {"url": "http://192.0.2.6:3100", "query": '{host="%{host}"} |= "ERROR"', "headers": {"Authorization": "Bearer %{credential}"}}}
DEPLOYED: dict[str, Any] = {"logging": {"state": "deployed", "ref": "loki", "error_rate": RATE}}


def without(*keys: str, **more: Any) -> dict[str, Any]:
    return {**{key: value for key, value in RATE.items() if key not in keys}, **more}


WRONG = [
    (without("path"), "path, unit, loki, elasticsearch"),
    (without("factor", "max_per_minute"), "factor, max_per_minute"),
    (without(unit="web"), "only one of these may be given"),
    (without("pattern"), "path needs a pattern"),
    (without(pattern="("), "not a regular expression"),
    (without(pattern="(a+)+b"), "can take too long"),
    (without(factor="much"), "not a number"),
    (without(factor=-1), "not a number"),
    (without(window=0), "not a span that can be looked at"),
    (without(observe=10**6), "not a span that can be looked at"),
    (without(timestamps=False, window=3600), "not a span that can be looked at"),
    ({**without("path"), **LOKI}, "has a meaning only with unit or path"),
    ({**without("path", "pattern"), **LOKI, "timestamps": False}, "has a meaning only with path"),
    ({"factor": 1, "loki": {**LOKI["loki"], "headers": {"Authorization": "Bearer abcdefgh"}}}, "a literal secret"),
    ({"factor": 1, "loki": {**LOKI["loki"], "user": "itops", "password": "abcdefgh"}}, "a literal secret"),
    ({"factor": 1, "loki": {**LOKI["loki"], "password": "%{credential}"}}, "password has a meaning only with user"),
    ({"factor": 1, "loki": {**LOKI["loki"], "url": "192.0.2.6"}}, "URL"),
]


@pytest.mark.parametrize(("rate", "said"), WRONG)
@pytest.mark.parametrize("where", ["record", "plan"])
def test_what_is_wrong_is_refused_in_a_record_and_in_a_plan(tmp_path: Path, rate: dict[str, Any], said: str, where: str) -> None:
    root = make.workspace(tmp_path, **({"logging": {"state": "deployed", "ref": "x", "error_rate": rate}} if where == "record" else {}))
    known = catalogue.load(workspace.load(root))
    told = [str(problem) for problem in known.problems]
    if where == "plan":
        with pytest.raises(BadInput) as error:
            change_file.load(make.change(root, plan={"checks": [{"type": "error_rate", **rate}]}), known.services, known.people)
        told = [str(problem) for problem in error.value.problems]
    assert any(said in text for text in told), told
    assert "abcdefgh" not in "".join(told)


@pytest.mark.parametrize("place", ["step", "failover", "preparation", "when"])
def test_where_nobody_measures_before_it_has_no_place(tmp_path: Path, place: str) -> None:
    check = {"type": "error_rate", **RATE}
    record: dict[str, Any] = {"failover": {"failover": {"checks": [check]}}, "preparation": {"preparation": {"items": [{"item": "x", "check": check}]}}}.get(
        place, {}
    )
    known = catalogue.load(workspace.load(make.workspace(tmp_path, **record)))
    told = [str(problem) for problem in known.problems]
    plan = {"step": {"steps": [*make.plan()["steps"], {"kind": "other", "check": check}]}, "when": {"checks": [{**check, "when": ["after"]}]}}.get(place)
    if plan:
        with pytest.raises(BadInput) as error:
            change_file.load(make.change(tmp_path, plan=plan), known.services, known.people)
        told = [str(problem) for problem in error.value.problems]
    assert any("nobody measures before" in text or "without a rate from before" in text for text in told), told


def test_every_change_of_the_service_gets_it_before_after_and_after_a_rollback(tmp_path: Path) -> None:
    plan = host_plan(tmp_path, record=DEPLOYED)
    last = plan.patch()[-1]
    found = [plan.preflight().steps[-1], last.steps[-1], last.rollback[-1], plan.rollback()[-1].steps[-1]]
    assert [(step["id"], step["kind"]) for step in found] == [(f"{when}-log-error-rate", when) for when in ("before", "after", "rollback", "rollback")]
    assert found[1]["args"]["factor"] == "1.5" and found[1]["timeout"] == 30 + 10 + 5
    assert not any(segment.closing for segment in request.all_segments(plan)), "where logs are collected the journal need not be kept"


@pytest.mark.parametrize("mode", ["auto", "semi", "manual"])
def test_where_no_log_is_collected_the_journal_is_kept_once_where_all_goes_well(tmp_path: Path, mode: str) -> None:
    plan = host_plan(tmp_path, record=maintenance(mode))
    forward, back = [*plan.patch(), *plan.verify()], plan.rollback()
    assert [segment.closing_when_done for segment in forward] == [False] * (len(forward) - 1) + [True]
    assert all(segment.closing[0]["args"] == {"unit": "web"} for segment in (*forward, back[-1])) and back[-1].closing_when_done
    other = host_plan(tmp_path / "other", record={"control": {"provider": "supervisor", "unit": "web"}})
    assert other.patch()[-1].closing[0]["args"] == {"unit": ""}, "everything of priority warning and above"
    assert [plan_.patch()[-1].closing[0]["display"] for plan_ in (plan, other)] == ["journalctl -u web", "journalctl -p warning"]


def test_it_is_decided_on_with_the_plan_and_its_credential_is_read(tmp_path: Path) -> None:
    record = {**make.web(), "logging": {"state": "deployed", "error_rate": {**LOKI, "factor": "1"}}}
    assert binding.of_service(record)["logging"][0]["factor"] == "1"
    assert "logging" not in binding.of_service({**make.web(), "logging": {"state": "absent"}}), "digests of what was approved stay"
    assert secret_ref.used({}, record)


def test_the_credential_is_no_unknown_placeholder_and_another_name_is_one(tmp_path: Path) -> None:
    hosts = [{"name": "web1", "role": "primary", "address": "192.0.2.11"}, {"name": "web2", "role": "standby", "address": "192.0.2.12"}]
    rate = {**LOKI, "factor": 1}
    assert catalogue.load(workspace.load(make.workspace(tmp_path / "a", hosts=hosts, logging={**DEPLOYED["logging"], "error_rate": rate}))).problems == []
    rate["loki"] = {**LOKI["loki"], "query": '{host="%{label}"}'}
    told = catalogue.load(workspace.load(make.workspace(tmp_path / "b", hosts=hosts, logging={**DEPLOYED["logging"], "error_rate": rate}))).problems
    assert [problem.message for problem in told] == ["%{label} has no value on web1", "%{label} has no value on web2"]


@pytest.mark.parametrize(("logging", "said"), [(DEPLOYED["logging"], True), ({"state": "deployed", "ref": "loki"}, False), ({"state": "absent"}, None)])
def test_the_gate_warns_where_logs_are_collected_and_never_looked_at(tmp_path: Path, logging: dict[str, Any], said: bool | None) -> None:
    plan = host_plan(tmp_path)
    situation = gate.Situation(workspace.load(tmp_path), plan.change, {"web": {"logging": logging}}, [], [], "r", "run", [], True)
    found = list(gate._logging(situation))
    assert [finding.ok for finding in found] == ([] if said is None else [said])
    assert all(finding.severity == "warning" and "set logging.error_rate in inventory/services/web.yml" in finding.remedy for finding in found)


def test_the_run_sheet_says_it_in_words_and_never_the_credential(tmp_path: Path) -> None:
    secret = {"credential": "pa55-word-of-the-store"}
    values = placeholders.Values({"host": "web1"}, secret)
    check = {"id": "c1", "type": "error_rate", **LOKI, "factor": "2", "max_per_minute": "3"}
    before, after = (steps.compiled_check(check, "verify", when, 1, {}, values) for when in ("before", "after"))
    zh, en = (instruction.sentence(after, secret, lang) for lang in ("zh_CN", "en"))
    assert zh == '服务启动后观察日志 loki {host="web1"} |= "ERROR" 60 秒：错误率不超过 变更前的 2 倍 或 每分钟 3 条（取较大者）'
    assert en.endswith("the error rate is at most 2 times the rate before or 3 a minute, whichever is more.")
    assert "the last 3600 s" in instruction.sentence(before, secret, "en")
    assert before["display"] == 'error rate loki {host="web1"} |= "ERROR" <= 2 x before or 3/min, 60 s'
    assert secret["credential"] not in zh + en + before["display"] + after["display"] + instruction.expectation(after, secret, "en")


def test_the_record_tells_both_rates_in_both_languages() -> None:
    rates = {"before": "0.4", "after": "3.2", "allowed": "1"}
    assert error_rate.told(rates, "zh_CN") == "错误率（条/分钟）：变更前 0.4，之后 3.2，允许 1"
    assert error_rate.told(rates, "en") == "Errors a minute: before 0.4, afterwards 3.2, allowed 1"
    assert error_rate.told({"before": "0.4"}, "en") == "Error rate before the change: 0.4 a minute"


def test_extract_and_missing_journal_stand_among_the_attachments_and_rates_with_their_check() -> None:
    told = Story().begun()
    extract = {"segment": "patch-1", "step": "x", "type": "journal_extract", "title": "日志摘录", "result": "ok", "reason": "", "evidence": "ef" * 32}
    told.tell("step_finished", extract, host="a", phase="close")
    told.tell("step_finished", {**extract, "evidence": "", "result": "skipped", "reason": "this host keeps no journal"}, host="b", phase="close")
    rates = {"before": "1", "after": "2", "allowed": "3"}
    told.tell("step_finished", {"step": "c", "type": "check", "result": "ok", "data": {"rates": rates}}, host="a", phase="verify")
    tables = record_tables.fold(told.events)
    assert [(item["name"], item["sha256"]) for item in tables["attachments"]] == [("a 日志摘录", "ef" * 32), ("b 日志摘录: this host keeps no journal", "")]
    assert len(tables["housekeeping"]) == 2 and tables["checks"][0]["rates"] == rates
