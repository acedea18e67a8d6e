# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of a change before it is carried out: the announcement (通告) and the report of the plan upward (方案上报).

Every value comes out as one line of plain text without secrets, whatever it holds: the environment redacts and escapes all that the templates print.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, markdown_table, redact, report, steps, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import complexity, recipients, restarts

SECTION = "message"
TEMPLATES = {recipients.ANNOUNCE: "announcement.md.j2", recipients.REPORT: "report_up.md.j2"}
SUBJECT_LENGTH = 150  # characters

Records = Mapping[str, Mapping[str, Any]]


def render(kind: str, change: Change, services: Records, people: Records, assessment: Mapping[str, Any] | None, lang: str) -> tuple[str, str]:
    """Subject (one line) and Markdown of an `announce` or a `report`.

    `assessment` is what complexity.Assessment.as_dict gives; besides, it may hold `override` {complexity, by, reason} and
    `supplier_confirmation` {contact, at}. Without it the rules that need no history are asked.
    """
    page = _Page(change, services, people, assessment, lang)
    subject = wording.shorten(redact.redact(markdown_table.plain(page.subject(kind))), SUBJECT_LENGTH)
    text = _environment().get_template(f"{lang}/{TEMPLATES[kind]}").render(subject=subject, page=page, change=change, plan=change.plan)
    return subject, text.strip("\n") + "\n"


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(report.TEMPLATES)
    return jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # noqa: S701 (finalize escapes all that is printed)
        finalize=lambda value: markdown_table.cell(redact.redact(str(wording.EMPTY if value in (None, "") else value))),
    )  # fmt: skip


