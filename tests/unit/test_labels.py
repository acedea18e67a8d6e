# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels: complete for what the seed says, unambiguous where a field has choices."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import guards, recipients

SEED = {
    "redundancy": {"主备容灾": "active_standby", "单机": "standalone"},
    "platform": {"vm": "vm", "k8s": "k8s", "云主机": "cloud", "裸金属": "bare_metal"},
    "custody": {"文档": "document", "软件": "software"},
    "sites": {"本地": "local", "异地": "offsite"},
    "policy": {"主动": "proactive", "被动": "reactive"},
    "unit": {"时": "hour", "日": "day", "月": "month"},
    "mode": {"手动": "manual", "半自动": "semi", "自动": "auto"},
    "state": {"部署": "deployed", "未部署": "absent"},
    "role": {"主": "primary", "备": "standby"},
    "roles": {
        "负责人": "owner",
        "执行人": "executor",
        "复核人": "reviewer",
        "审批人": "approver",
        "供应商联系人": "supplier",
    },
}


def choices(options: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for name, option in options.items():
        if option.get("choices"):
            yield name, option["choices"]
        yield from choices(option.get("options") or {})


ALL = [
    *choices(schema.options("service")),
    *choices(schema.options("service", "people")),
    *choices(schema.options("change")),
    *choices(schema.options("policy")),
]


@pytest.mark.parametrize(("field", "words"), SEED.items())
def test_every_word_of_the_seed_is_known_to_its_field(field: str, words: dict[str, str]) -> None:
    fields = [labels.value_words("service", allowed) for name, allowed in ALL if name == field and set(words.values()) <= set(allowed)]
    assert fields
    for known in fields:
        assert {word: known[word] for word in words} == words


@pytest.mark.parametrize(("field", "allowed"), ALL)
def test_two_choices_of_a_field_never_share_a_word(field: str, allowed: list[str]) -> None:
    for lang in labels.LANGUAGES:
        named = [labels.value_label("service", choice, lang).casefold() for choice in allowed]
        assert len(set(named)) == len(named), (field, named)
    words = labels.value_words("service", allowed)
    assert all(words[choice.casefold()] == choice for choice in allowed)


def test_every_choice_of_a_service_has_a_chinese_and_an_english_label() -> None:
    known = labels.catalogue()["values"]
    wanted = {choice for options in (schema.options("service"), schema.options("service", "people")) for _n, cs in choices(options) for choice in cs}
    protocol_words = {"tcp", "udp", "http", "https", "GET", "HEAD", "POST", "apt", "dnf", "systemd", "supervisor"}
    check_types = {"port", "service", "process", "version", "command", "file", "log"}
    unnamed = {choice for choice in wanted if not {"zh_CN", "en"} <= set(known.get(choice, {}))}
    assert unnamed <= protocol_words | check_types | {"archive", "present"}


def test_fields_have_labels_and_labels_have_fields() -> None:
    options = schema.options("service")
    section = labels.catalogue()["service"]
    assert {name for name in section if "." not in name} == set(options)
    for dotted in (name for name in section if "." in name):
        top, rest = dotted.split(".", 1)
        assert rest in options[top]["options"], dotted


def test_look_up_both_ways() -> None:
    assert labels.label("service", "owner") == "负责人"
    assert labels.label("service", "owner", "en") == "Owner"
    assert labels.label("service", "nothing") == "nothing"
    assert labels.to_id("service", " 负责人 ") == "owner"
    assert labels.to_id("service", "Owner") == "owner"
    assert labels.to_id("service", "谁") is None


def test_label_files_are_clean() -> None:
    for path in labels.FOLDER.glob("*.yml"):
        raw = source.load(path)
        assert raw.problems == []
        for section, entries in raw.data.items():
            for name, entry in entries.items():
                assert set(entry) <= {"zh_CN", "en", "aka"}, (path.name, section, name)


def test_every_guard_has_a_name() -> None:
    """Found in the source: whatever is the first word of a Finding, and the guards of the life cycle."""
    root = labels.FOLDER.parents[1]
    given = set(guards.GUARDS) | {recipients.NAME}
    for path in (path for folder in ("plugins", "itops_cli") for path in (root / folder).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call) and node.args):
            name, first = getattr(call.func, "id", getattr(call.func, "attr", "")), call.args[0]
            if name in ("Finding", "may_sign_off") and isinstance(first, ast.Constant):
                given.add(first.value)
    named = labels.catalogue()["findings"]
    assert len(given) > 50 and set(named) == given
    assert all(set(entry) == set(labels.LANGUAGES) for entry in named.values())
