# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complexity: each rule held and not held, with the fact that decided; any one that holds makes the change complex."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import complexity, restarts
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.complexity import RULES, Assessment, Trace
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.precedents import Precedent
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import make

TESTED = {"backup": {"restore_tested_on": "2026-08-20"}}
ROLLBACK = make.plan()["steps"][3:]
UPDATE = make.plan()["steps"][1]
START = make.plan()["steps"][2]
NOT_STOPPED = {"steps": [UPDATE, START, *ROLLBACK], "not_applicable": {"stop": "热更新"}}

Facts = dict[str, Any]


def record(sid: str = "web", **parts: Any) -> Facts:
    return {**make.web(), "id": sid, **TESTED, **parts}


def change(folder: Path = Path("changes"), **parts: Any) -> Change:
    """A change as it is after reading; keywords replace parts, `plan` is merged."""
    plan = {**make.plan(), "impact": [], "not_applicable": {}, "runbook": None, **parts.pop("plan", {})}
    data = {"id": make.CHANGE, "title": "升级", "service": ["web"], "kind": "patch", "notice": {}, **parts, "plan": plan}
    return Change(make.CHANGE, folder / f"{make.CHANGE}.yml", data, "", "")


def earlier(lacking: str = "", services: Sequence[str] = ("web",), backout: str = "not_needed", name: str = "CHG-20261001-01") -> Precedent:
    result = "achieved" if backout == "not_needed" else "not_achieved"
    return Precedent(name, "", tuple(services), "patch", "", ("app",), "2026-10-01T02:00:00+08:00", result, backout, 60, 100, lacking)


def assess(now: Change, *records: Facts, precedents: Sequence[Precedent] = (earlier(),), runbook_ok: bool = False) -> Assessment:
    return complexity.assess(now, {r["id"]: r for r in records or (record(),)}, precedents, runbook_ok)


def of(rule: str, found: Assessment) -> Trace:
    return next(trace for trace in found.trace if trace.rule == rule)


def holding(found: Assessment) -> list[str]:
    return [trace.rule for trace in found.trace if trace.holds]


# ------------------------------------------------------------------ all of them


def test_a_simple_change_has_every_rule_in_its_trace_and_none_that_holds() -> None:
    found = assess(change())
    assert not found.complex and holding(found) == []
    assert tuple(trace.rule for trace in found.trace) == RULES
    assert all(trace.why for trace in found.trace)


CASES: dict[str, tuple[Facts, list[Facts], Facts]] = {  # what makes exactly this rule hold: change, records, history
    "data_change": ({"kind": "data"}, [], {}),
    "standalone_outage": ({}, [record(redundancy="standalone")], {}),
    "several_services": ({"service": ["web", "db"]}, [record(), record("db")], {"precedents": (earlier(services=("web", "db")),)}),
    "machine_restart": ({"plan": {"impact": ["reboot"]}}, [], {}),
    "no_precedent": ({}, [], {"precedents": ()}),
    "untested_rollback": ({}, [record(backup={})], {}),
}


@pytest.mark.parametrize("rule", RULES)
def test_any_single_rule_makes_it_complex(rule: str) -> None:
    parts, records, history = CASES[rule]
    found = assess(change(**parts), *records, **history)
    assert holding(found) == [rule]
    assert found.complex


@given(st.sets(st.sampled_from(RULES)))
def test_complex_if_and_only_if_a_rule_holds(wanted: set[str]) -> None:
    plan: Facts = {"impact": ["reboot"] if "machine_restart" in wanted else []}
    service = ["web", "db"] if "several_services" in wanted else ["web"]
    parts: Facts = {"redundancy": "standalone"} if "standalone_outage" in wanted else {}
    parts |= {"backup": {}} if "untested_rollback" in wanted else {}
    precedents = () if "no_precedent" in wanted else (earlier(services=("web", "db")),)
    found = assess(change(kind="data" if "data_change" in wanted else "patch", service=service, plan=plan), *(record(s, **parts) for s in ("web", "db")),
                   precedents=precedents)  # fmt: skip
    assert set(holding(found)) == wanted
    assert found.complex == bool(wanted)


# ------------------------------------------------------------------ each rule


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"kind": "data"}, "kind is data"),
        ({"plan": {"impact": ["schema"]}}, "plan.impact names schema"),
        ({"plan": {"impact": ["data"]}}, "plan.impact names data"),
    ],
)
def test_schema_or_data(parts: Facts, why: str) -> None:
    found = of("data_change", assess(change(**parts)))
    assert found.holds and found.why == f"{make.CHANGE}.yml: {why}"
    assert not of("data_change", assess(change(plan={"impact": ["outage", "reboot"]}))).holds


