# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three documents of a service in the department's own form: 服务维护管理_X, 故障与维护_X (inside), 使用手册_X (for its users)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import instruction, labels, runsheet_lines, status_tables, steps
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, forms, handwritten
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.forms import Record, word
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY, Cell, cell, line
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import plain as one_line
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import Values
from ansible_collections.itops.maintenance.plugins.plugin_utils.runsheet_page import plain
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells

TEMPLATES = Path(__file__).parents[3] / "docs_templates"
SIDES = {"service_management": "ops", "faults": "ops", "manual": "user"}  # the three kinds
CLASSES = {"ops": "internal", "user": "external"}
LONGEST = 200  # lines of the last maintenance's transcript
FREE_LINES = 5  # of the department's empty form of it


@dataclass(frozen=True)
class Course:
    """The last maintenance of a service: its change, where `record.{lang}.md` lies seen from the documents, the ledger's head ("": it is gone)."""

    change: str
    record: str = ""
    head: str = ""
    transcript: str = ""


@dataclass(frozen=True)
class Sources:
    """What the documents of one service are made of, in one language. An empty record gives the department's empty forms.

    `known_errors` are the service's and the department's; `notice` stands in every manual; for `register` see `forms.preparation`.
    """

    record: Record
    cells: Cells | None = None
    known_errors: Sequence[Mapping[str, Any]] = ()
    course: Course | None = None
    register: Sequence[str] = ()
    notice: str = ""


class _AsWritten(Values):
    """A step as the record says it: nobody's placeholders are filled in."""

    def fill(self, value: Any) -> Any:
        return value

    def show(self, value: Any) -> Any:
        return value


def file_name(kind: str, lang: str) -> str:
    return f"{kind}.{lang}.md"


def title(record: Record, kind: str, lang: str) -> str:
    """In one line, whatever the name is."""
    return _titled(kind, lang, one_line(record.get("name", "")))


def _heading(record: Record, kind: str, lang: str) -> str:
    """The title as Markdown."""
    return _titled(kind, lang, line(record.get("name", "")))


def _titled(kind: str, lang: str, name: str) -> str:
    return f"{labels.label('document', kind, lang)}{'_' if lang == 'zh_CN' else ': '}{name}"


def text(kind: str, lang: str, given: Sources) -> str:
    """The whole file, with empty places for what people write."""
    side, record = SIDES[kind], _shown(given.record, lang)
    meta = {
        "id": f"{record['id']}-{kind.replace('_', '-')}", "title": title(record, kind, lang), "kind": kind, "side": side, "services": [record["id"]],
        "owner": record["owner"], "lang": lang, "classification": CLASSES[side], "satisfies": record.get("satisfies") if side == "ops" else None,
    }  # fmt: skip
    own = handwritten.slot("properties", document.front({"version": "1.0", "audience": word(lang, f"audience_{side}")}), ("#", ""))
    return f"{document.FENCE}\n{document.front(meta)}{own}\n{document.FENCE}\n\n{body(kind, lang, given)}"


def body(kind: str, lang: str, given: Sources) -> str:
    """The Markdown of one document."""
    record = _shown(given.record, lang)
    parts = {"service_management": _management, "faults": _faults, "manual": _manual}[kind](record, given, lang)
    safe = {name: handwritten.inert(part) for name, part in parts.items()}
    return _template(f"{lang}/{kind}.md.j2").render(title=_heading(record, kind, lang), slot=handwritten.slot, **safe).strip("\n") + "\n"


def _shown(value: Any, lang: str) -> Any:
    """The record as a person may read it: of a vaulted text only that it is one."""
    if isinstance(value, Mapping):
        return {key: _shown(item, lang) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, lang) for item in value]
    return labels.label("status_text", "encrypted", lang) if isinstance(value, Vaulted) else value


def _management(record: Record, given: Sources, lang: str) -> dict[str, str]:
    see = _heading(record, "faults", lang)
    return {
        "sheet": status_tables.form(given.cells, lang),
        "preparation": forms.preparation(record, given.register, lang),
        "operations": forms.operations(record, lang),
        "steps": _steps(record, lang),
        "see": word(lang, "see").format(title=f"[{_bracketed(see)}]({file_name('faults', lang)})" if record else see),
    }


def _bracketed(text: str) -> str:
    """Within the text of a link or of an image."""
    return re.sub(r"(?<!\\)((?:\\\\)*)([\[\]])", r"\1\\\2", text)


def _steps(record: Record, lang: str) -> str:
    """步骤: of each operation that has some; else the department's empty form."""
    told = [one for one in record.get("operations") or [] if one.get("steps")]
    if not told:
        block = _block(lang, word(lang, "form_sample"), word(lang, "prompt"), word(lang, "feedback"))
        return f"1. {word(lang, 'explain')}\n2. {word(lang, 'carry_out')}\n\n{block}"
    return "\n\n".join(part for one in told for part in _operation(record, one, lang))


