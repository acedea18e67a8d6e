# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar files (iCalendar, RFC 5545) for the programs in which people look at their days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import icalendar

from itops_cli.output import write_file


@dataclass(frozen=True)
class Entry:
    """One event; a date lasts the whole day, a time without an end is an instant. Times are shown in UTC: every program knows its owner's own."""

    uid: str
    start: datetime | date
    end: datetime | None
    summary: str


def write(path: Path, name: str, entries: Iterable[Entry], now: datetime) -> None:
    """Replace the file whole; `name` tells programs what made it."""
    made = icalendar.Calendar()
    made.add("prodid", f"-//itops//{name}//")
    made.add("version", "2.0")
    for entry in entries:
        made.add_component(_event(entry, now.astimezone(UTC)))
    write_file(path, made.to_ical().decode().replace("\r\n", "\n").replace("\n", "\r\n"))


def _event(entry: Entry, now: datetime) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{entry.uid}@itops")
    event.add("dtstamp", now)
    event.add("dtstart", entry.start.astimezone(UTC) if isinstance(entry.start, datetime) else entry.start)
    if entry.end:
        event.add("dtend", entry.end.astimezone(UTC))
    event.add("summary", entry.summary)
    event.add("transp", "TRANSPARENT")
    return event
