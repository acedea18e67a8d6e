# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops schedule list` and `show`: what is due when, by which rule, and what keeps its changes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click
from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, labels, recurrence, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import due
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.due import Turn
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row, Status
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words

from itops_cli.completing import SERVICE
from itops_cli.output import emit, format_option, lang_option
from itops_cli.schedule.looking import look, plan_of

COLUMNS = ("name", "cycle", "mode", "achieved", "due", "state")
STATES = (calendar.OVERDUE, calendar.DUE_SOON, calendar.NORMAL, calendar.UNKNOWN)
LAST_OF_ALL = datetime.max.replace(tzinfo=UTC)


@click.command("list")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only services in this state; may be given several times.")
@lang_option
@format_option
def list_services(states: tuple[str, ...], lang: str, fmt: str) -> None:
    """Every service in use with its cycle, its last achieved maintenance and its next due point, the earliest first.

    Example: itops schedule list --state overdue --state due_soon
    """
    _known, found, _lines = look(workspace.find())
    rows = sorted((row for row in found.rows if row.due and (not states or row.due.state in states)), key=_when)
    emit([_data(found, row) for row in rows], fmt, lambda: table([_header(name, lang) for name in COLUMNS], [_cells(row, lang) for row in rows]))


@click.command("show")
@click.argument("service", type=SERVICE)
@click.option("--points", type=click.IntRange(1, 1000), default=12, show_default=True, help="So many due points ahead.")
@lang_option
@format_option
def show(service: str, points: int, lang: str, fmt: str) -> None:
    """One service: its cycle in full, the due points to come, and what its changes wait for.

    Example: itops schedule show web --points 24
    """
    ws = workspace.find()
    known, found, lines = look(ws, [service])
    row, plan = found.rows[0], plan_of(found, found.rows[0])
    ahead = list(islice(calendar.upcoming(plan, row.last.achieved_at, LAST_OF_ALL, found.now), points)) if plan else []
    turns = due.turns(ws, known, found.rows, lines, found.now)
    data = {**_data(found, row), "points": [at.isoformat() for at in ahead], "waiting": [_waiting(turn) for turn in turns]}
    emit(data, fmt, lambda: "\n".join(_sheet(row, plan, ahead, turns, lang)))


def _when(row: Row) -> tuple[datetime, str]:
    return (row.due.at if row.due and row.due.at else LAST_OF_ALL), row.id


def _header(name: str, lang: str) -> str:
    return labels.label("schedule", name, lang) if name in labels.catalogue()["schedule"] else Words(lang).header(name)


def _cells(row: Row, lang: str) -> list[str]:
    cells = Cells(row, Words(lang))
    return [cells.at(row.last.achieved_at) if name == "achieved" else cells.cell(name) for name in COLUMNS]


def _data(found: Status, row: Row) -> dict[str, Any]:
    """For a program; null is what nobody knows."""
    plan, state, last = plan_of(found, row), row.due, row.last
    at = state.at if state else None
    return {
        "service": row.id, "name": row.record.get("name"), "cycle": (row.record.get("maintenance") or {}).get("cycle"), "tz": row.tz,
        "mode": (row.record.get("maintenance") or {}).get("mode"), "state": state.state if state else None, "due": _iso(at),
        "whole_day": bool(state and state.whole_day), "due_soon_from": _iso(at - plan.warning if at and plan else None),
        "overdue_after": _iso(calendar.deadline(plan, at) if at and plan else None), "achieved": _iso(last.achieved_at),
        "change": last.achieved_change or None, "rrule": (recurrence.of(plan, last.achieved_at) if plan else "") or None,
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def _waiting(turn: Turn) -> dict[str, Any]:
    return {"next": turn.next or None, "changes": [{"change": c.change, "hindrances": list(c.hindrances)} for c in turn.candidates]}


def _sheet(row: Row, plan: calendar.Schedule | None, ahead: list[datetime], turns: list[Turn], lang: str) -> Iterator[str]:
    maintenance = row.record.get("maintenance") or {}
    cells, words = Cells(row, Words(lang)), Words(lang)
    facts = [(_header(name, lang), text) for name, text in zip(COLUMNS, _cells(row, lang), strict=True)]
    if plan and row.due and row.due.at:
        facts.insert(-1, (_header("due_soon_from", lang), cells.at(row.due.at - plan.warning)))
        facts.insert(-1, (_header("overdue_after", lang), cells.at(calendar.deadline(plan, row.due.at))))
    facts += [
        (_header(name, lang), words.listed(text if isinstance(text, list) else [text])) for name in ("anchor", "exclude") if (text := maintenance.get(name))
    ]
    yield table([_header("field", lang), _header("value", lang)], facts)
    if ahead:
        yield f"\n{_header('points', lang)}\n"
        yield from (f"- {cells.at(at, row.due is not None and row.due.whole_day)}" for at in ahead)
    for turn in turns:
        yield f"\n{_header('changes', lang)}\n"
        yield from ([f"- {_header('none', lang)} → {turn.next}"] if turn.next else [])
        for candidate in turn.candidates:
            yield from (f"- {candidate.change}: {why}" for why in candidate.hindrances or [_header("ready", lang)])
