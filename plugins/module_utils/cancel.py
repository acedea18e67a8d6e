# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to stop: a file in the segment's directory, or SIGTERM. They take effect at the next step boundary."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import FrameType
from typing import Any

FILE = "cancel"


class Cancel:
    """Asks whether somebody wants this segment to stop."""

    def __init__(self, segment_dir: Path) -> None:
        self._file = segment_dir / FILE
        self._signal = ""

    def listen(self) -> None:
        """SIGTERM and SIGINT ask us to stop; SIGHUP (the terminal went away) means nothing to us.

        Functions, not SIG_IGN: an ignored signal would stay ignored in the services we start.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._remember)
        signal.signal(signal.SIGHUP, _nothing)

    def requested(self) -> dict[str, Any] | None:
        """{signal, by} of a request, None when there is none."""
        if self._signal:
            return {"signal": self._signal, "by": ""}
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {"signal": "", "by": ""}
        return {"signal": str(found.get("signal") or ""), "by": str(found.get("by") or "")}

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self._signal = signal.Signals(number).name


def _nothing(_number: int, _frame: FrameType | None) -> None:
    pass
