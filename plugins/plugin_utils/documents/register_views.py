# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document register to look at: 文档结构, 文档登记, 迁移登记, 逾期复审 and 组织关系说明, as Markdown, CSV and data."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, labels, status_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import register
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.register import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY, Cell, cell, table

SECTION = "document_register"
FREE_ROWS = 15  # of the department's empty form of 文档结构
BREAK = "<br>"  # between the documents of one cell
COLUMNS = ("id", "title", "side", "section", "owner", "version", "classification", "review_due", "source.format", "migration")
UNDONE = ("id", "title", "owner", "source.format", "source.path", "source.sha256", "source.date", "review", "reviewer", "migration")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Book:
    """What there is to show. `base` is the folder from which links lead; the people and services are those of the catalogue."""

    entries: Sequence[Entry]
    people: Mapping[str, Record]
    services: Mapping[str, Record]
    now: datetime
    timezone: str
    base: Path

    @cached_property
    def today(self) -> date:
        return self.now.astimezone(calendar.zone(self.timezone)).date()

    @cached_property
    def migration(self) -> register.Migration:
        return register.migration(self.entries)

    @cached_property
    def overdue(self) -> list[Entry]:
        return register.overdue(self.entries, self.today)

    @cached_property
    def undated(self) -> int:
        """Documents in use that nobody has to look through again: no alarm will ever name them."""
        return sum(not entry.review_due and entry.migration != register.RETIRED for entry in self.entries)


def whole(book: Book, lang: str) -> str:
    """All parts, each with its heading."""
    blocks = [f"# {_t('title', lang)}", head(book, lang)]
    for name, part in PARTS.items():
        blocks += [f"## {_t(name, lang)}", part(book, lang)]
    return "\n\n".join(blocks) + "\n"


def head(book: Book, lang: str) -> str:
    now = calendar.printed(book.now, calendar.zone(book.timezone))
    counts = {"documents": len(book.entries), "overdue": len(book.overdue), "undated": book.undated, "percent": _percent(book)}
    return _t("head", lang).format(now=now, **counts)


def structure(book: Book, lang: str) -> str:
    """文档结构: what lies where; the department's empty form, byte for byte, where there is nothing yet."""
    rows = [
        [name, *(Cell(BREAK.join(_link(found, book.base) for found in sides[side])) for side in ("ops", "user"))]
        for name, sides in register.sections(book.entries, lang).items()
    ]
    return table([_t(name, lang) for name in ("layout", "ops_side", "user_side")], rows or [[""] * 3] * FREE_ROWS, widest=status_tables.WIDEST)


def listed(book: Book, lang: str) -> str:
    """文档登记: every document with its properties."""
    names = (*COLUMNS, "languages")
    return table([_column(name, lang) for name in names], [_row(book, entry, lang, names) for entry in book.entries], widest=status_tables.WIDEST)


def migration(book: Book, lang: str) -> str:
    """迁移登记: how far it is, how that is counted, and what is left to do: what is not migrated, or not reviewed (待复核)."""
    said = _t("percent", lang).format(migrated=book.migration.states[register.MIGRATED], counted=book.migration.counted, percent=_percent(book))
    states = table([_column("migration", lang), _t("count", lang)], [[_value(state, lang), str(n)] for state, n in book.migration.states.items()])
    left = [_row(book, entry, lang, UNDONE) for entry in book.entries if entry.migration in register.LEFT or entry.to_review]
    return "\n\n".join([said, states, *([table([_column(name, lang) for name in UNDONE], left, widest=status_tables.WIDEST)] if left else [])])


def reviews(book: Book, lang: str) -> str:
    """逾期复审: the longest overdue first."""
    names = ("id", "title", "owner", "review_due")
    rows = [[*_row(book, entry, lang, names), _days(entry.review_due, book.today)] for entry in book.overdue]
    return table([*(_column(name, lang) for name in names), _t("days", lang)], rows) if rows else _t("no_overdue", lang)


def people(book: Book, lang: str) -> str:
    """组织关系说明 (D5): who is what, who stands in for whom, and who answers for what."""
    names = ("person", "roles", "deputy", "contact", "active", "answers_services", "answers_documents")
    return table([_t(name, lang) for name in names], [_person(book, pid, lang) for pid in book.people], widest=status_tables.WIDEST)


PARTS: dict[str, Callable[[Book, str], str]] = {"structure": structure, "list": listed, "migration": migration, "reviews": reviews, "people": people}


