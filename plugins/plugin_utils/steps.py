# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step or check of a plan, made ready for the host: its type, what is shown of it, and its arguments."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import error_rate
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import Values

TYPES = ("command", "service", "release", "files", "archive", "restore", "revert", "check", "packages", "tasks")
SLOW_ROAD = ("packages", "tasks")  # done by Ansible itself, not inside the host transaction
COMMAND_TIMEOUT = 300  # seconds
SYSTEMD_VERBS = {"stopped": "stop", "started": "start", "restarted": "restart", "reloaded": "reload"}

Data = Mapping[str, Any]


def type_of(step: Data) -> str:
    """The one type key of a step (the schema has proved that there is exactly one)."""
    return next(name for name in TYPES if step.get(name) is not None)


def slow(step: Data) -> bool:
    """Whether Ansible has to do this step with tasks of its own."""
    return type_of(step) in SLOW_ROAD


def compiled(step: Data, phase: str, seq: int, service: Data, values: Values) -> dict[str, Any]:
    """The step as the host executes it. Raises UnknownPlaceholder."""
    kind = type_of(step)
    args = _args(step, kind, service)
    return {
        "id": step["id"],
        "seq": seq,
        "phase": phase,
        "kind": step["kind"],
        "title": step.get("title") or display(kind, args),
        "type": kind,
        "display": values.show(display(kind, args)),
        "run_as": values.fill(step.get("run_as") or ""),
        "timeout": step.get("timeout") or COMMAND_TIMEOUT,
        "expect": values.fill(step.get("expect") or {}),
        "args": values.fill(args),
    }


def compiled_check(check: Data, phase: str, when: str, seq: int, service: Data, values: Values) -> dict[str, Any]:
    """A check as a step; the same code judges it before, after and after a rollback (`when`)."""
    args = {key: value for key, value in check.items() if value is not None and key not in ("id", "title", "when")}
    if check["type"] == "service":
        args["control"] = args.get("control") or service.get("control") or {}
    return {
        "id": f"{when}-{check['id']}",
        "seq": seq,
        "phase": phase,
        "kind": when,
        "title": check.get("title") or check_display(check),
        "type": "check",
        "display": values.show(check_display(check)),
        "run_as": values.fill(check.get("run_as") or ""),
        "timeout": check_limit(check),
        "expect": values.fill(check.get("expect") or {}),
        "args": values.fill(args),
    }


def internal(kind: str, phase: str, seq: int, title: str, **args: Any) -> dict[str, Any]:
    """A step the house adds by itself: space, archive, offsite, prune, fingerprint …"""
    journal = f"journalctl -u {args['unit']}" if args.get("unit") else "journalctl -p warning"
    told = {"archive": "backup", "offsite": f"copy to {args.get('destination')}", "prune": f"prune {args.get('dest')}", "journal_extract": journal}
    return {
        "id": f"{phase}-{kind}",
        "seq": seq,
        "phase": phase,
        "kind": phase,
        "title": title,
        "type": kind,
        "display": told.get(kind, kind),
        "run_as": "",
        "timeout": args.pop("timeout", 3600),
        "expect": {},
        "args": args,
    }


def check_limit(check: Data) -> int:
    """Seconds a check may take with all its tries."""
    tries = int(check.get("retries") or 0) + 1
    looks = error_rate.longest(check) if check.get("type") == error_rate.TYPE else 0
    return tries * int(check.get("timeout") or 10) + (tries - 1) * int(check.get("delay") or 1) + 5 + looks


def display(kind: str, args: Data) -> str:
    """The command a person would type for this step, as the seed's `[用户@服务名称]#` line wants it."""
    if kind == "command":
        text = str(args["command"])
        return " ".join([text, *map(shlex.quote, map(str, args.get("args") or []))])
    if kind == "service":
        return service_display(args)
    shown = {
        "release": lambda: f"release {args.get('file')} -> {args.get('dest')}/{args.get('link') or 'current'}",
        "files": lambda: "; ".join(f"install {i.get('file') or i.get('src') or 'text'} {i['dest']}" for i in args["items"]),
        "archive": lambda: f"archive {' '.join(args.get('paths') or [])}",
        "restore": lambda: "restore from the backup's manifest",
        "revert": lambda: "revert releases and files",
        "check": lambda: check_display(args),
        "packages": lambda: f"{args.get('provider')} install " + " ".join("=".join(filter(None, (p["name"], p.get("version")))) for p in args["names"]),
        "tasks": lambda: f"tasks {args['file']}",
    }
    return str(shown[kind]())  # type: ignore[no-untyped-call] # lambdas carry no types


def service_display(args: Data) -> str:
    """The command that brings the service into the state that is asked for."""
    return control_command(args, SYSTEMD_VERBS[args["state"]])


def control_command(args: Data, verb: str) -> str:
    """systemctl, supervisorctl or the service's own command for start, stop, restart, reload or status; of those the bare verb where it has none."""
    control = args.get("control") or {}
    unit = control.get("unit") or args.get("name") or ""
    if control.get("provider") == "supervisor":
        config = f" -c {control['config']}" if control.get("config") else ""
        return f"supervisorctl{config} {verb} {unit}"
    if control.get("provider") == "command":
        return str((control.get("commands") or {}).get(verb) or verb)
    return f"systemctl {verb} {unit}"


def check_display(check: Data) -> str:
    """A check in one line."""
    what = {
        "http": lambda: f"http {check.get('url')} = {check.get('status') or 200}",
        "port": lambda: f"port {check.get('host') or '127.0.0.1'}:{check.get('port')} {check.get('state') or 'open'}",
        "service": lambda: f"service {check.get('state') or 'running'}",
        "process": lambda: f"process {check.get('pattern')}",
        "version": lambda: f"version {check.get('command')} = {check.get('equals') or check.get('matches')}",
        "command": lambda: str(check.get("command")),
        "file": lambda: f"file {check.get('path')}",
        "log": lambda: f"log {check.get('path') or check.get('unit')} without new {check.get('pattern')}",
        "error_rate": lambda: error_rate.display(check),
        "manual": lambda: str(check.get("question")),
    }
    return what[check["type"]]()


def _args(step: Data, kind: str, service: Data) -> dict[str, Any]:
    value = step[kind]
    if kind == "command":
        return {"command": value, **{k: step[k] for k in ("args", "chdir", "env", "shell") if step.get(k) is not None}}
    if kind == "files":
        return {"items": [dict(item) for item in value]}
    if kind == "tasks":
        return {"file": value}
    args = {k: v for k, v in dict(value).items() if v is not None}
    if kind == "service":
        args["control"] = {**(service.get("control") or {}), **(args.get("control") or {})}
    if kind == "check" and args.get("type") == "service":
        args["control"] = args.get("control") or service.get("control") or {}
    return args
