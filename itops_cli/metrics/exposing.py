# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry over the workspace: made anew when asked, kept for a while, and never silently old."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import LedgerError
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from itops_cli.errors import Exit, say
from itops_cli.metrics import picture
from itops_cli.metrics.families import families

SUCCESS = "itops_collector_success"


class Workspaces(Collector):
    """The metrics of one workspace. `keep`: seconds for which an answer is given again."""

    def __init__(self, ws: Workspace, keep: float):
        self._ws, self._keep = ws, keep
        self._lock = threading.Lock()
        self._made: list[Metric] = []
        self._until = 0.0

    def collect(self) -> Iterator[Metric]:
        """Everything, or, where the workspace cannot be read, only that it cannot: old numbers would look like fresh ones."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._made = self._collected()
                self._until = time.monotonic() + self._keep
            yield from self._made

    def _collected(self) -> list[Metric]:
        try:
            made = list(families(picture.read(self._ws)))
        except (BadInput, Exit, LedgerError, OSError, ValueError) as error:
            say(f"the workspace cannot be read: {error} → itops doctor")
            return [_success(0)]
        return [*made, _success(1)]


def _success(value: int) -> Metric:
    return GaugeMetricFamily(SUCCESS, "1 where the workspace could be read; without it there is nothing else.", value=value)


class Fixed(Collector):
    """What was made already."""

    def __init__(self, made: list[Metric]):
        self._made = made

    def collect(self) -> Iterator[Metric]:
        yield from self._made


def once(ws: Workspace) -> CollectorRegistry:
    """For a file or a push: raises what `picture.read` raises, so that nothing is written where something is wrong."""
    return registry(Fixed([*families(picture.read(ws)), _success(1)]))


def registry(collector: Collector) -> CollectorRegistry:
    found = CollectorRegistry(auto_describe=False)
    found.register(collector)
    return found
