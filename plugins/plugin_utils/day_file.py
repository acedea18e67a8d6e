# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value a day: JSON files {format: 1, …, days: {"2026-11-27": {…}}} of bounded length, replaced whole. What is damaged counts as empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, facts

FORMAT = 1
DAYS = 400  # a year, and the month before it to compare with

Days = Mapping[str, Mapping[str, Any]]


def read(file: Path) -> dict[str, Mapping[str, Any]]:
    """What a file has of days, without what is none."""
    try:
        data = json.loads(file.read_bytes())
        days = data["days"] if data["format"] == FORMAT else {}
        return {name: day for name, day in days.items() if date.fromisoformat(name).isoformat() == name and isinstance(day, dict)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def write(file: Path, head: Mapping[str, Any], days: Days) -> None:
    """Keep the newest days. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **head, "days": dict(sorted(days.items())[-DAYS:])}, ensure_ascii=False, sort_keys=True)
    atomic.write(file, f"{text}\n".encode("utf-8", "replace"), sync=False, mode=facts.MODE)
