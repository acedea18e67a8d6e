# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that no service record names, because it refers to a group: those of the inventory's YAML files, and those that were collected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import facts, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.inside import HOST, Path_, Thing, machine
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import dotted
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

RANGE = re.compile(r"(.*)\[(\d+):(\d+)\](.*)")
MOST = 10_000  # hosts of one range


def find(ws: Workspace) -> list[Thing]:
    """Each name and address once. Another kind of inventory is known from what was collected with it."""
    found: dict[str, Thing] = {}
    for path in sorted(ws.inventory.glob("*.y*ml")):
        if path != ws.people_file:
            for place, value, what in _hosts(source.load(path).data, ()):
                found.setdefault(value, Thing(value, what, f"{path.name}: {dotted(place)}", ""))
    for name, host in facts.load(ws.facts).items():
        found.setdefault(name, Thing(name, HOST, f"{ws.facts.name}/{name}.json", next(iter(host.services), "")))
    return list(found.values())


def _hosts(data: Any, path: Path_) -> Iterator[tuple[Any, ...]]:
    for key, item in data.items() if isinstance(data, dict) else ():
        if key == "hosts" and isinstance(item, dict):
            for name, values in item.items():
                yield from (one for each in _expanded(str(name)) for one in machine(each, (*path, key, name)))
                yield from machine(str((values or {}).get("ansible_host") or "") if isinstance(values, dict) else "", (*path, key, name, "ansible_host"))
        else:
            yield from _hosts(item, (*path, key))


def _expanded(name: str) -> Iterator[str]:
    """web[01:03] is three hosts."""
    found = RANGE.fullmatch(name)
    if not found:
        yield name
        return
    head, first, last, tail = found.groups()
    yield from (f"{head}{number:0{len(first)}}{tail}" for number in range(int(first), min(int(last), int(first) + MOST) + 1))
