# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clause -> the documents and records that are evidence toward it (D1). Never more than that: who is certified is an organisation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import clauses, labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import register
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.register import Entry
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY, Cell, cell, table

SECTION = "clauses"
BREAK = "<br>"

Record = Mapping[str, Any]


@dataclass
class Row:
    """One clause with what points to it; `records` are names with the command that shows them."""

    standard: str
    number: str
    title: str
    documents: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)

    @property
    def pointed(self) -> bool:
        return bool(self.documents or self.records)


def rows(entries: Iterable[Entry], services: Mapping[str, Record], changes: Mapping[str, Record], lang: str) -> list[Row]:
    """Every clause in the order of its standard. `changes` are those with a record; retired documents are evidence no more."""
    standards = {name: clauses.clauses(name) for name in clauses.table()["standards"]}
    made = {(name, number): Row(name, number, titles[lang]) for name, known in standards.items() for number, titles in known.items()}
    for entry in entries:
        if entry.migration != register.RETIRED:
            for pair in _of_document(entry):
                made[pair].documents.append(f"{entry.id} {entry.shown(lang).meta['title']}")
    for text, satisfies in _records(services, changes, lang):
        for pair in dict.fromkeys(clauses.pairs(satisfies)):
            made[pair].records.append(text)
    return list(made.values())


def markdown(found: Iterable[Row], lang: str, whole: bool = True) -> str:
    """A table for each standard; without `whole` without the title."""
    blocks = [f"# {_t('title', lang)}"] if whole else []
    blocks.append(_t("says", lang))
    by_standard: dict[str, list[Row]] = {}
    for row in found:
        by_standard.setdefault(row.standard, []).append(row)
    for name, lines in by_standard.items():
        pointed = sum(row.pointed for row in lines)
        blocks += [f"## {name}", _t("covered", lang).format(standard=name, clauses=len(lines), pointed=pointed)]
        head = [_t(column, lang) for column in ("clause", "name", "documents", "records")]
        blocks.append(table(head, [[row.number, row.title, _several(row.documents), _several(row.records)] for row in lines], widest=40))
    return "\n\n".join(blocks) + "\n"


def _several(texts: list[str]) -> Cell:
    return Cell(BREAK.join(map(cell, texts)) or EMPTY)


def _of_document(entry: Entry) -> Iterator[tuple[str, str]]:
    """By its kind, and what any of its languages says itself; each clause once."""
    by_kind = clauses.table()["evidence"]["documents"].get(entry.documents[0].meta["kind"], {})
    said = [by_kind, *(found.meta["satisfies"] for found in entry.documents)]
    return iter(dict.fromkeys(pair for satisfies in said for pair in clauses.pairs(satisfies)))


def _records(services: Mapping[str, Record], changes: Mapping[str, Record], lang: str) -> Iterator[tuple[str, Record]]:
    for entry in clauses.table()["evidence"]["records"].values():
        yield f"{entry['name'][lang]} ({entry['shown']})", entry["satisfies"]
    for sid, record in services.items():
        yield _t("service", lang).format(name=f"{record['name']} ({sid})"), record.get("satisfies") or {}
    for name, change in changes.items():
        yield _t("change", lang).format(name=name), change.get("satisfies") or {}


def _t(name: str, lang: str) -> str:
    return labels.label(SECTION, name, lang)
