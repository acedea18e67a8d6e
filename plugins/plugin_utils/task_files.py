# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the task files of a plan take from elsewhere: variables in Jinja, roles, other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import binding, source
from jinja2 import Environment, TemplateError, nodes

CONDITIONS = ("when", "changed_when", "failed_when", "until", "that", "var")  # expressions without braces
OF_ANSIBLE = ("ansible_", "inventory_hostname", "group_names", "groups", "playbook_dir", "role_", "play_hosts", "omit", "change")
ANY = ("vars", "hostvars")  # all variables at once, each by a name that may be made up in the run
_FORMS = ("", "ansible.builtin.", "ansible.legacy.")
ROLES = {f"{form}{name}" for form in _FORMS for name in ("include_role", "import_role")}
INCLUDES = {f"{form}{name}" for form in _FORMS for name in ("include_tasks", "import_tasks", "include_vars")}
LOOKUPS = ("lookup", "query", "q")
JINJA = Environment(autoescape=True)


def faults(folder: Path, named: str) -> Iterator[tuple[str, str, str]]:
    """Message, found and allowed for what is wrong with a task file that a step names."""
    if not (folder / named).is_file():
        yield "no such task file", named, "a path from the folder of the changes"
    for hidden in _unbound(folder / named):
        yield "nobody can decide on what is only known in the run", hidden, "tasks, and include_tasks of files with plain names"


def _unbound(path: Path) -> Iterator[str]:
    """What it takes from where nobody can see it beforehand: roles, files and variables whose names are only known in the run."""
    for file in binding.with_named([path]):
        for task in _mappings(source.load(file).data if file.suffix in binding.YAML else None):
            yield from (f"{file.name}: {name}" for name in task if name in ROLES)
            yield from (f"{file.name}: {name} {task[name]}" for name in task if name in INCLUDES and "{{" in str(task[name]))
        yield from (f"{file.name}: {name}" for name in ANY if name in _names(file))


def variables(files: Iterable[Path]) -> set[str]:
    """Names these task files, and every file they name, speak of in Jinja; those Ansible itself sets are left out."""
    return {name for path in binding.with_named(files) for name in _names(path) if not name.startswith(OF_ANSIBLE)}


def _names(path: Path) -> set[str]:
    """Of one file; `vars` also where a lookup asks for variables by name."""
    return set(_of_tasks(source.load(path).data) if path.suffix in binding.YAML else _of_text(_read(path)))


def _of_tasks(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _of_tasks(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _of_tasks(item, key)
    elif isinstance(value, str):
        yield from _of_text(f"{{{{ {value} }}}}" if key in CONDITIONS and "{{" not in value else value)


def _of_text(text: str) -> Iterator[str]:
    """Names, also those a loop sets itself: too many only matters where the inventory has one of the same name."""
    if "{{" not in text and "{%" not in text:
        return
    try:
        tree = JINJA.parse(text)
    except TemplateError:  # no template after all, or one that Ansible will refuse
        return
    yield from (node.name for node in tree.find_all(nodes.Name))
    for call in tree.find_all(nodes.Call):
        first = call.args[0] if call.args else None
        if isinstance(call.node, nodes.Name) and call.node.name in LOOKUPS and not (isinstance(first, nodes.Const) and "vars" not in str(first.value)):
            yield ANY[0]


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _mappings(item)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
