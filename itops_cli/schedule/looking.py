# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every view of the schedule looks at: the services with their cycles, and what the register says of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, catalogue, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row, Status, World
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.catalogue.status import maintained, must_know


def look(ws: Workspace, only: Sequence[str] = ()) -> tuple[Catalogue, Status, list[dict[str, Any]]]:
    """The catalogue, a row for each service (`only` these where given) as it stands now, and the register's lines.

    Raises BadInput for a bad record, Exit 2 for an unknown service, Exit 4 for a damaged register.
    """
    known = catalogue.load(ws).required()
    for service in only:
        must_know(known, service)
    history, lines = maintained(ws)
    return known, status.roll_up(World(known.services, known.people, {}, history, datetime.now(UTC), ws.timezone), only or None), lines


def plan_of(found: Status, row: Row) -> calendar.Schedule | None:
    """The cycle of a service in use; None where it has none."""
    return calendar.schedule(row.record.get("maintenance") or {}, found.timezone) if row.due else None
