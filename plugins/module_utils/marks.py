# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log positions at the begin of a transaction: a log check looks only at what was written after them.

A run may have several segments, so the marks lie in its directory: one set for gate and backup, one for everything forward
(taken when the first such segment begins, for every log the gate knows too), one for the way back. An error rate counts from
the moment the service is started again, so its mark is taken anew then.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from . import fileio
from .step import Context

ROLLBACK = "rollback"
RATE = "rate:"  # how the keys of error rates begin
EXTRACT = "extract"  # key of the begin of the forward phase, for the journal extract
STARTS = ("started", "restarted", "reloaded")


def at_begin(ctx: Context) -> dict[str, Any]:
    """The marks for this segment, taken now unless an earlier segment of the run has."""
    group = _group(str(ctx.segment.get("phase")))
    known = _load(ctx, group)
    wanted = _log_checks([*(ctx.segment.get("steps") or []), *((ctx.segment.get("closing") or {}).get("steps") or [])])
    if not known and group == "forward":
        wanted = {**{key: mark["check"] for key, mark in _load(ctx, "gate").items()}, **wanted}
    return _complete(ctx, group, known, wanted)


def at_rollback(ctx: Context) -> dict[str, Any]:
    """Fresh marks: what the failed update wrote must not fail the checks of the way back."""
    return _complete(ctx, ROLLBACK, {}, _log_checks(ctx.segment["rollback"]["steps"]))


def before_step(ctx: Context, step: dict[str, Any]) -> dict[str, Any]:
    """The marks for this step: those of error rates are taken now where it starts the service."""
    rates = {key: mark["check"] for key, mark in ctx.marks.items() if key.startswith(RATE)}
    if not rates or not _starts(step):
        return ctx.marks
    group = ROLLBACK if step.get("phase") == ROLLBACK else _group(str(ctx.segment.get("phase")))
    return _complete(ctx, group, {key: mark for key, mark in ctx.marks.items() if key not in rates}, rates)


def began(ctx: Context) -> int:
    """When the forward phase of the change began on this host (seconds since 1970), in whichever run that touched it."""
    runs = {path.parent for path in ctx.change_dir.glob("*/patch-*")}
    known = [mark[EXTRACT] for mark in (_read(run / "marks-forward.json") for run in runs) if EXTRACT in mark]
    return min((int(mark["time"]) for mark in known), default=int(time.time()))


def _starts(step: dict[str, Any]) -> bool:
    return step.get("kind") == "start" or (step.get("type") == "service" and (step.get("args") or {}).get("state") in STARTS)


def preload(steps: list[dict[str, Any]]) -> None:
    """Import what marking the logs of these steps needs."""
    if _log_checks(steps):
        from . import checks_log  # noqa: F401 (loaded for later)


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
    """Key -> where the log is, for every log that these steps look at; never its address, which may hold a secret."""
    found = {}
    for step in steps:
        args = step.get("args") or {}
        kind = args.get("type") if step.get("type") == "check" else step.get("type")
        place = {key: args[key] for key in ("path", "unit") if args.get(key)}
        if kind == "log":
            from .checks_log import key_of

            found[key_of(args)] = place
        elif kind == "error_rate":
            from .checks_rate import key_of as rate_key

            found[rate_key(args)] = place
        elif kind == "journal_extract":
            found[EXTRACT] = {}
    return found


def _group(phase: str) -> str:
    return {"gate": "gate", "backup": "gate", ROLLBACK: ROLLBACK}.get(phase, "forward")


def _load(ctx: Context, group: str) -> dict[str, Any]:
    return _read(ctx.run_dir / f"marks-{group}.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = fileio.read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