class _Page:
    """What the templates ask for, in one language."""

    def __init__(self, change: Change, services: Records, people: Records, assessment: Mapping[str, Any] | None, lang: str):
        self.change, self.services, self.people, self.lang = change, services, people, lang
        self.judged = assessment or complexity.assess(change, services, (), False).as_dict()
        self.assessed = assessment is not None

    def word(self, name: str, **facts: Any) -> str:
        return labels.label(SECTION, name, self.lang).format_map(facts)

    def value(self, choice: Any) -> str:
        return labels.value_label(report.VALUES, str(choice), self.lang) if choice else ""

    def subject(self, kind: str) -> str:
        return self.word(f"{kind}_subject", change=self.change.id, title=self.change.data["title"], services=", ".join(self.names()))

    def names(self) -> list[str]:
        return [f"{service.get('name') or sid} ({sid})" for sid, service in self.services.items()]

    def window(self) -> str:
        """Start, end and length; said in words where there is none yet."""
        window = self.change.plan.get("window")
        if not window:
            return self.word("no_window")
        zone = next((str(s["maintenance"]["tz"]) for s in self.services.values() if (s.get("maintenance") or {}).get("tz")), "")
        return f"{_moment(window['start'], zone)} – {_moment(window['end'], zone)}, {wording.between(window['start'], window['end'])}"

    def contacts(self) -> list[str]:
        """The owner of each service, or who stands in, with all ways to reach them."""
        return [self._person(recipients.standing_in(str(s.get("owner") or ""), self.people) or str(s.get("owner") or "")) for s in self.services.values()]

    def _person(self, pid: str) -> str:
        person = self.people.get(pid) or {}
        contact = person.get("contact") or {}
        return ", ".join([str(person.get("name") or pid), *(str(way) for way in contact.values() if way)])

    def name(self, pid: Any) -> str:
        return str((self.people.get(str(pid)) or {}).get("name") or pid or "")

    @property
    def outage(self) -> bool:
        held = {trace["rule"] for trace in self.judged["trace"] if trace["holds"]}
        return complexity.STANDALONE_OUTAGE in held or "outage" in (self.change.plan.get("impact") or [])

    def _redundant(self) -> bool:
        return all(service.get("redundancy") == "active_standby" for service in self.services.values())

    def kind_of_impact(self) -> str:
        return "outage" if self.outage else "switch" if self._redundant() else "untouched"

    def impact(self) -> list[str]:
        """What happens to the services, and what the plan names besides."""
        named = [self.value(word) for word in self.change.plan.get("impact") or [] if word != "outage"]
        return [self.word(f"impact_{self.kind_of_impact()}"), *named]

    def noticed(self) -> str:
        return self.word(f"noticed_{self.kind_of_impact()}")

    def complexity(self) -> str:
        """The judgement that counts: the rules', or a person's with its reason."""
        said = self.judged.get("override")
        if said:
            verdict = labels.label(complexity.SECTION, str(said.get("complexity")), self.lang)
            return self.word("overridden", verdict=verdict, by=self.name(said.get("by")), reason=said.get("reason") or "")
        return labels.label(complexity.SECTION, "complex" if self.judged["complex"] else "simple", self.lang)

    def reasons(self) -> Iterator[str]:
        for trace in self.judged["trace"]:
            if trace["holds"]:
                why = complexity.text(trace["rule"], trace["reason"], trace["facts"], self.lang)
                yield f"{labels.label(complexity.SECTION, trace['rule'], self.lang)}: {why}"

    def supplier(self) -> str:
        """What the supplier has said, or has to say."""
        said = self.judged.get("supplier_confirmation")
        if said:
            return self.word("confirmed", contact=said.get("contact") or "", at=_moment(said.get("at"), ""))
        return self.word("to_confirm" if self.judged["complex"] else "no_confirmation")

    def steps(self, *kinds: str) -> list[str]:
        return [self._step(step) for step in self.change.plan["steps"] if (step["kind"] in kinds if kinds else step["kind"] != "rollback")]

    def _step(self, step: Mapping[str, Any]) -> str:
        service: Mapping[str, Any] = next(iter(self.services.values()), {})
        made = steps.type_of(step)
        shown = restarts.command_line(step) or steps.display(made, {**step_args(step, made), "control": service.get("control") or {}})
        return f"[{self.value(step['kind'])}] {step['title']}: {shown}" if step.get("title") else f"[{self.value(step['kind'])}] {shown}"

    def left_out(self) -> list[str]:
        """Kinds of steps that are missing, with the reason."""
        given = self.change.plan.get("not_applicable") or {}
        return [f"{self.value(kind)}: {reason}" for kind, reason in given.items() if reason]

    def checks(self) -> list[str]:
        return [f"{check['title']}: {steps.check_display(check)}" if check.get("title") else steps.check_display(check) for check in self.change.plan["checks"]]

    def risks(self) -> list[str]:
        """What may go wrong, and what stands against it."""
        back = (self.change.plan.get("not_applicable") or {}).get("rollback")
        sites = {sid: [self.value(site) for site in (service.get("backup") or {}).get("sites") or []] for sid, service in self.services.items()}
        saved = [self.word("backup", service=sid, sites=", ".join(where) or wording.EMPTY) for sid, where in sites.items()]
        return [*self.impact(), self.word("no_way_back", reason=back) if back else self.word("way_back", count=len(self.change.steps("rollback"))), *saved]

    def files(self) -> list[str]:
        return [f"{item['name']} ({wording.size(item['size'])})" for item in self.change.files]


def step_args(step: Mapping[str, Any], made: str) -> dict[str, Any]:
    """A step's own arguments, in the form that shows them."""
    value = step[made]
    if made == "files":
        return {"items": list(value)}
    return {"file": value} if made == "tasks" else dict(value) if isinstance(value, Mapping) else {}


def _moment(value: Any, zone: str) -> str:
    """In the service's time zone; with its own offset where that is not known."""
    if zone:
        return wording.moment(value, zone)
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or wording.EMPTY)
    return f"{at:%Y-%m-%d %H:%M} ({wording.offset(at.utcoffset() or timedelta())})"
