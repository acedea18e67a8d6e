# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anything starts what is due: the block in a crontab, or the timer of a unit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.checkup import NOTE, OK, Sign
from itops_cli.errors import Exit
from itops_cli.schedule import cron, systemd, timer


def starts(ws: Workspace) -> Iterator[Sign]:
    """Only a note: AWX may start it, or a person."""
    found = list(_found(timer.mark(ws.root)))
    if found:
        yield Sign("schedule", OK, f"what is due is started by {', '.join(found)}")
    else:
        yield Sign("schedule", NOTE, "neither cron nor systemd starts what is due in this workspace", "itops schedule install")


def _found(mark: str) -> Iterator[str]:
    with suppress(Exit):  # no cron on this machine
        if f"{mark} begin" in cron.Crontab().read().decode("utf-8", "replace").splitlines():
            yield "the crontab"
    for folder, line in ((cron.FOLDER, f"{mark} begin"), (systemd.SYSTEM, mark), (systemd.own(), mark)):
        yield from (str(path) for path in sorted(folder.glob("*")) if path.suffix in ("", ".timer") and line in _lines(path))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