STANDALONE: dict[str, tuple[Facts, bool, str]] = {
    "stopped": ({}, True, "plan.steps[0] stops or restarts it: 停止 (service stopped)"),
    "not stopped": (NOT_STOPPED, False, "no step"),
    "not stopped, but out": ({**NOT_STOPPED, "impact": ["outage"]}, True, "plan.impact names an outage"),
    "not stopped, but restarted": ({**NOT_STOPPED, "steps": [UPDATE, {"kind": "start", "service": {"state": "restarted"}}, *ROLLBACK]}, True, "plan.steps[1]"),
    "reloaded": ({**NOT_STOPPED, "steps": [UPDATE, {"kind": "start", "service": {"state": "reloaded"}}, *ROLLBACK]}, False, "no step"),
    "restarted by a command": (
        {**NOT_STOPPED, "steps": [UPDATE, {"kind": "start", "command": "sudo systemctl restart web"}, *ROLLBACK]},
        True,
        "systemctl restart web",
    ),
    "machine restarted": ({**NOT_STOPPED, "steps": [UPDATE, {"kind": "other", "command": "reboot"}, START, *ROLLBACK]}, True, "reboot"),
    "only the way back stops it": (
        {**NOT_STOPPED, "steps": [UPDATE, START, {"kind": "rollback", "service": {"state": "stopped"}}, *ROLLBACK]},
        False,
        "no step",
    ),
}


@pytest.mark.parametrize("case", STANDALONE)
def test_outage_on_a_standalone(case: str) -> None:
    plan, holds, why = STANDALONE[case]
    found = of("standalone_outage", assess(change(plan=plan), record(redundancy="standalone")))
    assert found.holds == holds and why in found.why and "web" in found.why
    redundant = of("standalone_outage", assess(change(plan=plan)))
    assert not redundant.holds and "web" in redundant.why


def test_a_service_whose_redundancy_is_unknown_counts_as_standalone() -> None:
    assert of("standalone_outage", complexity.assess(change(), {}, (earlier(),), False)).holds


def test_more_than_one_service() -> None:
    found = of("several_services", assess(change(service=["web", "db"]), record(), record("db")))
    assert found.holds and "web, db" in found.why
    assert of("several_services", assess(change())).why == f"{make.CHANGE}.yml: service names only web"


RESTARTS = ("reboot", "/sbin/reboot", "sudo -u root reboot", "systemctl reboot", "systemctl --force reboot", "shutdown -r now", "shutdown --reboot +1",
            "init 6", "telinit 6", "bash -c 'sync; reboot'", "sh -lc \"sleep 1 && exec /sbin/shutdown -r now\"", "env A=1 reboot",
            "A=1 reboot", "(sleep 5; reboot) &",
            "nohup sh -c 'sudo reboot' &", "systemctl isolate reboot.target", "poweroff", "kexec -e", "echo b > /proc/sysrq-trigger", "timeout 9 reboot",
            "test -f /run/needed && reboot", "ssh standby reboot")  # fmt: skip
HARMLESS = ("echo done", "/opt/web/reboot-notice.sh", "shutdown -c", "systemctl restart web", "systemctl status web", "init-db 6", "cat /etc/reboot.conf",
            "needs-restarting -r", "web --mode init", "true", "", "grep 'a; b' /x", "sudo", "su -", "\"unclosed")  # fmt: skip


@pytest.mark.parametrize("line", RESTARTS)
def test_command_lines_that_restart_a_machine(line: str) -> None:
    plan = {"steps": [*make.plan()["steps"], {"kind": "other", "title": "重启", "command": line, "shell": True}]}
    found = of("machine_restart", assess(change(plan=plan)))
    assert found.holds and "plan.steps[5]" in found.why and line in found.why


@pytest.mark.parametrize("line", HARMLESS)
def test_command_lines_that_do_not(line: str) -> None:
    assert not restarts.of_machine(line)


def test_arguments_of_a_command_are_looked_at_too() -> None:
    step = {"kind": "other", "command": "systemctl", "args": ["reboot"]}
    assert of("machine_restart", assess(change(plan={"steps": [step, *make.plan()["steps"]]}))).holds
    step = {"kind": "other", "command": "sh", "args": ["-c", "sync; reboot"]}
    assert of("machine_restart", assess(change(plan={"steps": [step, *make.plan()["steps"]]}))).holds


TASKS: dict[str, tuple[str, str]] = {
    "by name": ("- ansible.builtin.reboot:\n", "ansible.builtin.reboot"),
    "short name": ("- name: x\n  reboot:\n    msg: bye\n", "reboot"),
    "in a block": ("- block:\n    - debug:\n  rescue:\n    - reboot:\n", "reboot"),
    "as an action": ("- action: ansible.builtin.reboot msg=x\n", "ansible.builtin.reboot"),
    "a command": ("- ansible.builtin.command: /sbin/shutdown -r now\n", "shutdown -r now"),
    "a command's cmd": ("- ansible.builtin.shell:\n    cmd: sync && reboot\n", "reboot"),
    "a command's argv": ("- command:\n    argv: [systemctl, reboot]\n", "systemctl reboot"),
    "in another file": ("- include_tasks: more.yml\n", "more.yml: reboot"),
    "unknown file": ("- include_tasks: '{{ which }}.yml'\n", "known only when it runs"),
    "missing file": ("- import_tasks: none.yml\n", "none.yml cannot be read"),
    "a role": ("- include_role:\n    name: web\n", "not looked into"),
    "no YAML": ("- a: [\n", "cannot be read"),
    "no tasks": ("a: 1\n", "cannot be read"),
    "harmless": ("- name: reboot nothing\n  ansible.builtin.debug:\n    msg: reboot\n- import_tasks: same.yml\n", ""),
}


