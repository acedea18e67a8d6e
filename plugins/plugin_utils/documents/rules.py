# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of documents' properties that no schema can say. Each one: all documents and the catalogue -> what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from ansible_collections.itops.maintenance.plugins.plugin_utils import people, service_dates
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

DATES = ("effective", "review_due", "reviewed_on")
PERSONS = ("owner", "reviewer")

Rule = Callable[[Sequence[Document], Catalogue], Iterator[Problem]]


def identity(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """One document, one id; once in each language."""
    first: dict[tuple[str, str], Document] = {}
    for found in documents:
        other = first.setdefault((found.id, str(found.meta["lang"])), found)
        if other is not found:
            yield found.problem(("id",), f"id stands twice: also in {other.path}", found.id, "a unique id")


def references(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """Persons and services. Without anybody in people.yml every person would look wrong."""
    services = {**known.partial, **known.services}
    for found in documents:
        for role in PERSONS if known.people else ():
            who = found.meta.get(role)
            if who and who not in known.people:
                yield found.problem((role,), "not in people.yml", who, ", ".join(list(known.people)[:10]), people.nearest(who, known.people))
            elif who and role == "owner" and not known.people[who]["active"]:
                yield found.problem((role,), "not active any more", who, "an active person", f"name a successor of {known.people[who]['name']}")
        for index, sid in enumerate(found.meta["services"]):
            if sid not in services:
                near = get_close_matches(sid, services, 1)
                yield found.problem(("services", index), "unknown service", sid, ", ".join(sorted(services)[:10]), f"write {near[0]}" if near else "")


def dates(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    for found in documents:
        for key in DATES:
            if found.meta.get(key) and not service_dates.is_date(found.meta[key]):
                yield found.problem((key,), "not a date", found.meta[key], service_dates.DATE_FORM)


RULES: tuple[Rule, ...] = (identity, references, dates)
