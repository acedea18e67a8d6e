# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drafts of known errors from a record: one for every failure that no entry named, for the next time.

The pattern of a draft is the line that tells the error, taken literally but for what differs each time: numbers, digests,
paths, times, addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.module_utils.secret_patterns import MARK
from ansible_collections.itops.maintenance.plugins.plugin_utils import known_errors, run, safe_pattern
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

LONGEST_LINE = 200  # characters of the line that become a pattern
SAID = 2000  # characters of the failure that a draft shows
TELLING = re.compile(
    r"error|fail|cannot|can't|could not|unable|denied|refused|fatal|exception|no such|not found|no space|timed? ?out|unreachable|invalid"
    r"|错误|失败|异常|无法|拒绝|超时|不存在|不足",
    re.IGNORECASE,
)
CLASSES = (  # what differs from one time to the next -> the class it is; the first that fits counts
    (re.escape(MARK), r"\S+"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?", r"\d+-\d+-\d+[T ]\d+:\d+:[\d.,]+"),
    (r"\d\d:\d\d:\d\d(?:[.,]\d+)?", r"\d+:\d+:[\d.,]+"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", r"[0-9a-fA-F-]+"),
    (r"\b0x[0-9a-fA-F]+\b", r"0x[0-9a-fA-F]+"),
    (r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{7,}\b", r"[0-9a-fA-F]+"),
    (r"(?<![\w/])(?:/[\w.@+%~-]+)+/?", r"/[^\s:'\",;)\]]+"),
    (r"\d+", r"\d+"),
)
VARYING = re.compile("|".join(f"({pattern})" for pattern, _class in CLASSES))

Known = Callable[[str], Sequence[dict[str, Any]]]


@dataclass(frozen=True)
class Draft:
    """One failure without a name, and the entry it could become. `seq` is its event in the ledger."""

    change: str
    number: int
    seq: int
    host: str
    service: str
    step: str
    text: str
    pattern: str

    @property
    def name(self) -> str:
        return f"{self.change}-{self.number}.yml"


def of_record(change: str, events: Sequence[Event], known: Known) -> list[Draft]:
    """One draft for each kind of failure that neither was named then nor would be now (`known`: the entries of a service, now)."""
    services = _services(events)
    first: dict[str, Event] = {}
    for event in events:
        if known_errors.is_failure(event) and not event.data.get("match"):
            first.setdefault(pattern_of(event.data), event)
    numbered = [
        Draft(change, number, e.seq, e.host, services.get(e.host, ""), str(e.data.get("title") or ""), known_errors.text_of(e.data), pattern)
        for number, (pattern, e) in enumerate(first.items(), 1)
    ]
    return [draft for draft in numbered if known_errors.match(known(draft.service), draft.text) is None]


def _services(events: Sequence[Event]) -> dict[str, str]:
    planned = run.planned(events)
    return {str(host["host"]): str(host["service"]) for host in (planned.data.get("hosts") or [])} if planned else {}


def pattern_of(data: Mapping[str, Any]) -> str:
    """A safe pattern for this failure: its first telling line, generalised."""
    text = known_errors.text_of(data)
    line = telling_line(str(data.get("feedback") or "")) or telling_line(str(data.get("reason") or "")) or text.strip()
    for candidate in (generalised(line), re.escape(line[:LONGEST_LINE])):
        if not known_errors.pattern_fault(candidate) and re.search(candidate, text, re.MULTILINE):
            return candidate
    return re.escape(line[:40])


def telling_line(text: str) -> str:
    """The first line that tells an error, else the last one that says anything."""
    said = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in said if MARK not in line] or said  # a line with a secret in it would make a pattern that looks like one
    return next((line for line in lines if TELLING.search(line)), lines[-1] if lines else "")


def generalised(line: str) -> str:
    """The line as a pattern; it ends before what would make it too long or too wide."""
    made = ""
    for part, wide in _parts(line[:LONGEST_LINE]):
        if len(made) + len(part) > safe_pattern.LONGEST or (wide and made.count(r"[^\s") + made.count(r"\S+") >= safe_pattern.WIDE):
            break
        made += part
    return made


def _parts(line: str) -> Iterator[tuple[str, bool]]:
    end = 0
    for found in VARYING.finditer(line):
        yield re.escape(line[end : found.start()]).replace(r"\ ", " "), False
        made = CLASSES[(found.lastindex or 1) - 1][1]
        yield made, made.endswith((r"\S+", "]]+"))
        end = found.end()
    yield re.escape(line[end:]).replace(r"\ ", " "), False


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def as_yaml(draft: Draft) -> str:
    """The draft as a file for a person to complete."""
    said = "\n".join(line.rstrip() for line in draft.text[-SAID:].expandtabs(4).splitlines())
    data = {
        "change": draft.change, "event": draft.seq, "host": draft.host, "service": draft.service, "step": draft.step, "said": said,
        "entry": {"type": known_errors.TO_FILL, "pattern": draft.pattern, "steps": [known_errors.TO_FILL], "action": "pause"},
    }  # fmt: skip
    top = f"# Complete `entry` (type, steps; also event, action, retries, self_service), then: itops errors accept {draft.name} --service {draft.service}\n"
    return f"---\n{top}{yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=150)}"
