# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text in Jinja speaks of, without running it: variables, texts it holds, and what nobody can tell before the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

OF_FILES = ("file", "template", "unvault", "fileglob", "first_found", "filetree", "csvfile", "ini")  # lookups that read what lies beside the task file
SIGNS = frozenset(f"{what}_{edge}_string" for what in ("variable", "block", "comment") for edge in ("start", "end"))
HEADER = "#jinja2:"  # changes the signs for one text


@dataclass(frozen=True)
class Said:
    """`names` of variables, also those a loop sets itself; `texts` it holds; `hidden`: what is only known in the run."""

    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()


def together(several: Iterable[Said]) -> Said:
    """All of them as one."""
    listed = list(several)
    return Said(*(frozenset[str]().union(*(getattr(said, part) for said in listed)) for part in ("names", "texts", "hidden")))


def dynamic(text: str) -> bool:
    """Whether Ansible would take this for a template."""
    return "{{" in text or "{%" in text or text.startswith(HEADER)


@lru_cache(maxsize=2048)
def read(text: str) -> Said:
    """Of one text; nothing where it is no template, or none that Ansible could read."""
    if not dynamic(text):
        return Said()
    if text.startswith(HEADER) and "_string" in text.partition("\n")[0]:
        return Said(hidden=frozenset([HEADER]))
    from ansible_collections.itops.maintenance.plugins.plugin_utils import jinja_tree

    names, texts, hidden = jinja_tree.parsed(text)
    own = Said(names, texts, hidden)
    return together([own, *(read(inner) for inner in texts if dynamic(inner))])  # Ansible templates these as well
