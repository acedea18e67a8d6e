# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service is controlled on this host: systemd, supervisor, or the commands of its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .process import Completed, lines
from .step import Context, StepFailed

RUNNING, STOPPED, CHANGING, BROKEN, UNKNOWN = "running", "stopped", "changing", "broken", "unknown"


@dataclass(frozen=True)
class Status:
    """What the provider says of the service: one of the words above, and its own text."""

    word: str
    text: str


@dataclass(frozen=True)
class Control:
    """One service's provider. `act(verb)` takes start, stop, restart, reload; `why()` tells why it is broken."""

    status: Callable[[], Status]
    act: Callable[[str], Completed]
    why: Callable[[], str]


def control_of(ctx: Context, control: dict[str, Any]) -> Control:
    """Raises StepFailed for a control that cannot work."""
    provider = control.get("provider") or "systemd"
    makers = {"systemd": _systemd, "supervisor": _supervisor, "command": _command}
    if provider not in makers:
        raise StepFailed(f"unknown service control {provider!r}; known are {', '.join(makers)}")
    if provider != "command" and not control.get("unit"):
        raise StepFailed(f"service control {provider} needs a unit")
    return makers[provider](ctx, control)


def _systemd(ctx: Context, control: dict[str, Any]) -> Control:
    unit = str(control["unit"])
    names = ("LoadState", "ActiveState", "SubState", "MainPID", "Result")

    def status() -> Status:
        said = ctx.run(["systemctl", "show", unit, "-p", ",".join(names)], timeout=30)
        if not said.ok:
            return Status(UNKNOWN, said.error or said.output.strip())
        found = dict(line.split("=", 1) for line in lines(said.output) if "=" in line)
        return Status(_systemd_word(found), _systemd_text(unit, found))

    def act(verb: str) -> Completed:
        return ctx.run(["systemctl", verb, unit])

    def why() -> str:
        return ctx.run(["journalctl", "-u", unit, "-n", "20", "--no-pager", "-o", "cat"], timeout=30).output

    return Control(status, act, why)


def _systemd_word(found: dict[str, str]) -> str:
    if found.get("LoadState") == "not-found":
        return UNKNOWN
    words = {"active": RUNNING, "reloading": CHANGING, "inactive": STOPPED, "failed": BROKEN}
    return words.get(found.get("ActiveState", ""), CHANGING)


def _systemd_text(unit: str, found: dict[str, str]) -> str:
    if found.get("LoadState") == "not-found":
        return f"{unit}: no such unit"
    pid = f", pid {found['MainPID']}" if found.get("MainPID", "0") != "0" else ""
    result = f", result {found['Result']}" if found.get("Result", "success") != "success" else ""
    return f"{unit}: {found.get('ActiveState')} ({found.get('SubState')}){pid}{result}"


def _supervisor(ctx: Context, control: dict[str, Any]) -> Control:
    unit = str(control["unit"])
    base = [str(control.get("supervisorctl") or "supervisorctl")]
    base += ["-c", str(control["config"])] if control.get("config") else []

    def status() -> Status:
        said = ctx.run([*base, "status", unit], timeout=30)
        if said.error:
            return Status(UNKNOWN, said.error)
        return Status(_supervisor_word(said.output), " ".join(said.output.split()))

    def act(verb: str) -> Completed:
        # supervisor's own "reload" would restart the daemon with everything it runs
        return ctx.run([*base, "signal", "HUP", unit] if verb == "reload" else [*base, verb, unit])

    def why() -> str:
        return ctx.run([*base, "tail", unit, "stderr"], timeout=30).output

    return Control(status, act, why)


def _supervisor_word(output: str) -> str:
    """Several lines when the unit is a group: it is as far as its last process is."""
    states = {line.split()[1] for line in lines(output) if len(line.split()) > 1}
    if states and states <= {"RUNNING"}:
        return RUNNING
    if states and states <= {"STOPPED", "EXITED"}:
        return STOPPED
    if "FATAL" in states:
        return BROKEN
    return CHANGING if states <= {"STARTING", "STOPPING", "BACKOFF", "RUNNING", "STOPPED", "EXITED"} else UNKNOWN


def _command(ctx: Context, control: dict[str, Any]) -> Control:
    commands = {key: str(value) for key, value in (control.get("commands") or {}).items() if value}

    def shell(verb: str) -> Completed:
        if verb not in commands:
            raise StepFailed(f"the service's control has no command for {verb}; it has {', '.join(commands) or 'none'}")
        return ctx.run(["/bin/sh", "-c", commands[verb]])

    def status() -> Status:
        if "status" not in commands:
            return Status(UNKNOWN, "")
        said = shell("status")
        word = UNKNOWN if said.error else RUNNING if said.rc == 0 else STOPPED
        return Status(word, said.error or said.output.strip() or f"exit status {said.rc}")

    def act(verb: str) -> Completed:
        if verb == "restart" and "restart" not in commands:
            stopped = shell("stop")
            return stopped if not stopped.ok else shell("start")
        return shell(verb)

    return Control(status, act, lambda: "")


def has_status(control: dict[str, Any]) -> bool:
    """Whether the state can be asked for at all."""
    return control.get("provider") != "command" or bool((control.get("commands") or {}).get("status"))
