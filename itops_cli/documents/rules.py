# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `itops docs lint` asks of documents: named rules, each a function over all of them. A new one is one line of RULES.

Why no ready-made Markdown linter: pymarkdown takes about a tenth of a second for a page, measures Chinese tables in characters instead
of columns, and finds fault with the department's own forms. What counts here is whether a reader gets everything that was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, people
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, handwritten, security_notice, service_documents
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors

from itops_cli.documents import library
from itops_cli.documents.library import Library, Page
from itops_cli.documents.outline import Link

Rule = Callable[[Library], Iterator[Problem]]
PERSONS = ("owner", "reviewer")
DATES = ("effective", "review_due", "reviewed_on")
REFERENCE = re.compile(r"参见《([^》\n]*)》")


def properties(lib: Library) -> Iterator[Problem]:
    """Front matter by the schema."""
    return (problem for page in lib.pages for problem in page.problems)


def dates(lib: Library) -> Iterator[Problem]:
    for one in lib.documents:
        for name in DATES:
            if one.meta.get(name) and not security_notice.is_date(str(one.meta[name])):
                yield document.problem(one.path, (name,), "not a date", str(one.meta[name]), "YYYY-MM-DD")


def ids(lib: Library) -> Iterator[Problem]:
    """An id is one document, once in each language."""
    first: dict[tuple[str, str], Path] = {}
    for one in lib.documents:
        there = first.setdefault((one.id, str(one.meta["lang"])), one.path)
        if there != one.path:
            yield document.problem(one.path, ("id",), f"id stands twice: also in {there}", one.id, "a unique id in each language")


def persons(lib: Library) -> Iterator[Problem]:
    """Whoever answers for a document is one of the people; not asked where people.yml itself is wrong."""
    if any(problem.file == str(lib.ws.people_file) for problem in errors(lib.catalogue.problems)):
        return
    known = lib.catalogue.people
    for one in lib.documents:
        for name in PERSONS:
            who = str(one.meta.get(name) or "")
            if (who or name == "owner") and who not in known:
                yield document.problem(one.path, (name,), "not in people.yml", who, ", ".join(known), remedy=people.nearest(who, known))
            elif name == "owner" and not known[who]["active"]:
                yield document.problem(one.path, (name,), "not active any more", who, "an active person", "warning", "name a successor")


def services(lib: Library) -> Iterator[Problem]:
    known = {**lib.catalogue.partial, **lib.catalogue.services}
    for one in lib.documents:
        for index, sid in enumerate(one.meta["services"]):
            if sid not in known:
                yield document.problem(one.path, ("services", index), "no such service", sid, ", ".join(sorted(known)) or "none yet")


def notices(lib: Library) -> Iterator[Problem]:
    counts = security_notice.among(lib.documents)
    return (problem for one in lib.documents for problem in security_notice.faults(one, counts))


def edits(lib: Library) -> Iterator[Problem]:
    """What `itops docs build` would refuse to overwrite."""
    for page in lib.pages:
        if page.meta.get("kind") in service_documents.SIDES and handwritten.SEAL.search(page.text):
            try:
                handwritten.merged(page.text, page.text)
            except handwritten.Edited as error:
                yield page.problem(0, str(error), remedy=error.remedy)


def markdown(lib: Library) -> Iterator[Problem]:
    """What hides a part of the text is an error, what only makes it harder to find one's way is a warning."""
    for page in lib.pages:
        yield from (page.problem(line, message) for line, message in page.outline.faults)
        yield from (replace(problem, severity="warning") for problem in _structure(page))


def _structure(page: Page) -> Iterator[Problem]:
    headings = page.outline.headings
    if not headings or headings[0].level != 1:
        yield page.problem(headings[0].line if headings else 0, "the first heading is not the title", allowed="one # first")
    for before, heading in pairwise(headings):
        if heading.level == 1:
            yield page.problem(heading.line, "a second title", heading.text, "one # in a document")
        elif heading.level > before.level + 1:
            yield page.problem(heading.line, "a level of headings is left out", "#" * heading.level, "#" * (before.level + 1))
    for link in page.outline.links:
        if not link.text.strip():
            yield page.problem(link.line, "an image without a text that says what it shows" if link.image else "a link without a text", link.target)


def links(lib: Library) -> Iterator[Problem]:
    """Files and anchors; what lies on other machines is not asked for."""
    for page in lib.pages:
        for link in page.outline.links:
            if not link.image and not link.foreign and (fault := _dead(lib, page, link)):
                yield page.problem(link.line, fault, link.target, "a file, seen from the document, and a heading of it")


def _dead(lib: Library, page: Page, link: Link) -> str:
    name, _hash, anchor = link.target.partition("#")
    if not link.target:
        return "the link leads nowhere"
    target = (page.path.parent / name).resolve() if name else page.path.resolve()
    if name.startswith("/") or not target.exists():
        return "no such file"
    if not anchor or target.suffix != ".md":
        return ""
    there = lib.by_path.get(target) or library.page(target)
    return "" if anchor in there.outline.anchors else "no such heading"


def references(lib: Library) -> Iterator[Problem]:
    """参见《…》 names a document by its title."""
    for page in lib.pages:
        for line, sentence in page.outline.sentences:
            for title in REFERENCE.findall(sentence):
                if title not in lib.titles:
                    yield page.problem(line, "no document has this title", title, "the title of a document")


def images(lib: Library) -> Iterator[Problem]:
    for page in lib.pages:
        for link in page.outline.links:
            if link.image and (link.foreign or not (page.path.parent / link.target).is_file()):
                yield page.problem(link.line, "no such image", link.target, "a file beside the document")


def empty(lib: Library) -> Iterator[Problem]:
    """A section without a word."""
    for page in lib.pages:
        for heading in page.outline.empty:
            yield replace(page.problem(heading.line, "empty section", heading.text, remedy=_where(page, heading.text)), severity="warning")


def _where(page: Page, heading: str) -> str:
    kind, lang = page.meta.get("kind"), page.meta.get("lang")
    if kind == "manual" and heading == labels.label("document", security_notice.KIND, str(lang)):
        return f"a document with kind: {security_notice.KIND}, then itops docs build"
    return "manual: in the service record, or write between the markers" if kind == "manual" else ""


def overdue(lib: Library) -> Iterator[Problem]:
    for one in lib.documents:
        due = str(one.meta.get("review_due") or "")
        if security_notice.is_date(due) and due < lib.today.isoformat() and one.meta["migration"] != "retired":
            yield document.problem(one.path, ("review_due",), "the review is overdue", due, severity="warning", remedy=_review(one))


def _review(one: Document) -> str:
    return f"{one.meta['owner']}: look it through, then set review_due anew"


RULES: dict[str, Rule] = {
    "properties": properties,
    "dates": dates,
    "ids": ids,
    "persons": persons,
    "services": services,
    "notices": notices,
    "edits": edits,
    "markdown": markdown,
    "links": links,
    "references": references,
    "images": images,
    "empty": empty,
    "overdue": overdue,
}
