# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three documents of a service in the department's own form: 服务维护管理_X, 故障与维护_X (inside), 使用手册_X (for its users)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, runsheet_lines, status_tables, steps
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import forms, handwritten
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY, cell
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import Values
from ansible_collections.itops.maintenance.plugins.plugin_utils.runsheet_page import plain
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells

TEMPLATES = Path(__file__).parents[3] / "docs_templates"
KINDS = ("service_management", "faults", "manual")
SIDES = {"service_management": "ops", "faults": "ops", "manual": "user"}
CLASSES = {"ops": "internal", "user": "external"}
LONGEST = 200  # lines of the last maintenance's transcript

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Sources:
    """What the documents of one service are made of. `transcript` is of the last maintenance, `change`; `notice` the text for every manual."""

    record: Record
    cells: Cells
    known_errors: Sequence[Mapping[str, Any]]
    change: str = ""
    transcript: str = ""
    notice: str = ""


class _AsWritten(Values):
    """A step as the record says it: nobody's placeholders are filled in."""

    def fill(self, value: Any) -> Any:
        return value

    def show(self, value: Any) -> Any:
        return value


def document_id(sid: str, kind: str) -> str:
    return f"{sid}-{kind.replace('_', '-')}"


def file_name(kind: str, lang: str) -> str:
    return f"{kind}.{lang}.md"


def meta(record: Record, kind: str, lang: str, old: Mapping[str, Any]) -> dict[str, Any]:
    """The properties: what the record says, and what people have set in the file (version, review, audience …)."""
    side = SIDES[kind]
    title = f"{labels.label('document', kind, lang)}{'_' if lang == 'zh_CN' else ': '}{record['name']}"
    made = {
        "id": document_id(str(record["id"]), kind), "title": title, "kind": kind, "side": side, "services": [record["id"]],
        "owner": record["owner"], "lang": lang, "classification": CLASSES[side], "satisfies": dict(record.get("satisfies") or {}) if side == "ops" else {},
    }  # fmt: skip
    return {"version": "1.0", "migration": "migrated", **old, **made}


def body(kind: str, lang: str, given: Sources) -> str:
    """The Markdown of one document, with empty places for what people write."""
    parts = {"service_management": _management, "faults": _faults, "manual": _manual}[kind](given, lang)
    safe = {name: handwritten.inert(text) for name, text in parts.items()}
    made = _template(f"{lang}/{kind}.md.j2").render(name=cell(given.record["name"]), slot=handwritten.slot, faults_file=file_name("faults", lang), **safe)
    return made.strip("\n") + "\n"


def _management(given: Sources, lang: str) -> dict[str, str]:
    record = given.record
    return {
        "sheet": status_tables.form(given.cells, lang),
        "preparation": forms.preparation(record, lang),
        "operations": forms.operations(record, lang),
        "steps": _steps(record, lang),
    }


def _steps(record: Record, lang: str) -> str:
    """步骤: of each operation that has some; else the department's empty form."""
    told = [one for one in record.get("operations") or [] if one.get("steps")]
    if not told:
        title, do, form, prompt, expects = forms.words(lang, "step_title", "step_do", "form", "prompt", "expects")
        return f"1. {title}\n2. {do}\n\n```text\n{form}\n{prompt}\n\n{expects}\n```"
    return "\n\n".join(_operation(record, one, lang) for one in told)


def _operation(record: Record, one: Mapping[str, Any], lang: str) -> str:
    user = str((record.get("credentials") or {}).get("account") or "")
    blocks = [f"#### {cell(one['item'])}"]
    for number, raw in enumerate(one["steps"], 1):
        step = steps.compiled({"id": f"s{number}", **raw}, "patch", number, record, _AsWritten({}))
        said = runsheet_lines.data(step, str(record["id"]), user, {})
        blocks.append(f"{number}. {cell(step['title'])}")
        expects = f"{forms.words(lang, 'expects')[0]}: {said['expects'][lang] or labels.label('runsheet', 'normal', lang)}"
        blocks.append(f"```text\n{plain(said['prompt'] or said['says'][lang])}\n\n{plain(expects)}\n```")
    return "\n\n".join(blocks)


def _faults(given: Sources, lang: str) -> dict[str, str]:
    return {"facts": forms.facts(given.record, lang), "course": _course(given, lang), "errors": _errors(given.known_errors, lang)}


def _course(given: Sources, lang: str) -> str:
    """执行过程 of the last maintenance (M14); the form's own lines where there was none."""
    if not given.change:
        form, prompt = forms.words(lang, "command_form", "prompt")
        return f"```text\n{form}\n{prompt}\n\n{forms.words(lang, 'no_course')[0]}\n```"
    lines = plain(given.transcript.rstrip("\n")).split("\n")
    rest = [labels.label(forms.SECTION, "cut", lang).format(change=given.change)] if len(lines) > LONGEST else []
    head = labels.label(forms.SECTION, "course_of", lang).format(change=given.change)
    return "\n".join([head, "", "```text", *lines[:LONGEST], *rest, "```"])


def _errors(entries: Sequence[Mapping[str, Any]], lang: str) -> str:
    """The table, and below it what to do for each."""
    return "\n\n".join([forms.errors(entries, lang), *(_numbered(e["type"], e.get("steps") or []) for e in entries if e.get("steps"))])


def _manual(given: Sources, lang: str) -> dict[str, str]:
    """Nothing of the inside: no endpoint, account, data path of the service, no pattern of an error (U8)."""
    manual = given.record.get("manual") or {}
    own = [entry for entry in given.record.get("known_errors") or [] if entry.get("self_service")]
    return {
        "notice": given.notice or forms.words(lang, "no_notice")[0],
        "software": forms.software(given.record, lang),
        "cautions": "\n".join(f"- {cell(text)}" for text in manual.get("cautions") or []),
        "usage": _ordered(manual.get("steps") or []),
        "screenshots": "\n\n".join(f"![{cell(shot['alt'])}]({shot['file']})" for shot in manual.get("screenshots") or []),
        "self_service": "\n\n".join(_numbered(entry["type"], entry["self_service"]) for entry in own) or EMPTY,
    }


def _numbered(title: Any, items: Iterable[Any]) -> str:
    return f"**{cell(title)}**\n\n{_ordered(items)}"


def _ordered(items: Iterable[Any]) -> str:
    return "\n".join(f"{number}. {cell(text)}" for number, text in enumerate(items, 1))


@cache
def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    markdown = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 (escaped cell by cell)
    return markdown.get_template(name)
