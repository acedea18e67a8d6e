# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step type check: one verification, tried until it is right or its tries are used up. Before, after and after a rollback alike."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from .step import ABNORMAL, SKIPPED, Context, StepFailed, StepResult, abnormal, os_reason

TABLE = {
    "http": ("checks_http", "http"),
    "port": ("checks_host", "port"),
    "process": ("checks_host", "process"),
    "file": ("checks_host", "file"),
    "service": ("checks_host", "service"),
    "command": ("checks_command", "command"),
    "version": ("checks_command", "version"),
    "log": ("checks_log", "log"),
    "error_rate": ("checks_rate", "error_rate"),
}
TRY_SECONDS = 10.0
DELAY_SECONDS = 1.0


def check(ctx: Context, args: dict[str, Any]) -> StepResult:
    """args: type, timeout (s, one try), retries, delay (s) and those of the type."""
    kind = str(args.get("type"))
    if kind == "manual":
        return StepResult(SKIPPED, None, str(args.get("question") or ""), False, "a person answers this, not the host")
    if kind not in TABLE:
        return abnormal(f"unknown check type {kind!r}; known are {', '.join(TABLE)}, manual")
    limit, tries = _number(args.get("timeout"), TRY_SECONDS), int(args.get("retries") or 0) + 1
    for number in range(1, tries + 1):
        result = _try(ctx, args, kind, limit)
        if result.result != ABNORMAL or number == tries:
            break
        time.sleep(_number(args.get("delay"), DELAY_SECONDS))
    note = f" (after {tries} tries)" if result.result == ABNORMAL and tries > 1 else ""
    facts = {**result.data, "check": kind, "tries": number}
    return StepResult(result.result, result.rc, result.feedback, False, result.reason + note, facts)


def _try(ctx: Context, args: dict[str, Any], kind: str, limit: float) -> StepResult:
    try:
        return _function(kind)(ctx, args, limit)
    except StepFailed as exc:
        return abnormal(str(exc))
    except OSError as exc:
        return abnormal(os_reason(exc))


def preload(kind: str) -> None:
    """Import what a check of this type needs."""
    if kind in TABLE:
        _function(kind)


def _function(kind: str) -> Callable[[Context, dict[str, Any], float], StepResult]:
    module, name = TABLE[kind]
    found: Callable[[Context, dict[str, Any], float], StepResult] = getattr(importlib.import_module(f".{module}", __package__), name)
    return found


def _number(value: Any, default: float) -> float:
    return default if value is None else float(value)
