# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the document register that no schema can say. Each one: all documents and the catalogue -> what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import clauses, people, service_dates
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue import Catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import register
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.guard import Guard
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of ids and versions: they are parts of file names
SAME = ("side", "classification", "kind")  # what may not differ between the languages of a document
OPS_KINDS = ("service_management", "faults")
DATES = ("effective", "review_due", "reviewed_on")
PERSONS = ("owner", "reviewer")
ELSEWHERE = re.compile(r"[/\\~]|[A-Za-z]:|\w+://")  # a path that is not looked for: absolute, on a share, an address

Rule = Callable[[Sequence[Document], Catalogue], Iterator[Problem]]


def lint(ws: Workspace, known: Catalogue) -> list[Problem]:
    """Everything wrong with the documents of a workspace."""
    documents, problems = register.load(ws)
    return [*problems, *_broken(documents, known)]


def required(ws: Workspace, known: Catalogue) -> list[Document]:
    """All documents. Raises BadInput with every error: where one cannot be read, nobody knows what there is, and on which side."""
    documents, problems = register.load(ws)
    if bad := errors([*problems, *_broken(documents, known)]):
        raise BadInput(bad)
    return documents


def _broken(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    return (problem for rule in RULES for problem in rule(documents, known))


def identity(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """One document, one id; its languages are the same document."""
    first: dict[tuple[str, str], Document] = {}
    for found in documents:
        for key in ("id", "version"):
            if not NAME.fullmatch(str(found.meta[key])):
                yield found.problem((key,), "cannot be part of a file's name", str(found.meta[key]), "ASCII letters, digits, -, _ and .")
        other = first.setdefault((found.id, str(found.meta["lang"])), found)
        if other is not found:
            yield found.problem(("id",), f"id stands twice: also in {other.path}", found.id, "a unique id", "" if found.markdown else "remove this entry")
    for entry in register.entries(documents):
        for found in entry.documents[1:]:
            for key in SAME:
                if found.meta[key] != entry.documents[0].meta[key]:
                    yield found.problem((key,), f"is not the same in {entry.documents[0].path}", str(found.meta[key]), str(entry.documents[0].meta[key]))


def sides(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """What is for the department does not go outside, whatever somebody has written into it."""
    for found in documents:
        yield from wrong_side(found)


def wrong_side(found: Document) -> Iterator[Problem]:
    """Also asked by everything that hands a document out."""
    if found.meta["side"] == "user" and found.meta.get("kind") in OPS_KINDS:
        yield found.problem(("side",), f"a document of kind {found.meta['kind']} is for the department only", "user", "ops")
    elif found.meta["side"] == "ops" and found.meta["classification"] == "external":
        yield found.problem(("classification",), "an ops document (管理端) never goes outside", "external", "internal")


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
        said: list[tuple[tuple[str | int, ...], Any]] = [((key,), found.meta.get(key)) for key in DATES]
        said += [(("source", "date"), (found.meta.get("source") or {}).get("date"))]
        said += [(("versions", n, "date"), line["date"]) for n, line in enumerate(found.meta["versions"])]
        for path, text in said:
            if text and not service_dates.is_date(text):
                yield found.problem(path, "not a date", text, service_dates.DATE_FORM)


def standards(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """A document is evidence toward clauses that exist."""
    for found in documents:
        for path, message, said, allowed, remedy in clauses.faults(found.meta["satisfies"]):
            yield found.problem(("satisfies", *path), message, said, allowed, remedy)


def migration(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """An entry of the register says where the original is; a migrated document is Markdown."""
    for found in documents:
        origin = found.meta.get("source") or {}
        if found.markdown:
            continue
        if found.meta["migration"] == register.MIGRATED:
            remedy = "put its Markdown file beside and remove this entry, or say how far it is"
            yield found.problem(("migration",), "what is migrated is a Markdown file", "migrated", "pending, migrating, retired", remedy)
        if origin.get("format", "md") == "md":
            yield found.problem(("source", "format"), "not said, or already Markdown", origin.get("format", ""), "the format of the original")
        if not origin.get("path"):
            yield found.problem(("source", "path"), "not said where the original lies", allowed="a path or an address")
        elif not ELSEWHERE.match(origin["path"]) and not (found.path.parent / origin["path"]).exists():
            yield found.problem(("source", "path"), "no such file", origin["path"], "a path from the register's folder", warning=True)


def inside(documents: Sequence[Document], known: Catalogue) -> Iterator[Problem]:
    """What would be refused when it goes outside, as far as a line of the file shows it."""
    external = [found for found in documents if found.meta["classification"] == "external" and found.markdown]
    if not external:
        return
    guard = Guard(known.services)
    for found in external:
        likely = guard.likely([found.body])
        for number, line in enumerate(found.body.split("\n") if likely else (), found.line):
            for hit in guard.hits(line, likely):
                yield Problem(str(found.path), number, "", f"{hit}, is refused when it goes outside", hit.found, severity="warning")


RULES: tuple[Rule, ...] = (identity, sides, references, dates, standards, migration, inside)
