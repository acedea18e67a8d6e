# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a regular expression can explode: a conservative answer from its parse tree, without running it.

A pattern for known errors meets whatever a broken program prints, at the worst moment. Refused is what can take exponential
time, or nearly so, in a backtracking engine: a repetition whose content can be read in several ways, repetitions of the same
characters side by side, many optional parts, references to what was matched. What is left is polynomial at worst; where it is
matched, a clock bounds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from re import _constants as op  # type: ignore[attr-defined]  # typeshed does not know them; there since Python 3.11
from re import _parser as parser  # type: ignore[attr-defined] # has no types, and no public name
from typing import Any

LONGEST = 500  # characters of a pattern
WIDE = 4  # repetitions of nearly everything (`.*`, `\S+`) one after the other
OPTIONAL = 12  # optional parts: each doubles the ways to read a text
MANY = 1000  # a counted repetition
ALLOWED = "no repetition or alternative inside a repetition, no two repetitions of the same characters side by side, no back reference"
OTHERS = frozenset("é中，：０")  # what is not ASCII: letters, marks, a digit
SAMPLE = frozenset(map(chr, range(1, 127))) | OTHERS
CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S", "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)
ONE = (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY)

Node = tuple[Any, Any]


class Explosive(Exception):
    """What in the pattern can explode, in words."""


@dataclass
class _Count:
    wide: int = 0
    optional: int = 0


def fault(pattern: str) -> str:
    """Why this pattern is refused, "" where it is not. It must be a regular expression (see step_rules.pattern_fault)."""
    if len(pattern) > LONGEST:
        return f"longer than {LONGEST} characters"
    try:
        count = _sequence(_flat(parser.parse(pattern)))
    except Explosive as why:
        return str(why)
    except RecursionError:
        return "nested too deeply"
    if count.wide > WIDE:
        return f"more than {WIDE} repetitions of nearly everything (such as .*)"
    if count.optional > OPTIONAL:
        return f"more than {OPTIONAL} optional parts"
    return "matches also nothing at all, so every failure" if re.search(pattern, "") else ""


def _flat(nodes: Iterable[Node]) -> list[Node]:
    """The sequence with the content of plain groups in their place."""
    found: list[Node] = []
    for kind, args in nodes:
        if kind is op.SUBPATTERN:
            found += _flat(args[3])
        else:
            found.append((kind, args))
    return found


def _sequence(nodes: Sequence[Node]) -> _Count:
    """Check the parts of one sequence and their neighbours. Raises Explosive."""
    total, before = _Count(), frozenset[str]()
    for kind, args in nodes:
        if kind in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise Explosive("refers back to what was matched: can explode")
        if kind in (op.ATOMIC_GROUP, op.POSSESSIVE_REPEAT):
            raise Explosive("possessive repetitions and atomic groups are unknown to Python 3.8 on the hosts")
        found, now = _part(kind, args)
        if before & now:
            raise Explosive("two repetitions of the same characters side by side can explode")
        may_be_empty = kind in (op.AT, op.ASSERT, op.ASSERT_NOT) or (kind in REPEATS and args[0] == 0) or (kind is op.BRANCH and _may_be_empty(args[1]))
        before = before | now if may_be_empty else now
        total.wide, total.optional = total.wide + found.wide, total.optional + found.optional
    return total


def _part(kind: Any, args: Any) -> tuple[_Count, frozenset[str]]:
    """What one part counts, and the characters it repeats."""
    if kind in REPEATS:
        return _repeat(*args)
    if kind is op.BRANCH:
        branches = [_flat(branch) for branch in args[1]]
        counts, repeated = [_sequence(branch) for branch in branches], frozenset[str]()
        for branch in branches:
            repeated |= frozenset().union(*(_part(kind, each)[1] for kind, each in branch))
        ways = 1 if _may_be_empty(branches) or not _apart(branches) else 0
        return _Count(max(c.wide for c in counts), max(c.optional for c in counts) + ways), repeated
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return _sequence(_flat(args[1])), frozenset()
    return _Count(), frozenset()


def _may_be_empty(branches: Iterable[Iterable[Node]]) -> bool:
    """Whether one of the alternatives can be nothing at all."""
    return any(not _flat(branch) or all(kind in REPEATS and args[0] == 0 for kind, args in _flat(branch)) for branch in branches)


def _apart(branches: Sequence[Sequence[Node]]) -> bool:
    """Whether the first character tells which alternative it is, so that there is one way to read a text."""
    seen: frozenset[str] = frozenset()
    for branch in branches:
        first = characters(branch[0]) if branch and branch[0][0] in ONE else SAMPLE
        if first & seen:
            return False
        seen |= first
    return True


def _repeat(least: Any, most: Any, nodes: Iterable[Node]) -> tuple[_Count, frozenset[str]]:
    content = _flat(nodes)
    if most is not op.MAXREPEAT and most > MANY:
        raise Explosive(f"counts further than {MANY}")
    if most == 1:
        count = _sequence(content)
        return _Count(count.wide, count.optional + 1), frozenset()
    if len(content) != 1 or content[0][0] not in ONE:
        _repeated(content)
        return _sequence(content), frozenset()
    chars = characters(content[0]) if least != most else frozenset()
    return _Count(wide=int(len(chars) > len(SAMPLE) // 2)), chars


def _repeated(content: Sequence[Node]) -> None:
    """The content of a repetition can be read in one way only: of fixed length, or with a mark that no other part of it takes."""
    if all(kind in ONE or (kind in REPEATS and args[0] == args[1] and _fixed(args[2])) for kind, args in content):
        return
    variable = [node for node in content if node[0] in REPEATS]
    plain = [node for node in content if node[0] in ONE]
    if len(variable) == 1 and len(variable) + len(plain) == len(content) and _single(variable[0]):
        for mark in (content[0], content[-1]):
            others = [characters(node) for node in content if node is not mark]
            if mark[0] in ONE and not any(characters(mark) & other for other in others):
                return
    raise Explosive("a repetition or alternative inside a repetition can explode")


def _fixed(nodes: Iterable[Node]) -> bool:
    return all(kind in ONE for kind, _args in _flat(nodes))


def _single(node: Node) -> bool:
    content = _flat(node[1][2])
    return len(content) == 1 and content[0][0] in ONE


def characters(node: Node) -> frozenset[str]:
    """Which of the sample's characters this part can be; of a repetition, those of its one character."""
    kind, args = node
    if kind in REPEATS:
        return characters(_flat(args[2])[0])
    if kind is op.ANY:
        return SAMPLE - {"\n"}
    if kind in (op.LITERAL, op.NOT_LITERAL):
        mine = _both(chr(args))
        return SAMPLE - mine if kind is op.NOT_LITERAL else mine
    return _set(args)


def _set(items: Sequence[Node]) -> frozenset[str]:
    """The characters of [...], with letters in both cases: the flag may be set."""
    found: frozenset[str] = frozenset()
    for kind, args in items:
        if kind is op.LITERAL:
            found |= _both(chr(args))
        elif kind is op.RANGE:
            low, high = args
            found |= frozenset(c for c in SAMPLE if any(low <= ord(each) <= high for each in _both(c))) | (OTHERS if high > 126 else frozenset())
        elif kind is op.CATEGORY:
            found |= frozenset(c for c in SAMPLE if re.match(CATEGORIES[str(args)], c))
    return SAMPLE - found if items[0][0] is op.NEGATE else found


def _both(char: str) -> frozenset[str]:
    """The character in both cases; one that the sample lacks counts as any of those outside ASCII."""
    return frozenset((char, char.lower(), char.upper())) if char.isascii() else OTHERS
