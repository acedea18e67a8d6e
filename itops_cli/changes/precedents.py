# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops precedents CHANGE`: earlier changes that are like it, how they ended, and which one to start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, labels, wording, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import precedents
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.precedents import Precedent
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table

from itops_cli.completing import CHANGE
from itops_cli.output import emit, format_option, lang_option

COLUMNS = ("change", "title", "services", "kind", "packages", "closed_at", "result", "duration", "score", "usable")


@click.command("precedents")
@click.argument("change", type=CHANGE)
@lang_option
@format_option
def command(change: str, lang: str, fmt: str) -> None:
    """Earlier changes of the same service or package, the most similar first, with their success and rollback rate.

    Example: itops precedents CHG-20261123-01
    """
    ws = workspace.find()
    known = catalogue.load(ws)
    loaded = change_file.load(change_file.find(ws, change), known.services, known.people, draft=True)
    found = precedents.find(loaded, ws)
    summary, runbook = precedents.summary(found), precedents.runbook(loaded, ws)
    best = precedents.best(found)
    start = f"itops change new --from {best.change}" if best else ""
    data = {"change": change, "precedents": [p.as_dict() for p in found], "summary": summary, "start_from": best.change if best else None,
            "runbook": {**runbook.as_dict(), "path": loaded.plan.get("runbook"), "sha256": precedents.runbook_digest(loaded, ws)}}  # fmt: skip
    emit(data, fmt, lambda: "\n".join([*_found(found, summary, ws.timezone, lang), *_next(start, runbook, lang)]))


def _found(found: Sequence[Precedent], summary: dict[str, Any], zone: str, lang: str) -> list[str]:
    if not found:
        return [labels.label("precedents", "none", lang)]
    lines = [table([labels.label("precedents", name, lang) for name in COLUMNS], [_row(p, zone, lang) for p in found])]
    if summary["count"]:
        duration = wording.duration(summary["median_duration_s"] * 1000)
        lines += ["", labels.label("precedents", "summary", lang).format_map({**summary, "duration": duration})]
    return lines


def _row(found: Precedent, zone: str, lang: str) -> list[str]:
    ended = " / ".join(labels.label("record_value", word, lang) for word in (found.result, found.backout))
    kind = labels.label("record_value", found.kind, lang)
    usable = labels.label("precedents", found.lacking or "yes", lang)
    return [found.change, found.title, ", ".join(found.services), kind, ", ".join(found.packages), wording.moment(found.closed_at, zone), ended,
            wording.duration(found.duration_s * 1000), str(found.score), usable]  # fmt: skip


def _next(start: str, runbook: Finding, lang: str) -> list[str]:
    said = [f"{labels.label('precedents', 'start', lang)}: {start}"] if start else []
    return [*said, str(runbook)] if runbook.message and not runbook.ok else said
