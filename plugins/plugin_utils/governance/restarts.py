# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps restart or stop a machine or a service: read from command lines and task files, as far as they can be read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import source

CARRIERS = (
    "sudo", "doas", "su", "nohup", "setsid", "env", "nice", "ionice", "timeout", "exec", "time", "command", "stdbuf", "chroot", "xargs", "ssh", "nsenter",
    "systemd-run", "sh", "bash", "dash", "ash", "ksh", "zsh", "eval",
)  # fmt: skip
MACHINE = ("reboot", "poweroff", "halt")  # programs, and verbs of systemctl
SYSTEMCTL = (*MACHINE, "kexec", "soft-reboot", "isolate", "reboot.target", "poweroff.target")
SHUTDOWN_HARMLESS = ("-c", "-k", "--show")  # cancel, only warn, only show
STOPPING = ("stop", "restart", "try-restart", "reload-or-restart", "condrestart", "kill", "down")  # of a service
CONTROLS = ("systemctl", "supervisorctl", "docker", "podman", "docker-compose", "kubectl", "pm2")
SEPARATORS = re.compile(r"[;\n]|&&?|\|\|?|\$\(|[()`{}]")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
COLLECTIONS = ("", "ansible.builtin.", "ansible.legacy.")
REBOOTS = {*(f"{c}reboot" for c in COLLECTIONS), "ansible.windows.win_reboot", "community.general.shutdown"}
COMMANDS = {f"{c}{name}" for c in COLLECTIONS for name in ("command", "shell", "raw", "script")}
INCLUDES = {f"{c}{name}" for c in COLLECTIONS for name in ("include_tasks", "import_tasks")}
ROLES = {f"{c}{name}" for c in COLLECTIONS for name in ("include_role", "import_role")}

Data = Mapping[str, Any]


def of_machine(line: str) -> bool:
    """Whether this command line restarts or switches off the machine."""
    return "/proc/sysrq-trigger" in line or any(_machine(words) for words in _simple(line))


def of_service(line: str) -> bool:
    """Whether this command line stops or restarts a service or a container."""
    return any(_service(words) for words in _simple(line))


def command_line(step: Data) -> str:
    """The command of a step with its arguments; "" where it has none."""
    return " ".join([str(step["command"]), *(shlex.quote(str(a)) for a in step.get("args") or [])]) if step.get("command") else ""


def in_tasks(path: Path, seen: tuple[Path, ...] = ()) -> str:
    """Why this file of tasks may restart a machine: where it does, or what of it cannot be read; "" where it surely does not."""
    path = path.resolve()
    if path in seen:
        return ""
    loaded = source.load(path)
    if loaded.problems or not isinstance(loaded.data, list):
        return f"{path.name} cannot be read"
    return next((why for task in _tasks(loaded.data) for why in _task(task, path, (*seen, path)) if why), "")


def _tasks(items: Any) -> Iterator[Data]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield item
            for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
                yield from _tasks(item.get(part))


def _task(task: Data, path: Path, seen: tuple[Path, ...]) -> Iterator[str]:
    for name, value in {**task, **_old_form(task)}.items():
        if name in REBOOTS:
            yield f"{path.name}: {name}"
        elif name in ROLES:
            yield f"{path.name}: {name}, which is not looked into"
        elif name in COMMANDS and of_machine(_line(value)):
            yield f"{path.name}: {_line(value)}"
        elif name in INCLUDES:
            file = str(value.get("file") if isinstance(value, dict) else value)
            yield f"{path.name}: {name} {file}, known only when it runs" if "{{" in file else in_tasks(path.parent / file, seen)


def _old_form(task: Data) -> Data:
    """`action: reboot` and `local_action: …` as the module they name."""
    found: dict[str, Any] = {}
    for name in ("action", "local_action"):
        value = task.get(name)
        if isinstance(value, dict):
            found[str(value.get("module"))] = value
        elif value:
            module, _gap, rest = str(value).partition(" ")
            found[module] = rest
    return found


def _line(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("cmd") or value.get("_raw_params") or value.get("argv") or ""
    return " ".join(map(shlex.quote, map(str, value))) if isinstance(value, list) else str(value)


def _simple(line: str, depth: int = 3) -> Iterator[list[str]]:
    """Whatever may be a simple command in this line: each part of it, and all that a carrier such as sudo or `sh -c` may carry."""
    for part in (line, *SEPARATORS.split(line)):
        words = _words(part)
        while words and ASSIGNMENT.match(words[0]):
            words = words[1:]
        if words and PurePosixPath(words[0]).name in CARRIERS:
            yield from (words[start:] for start in range(1, len(words)))
            for word in words[1:] if depth else ():
                yield from _simple(word, depth - 1)
        elif words:
            yield words


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.replace('"', " ").replace("'", " ").split()


def _machine(words: list[str]) -> bool:
    program, rest = PurePosixPath(words[0]).name, words[1:]
    if program == "systemctl":
        return any(word in SYSTEMCTL for word in rest)
    if program in ("init", "telinit"):
        return any(word in ("0", "6") for word in rest)
    if program == "shutdown":
        return not any(word in SHUTDOWN_HARMLESS for word in rest)
    return program in MACHINE or (program == "kexec" and "-e" in rest)


def _service(words: list[str]) -> bool:
    program, rest = PurePosixPath(words[0]).name, words[1:]
    if program in CONTROLS:
        return any(word in STOPPING for word in rest)
    return (program == "service" or "init.d" in words[0]) and any(word in STOPPING for word in rest)
