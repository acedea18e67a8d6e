# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as the journal writes it."""

from __future__ import annotations

import time


def now() -> str:
    """RFC 3339 in UTC with milliseconds."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1_000_000:03d}+00:00"


def since_ms(started: float) -> int:
    """Milliseconds since a time.monotonic() value."""
    return int((time.monotonic() - started) * 1000)
