# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as the journal writes it."""

from __future__ import annotations

import datetime
import time


def now() -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017 (Python 3.8)


def since_ms(started: float) -> int:
    """Milliseconds since a time.monotonic() value."""
    return int((time.monotonic() - started) * 1000)
