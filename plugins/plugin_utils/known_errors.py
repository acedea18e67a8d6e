# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""维护异常处理步骤: the known errors of a change, which of them a failure is, and what is wrong with an entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.module_utils import known_errors as host_side
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, safe_pattern, schema, source, step_rules, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import errors

UNKNOWN = "unknown_error"  # the type of a failure that no entry knows; its label is 未知异常
MOST_RETRIES = 10
TO_FILL = "待填"
STEERING = ("retry", "rollback")

Entry = Mapping[str, Any]
Path_ = tuple[str | int, ...]


def entries(service: str, services: Mapping[str, Mapping[str, Any]], policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What counts on a host of this service, in order: its own entries, those of the change's other services, those of the department."""
    order = [service, *(sid for sid in services if sid != service)]
    listed = [*(entry for sid in order for entry in services.get(sid, {}).get("known_errors") or []), *(policy.get("known_errors") or [])]
    return [_carried(number, entry) for number, entry in enumerate(listed, 1)]


def steering(listed: Sequence[Entry]) -> list[dict[str, Any]]:
    """What of these entries makes a run do something by itself; one that only pauses and tells may be added at any time."""
    return [{key: entry[key] for key in ("pattern", "action", "retries") if entry.get(key)} for entry in listed if entry.get("action") in STEERING]


def everywhere(root: Path) -> list[dict[str, Any]]:
    """The entries of every service, from policy.yml of the workspace in this folder; none where it cannot be read, which `policy.load` says."""
    path = root / workspace.POLICY
    try:
        seen = path.stat()
    except OSError:
        return []
    return _everywhere(path, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=8)
def _everywhere(path: Path, _mtime: int, _size: int) -> list[dict[str, Any]]:
    """Read once for however many changes, until it is written again."""
    raw = source.load(path)
    data, problems = schema.validate(schema.options("policy"), raw, "policy")
    return [] if errors([*raw.problems, *problems]) else list(data["known_errors"])


def _carried(number: int, entry: Entry) -> dict[str, Any]:
    """An entry as a segment carries it."""
    return {
        "n": number,
        "type": str(entry["type"]),
        "event": str(entry.get("event") or ""),
        "pattern": str(entry["pattern"]),
        "action": str(entry.get("action") or "pause"),
        "retries": int(entry.get("retries") or 0),
        "steps": [str(step) for step in entry.get("steps") or []],
        "remark": str(entry.get("remark") or ""),
    }


def match(known: Sequence[dict[str, Any]], text: str) -> dict[str, Any] | None:
    """The first entry whose pattern is found in the end of the text, within the same bounds as on a host."""
    return host_side.find(list(known), text)[0]


def told(known: Sequence[dict[str, Any]], text: str) -> dict[str, Any]:
    """`match` and `match_faults` of a failure that the controller itself saw; nothing is done again there."""
    found, faults = host_side.find(list(known), text)
    return {"match": host_side.told(found, 1, "") if found else None, **({"match_faults": faults} if faults else {})}


def pattern_fault(pattern: str) -> str:
    """Why this is no pattern for a known error, "" where it is one."""
    return step_rules.pattern_fault(pattern) or safe_pattern.fault(pattern)


def faults(given: Sequence[Entry], path: Path_ = ("known_errors",)) -> Iterator[tuple[Path_, str, str, str]]:
    """All that is wrong with the entries of one file: path, message, found, allowed."""
    for index, entry in enumerate(given):
        if "pattern" in entry and (why := pattern_fault(str(entry["pattern"]))):
            yield (*path, index, "pattern"), why, str(entry["pattern"]), f"a regular expression with {safe_pattern.ALLOWED}"
        retries = entry.get("retries")
        if isinstance(retries, int) and not 1 <= retries <= MOST_RETRIES:
            yield (*path, index, "retries"), "not a number of retries", str(retries), f"1 to {MOST_RETRIES}"


def question(message: str, events: Sequence[Event], run: str, host: str, segment: str) -> tuple[str, tuple[str, ...]]:
    """What a person is asked after an attended segment went wrong, with the handling steps; the entry's own action is offered first."""
    failed = [e.data for e in events if (e.run, e.host, e.data.get("segment")) == (run, host, segment) and is_failure(e)]
    found = failed[-1].get("match") if failed else None
    lines = [message, *shown(failed[-1])] if failed else [message]
    return "\n".join(lines), ("stop", "rollback") if found and found["action"] == "pause" else ("rollback", "stop")


def is_failure(event: Event) -> bool:
    """A step or check that ended abnormally."""
    return event.kind == "step_finished" and event.data.get("result") == "abnormal"


def shown(data: Mapping[str, Any], lang: str = "zh_CN") -> list[str]:
    """What is known of a failed step, for a terminal: its type and related event, then the handling steps one by one."""
    found, label = data.get("match"), partial(labels.label, "known_errors", lang=lang)
    if not found:
        return [label(UNKNOWN), *map(str, data.get("match_faults") or [])]
    head = f"{label('type')}: {found['type']}" + (f" ({found['event']})" if found.get("event") else "")
    again = [label("again").format(attempt=found["attempt"])] if found.get("taken") == host_side.RETRY else []
    return [head, *(f"{number}. {step}" for number, step in enumerate(found.get("steps") or [], 1)), *again, *map(str, data.get("match_faults") or [])]


def text_of(data: Mapping[str, Any]) -> str:
    """What a failed step or check said, with the reason it is abnormal: what patterns are matched on."""
    return "\n".join(str(data[key]) for key in ("feedback", "reason") if data.get(key))
