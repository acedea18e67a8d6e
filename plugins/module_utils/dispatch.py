# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module knows which step type. Modules are imported when a step needs them, not before."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .alarm import TimeUp, time_limit
from .become import BecomeError
from .step import Context, StepFailed, StepResult, abnormal, os_reason

TABLE = {
    "command": ("steps_command", "command"),
    "service": ("steps_service", "service"),
    "release": ("steps_release", "release"),
    "files": ("steps_files", "files"),
    "revert": ("steps_revert", "revert"),
    "check": ("checks", "check"),
    "archive": ("archive", "archive"),
    "restore": ("archive", "restore"),
    "fingerprint": ("archive", "fingerprint"),
    "prune": ("archive", "prune"),
    "offsite": ("offsite", "offsite"),
    "space": ("steps_host", "space"),
    "hash": ("steps_host", "hash_files"),
    "lock_free": ("steps_host", "lock_free"),
    "runnable": ("steps_host", "runnable"),
    "journal_extract": ("steps_extract", "journal_extract"),
}
CHANGING = ("command", "service", "release", "files", "revert", "restore")
OWN_LIMIT = ("command", "service", "check")  # these keep their time themselves
VERIFYING = ("check", "fingerprint")


def execute(ctx: Context, step: dict[str, Any]) -> StepResult:
    """Do one step. Whatever goes wrong in it comes back as an abnormal result."""
    ctx.step = step
    kind = str(step.get("type"))
    if kind not in TABLE:
        return abnormal(f"unknown step type {kind!r}; known are {', '.join(TABLE)}")
    changes = kind in CHANGING
    try:
        with time_limit(0 if kind in OWN_LIMIT else ctx.timeout):
            return function(kind)(ctx, step.get("args") or {})
    except TimeUp as exc:
        return abnormal(str(exc), changed=changes)
    except (StepFailed, BecomeError) as exc:
        return abnormal(str(exc), changed=changes)
    except OSError as exc:
        return abnormal(os_reason(exc), changed=changes)
    except Exception as exc:  # noqa: BLE001 (a fault of a step must never end the story)
        return abnormal(f"internal error in step type {kind}: {type(exc).__name__}: {exc}", changed=changes)


def preload(segment: dict[str, Any]) -> None:
    """Import all that the segment and its way back will need, while the host still is as it was."""
    from . import checks, marks

    groups = (segment, segment.get("rollback") or {}, segment.get("closing") or {})
    steps = [step for group in groups for step in group.get("steps") or []]
    for step in steps:
        if step.get("type") in TABLE:
            function(str(step["type"]))
        if step.get("type") == "check":
            checks.preload(str((step.get("args") or {}).get("type")))
    marks.preload(steps)


def function(kind: str) -> Callable[[Context, dict[str, Any]], StepResult]:
    """The function that does steps of this type."""
    module, name = TABLE[kind]
    found: Callable[[Context, dict[str, Any]], StepResult] = getattr(importlib.import_module(f".{module}", __package__), name)
    return found
