# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clauses of the standards, and what is evidence toward them (D1). An organisation is certified, never a tool, a document or a record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, source

FILE = labels.FOLDER.parent / "clauses.yml"

Fault = tuple[tuple[str | int, ...], str, str, str, str]  # path below `satisfies`, message, found, allowed, remedy


@cache
def table() -> dict[str, Any]:
    """The data file: `standards` with their clauses, `evidence` of documents by kind and of records. Treat as read-only."""
    data: dict[str, Any] = source.load(FILE).data
    return data


def standard(name: str) -> str | None:
    """The one standard this name means, with its year; None where it is not known here. Another year is another standard."""
    return _names().get(_bare(name))


def clauses(name: str) -> dict[str, dict[str, str]]:
    """Number -> titles by language, in the order of the standard."""
    found: dict[str, dict[str, str]] = table()["standards"][name]["clauses"]
    return found


def pairs(satisfies: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(standard, clause) for everything in a `satisfies` that is known."""
    for name, numbers in satisfies.items():
        known = standard(name)
        yield from ((known, number) for number in _listed(numbers) if known and number in clauses(known))


def faults(satisfies: Mapping[str, Any]) -> Iterator[Fault]:
    """Every standard and clause that is not known, with the nearest that are."""
    for name, numbers in satisfies.items():
        known = standard(name)
        if known is None:
            yield (name,), "unknown standard", name, ", ".join(table()["standards"]), _meant(get_close_matches(_bare(name), _names(), 1), _names())
            continue
        for index, number in enumerate(_listed(numbers)):
            if number not in clauses(known):
                yield (name, index), f"unknown clause of {known}", number, "numbers as in itops docs clauses", _meant(_near(known, number))


def _listed(numbers: Any) -> list[str]:
    return [str(number) for number in (numbers if isinstance(numbers, list) else [numbers])]


def _near(name: str, number: str) -> list[str]:
    """The clauses somebody may have meant: the same one as it is written here, the one it belongs to, or similar ones."""
    known = clauses(name)
    parts = number.strip().removeprefix("A.").split(".")
    above = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return [spelt for part in above for spelt in (f"A.{part}", part) if spelt in known][:1] + get_close_matches(number, known, 2, 0.5)


def _meant(near: Iterable[str], as_said: Mapping[str, str] | None = None) -> str:
    offered = list(dict.fromkeys(as_said[name] if as_said else name for name in near))
    return f"write {' or '.join(offered)}" if offered else ""


@cache
def _names() -> dict[str, str]:
    return {_bare(word): name for name, entry in table()["standards"].items() for word in (name, *entry.get("aka", ()))}


def _bare(name: str) -> str:
    return re.sub(r"[\s_]+", "", name).casefold()
