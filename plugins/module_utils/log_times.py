# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a log line was written: the time at its beginning, in the forms that web servers, syslog and applications use."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

HEAD = 300  # characters of a line in which its time must stand
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH, _CLOCK = "|".join(MONTHS), r"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"
FORMS = (
    re.compile(rf"(?P<y>\d{{4}})[-/](?P<m>\d\d)[-/](?P<d>\d\d)[T ]{_CLOCK}(?:[.,]\d+)? ?(?P<z>Z\b|[+-]\d\d:?\d\d\b)?"),  # RFC 3339, nginx, log4j
    re.compile(rf"(?P<d>\d\d)/(?P<m>{_MONTH})/(?P<y>\d{{4}}):{_CLOCK} (?P<z>[+-]\d\d\d\d)"),  # access logs
    re.compile(rf"(?P<m>{_MONTH}) +(?P<d>\d\d?) {_CLOCK}"),  # syslog: no year, no zone
)
A_DAY = 86400.0


def stamp(line: str, now: float) -> float | None:
    """Seconds since 1970, None where the line has no time. Without a zone it is this host's; without a year the last one that is not in the future."""
    for form in FORMS:
        found = form.search(line[:HEAD])
        if found:
            return _seconds(found.groupdict(), now)
    return None


def _seconds(part: dict[str, str | None], now: float) -> float | None:
    month = str(part["m"])
    number = int(month) if month.isdigit() else MONTHS.index(month) + 1
    year = int(part["y"] or 0) if "y" in part else time.localtime(now).tm_year
    try:
        when = datetime(year, number, int(part["d"] or 0), int(part["H"] or 0), int(part["M"] or 0), min(59, int(part["S"] or 0)), tzinfo=_zone(part.get("z")))
        seconds = when.timestamp()
        return seconds if "y" in part or seconds <= now + A_DAY else when.replace(year=year - 1).timestamp()
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text == "Z":
        return timezone.utc
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
