# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of the department: one file, people by id, found by every guard (D5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors

Person = Mapping[str, Any]


def load(path: Path) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """People by id, and everything wrong with the file; nobody at all where anything is an error."""
    raw = source.load(path)
    data, problems = schema.validate(schema.options("service", "people"), raw, "people")
    problems = [*raw.problems, *problems]
    if errors(problems):
        return {}, problems
    everyone: list[dict[str, Any]] = data["people"]
    problems += _crossed(raw, everyone)
    return ({} if errors(problems) else {person["id"]: person for person in everyone}), problems


def _crossed(raw: source.Source, everyone: list[dict[str, Any]]) -> Iterator[Problem]:
    ids = [person["id"] for person in everyone]
    for index, person in enumerate(everyone):
        at = ("people", index)
        if person["id"] in ids[:index]:
            yield raw.problem((*at, "id"), "id stands twice", person["id"], "a unique id")
        if not person["id"].strip() or not person["id"].isascii() or person["id"] != person["id"].strip():
            yield raw.problem((*at, "id"), "not an id", person["id"], "ASCII letters, digits, dots and dashes")
        deputy = person.get("deputy")
        if deputy and (deputy not in ids or deputy == person["id"]):
            yield raw.problem((*at, "deputy"), "not somebody else in this file", deputy, ", ".join(ids))


def nearest(person_id: str, people: Mapping[str, Person]) -> str:
    """What a message offers instead of an unknown id."""
    near = get_close_matches(person_id, people, 1, 0.6) or [pid for pid, person in people.items() if person.get("name") == person_id]
    return f"write {near[0]}" if near else "add the person to people.yml"
