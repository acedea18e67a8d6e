# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`%{name}` in steps and checks: the only thing that is replaced in a change; Jinja is never run on its texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PLACEHOLDER = re.compile(r"%\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_NAME = re.compile(r"pass(word|wd|phrase)?\b|pass(word|wd|phrase)|secret|token|credential|private_key|api_?key", re.I)


class UnknownPlaceholder(Exception):
    """A name without a value; says which ones there are."""


@dataclass(frozen=True)
class Values:
    """What the placeholders of one host stand for. Values of secret names never appear in what is shown."""

    plain: Mapping[str, str]
    secret: Mapping[str, str] = field(default_factory=dict)

    def fill(self, value: Any) -> Any:
        """Replace in every string of a nested value."""
        return _walk(value, {**self.plain, **self.secret})

    def show(self, value: Any) -> Any:
        """The same for people: secret placeholders stay as they are written."""
        return _walk(value, {**self.plain, **{name: f"%{{{name}}}" for name in self.secret}})


def names(value: Any) -> Iterator[str]:
    """Every placeholder name in a nested value."""
    if isinstance(value, str):
        yield from PLACEHOLDER.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from names(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from names(item)


def is_secret(name: str) -> bool:
    """Whether a variable of this name is taken for a secret wherever it comes from."""
    return bool(SECRET_NAME.search(name))


def _walk(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: _value(match[1], known), value)
    if isinstance(value, Mapping):
        return {key: _walk(item, known) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_walk(item, known) for item in value]
    return value


def _value(name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        raise UnknownPlaceholder(f"%{{{name}}} has no value on {known.get('host', 'this host')}; known are: {', '.join(sorted(known))}")
    return known[name]
