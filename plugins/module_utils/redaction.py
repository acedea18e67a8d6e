# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps known secrets out of everything that is written: their plain and their usual encoded forms."""

from __future__ import annotations

import base64
import json
import re
import shlex
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from .secret_patterns import MARK, blanked, blanked_items

REDACTED = MARK


class Redactor:
    """Replaces secret values, and what looks like one, in text and nested data."""

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        forms = {form for secret in secrets if secret not in (None, "") for form in _forms(str(secret))}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def text(self, value: str) -> str:
        return blanked(self._pattern.sub(REDACTED, value) if self._pattern else value)

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return blanked_items(value, self)
        return value


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", errors="surrogateescape")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield shlex.quote(secret)
    yield repr(secret)[1:-1]
    yield urllib.parse.quote(raw, safe="")
    yield urllib.parse.quote_plus(raw)
    yield base64.b64encode(raw).decode()
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= 8)


def without_secrets(segment: dict[str, Any], redact: Redactor) -> dict[str, Any]:
    """The segment as it may lie on the disk: no secret values, no values of any environment."""
    kept = {key: value for key, value in segment.items() if key not in ("secrets", "env")}
    plain: dict[str, Any] = redact(_blank_env(kept))
    plain["env_names"] = sorted(map(str, segment.get("env") or {}))
    return plain


def _blank_env(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: dict.fromkeys(item, REDACTED) if key == "env" and isinstance(item, dict) else _blank_env(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_blank_env(item) for item in value]
    return value
