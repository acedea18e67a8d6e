# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds one item to a list of a YAML file that people write, and touches nothing else of it: comments, order and line ends stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import source
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem


def append(text: str, key: str, item: Mapping[str, Any], file: str) -> str:
    """The text with `item` at the end of the top-level list `key`, which is begun where there is none.

    Raises BadInput where the list is written in a form nothing can be added to line by line.
    """
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += ending
    found = _entry(text, key)
    if found is None:
        made = [*lines, f"{key}:\n", *_lines(item, 2)]
    elif _empty(found[1]):
        made = _begun(lines, key, *found, item)
    else:
        made = _added(lines, found[1], item, key, file)
    new = "".join(line if line.endswith("\r\n") else line.replace("\n", ending) for line in made)
    _prove(text, new, key, item, file)
    return new


def _entry(text: str, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next(((name, value) for name, value in pairs if name.value == key), None)


def _empty(value: yaml.Node) -> bool:
    return not value.value or (isinstance(value, yaml.ScalarNode) and value.value in ("~", "null"))


def _begun(lines: list[str], key: str, name: yaml.Node, value: yaml.Node, item: Mapping[str, Any]) -> list[str]:
    """`key: []  # comment` keeps its comment; the list begins below it."""
    first, last = name.start_mark.line, value.end_mark.line
    rest = lines[last][value.end_mark.column :] if value.end_mark.line == first else "\n"
    return [*lines[:first], f"{key}:{rest if rest.strip() else chr(10)}", *_lines(item, 2), *lines[max(first, last) + 1 :]]


def _added(lines: list[str], value: yaml.Node, item: Mapping[str, Any], key: str, file: str) -> list[str]:
    if not isinstance(value, yaml.SequenceNode) or value.flow_style:
        where = value.start_mark.line + 1
        raise BadInput([Problem(file, where, key, "nothing can be added to a list in brackets", allowed="one `- ` line for each entry", remedy="write it so")])
    after = end_of(value.value[-1])
    return [*lines[:after], *_lines(item, value.start_mark.column), *lines[after:]]


def end_of(node: yaml.Node) -> int:
    """The number of lines up to the end of the last thing in this node (its own end mark may lie behind comments)."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
    return int(node.end_mark.line) + (0 if block else 1)


def _lines(item: Mapping[str, Any], indent: int) -> list[str]:
    text = yaml.safe_dump([dict(item)], allow_unicode=True, sort_keys=False, width=140, indent=2)
    return [" " * indent + line for line in text.splitlines(keepends=True)]


def _prove(old: str, new: str, key: str, item: Mapping[str, Any], file: str) -> None:
    """What is read from the new text is what was there, and the item."""
    before, after = source.parse(old, file).data or {}, source.parse(new, file)
    wanted = {**before, key: [*(before.get(key) or []), source.parse(yaml.safe_dump(dict(item), allow_unicode=True), file).data]}
    if after.problems or after.data != wanted:
        raise BadInput([Problem(file, 0, key, "nothing can be added to this file line by line", remedy="write the entry into it by hand")])
