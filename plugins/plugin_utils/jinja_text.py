# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a text in Jinja speaks of, without running it: variables, texts it holds, and what nobody can tell before the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, TemplateError, nodes

JINJA = Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
LOOKUPS = ("lookup", "query", "q")
ANY = ("vars", "hostvars", "groups")  # variables by names, and hosts by groups, that only the inventory knows
OF_FILES = ("file", "template", "unvault", "fileglob", "first_found", "filetree", "csvfile", "ini")  # lookups that read what lies beside the task file
SIGNS = frozenset(f"{what}_{edge}_string" for what in ("variable", "block", "comment") for edge in ("start", "end"))
HEADER = "#jinja2:"  # changes the signs for one text
ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


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
    try:
        tree = JINJA.parse(text)
    except TemplateError:
        return Said()
    names = frozenset(node.name for node in tree.find_all(nodes.Name))
    texts = frozenset(node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str))
    own = Said(names - {*LOOKUPS}, texts, frozenset(_hidden(tree)) | (names & {*ANY}))
    return together([own, *(read(inner) for inner in texts if dynamic(inner))])  # Ansible templates these as well


def _hidden(tree: nodes.Template) -> Iterator[str]:
    called = [call for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name) and call.node.name in LOOKUPS]
    for call in called:
        yield from _of_lookup(call)
    if sum(node.name in LOOKUPS for node in tree.find_all(nodes.Name)) > len(called):
        yield "lookup under another name"
    for node in tree.find_all(ELSEWHERE):
        if not isinstance(getattr(node, "template", None), nodes.Const):
            yield "include"


def _of_lookup(call: nodes.Call) -> Iterator[str]:
    first, rest = (call.args[0] if call.args else None), call.args[1:]
    kind = str(first.value).rpartition(".")[2] if isinstance(first, nodes.Const) else ""
    if not kind or "var" in kind or call.dyn_args is not None or call.dyn_kwargs is not None:
        yield "vars"
    elif kind in OF_FILES and not all(isinstance(arg, nodes.Const) for arg in rest):
        yield f"lookup {kind}"
    yield from (pair.key for pair in call.kwargs if pair.key in SIGNS)
