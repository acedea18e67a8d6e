# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dates, times of day, periods and time zones of a service record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
DATE_FORM = "a date, such as 2026-11-23"
TIME_FORM = "a date or RFC 3339 time, such as 2026-11-23 or 2026-11-23T02:00:00+08:00"

Record = dict[str, Any]
Fault = tuple[tuple[str | int, ...], str, str, str]  # path, message, found, allowed


def faults(record: Record) -> Iterator[Fault]:
    """Everything about time that is wrong in the record."""
    maintenance = record["maintenance"]
    for path, text in (
        (("credentials", "rotated_on"), record["credentials"].get("rotated_on")),
        (("backup", "restore_tested_on"), record["backup"].get("restore_tested_on")),
        *((("maintenance", "exclude", index), day) for index, day in enumerate(maintenance["exclude"])),
    ):
        if text is not None and not is_date(text):
            yield path, "not a date", text, DATE_FORM
    if "anchor" in maintenance and moment(maintenance["anchor"]) is None:
        yield ("maintenance", "anchor"), "not a date or time", maintenance["anchor"], TIME_FORM
    if "tz" in maintenance and not is_zone(maintenance["tz"]):
        yield ("maintenance", "tz"), "unknown time zone", maintenance["tz"], "an IANA name, such as Asia/Shanghai"
    yield from _clocks(maintenance)
    yield from _freezes(maintenance)


def _clocks(maintenance: Record) -> Iterator[Fault]:
    for key in ("business_low", "supplier_hours"):
        for index, period in enumerate(maintenance[key]):
            for edge in ("start", "end"):
                if not CLOCK.fullmatch(period[edge]):
                    yield ("maintenance", key, index, edge), "not a time of day", period[edge], "HH:MM, such as 22:30"


def _freezes(maintenance: Record) -> Iterator[Fault]:
    for index, period in enumerate(maintenance["freeze"]):
        edges = [moment(period[edge]) for edge in ("start", "end")]
        for edge, found in zip(("start", "end"), edges, strict=True):
            if found is None:
                yield ("maintenance", "freeze", index, edge), "not a date or time", period[edge], TIME_FORM
        if edges[0] and edges[1] and edges[1].replace(tzinfo=None) < edges[0].replace(tzinfo=None):
            yield (
                ("maintenance", "freeze", index, "end"),
                "before its start",
                period["end"],
                f"{period['start']} or later",
            )


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """An ISO date and nothing more."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def moment(text: str) -> datetime | None:
    """An ISO date (its midnight) or an RFC 3339 time; None for anything else."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def is_zone(name: str) -> bool:
    """A time zone this machine knows."""
    try:
        return bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False
