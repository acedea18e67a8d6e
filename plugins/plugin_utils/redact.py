# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes secrets out before anything is written: by key, by pattern, and by known value."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from ansible_collections.itops.maintenance.plugins.module_utils.secret_patterns import MARK, blanked, blanked_items

__all__ = ["MARK", "Redactor", "redact"]
SECRET_KEY = re.compile(
    r"(^|[_\-. ])(pass(word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|become_pass|credential)s?([_\-. ]|$)|password|passwd|secret",
    re.I,
)
HARMLESS_KEYS = frozenset({"credentials", "token", "password_hash_algorithm"})  # structures and ids of our own events
URL_SAFE = str.maketrans("+/", "-_")  # base64 for addresses
SHORTEST = 3  # characters; a shorter known value would redact ordinary text


def redact(value: Any) -> Any:
    """The value without what looks like a secret. Keys that begin with `_ansible_` go away."""
    return Redactor(())(value)


class Redactor:
    """Redacts patterns and, besides them, these values in every common encoding."""

    def __init__(self, known: Iterable[str] = ()):
        forms = {form for value in known if len(str(value)) >= SHORTEST for form in _forms(str(value))}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._item(str(key), item) for key, item in value.items() if not str(key).startswith("_ansible_")}
        if isinstance(value, (list, tuple)):
            return blanked_items(value, self)
        return value

    def text(self, text: str) -> str:
        """One text."""
        if self._known:
            text = self._known.sub(MARK, text)
        return blanked(text)

    def _item(self, key: str, value: Any) -> Any:
        secret = SECRET_KEY.search(key) and key not in HARMLESS_KEYS
        if secret and isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
            return value if isinstance(value, str) and value.startswith("%{") else MARK
        if secret and isinstance(value, (list, tuple)):
            return [self._item(key, item) for item in value]
        return self(value)


def _forms(value: str) -> Iterable[str]:
    """How a value may appear: as it is, quoted for JSON, URLs and a shell, in base64 (its part that does not depend on neighbours)."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (quote(value, safe=""), quote(value), quote_plus(value), shlex.quote(value), repr(value)[1:-1])
    raw = value.encode()
    if len(raw) >= 6:
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
            part = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (shift + len(raw)) % 3 else 0)]
            yield from (part, part.translate(URL_SAFE))
