# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the task files of a plan take from elsewhere: variables in Jinja, roles, other files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import binding, jinja_text, named_files
from ansible_collections.itops.maintenance.plugins.plugin_utils.jinja_text import Said

Record = Mapping[str, Any]
CONDITIONS = ("when", "changed_when", "failed_when", "until", "break_when", "that", "var")  # expressions without braces
FORMS = ("", "ansible.builtin.", "ansible.legacy.")
ROLES = {f"{form}{name}" for form in FORMS for name in ("include_role", "import_role")}
INCLUDES = {f"{form}{name}" for form in FORMS for name in ("include_tasks", "import_tasks", "include_vars")}
SENDING = {f"{form}{name}" for form in FORMS for name in ("copy", "template", "script", "unarchive", "assemble")}  # modules that send files of ours to a host
ITEM = re.compile(r"\{\{\s*item(\.\w+)*\s*\}\}")
PLAIN = "tasks, and files with plain names beside them"


def of_change(data: Record, services: Mapping[str, Record], folder: Path) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
    """Path, message, found and allowed for those of a plan and of its services' fail-over; all lie in the folder of the changes."""
    for index, step in enumerate(data["plan"]["steps"]):
        yield from ((("plan", "steps", index, "tasks"), *fault) for fault in (faults(folder, step["tasks"]) if step.get("tasks") else ()))
    for index, sid in enumerate(data["service"]):
        named = [step["tasks"] for step in binding.failover_steps(services.get(sid, {})) if step.get("tasks")]
        yield from ((("service", index), f"its fail-over: {message}", found, allowed) for name in named for message, found, allowed in faults(folder, name))


def faults(folder: Path, named: str) -> Iterator[tuple[str, str, str]]:
    """Message, found and allowed for what is wrong with a task file that a step names."""
    if not (folder / named).is_file():
        yield "no such task file", named, "a path from the folder of the changes"
    elif Path(named).suffix not in named_files.YAML:
        yield "not the name of a task file", named, ", ".join(named_files.YAML)
    for hidden in _unbound(folder / named):
        yield "nobody can decide on what is only known in the run", hidden, PLAIN


def variables(files: Iterable[Path]) -> set[str]:
    """Names these task files, and every file they name, speak of in Jinja."""
    return {name for path in named_files.with_named(files) for name in _said(path).names}


def _unbound(path: Path) -> Iterator[str]:
    """What it takes from where nobody can see it beforehand: roles, files and variables whose names are only known in the run."""
    for file in named_files.with_named([path]):
        for task in _mappings(named_files.data_of(file)):
            yield from (f"{file.name}: {what}" for what in _of_task(task, file.parent))
        yield from (f"{file.name}: {what}" for what in sorted(_said(file).hidden))


def _of_task(task: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """What one task, or whatever else this mapping is, hides."""
    yield from (name for name in task if name in jinja_text.SIGNS)
    for name, args in _modules(task):
        if name in ROLES or (name not in task and jinja_text.dynamic(name)):
            yield name
        if name in INCLUDES and _unplain(args):
            yield f"{name} {args}"
        if name in SENDING and (source := _source(args)) and _unseen(source, task, folder):
            yield f"{name} {source}"
        kind = name.removeprefix("with_").rpartition(".")[2]
        if name.startswith("with_") and ("var" in kind or (kind in jinja_text.OF_FILES and jinja_text.dynamic(str(args)))):
            yield name


def _modules(task: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys with their values; `action` and `local_action` as the module they stand for."""
    for name, value in task.items():
        if name not in ("action", "local_action"):
            yield name, value
        elif isinstance(value, Mapping):
            yield str(value.get("module", "")), value
        else:
            module, _space, rest = str(value).strip().partition(" ")
            yield module, rest


def _unplain(args: Any) -> bool:
    """Whether an include names no file by its plain name."""
    named = args.get("file", "") if isinstance(args, Mapping) else str(args).split()[0].removeprefix("file=") if str(args).split() else ""
    folder = isinstance(args, Mapping) and "dir" in args
    return jinja_text.dynamic(str(args)) or not (folder or Path(str(named)).suffix in named_files.YAML)


def _source(args: Any) -> str:
    """The file of ours that a module sends, as it is written."""
    if isinstance(args, Mapping):
        return "" if named_files.of_the_host(args) else str(args.get("src") or args.get("cmd") or args.get("_raw_params") or "")
    text = str(args or "")
    return "" if re.search(r"\bremote_src=(true|yes|1)\b", text, re.I) else text


def _unseen(source: str, task: Mapping[str, Any], folder: Path) -> bool:
    """Whether a name is made up in the run, an item of a written list apart, or is that of a folder elsewhere."""
    first = (re.findall(r"(?:^|\s)src=(.*)", source) or [source])[0]
    if ITEM.fullmatch(source):
        loops = [value for name, value in task.items() if name == "loop" or name.startswith("with_")]
        return not loops or jinja_text.dynamic(str(loops))
    if jinja_text.dynamic(first.split(" ", 1)[0]):
        return True
    return any(place.is_dir() and folder.resolve() not in place.resolve().parents for place in [folder / first.split()[0]] if first.split())


def _said(path: Path) -> Said:
    """Of one file: of its texts one by one, as Ansible reads them, and of the whole, as a template."""
    return jinja_text.together([jinja_text.read(named_files.text_of(path)), *_of_texts(named_files.data_of(path))])


def _of_texts(data: Any) -> Iterator[Said]:
    for key, text in named_files.texts(data):
        yield jinja_text.read(text)
        if key in CONDITIONS:
            yield jinja_text.read(f"{{{{ {text} }}}}")


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for item in value.values():
            yield from _mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _mappings(item)
