# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of argument_specs.yml files, the shared forms of roles/step put in, made ready for walking a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, source

ROLES = Path(__file__).parents[2] / "roles"
SHARED = {
    "steps": "step",
    "checks": "check",
    "check": "check",
    "control": "control",
    "error_rate": "error_rate",
}  # option name -> entry point of roles/step
GROUPS = ("mutually_exclusive", "required_one_of", "required_if", "required_by")

Options = Mapping[str, Any]


@cache
def options(role: str, entry: str = "main") -> dict[str, Any]:
    """The options of one entry point of a role's argument specs, the shared forms put in. Treat as read-only."""
    return _resolved(_specs(role)[entry]["options"])


@dataclass(frozen=True)
class Field:
    """One option, made ready for walking."""

    name: str
    kind: str
    elements: str
    required: bool
    default: Any
    words: Mapping[str, str]  # accepted spelling -> id, empty without choices
    allowed: str
    form: Form | None


@dataclass(frozen=True)
class Form:
    """The fields of one mapping and the rules between them."""

    fields: Mapping[str, Field]
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def may_be_empty(self) -> bool:
        return not any(f.required for f in self.fields.values()) and "required_one_of" not in self.rules


@cache
def _specs(role: str) -> dict[str, Any]:
    found: dict[str, Any] = source.load(ROLES / role / "meta" / "argument_specs.yml").data["argument_specs"]
    return found


def _resolved(spec: Options) -> dict[str, Any]:
    done: dict[str, Any] = {}
    for name, given in spec.items():
        option = given
        if "options" not in option and name in SHARED and "dict" in (option["type"], option.get("elements")):
            shape = _specs("step")[SHARED[name]]["options"][SHARED[name]]
            option = {**option, **{key: shape[key] for key in ("options", *GROUPS) if key in shape}}
        done[name] = {**option, "options": _resolved(option["options"])} if "options" in option else dict(option)
    return done


_COMPILED: dict[tuple[int, str], tuple[Options, Form]] = {}


def compiled(spec: Options, section: str) -> Form:
    """Kept with the options themselves, so that an id can never be taken for that of other options."""
    key = (id(spec), section)
    if key not in _COMPILED:
        _COMPILED[key] = (spec, _form({"options": spec}, section))
    return _COMPILED[key][1]


def _form(option: Options, section: str) -> Form:
    fields = {name: _field(name, sub, section) for name, sub in option["options"].items()}
    return Form(fields, {rule: option[rule] for rule in GROUPS if option.get(rule)})


def _field(name: str, option: Options, section: str) -> Field:
    choices = option.get("choices") or ()
    kind, form = option.get("type", "str"), _form(option, section) if "options" in option else None
    allowed = ", ".join(c if labels.value_label(section, c) == c else f"{c} ({labels.value_label(section, c)})" for c in choices)
    words = labels.value_words(section, choices) if choices else {}
    return Field(
        name,
        kind,
        option.get("elements", "str"),
        bool(option.get("required")),
        option.get("default"),
        words,
        allowed,
        form,
    )