def _block(lang: str, command: str, prompt: str, feedback: str) -> str:
    return f"```\n{word(lang, 'form', command=command)}\n{prompt}\n\n{word(lang, 'expects', feedback=feedback)}\n```"


def _operation(record: Record, one: Mapping[str, Any], lang: str) -> Iterator[str]:
    user = str((record.get("credentials") or {}).get("account") or "")
    made = [steps.compiled({"id": f"s{number}", **step}, "patch", number, record, _AsWritten({})) for number, step in enumerate(one["steps"], 1)]
    explained = one.get("remark") or forms.listed(lang, [step["title"] for step in made])
    yield f"#### {line(one['item'])}"
    yield (
        f"1. {word(lang, 'named', label=word(lang, 'explain'), value=cell(explained))}\n"
        f"2. {word(lang, 'named', label=word(lang, 'carry_out'), value=labels.value_label('operations.method', one['method'], lang))}"
    )
    for number, step in enumerate(made, 1):
        said = runsheet_lines.data(step, str(record["id"]), user, {})
        yield f"**2.{number}** {cell(step['title'])}"
        typed = plain(instruction.typed(step, {})) or labels.label("runsheet", "no_command", lang)
        feedback = said["expects"][lang] or labels.label("runsheet", "normal", lang)
        yield _block(lang, typed, plain(said["prompt"]) or f"▷ {plain(said['says'][lang])}", plain(feedback))
        yield from (f"{cell(content['dest'])}:\n\n```\n{plain(content['text'].rstrip(chr(10)))}\n```" for content in said["contents"])


def _faults(record: Record, given: Sources, lang: str) -> dict[str, str]:
    known = _known(given, lang)
    handled = [f"### {line(entry['type'])}\n\n{_ordered(entry['steps'])}" for entry in known if entry.get("steps")]
    return {"facts": forms.facts(record, lang), "course": _course(given.course, lang), "errors": "\n\n".join([forms.errors(known, lang), *handled])}


def _course(course: Course | None, lang: str) -> str:
    """执行过程 of the last maintenance (M14); the form's own lines where there was none."""
    form = word(lang, "form", command="").rstrip(" ")
    if course is None:
        return "\n".join(["```", form, word(lang, "prompt"), *[""] * FREE_LINES, "```"])
    if not course.head:
        return word(lang, "no_ledger", change=course.change)
    lines = plain(course.transcript.rstrip("\n")).split("\n")
    rest = [word(lang, "cut", count=len(lines) - LONGEST, change=course.change)] if len(lines) > LONGEST else []
    change = f"[{course.change}]({_target(course.record.replace('{lang}', lang))})" if course.record else course.change
    return "\n".join([word(lang, "course_of", change=change, head=course.head), "", "```", form, *lines[:LONGEST], *rest, "```"])


def _manual(record: Record, given: Sources, lang: str) -> dict[str, str]:
    """Nothing of the inside (U8): no endpoint, account or data folder of the service, no pattern of an error, no step of an operator."""
    manual = {**(record.get("manual") or {}), **(_said(record.get("manual_en")) if lang == "en" else {})}
    flagged = [entry for entry in _known(given, lang) if entry.get("self_service")]
    return {
        "notice": given.notice,
        "software": forms.software(manual, lang),
        "cautions": "\n".join(f"- {line(text) or EMPTY}" for text in manual.get("cautions") or []),
        "usage": _ordered(manual.get("steps") or []),
        "screenshots": "\n\n".join(f"![{_bracketed(cell(shot['alt']))}]({_target(shot['file'])})" for shot in manual.get("screenshots") or []),
        "self_service": "\n\n".join(f"### {line(entry['type'])}\n\n{_ordered(entry['self_service'])}" for entry in flagged),
    }


def _known(given: Sources, lang: str) -> list[dict[str, Any]]:
    """The known errors in this language as far as they are written in it."""
    return [{**entry, **(_said(entry.get("en")) if lang == "en" else {})} for entry in _shown(list(given.known_errors), lang)]


def _said(part: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (part or {}).items() if value}


def _ordered(items: Iterable[Any]) -> str:
    return "\n".join(f"{number}. {line(text) or EMPTY}" for number, text in enumerate(items, 1))


def _target(path: str) -> Cell:
    """A path as the target of a link: what would end it is encoded, Chinese stays legible."""
    return Cell(re.sub(r"[^\w./~+-]", lambda match: quote(match[0]), path))


@cache
def _template(name: str) -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    markdown = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 (escaped cell by cell)
    return markdown.get_template(name)
