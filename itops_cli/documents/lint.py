# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs lint`: everything wrong in the documents, at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors

from itops_cli.lint import BAD_INPUT, blocks, count, relative
from itops_cli.output import emit, format_option


@click.command("lint")
@click.option("--quiet", "-q", is_flag=True, help="Errors only, no warnings.")
@format_option
def command(quiet: bool, fmt: str) -> int:
    """Check the documents: properties, ids, people, services, Markdown, links, references, images, empty sections, overdue reviews.

    Nothing is changed. Ends with 0 when there is no error (warnings are allowed), else with 2.

    Example: itops docs lint --format json
    """
    from itops_cli.documents import library, rules

    lib = library.read(workspace.find())
    found = sorted((problem, name) for name, rule in rules.RULES.items() for problem in rule(lib))
    shown = [(relative(problem), name) for problem, name in found if not quiet or problem.severity == "error"]
    bad = len(errors(problem for problem, _name in found))
    emit(_data(len(lib.pages), bad, shown), fmt, lambda: _text(len(lib.pages), bad, shown))
    return BAD_INPUT if bad else 0


def _data(pages: int, bad: int, shown: list[tuple[Problem, str]]) -> dict[str, Any]:
    warnings = sum(problem.severity == "warning" for problem, _name in shown)
    return {"documents": pages, "errors": bad, "warnings": warnings, "problems": [{"rule": name, **problem.as_dict()} for problem, name in shown]}


def _text(pages: int, bad: int, shown: list[tuple[Problem, str]]) -> str:
    named = [replace(problem, message=f"{problem.message} [{name}]") for problem, name in shown]
    warnings = sum(problem.severity == "warning" for problem in named)
    return "\n\n".join([*blocks(named), f"{count(pages, 'document')}: {count(bad, 'error')}, {count(warnings, 'warning')}"])
