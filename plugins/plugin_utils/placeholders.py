# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`%{name}` in steps and checks: the only thing that is replaced in a change; Jinja is never run on its texts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PLACEHOLDER = re.compile(r"%\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_NAME = re.compile(r"pass(word|wd|phrase)?\b|pass(word|wd|phrase)|secret|token|credential|private_key|api_?key", re.I)


class UnknownPlaceholder(Exception):
    """A name without a value; says which ones there are."""


class LooseSecret(UnknownPlaceholder):
    """A secret that a command line would read as more than a part of one word. Nobody has approved what it says."""


@dataclass(frozen=True)
class Values:
    """What the placeholders of one host stand for. Values of secret names never appear in what is shown."""

    plain: Mapping[str, str]
    secret: Mapping[str, str] = field(default_factory=dict)

    def fill(self, value: Any) -> Any:
        """Replace in every string of a nested value. Raises UnknownPlaceholder, LooseSecret."""
        for line, shell in _lines(value) if self.secret else ():
            self._keep_within_a_word(line, shell)
        return _walk(value, {**self.plain, **self.secret})

    def show(self, value: Any) -> Any:
        """The same for people: secret placeholders stay as they are written."""
        return _walk(value, {**self.plain, **{name: f"%{{{name}}}" for name in self.secret}})

    def _keep_within_a_word(self, line: str, shell: bool) -> None:
        for name in {*names(line)} & {*self.secret}:
            within = _plain_in_a_shell if shell else _one_word
            value = self.secret[name]
            if value != f"%{{{name}}}" and not within(line, name, value):  # the run-sheet leaves it as it is written
                raise LooseSecret(f"the value of %{{{name}}} has signs that a command line takes for its own: {line}")


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


def _lines(value: Any) -> Iterator[tuple[str, bool]]:
    """Every command line in a step, a check or a control, and whether a shell reads it."""
    if isinstance(value, Mapping):
        commands = value.get("commands")
        yield from ((str(line), True) for line in (commands.values() if isinstance(commands, Mapping) else ()))
        if isinstance(value.get("command"), str):
            yield value["command"], bool(value.get("shell"))
        yield from (line for key, item in value.items() if key != "commands" for line in _lines(item))
    elif isinstance(value, (list, tuple)):
        yield from (line for item in value for line in _lines(item))


def _one_word(line: str, name: str, value: str) -> bool:
    put = f"%{{{name}}}"
    try:
        return shlex.split(line.replace(put, value)) == [word.replace(put, value) for word in shlex.split(line)]
    except ValueError:
        return False


def _plain_in_a_shell(line: str, name: str, value: str) -> bool:
    put = f"%{{{name}}}"
    quoted = line.count(f"'{put}'") == line.count(put) and "'" not in value
    return quoted or shlex.quote(value) == value


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
