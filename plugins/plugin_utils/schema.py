# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate a file against a role's argument_specs.yml: all errors at once, with line, path, what was found and allowed.

Ansible's ArgumentSpecValidator knows no lines, does not list every error of nested data, takes milliseconds for one
service record, and expands `~` and `$VAR` on the controller. So this module walks the same options itself; a contract
test holds both against each other: what passes here passes there with the same values, what it refuses is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import is_secret
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Plain, Source, Vaulted
from ansible_collections.itops.maintenance.plugins.plugin_utils.spec import Field, Form, Options, compiled, options

__all__ = ["options", "validate"]
NATURAL = frozenset({"vars"})  # free mappings with numbers and booleans; in all others (env, satisfies …) text stays
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "y", "t", "是"), True),
    **dict.fromkeys(("false", "no", "off", "0", "n", "f", "否"), False),
}
_BAD = object()

Path_ = tuple[str | int, ...]


def validate(options: Options, source: Source, label_section: str) -> tuple[dict[str, Any], list[Problem]]:
    """The file's data with ids for labels, defaults filled in, absent keys left out; and all problems of its content.

    `source.problems` (syntax) are not repeated. The data is only fit for use where no problem is an error.
    """
    walk = _Walk(source, label_section)
    if source.tree is None:
        if not source.problems:
            walk.problem((), "the file is empty", allowed=_some(options))
        return {}, walk.problems
    if type(source.tree) is not dict:
        walk.problem((), "not a mapping", allowed=_some(options))
        return {}, walk.problems
    return walk.mapping(compiled(options, label_section), source.tree, ()), walk.problems


