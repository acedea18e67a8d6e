# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A template taken apart by Jinja's own parser. Apart from jinja_text, because jinja2 takes long to import and most changes have no template."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.itops.maintenance.plugins.plugin_utils import jinja_text
from jinja2 import Environment, TemplateError, nodes

JINJA = Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
LOOKUPS = ("lookup", "query", "q")
ANY = ("vars", "hostvars", "groups")  # variables by names, and hosts by groups, that only the inventory knows
ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)

Parts = tuple[frozenset[str], frozenset[str], frozenset[str]]


def parsed(text: str) -> Parts:
    """Names of variables, texts, and what is only known in the run; nothing where Ansible could not read it either."""
    try:
        tree = JINJA.parse(text)
    except TemplateError:
        return frozenset(), frozenset(), frozenset()
    names = frozenset(node.name for node in tree.find_all(nodes.Name))
    texts = frozenset(node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str))
    return names - {*LOOKUPS}, texts, frozenset(_hidden(tree)) | (names & {*ANY})


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
    elif kind in jinja_text.OF_FILES and not all(isinstance(arg, nodes.Const) for arg in rest):
        yield f"lookup {kind}"
    yield from (pair.key for pair in call.kwargs if pair.key in jinja_text.SIGNS)
