# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own walk over argument specs against Ansible's validator: the same verdict and, if good, the same values."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.itops.maintenance.plugins.plugin_utils import schema, source
from hypothesis import given, settings
from hypothesis import strategies as st

ENTRIES = [
    ("service", "main"),
    ("service", "people"),
    ("change", "main"),
    ("policy", "main"),
    ("step", "step"),
    ("step", "check"),
    ("step", "control"),
]


def dump(value: Any) -> str:
    """Any data as flow YAML with every text quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def some(name: str, option: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A right value of an option, most of the time."""
    kind = option.get("type", "str")
    if kind == "list":
        inner = {**option, "type": option.get("elements", "str")}
        return st.lists(some(name, inner), max_size=2, unique_by=repr)
    if kind == "dict":
        return mapping(option["options"]) if "options" in option else st.just({})
    if option.get("choices"):
        return st.sampled_from(option["choices"])
    wrong = st.sampled_from([["x"], {"a": "b"}])
    right: dict[str, st.SearchStrategy[Any]] = {"int": st.integers(0, 99), "bool": st.booleans()}
    return st.one_of(*[right.get(kind, st.text("abc/ -", min_size=1, max_size=5))] * 30, wrong)


def mapping(options: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    required = {name: some(name, option) for name, option in options.items() if option.get("required")}
    optional = {name: some(name, option) for name, option in options.items() if not option.get("required")}
    return st.fixed_dictionaries(required, optional=optional)


@pytest.mark.parametrize(("role", "entry"), ENTRIES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_same_verdict_and_values_as_ansible(role: str, entry: str, data: st.DataObject) -> None:
    options = schema.options(role, entry)
    given = data.draw(mapping(options))
    ours, problems = schema.validate(options, source.parse(dump(given), "x.yml"), "none")
    theirs = ArgumentSpecValidator(copy.deepcopy(options)).validate(copy.deepcopy(given))
    stricter = ("has a meaning only", "text", "stands twice", "only one of", "not a mapping")
    if not problems:
        assert theirs.error_messages == []
        assert without_none(theirs.validated_parameters) == ours
    elif not any(word in p.message for p in problems for word in stricter):
        assert theirs.error_messages


@pytest.mark.parametrize(
    "change",
    [
        {"platform": "mars"},
        {"colour": "red"},
        {"hosts": [{"name": "a", "group": "b"}]},
        {"hosts": [{}]},
        {"owner": None},
        {"endpoints": [{"port": 80}]},
        {"capacity": {"supported": "many"}},
        {"failover": {"steps": [{"kind": "stop"}]}},
        {"control": {"provider": "systemd"}},
        {"failover": {"steps": [{"kind": "stop", "command": "a", "tasks": "b"}]}},
        {"failover": {"checks": [{"type": "http"}]}},
        {"backup": {"sits": []}},
        {"maintenance": {"cycle": {"every": 1}}},
        {"failover": {"checks": [{"type": "log", "pattern": "x"}]}},
    ],
)
def test_what_ansible_refuses_is_refused(change: dict[str, Any]) -> None:
    record = {
        "id": "web",
        "name": "x",
        "owner": "a",
        "platform": "vm",
        "redundancy": "standalone",
        "hosts": [{"name": "h"}],
        **change,
    }
    record = {key: value for key, value in record.items() if value is not None}
    options = schema.options("service")
    assert ArgumentSpecValidator(copy.deepcopy(options)).validate(copy.deepcopy(record)).error_messages
    assert schema.validate(options, source.parse(dump(record), "x.yml"), "service")[1]