@pytest.mark.parametrize("case", TASKS)
def test_task_files_are_read_and_what_cannot_be_read_counts(case: str, tmp_path: Path) -> None:
    content, why = TASKS[case]
    (tmp_path / "tasks.yml").write_text(content, "utf-8")
    (tmp_path / "more.yml").write_text("- reboot:\n", "utf-8")
    (tmp_path / "same.yml").write_text("- import_tasks: same.yml\n", "utf-8")
    plan = {"steps": [*make.plan()["steps"], {"kind": "update", "tasks": "tasks.yml"}]}
    found = of("machine_restart", assess(change(tmp_path, plan=plan)))
    assert found.holds == bool(why) and why in found.why
    assert not found.holds or "plan.steps[5]" in found.why


def test_a_precedent_or_a_runbook_is_needed() -> None:
    near = of("no_precedent", assess(change(), precedents=(earlier("not_achieved"),)))
    assert near.holds and "CHG-20261001-01: not_achieved" in near.why
    assert of("no_precedent", assess(change(), precedents=())).holds
    found = of("no_precedent", assess(change(), precedents=(earlier("other_kind"), earlier(name="CHG-20261002-01"))))
    assert not found.holds and "CHG-20261002-01" in found.why
    book = of("no_precedent", assess(change(plan={"runbook": "docs/web.md"}), precedents=(), runbook_ok=True))
    assert not book.holds and "docs/web.md" in book.why
    assert of("no_precedent", assess(change(plan={"runbook": "docs/none.md"}), precedents=(), runbook_ok=False)).holds


def test_a_way_back_has_to_be_there_and_proved() -> None:
    none = of("untested_rollback", assess(change(plan={"steps": make.plan()["steps"][:3], "not_applicable": {"rollback": "不可逆"}})))
    assert none.holds and "不可逆" in none.why
    assert "2026-08-20" in of("untested_rollback", assess(change())).why
    for day in (None, "", "2999-01-01", "soon"):
        assert of("untested_rollback", assess(change(), record(backup={"restore_tested_on": day}))).holds, day
    back = (earlier("not_achieved", backout="succeeded"),)
    proved = of("untested_rollback", assess(change(), record(backup={}), precedents=back))
    assert not proved.holds and "CHG-20261001-01" in proved.why
    for other in (earlier("not_achieved", backout="failed"), earlier("not_achieved", ("db",), "succeeded")):
        assert of("untested_rollback", assess(change(), record(backup={}), precedents=(other,))).holds
    two = of("untested_rollback", assess(change(service=["web", "db"]), record(), record("db", backup={})))
    assert two.holds and "db" in two.why and "web" not in two.why


# ------------------------------------------------------------------ in words, and as data


def everything(folder: Path) -> list[Assessment]:
    """Every reason that a rule can give."""
    (folder / "tasks.yml").write_text("- reboot:\n", "utf-8")
    plans: list[Facts] = [plan for plan, _holds, _why in STANDALONE.values()]
    plans += [{"impact": ["schema"]}, {"steps": make.plan()["steps"][:3]}, {"steps": [{"kind": "update", "tasks": "tasks.yml"}]}, {"runbook": "docs/x.md"}]
    found = [assess(change(folder, plan=plan), record(redundancy="standalone")) for plan in plans]
    found += [assess(change(**parts), *records, **history) for parts, records, history in CASES.values()]
    return [*found, assess(change()), assess(change(), precedents=(), runbook_ok=True)]


def test_every_sentence_exists_in_both_languages_with_all_its_facts(tmp_path: Path) -> None:
    known = labels.catalogue()["complexity"]
    seen = set()
    for found in everything(tmp_path):
        for trace in found.trace:
            seen.add(f"{trace.rule}.{trace.reason}")
            assert {"zh_CN", "en"} <= set(known[trace.rule]) and {"zh_CN", "en"} <= set(known[f"{trace.rule}.{trace.reason}"])
            kept = trace.as_dict()
            said = {lang: complexity.text(kept["rule"], kept["reason"], kept["facts"], lang) for lang in ("zh_CN", "en")}
            assert said["en"] == trace.why == kept["why"] and said["zh_CN"] != said["en"]
    assert {name for name in known if "." in name} == seen


def test_a_ledger_can_keep_it_and_a_text_with_braces_stays_as_it_is() -> None:
    step = {"kind": "stop", "title": "{x} %{vip}", "command": "stop {0} %{vip}"}
    found = assess(change(plan={"steps": [step, *ROLLBACK]}), record(redundancy="standalone"))
    assert "{x} %{vip} (stop {0} %{vip})" in of("standalone_outage", found).why
    assert json.loads(ledger.canonical(found.as_dict())) == found.as_dict()
