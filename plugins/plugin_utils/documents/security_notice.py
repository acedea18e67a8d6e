# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""信息安全与病毒防范周知 (D3): one document in each language, inserted in every 使用手册."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import service_dates
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import forms
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

KIND = "security_notice"
TITLE = re.compile(r"\A# .*\n*")
HEADING = re.compile(r"^(#{1,5})(?= )", re.MULTILINE)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
RELATIVE = re.compile(r"(\]\(<?)(?![a-z][a-z0-9+.-]*:|[/#])", re.IGNORECASE)


def among(documents: Iterable[Document]) -> dict[str, Document]:
    """Language -> the notice that counts; of two the first, `faults` tells of the other."""
    found: dict[str, Document] = {}
    for one in documents:
        if one.meta["kind"] == KIND and one.meta["migration"] != "retired":
            found.setdefault(str(one.meta["lang"]), one)
    return found


def faults(one: Document, counts: dict[str, Document]) -> Iterator[Problem]:
    """Why this notice cannot stand in every manual."""
    if one.meta["kind"] != KIND or one.meta["migration"] == "retired":
        return
    other = counts.get(str(one.meta["lang"]), one)
    if other.path != one.path:
        yield one.problem(("kind",), "a second security notice in this language", KIND, f"one: {other.path}", remedy="migration: retired in the old one")
    if not TITLE.sub("", one.body).strip():
        yield Problem(str(one.path), one.line, "", "the security notice has no text")
    if not service_dates.is_date(str(one.meta.get("effective") or "")):
        yield one.problem(
            ("effective",), "the security notice needs the date from which it counts", str(one.meta.get("effective") or ""), service_dates.DATE_FORM
        )
    if (one.meta["side"], one.meta["classification"]) != ("user", "external"):
        found = f"{one.meta['side']}, {one.meta['classification']}"
        yield one.problem(("side",), "stands in every user's manual", found, "side: user and classification: external")


def inserted(one: Document, folder: Path, lang: str) -> str:
    """Its text as a section of a document in `folder`: without title, headings one level down, links from there; then version and date."""
    way = os.path.relpath(one.path.parent, folder)
    text = "".join(
        part if FENCED.match(part) else RELATIVE.sub(lambda match: f"{match[1]}{way}/", HEADING.sub(r"\1#", part))
        for part in _around_fences(TITLE.sub("", one.body).strip("\n"))
    )
    return f"{text}\n\n{forms.word(lang, 'notice_line', version=one.meta['version'], effective=one.meta['effective'])}"


def _around_fences(text: str) -> Iterator[str]:
    """The text in pieces, code blocks by themselves."""
    end = 0
    for block in FENCED.finditer(text):
        yield from (text[end : block.start()], block[0])
        end = block.end()
    yield text[end:]
