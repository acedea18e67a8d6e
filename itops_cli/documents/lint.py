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
from itops_cli.size import Size

Named = tuple[Problem, str]  # with the name of its rule


@click.command("lint")
@click.option("--quiet", "-q", is_flag=True, help="Errors only, no warnings.")
@click.option("--links", is_flag=True, help="Also ask whether the web links of documents and of manual.obtain.url answer.")
@click.option("--digests", is_flag=True, help="As --links, and fetch what has a manual.obtain.sha256, to compare it.")
@click.option("--size-limit", type=Size(), default="1G", show_default=True, help="With --digests, of one file: bytes, or 512M, 8G.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=10.0, show_default=True, metavar="SECONDS", help="With --links: seconds without an answer.")
@format_option
def command(quiet: bool, links: bool, digests: bool, size_limit: int, timeout: float, fmt: str) -> int:
    """Check the documents: properties, ids, people, services, Markdown, links, references, images, empty sections, overdue reviews.

    Nothing is changed, and no other machine is asked without --links or --digests; a proxy is taken from the environment (HTTPS_PROXY).
    Ends with 0 when there is no error (warnings are allowed), else with 2.

    Example: itops docs lint --links --format json
    """
    from itops_cli.documents import library, rules

    lib = library.read(workspace.find())
    found = [(problem, name) for name, rule in rules.RULES.items() for problem in rule(lib)]
    asked = 0
    if links or digests:
        from itops_cli.documents import asking

        asked, answers = asking.problems(lib, digests, size_limit, timeout)
        found += answers
    shown = [(relative(problem), name) for problem, name in sorted(found) if not quiet or problem.severity == "error"]
    bad = len(errors(problem for problem, _name in found))
    emit(_data(len(lib.pages), asked, bad, shown), fmt, lambda: _text(len(lib.pages), asked, bad, shown))
    return BAD_INPUT if bad else 0


def _data(pages: int, asked: int, bad: int, shown: list[Named]) -> dict[str, Any]:
    warnings = sum(problem.severity == "warning" for problem, _name in shown)
    listed = [{"rule": name, **problem.as_dict()} for problem, name in shown]
    return {"documents": pages, "asked": asked, "errors": bad, "warnings": warnings, "problems": listed}


def _text(pages: int, asked: int, bad: int, shown: list[Named]) -> str:
    named = [replace(problem, message=f"{problem.message} [{name}]") for problem, name in shown]
    warnings = sum(problem.severity == "warning" for problem in named)
    links = f", {count(asked, 'link')} asked" if asked else ""
    return "\n\n".join([*blocks(named), f"{count(pages, 'document')}{links}: {count(bad, 'error')}, {count(warnings, 'warning')}"])