def as_csv(book: Book, lang: str) -> str:
    """文档登记 for a spreadsheet."""
    names = (*COLUMNS, "languages")
    return status_tables.comma_separated([_column(name, lang) for name in names], (_row(book, entry, lang, names) for entry in book.entries))


def data(book: Book, lang: str) -> dict[str, Any]:
    """The same for a program: ids, not labels."""
    return {
        "generated": book.now.isoformat(timespec="seconds"),
        "documents": [_data(entry, lang) for entry in book.entries],
        "structure": {name: {side: [d.id for d in found] for side, found in sides.items()} for name, sides in register.sections(book.entries, lang).items()},
        "migration": {**book.migration.states, "counted": book.migration.counted, "percent": book.migration.percent},
        "to_review": [entry.id for entry in book.entries if entry.to_review],
        "overdue": [{"id": entry.id, "owner": entry.shown(lang).meta["owner"], "review_due": entry.review_due} for entry in book.overdue],
        "undated": book.undated,
    }


def _data(entry: Entry, lang: str) -> dict[str, Any]:
    meta = entry.shown(lang).meta
    kept = {key: meta[key] for key in ("id", "title", "kind", "side", "owner", "version", "classification", "services", "satisfies")}
    origin = dict(meta.get("source") or {"format": "md"})
    files = {str(found.meta["lang"]): str(found.path) for found in entry.documents if found.markdown}
    more = {"migration": entry.migration, "review_due": entry.review_due or None, "section": register.section(entry.shown(lang), lang)}
    return {**kept, **more, "source": origin, "files": files}


def _row(book: Book, entry: Entry, lang: str, names: Sequence[str]) -> list[str]:
    return [_cell(book, entry, lang, name) or EMPTY for name in names]


def _cell(book: Book, entry: Entry, lang: str, name: str) -> str:
    found = entry.shown(lang)
    if name in ("owner", "reviewer"):
        return _name(book, found.meta.get(name))
    if name == "languages":
        return ", ".join(str(one.meta["lang"]) for one in entry.documents)
    said = {"review_due": entry.review_due, "section": register.section(found, lang), "migration": _value(entry.migration, lang)}
    if name.startswith("source."):
        return str((found.meta.get("source") or {"format": "md"}).get(name.partition(".")[2]) or "")
    if name in said:
        return said[name]
    if name == "review":
        return _value("to_review", lang) if entry.to_review else ""
    value = str(found.meta.get(name) or "")
    return _value(value, lang) if name in ("side", "classification") else value


def _person(book: Book, pid: str, lang: str) -> list[str]:
    person = book.people[pid]
    roles = ", ".join(labels.value_label("service", role, lang) for role in person["roles"])
    services = ", ".join(str(record["name"]) for record in book.services.values() if pid == record["owner"])
    documents = ", ".join(entry.id for entry in book.entries if pid == entry.shown(lang).meta["owner"] and entry.migration != register.RETIRED)
    said = [f"{person['name']} ({pid})", roles, _name(book, person.get("deputy")), ", ".join(map(str, person["contact"].values())),
            _t("yes" if person["active"] else "no", lang), services, documents]  # fmt: skip
    return [text or EMPTY for text in said]


def _link(found: Document, base: Path) -> str:
    """The title, leading to where the document or its original lies, as far as that is a file of ours."""
    title = re.sub(r"\\(.)|([\[\]])", lambda part: part[0] if part[1] else f"\\{part[2]}", cell(found.meta["title"]))
    target = found.path if found.markdown else found.path.parent / str((found.meta.get("source") or {}).get("path") or "")
    return f"[{title}]({quote(os.path.relpath(target, base))})" if target.is_file() else title


def _days(due: str, today: date) -> str:
    try:
        return str((today - date.fromisoformat(due)).days)
    except ValueError:
        return EMPTY


def _name(book: Book, pid: Any) -> str:
    return str((book.people.get(str(pid)) or {}).get("name") or pid or "")


def _percent(book: Book) -> str:
    return EMPTY if book.migration.percent is None else f"{book.migration.percent}%"


def _column(name: str, lang: str) -> str:
    return _t(name, lang) if name == "languages" else labels.label("document", name, lang)


def _value(value: str, lang: str) -> str:
    return labels.value_label("document", value, lang)


def _t(name: str, lang: str) -> str:
    return labels.label(SECTION, name, lang)
