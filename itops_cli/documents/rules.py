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

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, service_dates
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import handwritten, security_notice, service_documents
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import rules as property_rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

from itops_cli.documents import library
from itops_cli.documents.library import Library, Page
from itops_cli.documents.outline import Link

Rule = Callable[[Library], Iterator[Problem]]
REFERENCE = re.compile(r"参见《([^》\n]*)》")


def properties(lib: Library) -> Iterator[Problem]:
    """Front matter, and the register's entries, by the schema."""
    yield from (problem for page in lib.pages for problem in page.problems)
    yield from lib.problems


def of_documents(rule: property_rules.Rule) -> Rule:
    """A rule of the documents' properties as one of the library."""
    return lambda lib: rule(lib.documents, lib.catalogue)


def notices(lib: Library) -> Iterator[Problem]:
    pages = [one for one in lib.documents if one.markdown]
    counts = security_notice.among(pages)
    return (problem for one in pages for problem in security_notice.faults(one, counts))


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
    for page in (page for page in lib.pages if page.text.strip()):
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


def titles(lib: Library) -> Iterator[Problem]:
    """参见《…》 names a document by its title."""
    for page in lib.pages:
        for line, sentence in page.outline.sentences:
            for title in REFERENCE.findall(sentence):
                if title not in lib.titles:
                    yield page.problem(line, "no document has this title", title, "the title of a document")


def images(lib: Library) -> Iterator[Problem]:
    for page in lib.pages:
        for link in page.outline.links:
            if link.image and (link.foreign or link.target.startswith("/") or not (page.path.parent / link.target).is_file()):
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
        if service_dates.is_date(due) and due < lib.today.isoformat() and one.meta["migration"] != "retired":
            yield one.problem(("review_due",), "the review is overdue", due, remedy=_review(one), warning=True)


def _review(one: Document) -> str:
    return f"{one.meta['owner']}: look it through, then set review_due anew"


RULES: dict[str, Rule] = {
    "properties": properties,
    **{rule.__name__: of_documents(rule) for rule in property_rules.RULES},
    "notices": notices,
    "edits": edits,
    "markdown": markdown,
    "links": links,
    "titles": titles,
    "images": images,
    "empty": empty,
    "overdue": overdue,
}
