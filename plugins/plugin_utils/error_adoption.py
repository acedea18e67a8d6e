# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a completed draft into a service record or policy.yml: checked against the failure it came from, then added line by line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, known_errors, schema, service, source, yaml_append
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Source

KEY = "known_errors"
POLICY_BEGIN = "---\n# The department's rules, for every service.\n"


def read_draft(path: Path) -> dict[str, Any]:
    """{change, event, entry, …} of a draft that a person has completed. Raises BadInput with all that is still to do."""
    raw = source.load(path)
    data = raw.data if isinstance(raw.data, dict) else {}
    problems = [*raw.problems, *_open(raw, data)]
    if problems:
        raise BadInput(problems)
    return data


def _open(raw: Source, data: Mapping[str, Any]) -> Iterator[Problem]:
    entry = data.get("entry")
    if not isinstance(entry, dict) or not isinstance(data.get("event"), int) or not data.get("change"):
        yield raw.problem((), "not a draft of a known error", allowed="change, event, entry", remedy="itops errors draft CHANGE")
        return
    for key in ("type", "pattern"):
        if str(entry.get(key) or known_errors.TO_FILL).startswith(known_errors.TO_FILL):
            yield raw.problem(("entry", key), "still to be filled in", known_errors.TO_FILL, "your words")
    steps = entry.get("steps")
    if not steps or not isinstance(steps, list) or any(str(step).startswith(known_errors.TO_FILL) for step in steps):
        yield raw.problem(("entry", "steps"), "still to be filled in", known_errors.TO_FILL, "what the operator does, one line for each step")
    for _path, message, found, allowed in known_errors.faults([entry], ()):
        yield raw.problem(("entry", "pattern"), message, found, allowed)


def fits(entry: Mapping[str, Any], text: str, file: str) -> None:
    """The entry must name the failure it was drafted from. Raises BadInput."""
    if known_errors.match(known_errors.entries("", {}, {KEY: [entry]}), text) is None:
        shown = text.strip()[:300]
        raise BadInput([Problem(file, 0, "entry.pattern", "does not match the failure it was drafted from", str(entry["pattern"]), f"found in: {shown}",
                                remedy="itops errors test --file …")])  # fmt: skip


def into_service(path: Path, entry: Mapping[str, Any]) -> None:
    """Add the entry to this service's record. Raises BadInput; then nothing is written."""
    _take(path, path.read_bytes().decode("utf-8"), entry, "service")


def into_policy(path: Path, entry: Mapping[str, Any]) -> None:
    """Add the entry to the department's rules, which may not exist yet."""
    _take(path, path.read_bytes().decode("utf-8") if path.exists() else POLICY_BEGIN, entry, "policy")


def _take(path: Path, text: str, entry: Mapping[str, Any], form: str) -> None:
    kept = source.parse(text, str(path)).data or {}
    if any(known.get("pattern") == entry["pattern"] for known in kept.get(KEY) or []):
        raise BadInput([Problem(str(path), 0, KEY, "this pattern is there already", str(entry["pattern"]), "each pattern once")])
    new = yaml_append.append(text, KEY, entry, str(path))
    if bad := errors(_problems(source.parse(new, str(path)), form)):
        raise BadInput(bad)
    place = Path(os.path.realpath(path))  # a link stays a link
    atomic.write(place, new.encode(), mode=place.stat().st_mode & 0o7777 if place.exists() else 0o644)


def _problems(raw: Source, form: str) -> list[Problem]:
    data, problems = schema.validate(schema.options(form), raw, form)
    problems = [*raw.problems, *problems]
    if form == "service":
        return [*problems, *service.check(data, raw, whole=not errors(problems))]
    return [*problems, *(raw.problem(*fault) for fault in known_errors.faults(data.get(KEY) or []))]
