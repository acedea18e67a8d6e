# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids that the shell can complete: read from file names alone, so that the Tab key answers at once and never fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace
from click.shell_completion import CompletionItem

Lister = Callable[[Workspace], Iterable[Path]]  # no database is asked


class _Id(click.ParamType):  # type: ignore[type-arg] # generic only in newer versions of click
    """A text; what there is in the workspace is offered, and anything else is accepted."""

    def __init__(self, name: str, listed: Lister):
        self.name = name
        self._listed = listed

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = {path.name.removesuffix(".yml") for path in self._listed(workspace.find())}
        except (BadInput, OSError):
            return []
        return [CompletionItem(name) for name in sorted(found) if name.startswith(incomplete)]


CHANGE = _Id("change", lambda ws: ws.changes.glob("CHG-*.yml"))  # what can be run
RECORD = _Id("record", lambda ws: ws.records.glob("[0-9]*/CHG-*") if isinstance(ws.records, Path) else ())  # what has been
SERVICE = _Id("service", lambda ws: ws.services_dir.glob("*.yml"))
