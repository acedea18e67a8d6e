# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation against argument specs: labels to ids, defaults, and every error with its place."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Vaulted

SERVICE = """\
id: web
name: 门户
owner: zhang.wei
platform: vm
redundancy: 单机
hosts: [{name: web-1}]
"""


def validate(text: str, role: str = "service") -> tuple[dict[str, Any], list[Problem]]:
    return schema.validate(schema.options(role), source.parse(textwrap.dedent(text), "x.yml"), role)


def test_the_least_record_gets_all_defaults() -> None:
    data, problems = validate(SERVICE)
    assert problems == []
    assert data["redundancy"] == "standalone"
    assert data["hosts"] == [{"name": "web-1", "role": "primary", "vars": {}}]
    assert data["backup"] == {
        "sites": [],
        "destination": {},
        "provider": "archive",
        "paths": [],
        "exclude": [],
        "retention": {"keep": 7},
    }
    assert (data["maintenance"]["mode"], data["monitoring"], data["failover"]) == (
        "manual",
        {"state": "absent"},
        {"steps": [], "checks": []},
    )
    assert "deputy" not in data
    assert "control" not in data


def test_defaults_are_not_shared_between_records() -> None:
    first, second = validate(SERVICE)[0], validate(SERVICE)[0]
    first["backup"]["sites"].append("local")
    first["remarks"]["owner"] = "x"
    assert (second["backup"]["sites"], second["remarks"]) == ([], {})


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("backup: {sites: [本地, 异地]}", ("backup", "sites"), ["local", "offsite"]),
        ("backup: {sites: 本地}", ("backup", "sites"), ["local"]),
        ("credentials: {custody: 文档}", ("credentials", "custody"), "document"),
        ("reclaim: {policy: 主动}", ("reclaim", "policy"), "proactive"),
        ("maintenance: {mode: 半自动}", ("maintenance", "mode"), "semi"),
        ("maintenance: {mode: AUTO}", ("maintenance", "mode"), "auto"),
        ("maintenance: {cycle: {every: 2, unit: 时}}", ("maintenance", "cycle"), {"every": 2, "unit": "hour"}),
        ("maintenance: {cycle: {every: '2', unit: 月}}", ("maintenance", "cycle"), {"every": 2, "unit": "month"}),
        ("monitoring: {state: 部署}", ("monitoring", "state"), "deployed"),
        ("logging: {state: 未部署}", ("logging", "state"), "absent"),
        ("maintenance: {anchor: 2026-01-01}", ("maintenance", "anchor"), "2026-01-01"),
        (
            "maintenance: {business_low: [{start: 22:30, end: 06:00}]}",
            ("maintenance", "business_low", 0, "start"),
            "22:30",
        ),
        (
            "preparation: {software: [{name: x, version_min: 1.10}]}",
            ("preparation", "software", 0, "version_min"),
            "1.10",
        ),
        ("satisfies: {ISO: [8.10, on]}", ("satisfies",), {"ISO": ["8.10", "on"]}),
        ("remark: no", ("remark",), "no"),
        ("remark: 007", ("remark",), "007"),
        ("deputy:", ("maintenance", "mode"), "manual"),
        ("failover: {steps: [{kind: 服务停止, service: {state: 已停止}}]}", ("failover", "steps", 0, "kind"), "stop"),
        (
            "failover: {steps: [{kind: other, command: x, env: {A: yes, B: 010}}]}",
            ("failover", "steps", 0, "env"),
            {"A": "yes", "B": "010"},
        ),
        ("failover: {steps: [{kind: rollback, restore: }]}", ("failover", "steps", 0, "restore"), {}),
    ],
)
def test_values_accepted(line: str, path: tuple[str | int, ...], value: object) -> None:
    data, problems = validate(f"{SERVICE}{line}\n")
    assert problems == []
    for part in path:
        data = data[part]  # type: ignore[index]
    assert data == value


@pytest.mark.parametrize(
    ("name", "seed"),
    [("platform", ["vm", "k8s", "云主机", "裸金属"]), ("redundancy", ["主备容灾", "单机"])],
)
def test_the_seeds_words_are_accepted(name: str, seed: list[str]) -> None:
    for word in seed:
        text = SERVICE.replace("platform: vm\n", "").replace("redundancy: 单机\n", "") + "platform: vm\nredundancy: 单机\n"
        assert validate(text.replace(f"{name}: {'vm' if name == 'platform' else '单机'}", f"{name}: {word}"))[1] == []


