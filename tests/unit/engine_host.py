# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for the engine tests: a state directory, and the real engine reached through the real protocol."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import host_protocol

PATIENCE = 20.0  # seconds a test waits for something that has to happen


def step(
    name: str,
    kind: str,
    *,
    role: str = "update",
    phase: str = "patch",
    expect: Any = None,
    timeout: int = 20,
    **args: Any,
) -> dict[str, Any]:
    """A compiled step."""
    return {
        "id": name, "seq": 1, "phase": phase, "kind": role, "title": name, "type": kind, "display": f"do {name}",
        "run_as": "", "timeout": timeout, "expect": expect or {}, "args": args,
    }  # fmt: skip


def command(name: str, line: str, **more: Any) -> dict[str, Any]:
    """A step that runs a line by a shell."""
    return step(name, "command", command=line, shell=True, **more)


def check_file(path: Path, exists: bool = True, name: str = "proof") -> dict[str, Any]:
    return step(name, "check", type="file", path=str(path), exists=exists)


def listed(name: str, content: bytes) -> dict[str, Any]:
    """A patch file as the segment lists it."""
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """Poll until something is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


class Host:
    """One host. Every call is a process of its own, as over ssh."""

    def __init__(self, root: Path, python: str = os.environ.get("ITOPS_TEST_PYTHON", sys.executable)) -> None:
        self.state = root / "state"
        self.python = python

    def op(self, name: str, body: Mapping[str, Any], files: Mapping[str, bytes] | None = None, *, engine: bool = True) -> dict[str, Any]:
        make = host_protocol.request if engine else host_protocol.small_request
        shell = host_protocol.bootstrap(self.python, str(self.state), name)
        done = subprocess.run(["/bin/sh", "-c", shell], input=make(body, files), capture_output=True, check=False, timeout=60)
        assert not done.stderr, done.stderr.decode()
        return host_protocol.reply(done.stdout.decode())

    def segment(self, *steps: dict[str, Any], back: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
        return {
            "format": 1, "change": "CHG-20260101-01", "run": "r1", "segment": "patch-1", "host": "a", "service": "web", "phase": "patch",
            "state_dir": str(self.state), "detach": True, "wait_ms": 20000, "unattended": True, "journal_evidence_limit": 65536,
            "deadline": None, "confirm_within_s": None, "secrets": [], "env": {}, "files": [], "steps": list(steps),
            "rollback": {"steps": list(back)} if back else None, **more,
        }  # fmt: skip

    def start(self, *steps: dict[str, Any], sent: Mapping[str, bytes] | None = None, **more: Any) -> dict[str, Any]:
        """Start a segment; `sent` are patch files that travel with the request."""
        files = [listed(name, content) for name, content in (sent or {}).items()]
        return self.op("start", {"segment": {**self.segment(*steps, **more), "files": files}}, sent)

    def run(self, *steps: dict[str, Any], **more: Any) -> Told:
        """Start and wait for the end."""
        return Told(self.start(*steps, **more))

    def names(self, **more: str) -> dict[str, Any]:
        return {"change": "CHG-20260101-01", "run": "r1", "segment": "patch-1", **more}

    def read(self, offset: int = 0, wait_ms: int = 0) -> dict[str, Any]:
        return self.op("read", {**self.names(), "offset": offset, "wait_ms": wait_ms}, engine=False)

    def ended(self) -> Told:
        """Follow until the end."""
        return Told(until(lambda: (told := self.read(wait_ms=1000))["ended"] and told, "the end of the segment"))

    def stored(self) -> dict[str, Any]:
        return self.op("state", {"change": "CHG-20260101-01"}, engine=False)

    @property
    def change_dir(self) -> Path:
        return self.state / "CHG-20260101-01"


class Told:
    """What a journal says."""

    def __init__(self, answer: dict[str, Any]) -> None:
        assert answer.get("ok"), answer
        self.answer = answer
        self.lines: list[dict[str, Any]] = answer.get("lines", [])

    @property
    def end(self) -> dict[str, Any]:
        assert self.lines and self.lines[-1]["event"] == "segment_finished", self.answer
        return self.lines[-1]

    @property
    def result(self) -> str:
        return str(self.end["result"])

    def finished(self, name: str) -> dict[str, Any]:
        """The end of a step."""
        return next(line for line in self.lines if line["event"] == "step_finished" and line["step"] == name)

    def begun(self) -> list[str]:
        return [line["step"] for line in self.lines if line["event"] == "step_started"]
