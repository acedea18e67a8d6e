# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log positions at the begin of a transaction: a log check looks only at what was written after them.

A run may have several segments, so the marks lie in its directory: one set for gate and backup, one for everything forward
(taken when the first such segment begins, for every log the gate knows too), one for the way back.
"""

from __future__ import annotations

from typing import Any

from . import fileio
from .step import Context

ROLLBACK = "rollback"


def at_begin(ctx: Context) -> dict[str, Any]:
    """The marks for this segment, taken now unless an earlier segment of the run has."""
    group = _group(str(ctx.segment.get("phase")))
    known = _load(ctx, group)
    wanted = _log_checks(ctx.segment.get("steps") or [])
    if not known and group == "forward":
        wanted = {**{key: mark["check"] for key, mark in _load(ctx, "gate").items()}, **wanted}
    return _complete(ctx, group, known, wanted)


def at_rollback(ctx: Context) -> dict[str, Any]:
    """Fresh marks: what the failed update wrote must not fail the checks of the way back."""
    return _complete(ctx, ROLLBACK, {}, _log_checks(ctx.segment["rollback"]["steps"]))


def preload(steps: list[dict[str, Any]]) -> None:
    """Import what marking the logs of these steps needs."""
    if _log_checks(steps):
        from . import checks_log  # noqa: F401


def _complete(ctx: Context, group: str, known: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    missing = {key: check for key, check in wanted.items() if key not in known}
    if not missing:
        return known
    from . import checks_log

    taken = {key: {"check": check, **checks_log.mark(check)} for key, check in missing.items()}
    marks = {**known, **taken}
    try:
        fileio.write_json(ctx.run_dir / f"marks-{group}.json", marks)
    except OSError:
        pass  # kept in memory: they serve this segment at least
    return marks


def _log_checks(steps: list[dict[str, Any]]) -> dict[str, Any]:
    found = {}
    for step in steps:
        args = step.get("args") or {}
        if step.get("type") == "check" and args.get("type") == "log":
            from .checks_log import key_of

            place = {key: args[key] for key in ("path", "unit") if args.get(key)}
            found[key_of(args)] = place
    return found


def _group(phase: str) -> str:
    return {"gate": "gate", "backup": "gate", ROLLBACK: ROLLBACK}.get(phase, "forward")


def _load(ctx: Context, group: str) -> dict[str, Any]:
    try:
        found = fileio.read_json(ctx.run_dir / f"marks-{group}.json")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
