# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field or a value is called: one catalogue of labels, merged from docs_templates/labels/*.yml.

Sections: `values` holds the values of every field with choices, other sections belong to one document or record. Data
stores ids; the seed's Chinese labels are accepted on input and printed on output.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import source

FOLDER = Path(__file__).parents[2] / "docs_templates" / "labels"
LANGUAGES = ("zh_CN", "en")
VALUES = "values"


@cache
def catalogue() -> dict[str, dict[str, dict[str, Any]]]:
    """Section -> id -> {zh_CN, en, aka}; where two files name an id, the later (by name) wins for what it says."""
    merged: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(FOLDER.glob("*.yml")):
        for section, ids in (source.load(path).data or {}).items():
            for name, entry in (ids or {}).items():
                merged.setdefault(section, {}).setdefault(name, {}).update(entry)
    return merged


def label(section: str, name: str, lang: str = "zh_CN") -> str:
    """The label of this id; the id itself where none is known, so that nothing is ever lost from a document."""
    entry = catalogue().get(section, {}).get(name, {})
    return str(entry.get(lang) or name)


def named(section: str, name: str, lang: str = "zh_CN") -> str:
    """The label with the id beside it, for what is also looked up or typed by its id."""
    said = label(section, name, lang)
    return said if said.casefold() == name or not name else f"{said} ({name})"


def to_id(section: str, text: str) -> str | None:
    """The id whose label (in any language) or further word this is, or which it is itself."""
    return _words(section).get(text.strip().casefold())


def value_words(section: str, choices: Iterable[str]) -> dict[str, str]:
    """Every accepted spelling of these choices -> the choice. A label of `section` goes before one of `values`."""
    words: dict[str, str] = {}
    for where in (VALUES, section):
        for choice in choices:
            words.update((word, choice) for word in _spellings(choice, catalogue().get(where, {}).get(choice, {})))
    words.update((str(choice).casefold(), choice) for choice in choices)
    return words


def value_label(section: str, choice: str, lang: str = "zh_CN") -> str:
    """The label of a value: the section's own where it has one, else the common one."""
    return label(section, choice, lang) if choice in catalogue().get(section, {}) else label(VALUES, choice, lang)


@cache
def _words(section: str) -> dict[str, str]:
    words: dict[str, str] = {}
    entries = catalogue().get(section, {})
    for name, entry in entries.items():
        for word in _spellings(name, entry):
            words.setdefault(word, name)
    return {**words, **{name.casefold(): name for name in entries}}


def _spellings(name: str, entry: dict[str, Any]) -> list[str]:
    return [str(word).casefold() for word in (name, *(entry.get(lang) or name for lang in LANGUAGES), *(entry.get("aka") or []))]
