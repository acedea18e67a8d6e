# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that were carried out before: real ledgers and a real register, written by the functions that a run uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, views, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from tests.unit import make

HOST = "web1"


def load(ws: Workspace, change_id: str) -> Change:
    known = catalogue.load(ws)
    return change_file.load(change_file.find(ws, change_id), known.services, known.people)


def planned(root: Path, change_id: str, **parts: Any) -> Change:
    """A change of the workspace, as tests/unit/make writes it."""
    make.change(root, change_id, **parts)
    return load(workspace.load(root), change_id)


def carried_out(change: Change, root: Path, end: str = "done", verb: str = "run", check: bool = False, keep_open: bool = False, number: int = 1) -> Ledger:
    """One run of it. `end`: done, rolled_back (after a failure), stuck (failed, and nothing more), nothing (planned only), refused by the gate."""
    ws = workspace.load(root)
    run, book = f"R2026112{number}T020000Z-abcd", Ledger(ws.record_dir(change.id), change.id)
    book.append("run_opened", {"change": change.id, "argv_verb": verb, "user": "li", "check": check, "pid": 1}, run=run, phase="gate")
    book.append("gate", {"result": "refused" if end == "refused" else "passed", "findings": []}, run=run, phase="gate")
    if end != "refused":
        _work(book, change, run, end, verb, check)
    if not keep_open:
        views.close(book.directory, change.id, run, "", {})
    return book


def _work(book: Ledger, change: Change, run: str, end: str, verb: str, check: bool) -> None:
    hosts = [{"host": HOST, "service": change.services[0], "role": "primary", "stage": 2, "batch": 1}]
    segments = {HOST: [{"id": "patch-1", "phase": "patch"}]}
    data = {"hosts": hosts, "segments": segments, "skipped": [], "can_roll_back": True, "change": change.data, "plan_digest": change.plan_digest,
            "services": {sid: {"id": sid} for sid in change.services}}  # fmt: skip
    book.append("planned", data, run=run, phase="gate")
    if check or end == "nothing":
        return
    if verb != "rollback":
        _segment(book, run, "patch-1", "patch", "done" if end == "done" else "abnormal")
    if verb == "rollback" or end == "rolled_back":
        _segment(book, run, "rollback", "rollback", "rolled_back")


def _segment(book: Ledger, run: str, segment: str, phase: str, result: str) -> None:
    book.append("segment_started", {"segment": segment}, run=run, host=HOST, phase=phase)
    book.append("segment_finished", {"segment": segment, "result": result, "message": ""}, run=run, host=HOST, phase=phase)
