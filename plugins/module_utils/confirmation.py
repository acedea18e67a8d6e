# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until the controller has confirmed the change: it could not if the change had cut it off."""

from __future__ import annotations

import time
from pathlib import Path

from .cancel import Cancel

FILE = "confirm"
CONFIRMED = "confirmed"
CANCELLED = "cancelled"
MISSING = "missing"
PAUSE = 0.1  # seconds between two looks


def wait(segment_dir: Path, seconds: float, cancel: Cancel) -> str:
    """CONFIRMED, CANCELLED, or MISSING when the time is over. A confirmation wins over a cancel."""
    until = time.monotonic() + seconds
    while True:
        if (segment_dir / FILE).exists():
            return CONFIRMED
        if cancel.requested() is not None:
            return CANCELLED
        if time.monotonic() >= until:
            return MISSING
        time.sleep(PAUSE)
