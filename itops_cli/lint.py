# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops lint`: everything wrong in the workspace's records, changes and documents, at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, change, policy, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors

from itops_cli.output import emit, format_option

BAD_INPUT = 2


@click.command("lint")
@format_option
@click.option("--quiet", "-q", is_flag=True, help="Errors only, no warnings.")
def command(fmt: str, quiet: bool) -> int:
    """Check the people, the service records, the changes and the properties of the documents; nothing is changed.

    Ends with 0 when there is no error (warnings are allowed), else with 2.

    Example: itops lint --format json
    """
    ws = workspace.find()
    found = catalogue.load(ws)
    problems = sorted([*found.problems, *policy.read(ws)[1], *_changes(ws, found), *rules.lint(ws, found)])
    shown = [relative(problem) for problem in (errors(problems) if quiet else problems)]
    emit(_data(found, shown), fmt, lambda: _text(found, shown))
    return BAD_INPUT if errors(problems) else 0


def _changes(ws: workspace.Workspace, found: Catalogue) -> list[Problem]:
    """A change refers to services and people. Without anybody in people.yml every reference would look wrong."""
    return change.lint(ws, {**found.partial, **found.services}, found.people) if found.people else []


def relative(problem: Problem) -> Problem:
    """The file as seen from where the operator stands."""
    here = Path.cwd()
    path = Path(problem.file)
    return replace(problem, file=str(path.relative_to(here))) if path.is_relative_to(here) else problem


def _data(found: Catalogue, problems: list[Problem]) -> dict[str, Any]:
    bad = errors(problems)
    return {
        "services": len(found.services),
        "people": len(found.people),
        "errors": len(bad),
        "warnings": len(problems) - len(bad),
        "problems": [problem.as_dict() for problem in problems],
    }


def _text(found: Catalogue, problems: list[Problem]) -> str:
    bad = len(errors(problems))
    result = f"{count(bad, 'error')}, {count(len(problems) - bad, 'warning')}"
    return "\n\n".join([*blocks(problems), f"{len(found.services)} clean services, {len(found.people)} people: {result}"])


def blocks(problems: Iterable[Problem]) -> list[str]:
    """File by file; per problem one line to jump to, then what was found, what is allowed and what to do."""
    return ["\n".join(_lines(group)) for _file, group in groupby(problems, key=lambda p: p.file)]


def _lines(problems: Iterable[Problem]) -> Iterable[str]:
    for problem in problems:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        yield f"{where}: {problem.severity}: {problem.path + ': ' if problem.path else ''}{problem.message}"
        for label, value in (("found", problem.found), ("allowed", problem.allowed), ("do", problem.remedy)):
            if value:
                yield f"    {label + ':':8} {value}"


def count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
