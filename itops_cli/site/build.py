# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the whole site: reads what there is, writes page after page into a new folder, and puts that in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import change as changes
from ansible_collections.itops.maintenance.plugins.plugin_utils import facts, policy, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.site import documents, past, place, records, services
from itops_cli.site.pages import Site


@dataclass(frozen=True)
class Built:
    """What was built. `faults` are things that have no page and are named on one."""

    folder: str
    services: int
    records: int
    documents: int
    faults: list[str]


def build(ws: Workspace, known: Catalogue, folder: Path, now: datetime, progress: Callable[[int], Callable[[int], None]]) -> Built:
    """`progress` is told how many things there are and gives what is to be called for each. Raises BadInput, DamagedRegister, OSError."""
    shelf, places = documents.shelf(ws), records.folders(ws)
    counted, history = past.read(ws, now)
    found = status.roll_up(status.World(known.services, known.people, facts.load(ws.facts), history, now, ws.timezone, policy.load(ws)["capacity"]))
    days = past.plan(counted, found, _windows(ws, known, counted.changes))
    world = services.World(found, counted, days, shelf, ws.facts)
    with place.renewed(folder) as root:
        site = Site(root, ws, known.services.keys(), {path.name for path in places})
        done = progress(len(found.rows) + len(places) + len(shelf))
        site.frame()
        services.write(site, world, done)
        documents.write(site, shelf, known.people, done)
        faults = records.write(site, places, done)
    return Built(str(folder), len(found.rows), len(places), len(shelf), [*shelf.faults, *faults])


def _windows(ws: Workspace, known: Catalogue, carried_out: set[str]) -> Iterator[Mapping[str, Any]]:
    """The windows of changes that were not carried out yet; what is wrong with a change file is lint's matter."""
    for path in changes.paths(ws):
        if path.stem not in carried_out:
            found, _problems = changes.read(path, known.services, known.people)
            if found and found.plan.get("window"):
                yield found.plan["window"]
