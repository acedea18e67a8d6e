# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document register (D7, D8): every document of the department, Markdown or not yet, one entry for all of its languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

FILE = "register.yml"
STATES = ("pending", "migrating", "migrated", "retired")  # the least done first
RETIRED, MIGRATED = "retired", "migrated"
LEFT = STATES[:2]  # not Markdown yet, or not in all languages


@dataclass(frozen=True)
class Entry:
    """One document in all its languages."""

    documents: tuple[Document, ...]

    @property
    def id(self) -> str:
        return self.documents[0].id

    def shown(self, lang: str) -> Document:
        """The one in this language; the first where there is none."""
        return next((found for found in self.documents if found.meta["lang"] == lang), self.documents[0])

    @property
    def migration(self) -> str:
        """As far as all of its languages are; retired when all of them are."""
        return min((str(found.meta["migration"]) for found in self.documents), key=STATES.index)

    @property
    def review_due(self) -> str:
        """The earliest date of its languages in use; "" where none has one."""
        return min((str(found.meta["review_due"]) for found in self.documents if found.meta.get("review_due") and _used(found)), default="")

    @property
    def to_review(self) -> bool:
        """Whether nobody has compared one of its languages in use with its original yet (待复核)."""
        return any(found.meta.get("review") == "to_review" and _used(found) for found in self.documents)


@dataclass(frozen=True)
class Migration:
    """How far the migration into Markdown is, counted in documents, not in languages."""

    states: Mapping[str, int]

    @property
    def counted(self) -> int:
        """All but the retired ones."""
        return sum(self.states.values()) - self.states[RETIRED]

    @property
    def percent(self) -> int | None:
        """Whole percent, rounded down: 100 means all of them; None where there is nothing to migrate."""
        return 100 * self.states[MIGRATED] // self.counted if self.counted else None


def load(ws: Workspace) -> tuple[list[Document], list[Problem]]:
    """Every document that can be read, and all that is wrong with the form of any."""
    found: list[Document] = []
    problems: list[Problem] = []
    for path in document.files(ws):
        one, wrong = document.read(path)
        found += [one] if one else []
        problems += wrong
    entered, wrong = listed(ws)
    return [*found, *entered], [*problems, *wrong]


def listed(ws: Workspace) -> tuple[list[Document], list[Problem]]:
    """What is not Markdown yet, in the order of the file; nothing of it where any entry is wrong."""
    path = ws.documents / FILE
    if not path.is_file():
        return [], []
    raw = source.load(path)
    data, problems = schema.validate(schema.options("document", "register"), raw, document.LABELS)
    problems = [*raw.problems, *problems]
    if errors(problems):
        return [], problems
    return [Document(path, meta, "", raw.line(("documents", n)), ("documents", n)) for n, meta in enumerate(data["documents"])], problems


def entries(documents: Iterable[Document]) -> list[Entry]:
    """By id, Chinese first."""
    grouped: dict[str, list[Document]] = {}
    for found in sorted(documents, key=lambda found: labels.LANGUAGES.index(found.meta["lang"])):
        grouped.setdefault(found.id, []).append(found)
    return [Entry(tuple(grouped[name])) for name in sorted(grouped)]


def migration(known: Sequence[Entry]) -> Migration:
    counted = Counter(entry.migration for entry in known)
    return Migration({state: counted[state] for state in STATES})


def overdue(known: Iterable[Entry], today: date) -> list[Entry]:
    """Whose review was due before today, the longest first; retired ones are reviewed no more. A date nobody can read is overdue."""
    return sorted((entry for entry in known if entry.review_due and not _in_time(entry.review_due, today)), key=lambda entry: (entry.review_due, entry.id))


def overdue_reviews(documents: Iterable[Document], today: date) -> int:
    """How many documents somebody should have looked through by now: the number for a metric."""
    return len(overdue(entries(documents), today))


def sections(known: Iterable[Entry], lang: str) -> dict[str, dict[str, list[Document]]]:
    """The layout 文档结构: section -> side -> documents in use. In the order of the kinds, then of the names."""
    rows: dict[str, list[Document]] = {}
    for entry in known:
        if entry.migration != RETIRED:
            rows.setdefault(section(entry.shown(lang), lang), []).append(entry.shown(lang))
    order = sorted(rows, key=lambda name: (min(KINDS.index(str(found.meta["kind"])) for found in rows[name]), name))
    return {name: {side: [found for found in rows[name] if found.meta["side"] == side] for side in SIDES} for name in order}


def section(found: Document, lang: str) -> str:
    """Its row of the layout; what it is where nobody has said one."""
    return str(found.meta.get("section") or labels.value_label("document", str(found.meta["kind"]), lang))


def _used(found: Document) -> bool:
    return bool(found.meta["migration"] != RETIRED)


def _in_time(due: str, today: date) -> bool:
    try:
        return date.fromisoformat(due) >= today
    except ValueError:
        return False


KINDS: list[str] = schema.options("document")["kind"]["choices"]
SIDES: list[str] = schema.options("document")["side"]["choices"]