class _Walk:
    """One pass over one file."""

    def __init__(self, src: Source, section: str):
        self.source = src
        self.section = section
        self.problems: list[Problem] = []

    def problem(self, path: Path_, message: str, found: Any = "", allowed: str = "", remedy: str = "") -> None:
        shown = "«redacted»" if found and any(is_secret(str(p)) for p in path) else shorten(found)
        dotted = source.dotted(path)
        self.problems.append(Problem(self.source.file, self.source.line(path), dotted, message, shown, allowed, remedy=remedy))

    def mapping(self, form: Form, raw: Mapping[str, Any], path: Path_) -> dict[str, Any]:
        """Order as in the schema, so that what is rendered or hashed later does not depend on the author's order."""
        result: dict[str, Any] = {}
        for name in raw.keys() - form.fields.keys():
            self.unknown(form, name, path)
        for name, spec in form.fields.items():
            value = raw.get(name)
            given = value is not None and not _null(value)
            value = self.value(spec, spec.kind, value, (*path, name)) if given else self.absent(spec, name in raw, path)
            if value is not _BAD:
                result[name] = value
        if form.rules:
            self.rules(form, raw, result, path)
        return result

    def absent(self, spec: Field, named: bool, path: Path_) -> Any:
        if spec.required:
            self.problem((*path, spec.name), "missing", allowed=spec.allowed or f"a value ({spec.kind})")
        if spec.default is None:
            return {} if named and spec.kind == "dict" and (not spec.form or spec.form.may_be_empty) else _BAD
        if spec.form and spec.kind == "dict":
            return self.mapping(spec.form, spec.default, (*path, spec.name))
        return list(spec.default) if type(spec.default) is list else dict(spec.default) if type(spec.default) is dict else spec.default

    def value(self, spec: Field, kind: str, raw: Any, path: Path_) -> Any:
        if kind == "list":
            if type(raw) is not list and (type(raw) is dict or spec.elements == "dict"):
                return self.wrong(path, "a list", raw)
            return self.items(spec, raw if type(raw) is list else [raw], path)
        if kind == "dict":
            if type(raw) is not dict:
                return self.wrong(path, "a mapping", raw)
            if spec.form is None:
                return source.natural(raw) if spec.name in NATURAL else source.texts(raw)
            return self.mapping(spec.form, raw, path)
        if kind == "raw":
            return source.natural(raw)
        return self.scalar(spec, kind, raw, path)

    def items(self, spec: Field, raw: list[Any], path: Path_) -> list[Any]:
        values: list[Any] = []
        for index, item in enumerate(raw):
            if _null(item):
                self.problem((*path, index), "empty entry", allowed=spec.allowed)
                continue
            value = self.value(spec, spec.elements, item, (*path, index))
            if spec.words and value in values:
                self.problem((*path, index), "stands twice", value)
            elif value is not _BAD:
                values.append(value)
        return values

    def scalar(self, spec: Field, kind: str, raw: Any, path: Path_) -> Any:
        if type(raw) is dict or type(raw) is list:
            return self.wrong(
                path,
                spec.allowed or {"str": "text", "int": "a whole number", "bool": "true or false"}.get(kind, kind),
                raw,
            )
        if spec.words:
            known = spec.words.get(raw.strip().casefold())
            return known if known is not None else self.wrong(path, spec.allowed, raw)
        if kind == "str":
            return str(raw) if type(raw) is Plain else raw
        if type(raw) is Vaulted:
            return self.wrong(path, f"a value that is not vaulted ({kind})", raw)
        return self.number(kind, raw.strip(), path)

    def number(self, kind: str, text: str, path: Path_) -> Any:
        if kind == "bool":
            return BOOLEANS[text.casefold()] if text.casefold() in BOOLEANS else self.wrong(path, "true or false", text)
        if kind == "float":
            try:
                return float(text)
            except ValueError:
                return self.wrong(path, "a number", text)
        if INTEGER.fullmatch(text):
            return int(text.replace("_", ""))
        return self.wrong(path, "a whole number" + (" without a leading zero" if text.lstrip("-+").isdigit() else ""), text)

    def wrong(self, path: Path_, allowed: str, raw: Any) -> Any:
        self.problem(path, "not allowed" if "(" in allowed or "," in allowed else f"not {allowed}", raw, allowed)
        return _BAD

    def unknown(self, form: Form, name: str, path: Path_) -> None:
        """Nearest known key; a Chinese label that names a field is answered with that field's key."""
        by_label = labels.to_id(self.section, ".".join([*(p for p in path if isinstance(p, str)), name])) or labels.to_id(self.section, name) or ""
        near = [by_label.rpartition(".")[2]] if by_label.rpartition(".")[2] in form.fields else get_close_matches(name, form.fields, 1, 0.6)
        remedy = f"write {near[0]}" if near else ""
        message = "unknown key" if name.isascii() else "keys are English (values may be Chinese)"
        self.problem((*path, name), message, name, ", ".join(form.fields), remedy)

    def rules(self, form: Form, raw: Mapping[str, Any], result: Mapping[str, Any], path: Path_) -> None:
        given = [n for n in form.fields if n in result and n in raw]
        given += [n for n in raw if n in form.fields and n not in given and not _null(raw[n])]  # wrong, but there
        for message, found, allowed in _broken(form.rules, given, result):
            self.problem(path, message, found, allowed)


def _null(value: Any) -> bool:
    return type(value) is Plain and value.lower() in ("", "~", "null")


def _broken(rules: Mapping[str, Any], given: list[str], result: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for group in rules.get("mutually_exclusive", ()):
        both = [n for n in given if n in group]
        if len(both) > 1:
            yield "only one of these may be given", ", ".join(both), ", ".join(group)
    for group in rules.get("required_one_of", ()):
        if not set(group) & set(given):
            yield "one of these is needed", "", ", ".join(group)
    for key, wanted, needed, *any_ in rules.get("required_if", ()):
        missing = [n for n in needed if n not in given]
        if result.get(key) == wanted and (len(missing) == len(needed) if any_ and any_[0] else missing):
            yield (
                f"{key} {wanted} needs {' or '.join(needed) if any_ and any_[0] else ', '.join(missing)}",
                "",
                ", ".join(needed),
            )
    for key, needed in rules.get("required_by", {}).items():
        if key in given and not set(needed) <= set(given):
            yield f"{key} has a meaning only with {', '.join(needed)}", key, ""


def shorten(value: Any, width: int = 80) -> str:
    """A value as a message shows it: one line, never a vaulted one."""
    if isinstance(value, Vaulted):
        return "!vault …"
    text = " ".join(str(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _some(options: Options) -> str:
    return "a mapping with " + ", ".join(options)