def test_host_variables_are_natural_and_vaulted_ones_stay() -> None:
    text = SERVICE.replace("[{name: web-1}]", "[{name: web-1, vars: {ansible_port: 22, on_call: yes, secret_word: !vault x}}]")
    given = validate(text)[0]["hosts"][0]["vars"]
    assert given == {"ansible_port": 22, "on_call": True, "secret_word": "x"}
    assert type(given["secret_word"]) is Vaulted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("colour: red", [(7, "colour", "unknown key")]),
        ("负责人: 张伟", [(7, "负责人", "keys are English (values may be Chinese)")]),
        ("backup: {sites: [火星]}", [(7, "backup.sites[0]", "not allowed")]),
        ("backup: {sites: [local, 本地]}", [(7, "backup.sites[1]", "stands twice")]),
        ("backup: 本地", [(7, "backup", "not a mapping")]),
        ("endpoints: {ip: x}", [(7, "endpoints", "not a list")]),
        ("endpoints:\n  - port: 80", [(8, "endpoints[0]", "one of these is needed")]),
        (
            "endpoints:\n  - {ip: 192.0.2.1, port: 0080}",
            [(8, "endpoints[0].port", "not a whole number without a leading zero")],
        ),
        ("endpoints:\n  - {ip: 192.0.2.1, port: 8o}", [(8, "endpoints[0].port", "not a whole number")]),
        ("endpoints:\n  -\n", [(8, "endpoints[0]", "empty entry")]),
        ("capacity: {supported: 1.5}", [(7, "capacity.supported", "not a whole number")]),
        ("maintenance:\n  cycle:\n    every: 1", [(8, "maintenance.cycle.unit", "missing")]),
        ("failover: {steps: [{kind: stop}]}", [(7, "failover.steps[0]", "one of these is needed")]),
        (
            "failover: {steps: [{kind: stop, command: a, tasks: b}]}",
            [(7, "failover.steps[0]", "only one of these may be given")],
        ),
        (
            "failover: {steps: [{kind: stop, restore: {}, chdir: /}]}",
            [(7, "failover.steps[0]", "chdir has a meaning only with command")],
        ),
        ("failover: {checks: [{type: http}]}", [(7, "failover.checks[0]", "type http needs url")]),
        (
            "failover: {checks: [{type: version, command: x}]}",
            [(7, "failover.checks[0]", "type version needs equals or matches")],
        ),
        ("control: {provider: systemd}", [(7, "control", "provider systemd needs unit")]),
        (
            "preparation: {items: [{item: x, check: {type: prot}}]}",
            [(7, "preparation.items[0].check.type", "not allowed")],
        ),
        ("name:\n  x: y", [(7, "name", "key stands twice")]),
    ],
)
def test_errors_name_line_and_path(text: str, expected: list[tuple[int, str, str]]) -> None:
    raw = source.parse(SERVICE + text + "\n", "x.yml")
    problems = [*raw.problems, *schema.validate(schema.options("service"), raw, "service")[1]]
    assert [(p.line, p.path, p.message) for p in problems] == expected


def test_all_errors_at_once() -> None:
    _data, problems = validate("""\
        id: web
        onwer: x
        platform: 火星
        hosts:
          - {nmae: a}
          - {name: b, role: 第三}
        backup: {sites: 本地, retention: {keep: 七}}
        """)
    assert sorted((p.line, p.path) for p in problems) == [
        (1, "name"),
        (1, "owner"),
        (1, "redundancy"),
        (2, "onwer"),
        (3, "platform"),
        (5, "hosts[0]"),
        (5, "hosts[0].nmae"),
        (6, "hosts[1].role"),
        (7, "backup.retention.keep"),
    ]


def test_messages_say_what_is_allowed_and_what_is_near() -> None:
    by_path = {p.path: p for p in validate(f"{SERVICE}onwer: x\n负责人: y\nlifecycle: 旧\n")[1]}
    assert by_path["onwer"].remedy == "write owner"
    assert by_path["负责人"].remedy == "write owner"
    assert by_path["lifecycle"].found == "旧"
    assert by_path["lifecycle"].allowed == "planned (规划中), live (在用), retiring (退役中), retired (已退役)"


def test_a_misplaced_secret_is_not_echoed() -> None:
    problems = validate(f"{SERVICE}credentials: hunter2\n")[1]
    assert [p.found for p in problems] == ["«redacted»"]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n- b\n", "web\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    data, problems = validate(text)
    assert data == {}
    assert len(problems) == 1


def test_a_syntax_error_is_not_followed_by_others() -> None:
    assert validate("a: [") == ({}, [])


def test_a_plan_uses_the_same_steps_and_checks() -> None:
    plan = schema.options("change")["plan"]["options"]
    assert plan["steps"]["options"] == schema.options("service")["failover"]["options"]["steps"]["options"]
    assert set(plan["steps"]["mutually_exclusive"][0]) >= {"command", "release", "tasks"}
    assert "required_if" in plan["checks"]
