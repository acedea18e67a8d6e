# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this project asks of its own files. Looks at what is tracked by git, so that drafts are left in peace."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from itops_cli.main import COMMANDS, cli

REPO = Path(__file__).resolve().parents[2]
HEADER = """# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
MODULE_LINES, PLAYBOOK_LINES, TASK_FILE_LINES = 300, 40, 80
HOMES = ("work", "root", "home", "Users")  # first folders that only some machines have
BANNED = ("run_once", "ignore_errors")  # in roles and playbooks; docs say why


def tracked(*patterns: str) -> list[Path]:
    """Tracked files that are still there; links left out, they stand for something that is looked at itself."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=REPO, capture_output=True, text=True, check=True).stdout
    paths = [REPO / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


def name(path: Path) -> str:
    return str(path.relative_to(REPO))


def longer(paths: list[Path], limit: int) -> list[str]:
    assert paths
    return [f"{name(path)}: {lines}" for path in paths if (lines := len(text(path).splitlines())) > limit]


def test_every_python_file_says_whose_it_is() -> None:
    bare = [path for path in tracked("*.py") if text(path) and not text(path).removeprefix("#!/usr/bin/python\n").startswith(HEADER)]
    assert [name(path) for path in bare] == []


def test_every_module_says_what_it_is_for() -> None:
    """A docstring, or the DOCUMENTATION of an Ansible module."""
    silent = [path for path in tracked("*.py") if text(path) and not ast.get_docstring(ast.parse(text(path)))]
    assert [name(path) for path in silent if "\nDOCUMENTATION = " not in text(path)] == []


def test_modules_are_short() -> None:
    assert longer([path for path in tracked("*.py") if not name(path).startswith("tests/")], MODULE_LINES) == []


def test_playbooks_are_short() -> None:
    assert longer(tracked(":(glob)playbooks/*.yml"), PLAYBOOK_LINES) == []


def test_task_files_are_short() -> None:
    assert longer(tracked(":(glob)roles/*/tasks/**/*.yml", ":(glob)playbooks/tasks/*.yml"), TASK_FILE_LINES) == []


def test_every_entry_point_of_a_role_has_an_argument_spec() -> None:
    """An entry point is a task file that can be used from outside; those of a provider lie in its folder."""
    entries = tracked(":(glob)roles/*/tasks/*.yml")
    assert entries
    missing = [name(path) for path in entries if path.stem not in argument_specs(path.parents[1])]
    assert missing == []


def argument_specs(role: Path) -> dict[str, object]:
    specs: dict[str, object] = yaml.safe_load((role / "meta/argument_specs.yml").read_text("utf-8"))["argument_specs"]
    return specs


def test_providers_of_a_phase_have_the_same_files() -> None:
    """A provider is a folder of identically named task files; every one of the packages' providers has all verbs."""
    for role in sorted((REPO / "roles").iterdir()):
        packages = [role / "tasks" / provider for provider in ("apt", "dnf") if (role / "tasks" / provider).is_dir()]
        assert len({tuple(sorted(path.name for path in folder.iterdir())) for folder in packages}) <= 1, role.name


def test_roles_and_playbooks_keep_off_what_loses_hosts() -> None:
    found = [
        f"{name(path)}: {word}"
        for path in tracked(":(glob)roles/*/tasks/**/*.yml", ":(glob)playbooks/**/*.yml")
        for word in BANNED
        if re.search(rf"^\s*(- )?{word}:", text(path), re.MULTILINE)
    ]
    assert found == []


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    context = click.Context(group)
    for sub in group.list_commands(context):
        command = group.get_command(context, sub)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, sub))
        else:
            yield (*words, sub)


def test_every_command_has_help_with_an_example() -> None:
    found = list(commands(cli))
    assert len(found) > len(COMMANDS)
    results = {words: CliRunner().invoke(cli, [*words, "--help"]) for words in found}
    assert [words for words, result in results.items() if result.exit_code or f"Example: itops {' '.join(words)}".rstrip() not in result.output] == []


def test_no_path_of_a_machine_in_the_tree() -> None:
    homes = re.compile(rf"(?<![\w.%}}~-])/(?:{'|'.join(HOMES)})/\w")
    found = [
        f"{name(path)}:{number}"
        for path in tracked(".")
        for number, line in enumerate(text(path).splitlines(), 1)
        if homes.search(line) or str(REPO) + "/" in line
    ]
    assert found == []


@pytest.mark.parametrize("made", [".venv", "records", "staging", "facts", ".demo", "dist", ".itops-cache"])
def test_what_is_made_is_not_tracked(made: str) -> None:
    assert tracked(made) == []
    assert subprocess.run(["git", "check-ignore", "-q", f"{made}/x"], cwd=REPO, check=False).returncode == 0
