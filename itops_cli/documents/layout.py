# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document as the data its template sets: properties for cover, head and foot, the version table, the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import exports
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document

from itops_cli.typeset.blocks import Blocks, pieces
from itops_cli.typeset.fonts import Fonts

SECTION = "export"
LANGUAGE = {"zh_CN": ("zh", "cn"), "en": ("en", "gb")}
WORDS = ("version", "page", "figure", "versions", "contents")
VERSION = ("version", "date", "author", "remark")


@dataclass(frozen=True)
class Copy:
    """One copy of a document: whose, for whom, and when. `number` is 0 while it has none; `people` are those of the workspace."""

    organisation: str
    recipient: str
    at: datetime
    people: Mapping[str, Mapping[str, Any]]
    number: int = 0

    def name(self, person: Any) -> str:
        """Of somebody who is named by id."""
        return str((self.people.get(str(person)) or {}).get("name") or person or "")


def data(document: Document, content: Blocks, copy: Copy, faces: Fonts) -> dict[str, Any]:
    """Everything docs_templates/typst/document.typ reads."""
    lang = str(document.meta["lang"])
    return {
        "meta": _meta(document.meta, copy, lang),
        "words": {name: labels.label(SECTION, name, lang) for name in WORDS},
        "fonts": {"text": list(faces.text), "mono": list(faces.mono)},
        "properties": _properties(document.meta, copy, lang),
        "versions": _versions(document.meta, copy, lang),
        "body": content.body,
    }


def _meta(meta: Mapping[str, Any], copy: Copy, lang: str) -> dict[str, Any]:
    language, region = LANGUAGE[lang]
    keywords = [meta["id"], meta["version"], *([f"{exports.KEYWORD}{copy.number}"] if copy.number else [])]
    return {"title": meta["title"], "author": copy.name(meta["owner"]), "id": meta["id"], "version": meta["version"],
            "classification": _classification(meta, lang), "organisation": copy.organisation, "language": language, "region": region,
            "keywords": keywords}  # fmt: skip


def _properties(meta: Mapping[str, Any], copy: Copy, lang: str) -> list[list[Any]]:
    shown = {
        "id": meta["id"], "version": meta["version"], "classification": _classification(meta, lang), "owner": copy.name(meta["owner"]),
        "audience": meta.get("audience"), "recipient": copy.recipient, "date": f"{copy.at:%Y-%m-%d}", "number": copy.number or "",
        "review_due": meta.get("review_due"),
    }  # fmt: skip
    return [[labels.label(SECTION, name, lang), pieces(str(value))] for name, value in shown.items() if value]


def _versions(meta: Mapping[str, Any], copy: Copy, lang: str) -> list[list[Any]]:
    """Head and rows; nothing where there are none."""
    rows = [{**line, "author": copy.name(line.get("author"))} for line in meta.get("versions") or []]
    head = [labels.label(SECTION, name, lang) for name in VERSION]
    return [head, *([pieces(str(row.get(name) or "—")) for name in VERSION] for row in rows)] if rows else []


def _classification(meta: Mapping[str, Any], lang: str) -> str:
    return labels.value_label("document", meta["classification"], lang)
