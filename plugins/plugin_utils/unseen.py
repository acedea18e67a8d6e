# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters that nobody sees, or that turn the order of a text round: who approves sees what is executed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

UNSEEN = re.compile(r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
MESSAGE, ALLOWED = "a character that nobody sees", "only what is printed"

Path_ = tuple[str | int, ...]


def find(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Where such a character stands in data of a file, and which it is (U+XXXX)."""
    if isinstance(value, str) and (hidden := UNSEEN.search(value)):
        yield path, f"U+{ord(hidden[0]):04X}"
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from find(item, (*path, key))
