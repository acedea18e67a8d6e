# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated year of schedule: every due point of 500 services, against a plain script around python-dateutil's rrule.

Both read the same records and print the same points as JSON. The cycles are mixed: months (also from the 31st), weeks, days, and six
hours, in five time zones; what has to be caught up is not part of it, since the anchors lie ahead. The script knows no exclusions, grace
or last maintenance, checks no record, and has no register to read.
Aim: a year of 500 services in seconds; at most 3 × the script.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks import measure
from benchmarks.catalogue import PEOPLE, RECORD, settle
from benchmarks.measure import Entrant

PEER = "dateutil rrule (script)"
YEAR = date.today().year + 2
CYCLES = ("1, unit: month", "3, unit: month", "7, unit: day", "1, unit: day", "6, unit: hour")
DAYS = (1, 15, 29, 30, 31)
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Sydney", "UTC")
SCRIPT = """
import json, sys, yaml
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo
from dateutil.rrule import DAILY, HOURLY, MONTHLY, rrule
from dateutil.tz import resolve_imaginary
points, year = [], int(sys.argv[1])
for path in sorted(Path("inventory/services").glob("*.yml")):
    plan = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["maintenance"]
    unit, zone, anchor = plan["cycle"]["unit"], ZoneInfo(plan["tz"]), datetime.fromisoformat(str(plan["anchor"]))
    start = anchor.replace(tzinfo=zone).astimezone(UTC) if unit == "hour" else anchor
    days = {"bymonthday": range(28, anchor.day + 1), "bysetpos": -1} if unit == "month" and anchor.day > 28 else {}
    end = datetime(year + 1, 1, 2, tzinfo=start.tzinfo)
    for at in rrule({"hour": HOURLY, "day": DAILY, "month": MONTHLY}[unit], start, interval=plan["cycle"]["every"], until=end, **days):
        at = at.astimezone(zone) if at.tzinfo else resolve_imaginary(at.replace(tzinfo=zone))
        points.append({"service": path.stem, "due": at.isoformat()})
print(json.dumps([point for point in points if point["due"].startswith(f"{year}-")], indent=2))
"""


def run(quick: bool) -> None:
    """500 services, nine runs in turns (quick: 50, once)."""
    size, runs = (50, 1) if quick else (500, 9)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        measure.apart(lay_out, root, size)
        settle(root)
        counts: dict[str, int] = {}
        words = ("schedule", "calendar", "--year", str(YEAR), "--format", "json")
        entrants = [
            Entrant("itops schedule calendar", measure.itops(*words), after=lambda: same(root, counts, "itops")),
            Entrant(PEER, [sys.executable, root / "year.py", str(YEAR)], after=lambda: same(root, counts, PEER)),
        ]
        measure.alternate(entrants, runs, root)
        measure.table(f"The year {YEAR} of {size} services: {max(counts.values(), default=0):,} due points", entrants, PEER)


def lay_out(root: Path, size: int) -> None:
    """A workspace whose cycles begin with the year that is looked at."""
    for folder in ("inventory/services", "changes"):
        (root / folder).mkdir(parents=True)
    (root / "itops.yml").write_text("organisation: 示例公司\n")
    (root / "inventory/people.yml").write_text(PEOPLE)
    (root / "year.py").write_text(SCRIPT)
    for n in range(size):
        text = RECORD.format(n=n, a=n // 65536, b=n // 256 % 256, c=n % 256)
        text = text.replace("every: 1, unit: month", f"every: {CYCLES[n % 5]}").replace("2026-01-15", f'"{YEAR}-01-{DAYS[n // 5 % 5]:02}T02:30"')
        (root / f"inventory/services/svc-{n:05}.yml").write_text(text.replace("Asia/Shanghai", ZONES[n // 25 % 5]))


def same(root: Path, counts: dict[str, int], who: str) -> None:
    """Both found as many points. Raises AssertionError."""
    counts[who] = (root / "said").read_text("utf-8").count('"due"')
    assert counts[who] and len(set(counts.values())) == 1, f"not the same points: {counts}"
