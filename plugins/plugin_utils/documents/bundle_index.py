# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The index of a bundle: what is in it, for its recipient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import cell, table

SECTION = "bundle"


def page(side: str, lang: str, documents: Sequence[Document], made: Sequence[Mapping[str, Any]], recipient: str) -> tuple[dict[str, Any], str]:
    """Front matter and body; `made` are the ledger's lines of the documents, in the same order."""
    title = labels.label(SECTION, f"title_{side}", lang)
    classification = "external" if all(found.meta["classification"] == "external" for found in documents) else "internal"
    meta = {"id": f"index-{side}", "title": title, "side": side, "owner": "", "lang": lang, "classification": classification, "version": "1.0"}
    head = [labels.label(SECTION, "number", lang), *(labels.label("document", name, lang) for name in ("id", "title", "version")),
            *(labels.label(SECTION, name, lang) for name in ("copy", "file"))]  # fmt: skip
    rows = [[str(n), found.id, found.meta["title"], found.meta["version"], str(line["number"]), line["file"]]
            for n, (found, line) in enumerate(zip(documents, made, strict=True), 1)]  # fmt: skip
    about = labels.label(SECTION, "about", lang).format(count=len(documents), recipient=cell(recipient))
    return meta, f"# {title}\n\n{about}\n\n{table(head, rows)}\n"
