# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may answer when a run asks, and which answers need a reason (M8)."""

from __future__ import annotations

from collections.abc import Sequence

CONTINUE, SKIP, PAUSE, ROLLBACK, STOP = "continue", "skip", "pause", "rollback", "stop"
ATTENDED = (CONTINUE, SKIP, ROLLBACK, STOP)
NEEDS_REASON = (SKIP, PAUSE)


def offered(choices: Sequence[str]) -> list[str]:
    """With a pause where one may also go on: the question then comes again."""
    return [choice for first in choices for choice in ((first, PAUSE) if first == SKIP else (first,))]


def after_pause(choices: Sequence[str]) -> list[str]:
    """What may be answered while it is paused."""
    return [choice for choice in choices if choice != PAUSE]


def lacks_reason(answer: str, reason: str) -> bool:
    """Whether this answer does not count without saying why."""
    return answer in NEEDS_REASON and not reason.strip()
