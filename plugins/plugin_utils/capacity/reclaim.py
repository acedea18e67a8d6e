# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be reclaimed (S8): allocations nobody has used for longer than the idle days. Found and named here, never taken back.

Only a service with the policy proactive (主动) whose n/X has reached its threshold has candidates. An allocation without a date of
its last use is none: nobody knows whether it is idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

PROACTIVE = "proactive"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Candidate:
    """One allocation that is idle for so many days; `amount` in the unit of n and X."""

    id: str
    amount: int
    owner: str
    last_used: date
    idle: int


def proactive(record: Record) -> bool:
    return (record.get("reclaim") or {}).get("policy") == PROACTIVE


def threshold(record: Record, rules: Record) -> int | None:
    """Percent of X from which on candidates are listed: the service's own, else where n/X is a warning."""
    capacity = record.get("capacity") or {}
    own, general = (part.get("allocated") or {} for part in (capacity.get("thresholds") or {}, rules))
    found: int | None = (record.get("reclaim") or {}).get("threshold") or own.get("warn") or general.get("warn")
    return found


def idle_days(record: Record, rules: Record) -> int | None:
    """So long an allocation must be unused."""
    found: int | None = (record.get("reclaim") or {}).get("idle_days") or rules.get("idle_days")
    return found


def candidates(record: Record, ratio: int | None, rules: Record, today: date) -> tuple[Candidate, ...] | None:
    """The candidates, the longest idle first. None where nobody can know: no allocations are listed, n/X is unknown, or the policy is not proactive."""
    listed = (record.get("capacity") or {}).get("allocations")
    limit, least = threshold(record, rules), idle_days(record, rules)
    if not proactive(record) or not listed or ratio is None or limit is None or least is None:
        return None
    found = [_candidate(item, today) for item in listed if item.get("last_used")] if ratio >= limit else []
    return tuple(sorted((one for one in found if one.idle > least), key=lambda one: (-one.idle, one.id)))


def _candidate(item: Record, today: date) -> Candidate:
    used = date.fromisoformat(item["last_used"])
    return Candidate(item["id"], item["amount"], item.get("owner") or "", used, (today - used).days)
