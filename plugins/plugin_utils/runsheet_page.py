# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run-sheet as a document that a person can print, follow step by step, tick and sign (维护清单, 执行命令, 维护异常处理步骤)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import cell, table
from ansible_collections.itops.maintenance.plugins.plugin_utils.report import visible
from ansible_collections.itops.maintenance.plugins.plugin_utils.wording import EMPTY

SECTION = "runsheet"
ROLES = ("executor", "reviewer", "approver")
BOX = "☐"


def render(sheet: Mapping[str, Any], lang: str) -> str:
    """The whole document as Markdown."""
    return _Page(sheet, lang).text()


class _Page:
    """One language of one run-sheet."""

    def __init__(self, sheet: Mapping[str, Any], lang: str):
        self.s = sheet
        self.lang = lang

    def t(self, name: str) -> str:
        return labels.label(SECTION, name, self.lang)

    def table(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
        return table([self.t(name) for name in names], [[value or EMPTY for value in row] for row in rows] or [[EMPTY] * len(names)])

    def text(self) -> str:
        blocks = [f"# {self.t('sheet')} {cell(self.s['change'])} {cell(self.s['title'])}", self.head(), *self.gate()]
        for service in self.s["services"]:
            blocks += [f"## {self.t('facts')}: {cell(service['name'])} ({cell(service['id'])})", self.facts(service)]
            blocks += [f"## {self.t('preparation')}: {cell(service['id'])}", self.preparation(service)]
        blocks += [f"## {self.t('files')}", self.files()] if self.s["files"] else []
        blocks += [f"## {self.t('order')}", self.order()]
        blocks += [block for number, act in enumerate(self.s["acts"], 1) for block in self.act(number, act)]
        blocks += [f"## {self.t('watching')}", *self.watching()]
        blocks += [block for host in reversed(self.s["hosts"]) for block in self.back(host)]  # what was changed last goes back first
        blocks += [f"## {self.t('errors')}", self.errors(), f"## {self.t('signatures')}", self.signatures()]
        return "\n\n".join(blocks)

    def head(self) -> str:
        head, window = self.s["head"], self.s["head"]["window"]
        planned = f"{wording.moment(window['start'], self.s['timezone'])} – {wording.moment(window['end'], self.s['timezone'])}" if window else ""
        rows = [
            ("service", ", ".join(f"{service['name']} ({service['id']})" for service in self.s["services"])), ("window", planned),
            ("mode", labels.value_label("values", self.s["mode"], self.lang)), ("notice", head["notice"]), ("supplier", head["supplier"]),
            *((role, head[role]) for role in ROLES), ("plan_digest", self.s["plan_digest"]),
        ]  # fmt: skip
        return self.table(("item", "value"), [(self.t(name), value) for name, value in rows])

    def gate(self) -> Iterator[str]:
        found = [Finding(**finding) for finding in self.s["gate"]["findings"]]
        yield f"## {self.t('gate')}: {self.t(self.s['gate']['result'])}"
        said = [cell(self.finding(finding)) for finding in found if not finding.ok]
        yield "\n".join(f"- {line}" for line in [*said, f"{sum(finding.ok for finding in found)} {self.t('held')}"])

    def finding(self, finding: Finding) -> str:
        mark, name = self.t("refused" if finding.severity == "error" else "warning"), labels.named("findings", finding.id, self.lang)
        where = f" [{finding.host}]" if finding.host else ""
        return f"{mark}: {name}{where}: {finding.message}" + (f" → {finding.remedy}" if finding.remedy else "")

    def facts(self, service: Mapping[str, Any]) -> str:
        kept = f"{self.t('in_document' if service['custody'] == 'document' else 'in_software')}{service['ref']}" if service["ref"] else ""
        rows = [
            (self.t("address"), ", ".join(service["addresses"]), ""), (self.t("account"), " ".join(filter(None, [service["account"], kept])), ""),
            (self.t("data_dirs"), ", ".join(service["data_dirs"]), ""), *((row["item"], row.get("value"), row.get("remark")) for row in service["key_info"]),
        ]  # fmt: skip
        return self.table(("key", "details", "care"), rows)

    def preparation(self, service: Mapping[str, Any]) -> str:
        ready = service["preparation"]
        rows = [(item["item"], item.get("name"), item.get("remark"), *self.proof("check" in item)) for item in ready.get("items") or []]
        rows += [
            (self.t("software"), " ".join(filter(None, [s["name"], s.get("version_min")])), s.get("remark"), *self.proof(s.get("side") != "operator"))
            for s in ready.get("software") or []
        ]
        return self.table(("ready", "name", "remark", "proof", "tick"), rows)

    def files(self) -> str:
        rows = [(f["name"], f["size"], f"{f['algorithm']} {f['digest']}".strip(), BOX) for f in self.s["files"]]
        return self.table(("file", "size", "digest", "tick"), rows)

    def proof(self, checked: bool) -> tuple[str, str]:
        """Who proves it: the gate, or the person who ticks it."""
        return (self.t("by_gate"), "") if checked else (self.t("by_person"), BOX)

    def act(self, number: int, act: Mapping[str, Any]) -> Iterator[str]:
        """One stretch of the run, in which the hosts follow each other."""
        yield f"## {self.t('steps')} {number}: {self.t('act_' + act['act'])}"
        hosts = {host["host"]: host for host in self.s["hosts"]}
        for name, parts in groupby(act["parts"], key=lambda part: part["host"]):
            wanted = {part["segment"] for part in parts}
            yield f"### {self.t('act_' + act['act'])}: {cell(name)}"
            yield from self.steps([segment for segment in hosts[name]["segments"] if segment["id"] in wanted])

    def watching(self) -> Iterator[str]:
        """Who looks at each service after the run: its monitor, or a person who ticks it."""
        for service in self.s["services"]:
            name = f"{cell(service['name'])} ({cell(service['id'])})"
            yield f"{name}: {self.t('silenced')}: {cell(service['monitor'])}" if service["monitor"] else f"{name}: {self.t('watched')}"
            if not service["monitor"]:
                yield self.t("watched_line")

    def order(self) -> str:
        lines = [f"{n}. {cell(h['host'])} ({self.t(h['role'])}, {self.t('batch')} {h['stage']}.{h['batch']})" for n, h in enumerate(self.s["hosts"], 1)]
        return "\n".join(lines) or EMPTY

    def steps(self, segments: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        for segment in segments:
            for step in segment["steps"]:
                asked = f" ({self.t('asks')})" if segment["confirm"] else ""
                yield f"**{cell(step['number'])}** [{self.t('phase_' + step['phase'])}] {cell(step['title'])}{asked}"
                yield f"```text\n{plain(step['prompt'])}\n```" if step["prompt"] else f"▷ {cell(step['says'][self.lang])} ({self.t('no_command')})"
                for content in step["contents"]:
                    yield f"{cell(content['dest'])}:"
                    yield f"```text\n{plain(content['text'].rstrip(chr(10)))}\n```"
                yield f"{self.t('expects')}: {cell(step['expects'][self.lang] or self.t('normal'))}"
                yield self.t("done_line")

    def back(self, host: Mapping[str, Any]) -> Iterator[str]:
        """A page of its own for each host: it is reached for when something goes wrong."""
        yield "---"
        yield f"## {self.t('rollback')}: {cell(host['host'])} ({self.t('back_itself' if host['rolls_back_itself'] else 'back_asked')})"
        yield from list(self.steps(host["rollback"])) or [self.t("no_way_back")]

    def errors(self) -> str:
        rows = [
            (entry["type"], entry["pattern"], entry["event"], "; ".join(f"{n}. {step}" for n, step in enumerate(entry["steps"] or [], 1)),
             self.action(entry), entry["remark"])
            for entry in self.s["known_errors"]
        ]  # fmt: skip
        return self.table(("error_type", "message", "event", "handling", "action", "remark"), rows)

    def action(self, entry: Mapping[str, Any]) -> str:
        often = f" ({self.t('times').format(count=entry['retries'])})" if entry["action"] == "retry" else ""
        return labels.value_label("service", str(entry["action"]), self.lang) + often

    def signatures(self) -> str:
        blank = self.t("blank")
        return self.table(("role", "person", "signature", "date"), [(self.t(role), self.s["head"][role] or blank, blank, blank) for role in ROLES])


def plain(text: str) -> str:
    """Within a code block: nothing in it can end the block, or steer a terminal."""
    return "\n".join(line.expandtabs(4).rstrip() for line in visible(text).split("\n")).replace("```", "`\u200b`\u200b`")
