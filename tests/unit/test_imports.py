# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom (docs: architecture): read from the source, whether or not a line is ever executed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.itops.maintenance.plugins"
ANSIBLE_BRINGS = {"jinja2", "yaml", "cryptography"}  # ansible-core's own requirements; requirements.txt says so
MAY_USE_ANSIBLE = "action_base.py"  # of plugin_utils
IMPORT_NAMES = {
    "markdown-it-py": "markdown_it",
    "prometheus-client": "prometheus_client",
    "python-dateutil": "dateutil",
    "pyyaml": "yaml",
    "ansible-runner": "ansible_runner",
    "ansible-core": "ansible",
}  # package -> module, where they differ
# One file of the collection may ask for a library that its requirements do not name: records in PostgreSQL are a choice, and without
# the library it says how to get it. It is an extra of the wheel, and imported inside functions only.
OPTIONAL = {"plugins/plugin_utils/store/database.py": "psycopg"}
ON_THE_TARGET = ("module_utils", "modules")


def files(folder: str) -> list[Path]:
    found = sorted(path for path in (REPO / folder).rglob("*.py"))
    assert found, folder
    return found


def imported(path: Path) -> Iterator[str]:
    """Absolute names of everything imported anywhere in this file; a relative import becomes the package's own name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                yield f"{COLLECTION}.{path.parent.name}" if path.is_relative_to(REPO / "plugins") else "itops_cli"
            else:
                yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong(folder: str, allowed: re.Pattern[str], except_for: str = "") -> list[str]:
    """What a folder imports that is neither the standard library nor allowed."""
    return [
        f"{path.relative_to(REPO)}: {name}"
        for path in files(folder)
        if path.name != except_for
        for name in imported(path)
        if name.partition(".")[0] != OPTIONAL.get(str(path.relative_to(REPO)))
        and name.partition(".")[0] not in sys.stdlib_module_names
        and not allowed.match(name)
    ]


def requirements(lines: list[str]) -> dict[str, str]:
    """Module name -> the versions asked for."""
    parts = [re.fullmatch(r"([\w.-]+)(.*)", line) for line in lines if line and not line.startswith("#")]
    return {IMPORT_NAMES.get(part[1], part[1]): part[2] for part in parts if part}


def required() -> dict[str, str]:
    """By the collection."""
    return requirements((REPO / "requirements.txt").read_text("utf-8").splitlines())


def depended_on() -> dict[str, str]:
    """By the wheel, extras left out."""
    return requirements(tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"])


def pattern(*names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(map(re.escape, names))})(?:\.|$)")


def test_module_utils_need_the_standard_library_only() -> None:
    assert wrong("plugins/module_utils", pattern(f"{COLLECTION}.module_utils")) == []


def test_modules_use_module_utils_only() -> None:
    assert wrong("plugins/modules", pattern(f"{COLLECTION}.module_utils", "ansible.module_utils")) == []


def test_plugin_utils_stand_on_their_own() -> None:
    own = pattern(f"{COLLECTION}.plugin_utils", f"{COLLECTION}.module_utils", *ANSIBLE_BRINGS, *required())
    assert wrong("plugins/plugin_utils", own, MAY_USE_ANSIBLE) == []


@pytest.mark.parametrize("kind", sorted(p.name for p in (REPO / "plugins").iterdir() if p.is_dir() and p.name not in (*ON_THE_TARGET, "plugin_utils")))
def test_plugins_are_thin_around_plugin_utils(kind: str) -> None:
    """No plugin imports another one, nor the command line."""
    allowed = pattern("ansible", f"{COLLECTION}.plugin_utils", f"{COLLECTION}.module_utils", *ANSIBLE_BRINGS, *required())
    assert wrong(f"plugins/{kind}", allowed) == []


def test_all_of_the_collection_imports_only_what_its_requirements_name() -> None:
    assert wrong("plugins", pattern("ansible", COLLECTION, *ANSIBLE_BRINGS, *required())) == []


def test_the_command_line_never_loads_ansible() -> None:
    found = [name for path in files("itops_cli") for name in imported(path)]
    assert not [name for name in found if re.match(r"ansible(\.|$)", name)]
    ours = [name for name in found if name.startswith("ansible_collections.") and not name.startswith(f"{COLLECTION}.plugin_utils")]
    assert [name for name in ours if name != "ansible_collections.itops.maintenance"] == []  # the package itself: where does it lie?


def folders_of_the_command_line() -> dict[str, set[str]]:
    """Which folder of it imports from which other ones, late imports too; its top is the folder ''."""
    top = REPO / "itops_cli"
    uses: dict[str, set[str]] = defaultdict(set)
    for path in files("itops_cli"):
        own = path.relative_to(top).parts[0] if path.parent != top else ""
        parts = [name.split(".") for name in imported(path) if name.startswith("itops_cli.")]
        uses[own] |= {part[1] if (top / part[1]).is_dir() else "" for part in parts} - {own}
    return uses


def test_folders_of_the_command_line_form_no_circle() -> None:
    uses = folders_of_the_command_line()
    assert "changes" in uses["records"]
    TopologicalSorter(uses).prepare()  # raises an error that names the circle


def test_what_all_commands_share_knows_none_of_their_folders() -> None:
    """main.py names them as text, and imports the one that is asked for."""
    assert folders_of_the_command_line()[""] == set()


def test_the_wheel_depends_on_what_its_code_imports() -> None:
    allowed = pattern("ansible_collections.itops.maintenance", "itops_cli", *depended_on())
    assert wrong("plugins", allowed) + wrong("itops_cli", allowed) == []


def test_collection_and_wheel_ask_for_the_same_versions() -> None:
    assert required().items() <= depended_on().items()


@pytest.mark.parametrize("folder", ON_THE_TARGET)
def test_the_target_side_is_python_3_8(folder: str) -> None:
    for path in files(f"plugins/{folder}"):
        ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 8))


@pytest.mark.parametrize(("path", "library"), OPTIONAL.items())
def test_what_is_optional_is_an_extra_and_imported_late(path: str, library: str) -> None:
    at_once = [node for node in ast.parse((REPO / path).read_text("utf-8")).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert library not in ast.dump(ast.Module(at_once, []))
    extras = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert any(line.startswith(library) for lines in extras.values() for line in lines)
