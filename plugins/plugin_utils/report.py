# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""维护记录表: the record as Markdown, Chinese and English, and the transcript in the seed's prompt form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import error_rate, labels, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import cell, table

TEMPLATES = Path(__file__).parents[2] / "docs_templates"
SECTION, VALUES = "record", "record_value"
EMPTY = wording.EMPTY

Row = Mapping[str, Any]
Table = TypeVar("Table")
Writer = Callable[[Sequence[object], Sequence[Sequence[object]]], Table]  # makes a table of a head and rows


def render(record: Mapping[str, Any], lang: str) -> str:
    """The whole document. Every table is there in every record; what has no value prints "—"."""
    page = _Page(record, lang, table)
    parts = {name: getattr(page, name)() for name in TABLES}
    text = _template().render(
        r=record, t=page.t, v=page.v, word=page.word, text=lambda value: cell(value or EMPTY), transcript=_fenced(transcript(record)), **parts
    )
    return text.rstrip("\n") + "\n"


def sections(record: Mapping[str, Any], lang: str, write: Writer[Table]) -> Iterator[tuple[str, str, list[Table]]]:
    """The parts of the document for another medium: name, heading, tables as `write` makes them."""
    page = _Page(record, lang, write)
    for name in TABLES:
        if name not in WITH.values():
            tables = [getattr(page, one)() for one in (name, WITH.get(name)) if one]
            yield name, page.word(name) if name == "decisions" else page.t(name), tables


def transcript(record: Mapping[str, Any]) -> str:
    """执行过程: every command as `[用户@服务名称]# command`, with what it said."""
    service = ", ".join(str(s["id"]) for s in record["services"]) or "itops"
    zone, lines = record["timezone"], []
    ordered = sorted(
        [*record["housekeeping"], *record["steps"], *record["checks"], *record["rollback"]], key=lambda s: (str(s["started"] or ""), s["seq"] or 0)
    )
    for step in ordered:
        lines.append(f"{wording.clock(step['started'], zone)} {step['host']} [{step['run_as'] or 'root'}@{service}]# {step['display'] or EMPTY}")
        lines += [f"    {line}" for line in str(step["feedback"] or step["reason"] or "").splitlines()]
        rc = "" if step["rc"] is None else f", rc {step['rc']}"
        lines.append(f"    → {step['result'] or 'unknown'}{rc}, {wording.duration(step['duration_ms'])}")
    return visible("\n".join(lines)) + "\n"


def visible(text: str) -> str:
    """The text without what would steer a terminal: control characters and changes of direction become `\ufffd`; lines and blanks stay."""
    return "\n".join(line if line.isprintable() else "".join(map(_seen, line)) for line in text.split("\n"))


def _seen(char: str) -> str:
    return char if char in "\t\u00a0\u3000" or char.isprintable() else "\ufffd"


def _fenced(text: str) -> str:
    """Nothing in it can end the block: no line of three backticks, no tabs, no blanks at the end of a line."""
    lines = "\n".join(line.expandtabs(4).rstrip() for line in text.rstrip("\n").split("\n"))
    return lines.replace("```", "`\u200b`\u200b`") or EMPTY


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    markdown = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701 (escaped cell by cell)
    return markdown.get_template("record.md.j2")


class _Page(Generic[Table]):
    """One language's tables of one record."""

    def __init__(self, record: Mapping[str, Any], lang: str, write: Writer[Table]):
        self.r = record
        self.write = write
        self.lang = lang
        self.zone = str(record["timezone"])

    def t(self, name: str) -> str:
        return labels.label(SECTION, name, self.lang)

    def v(self, value: Any) -> str:
        return labels.label(VALUES, str(value), self.lang) if value not in (None, "") else EMPTY

    def at(self, value: Any) -> str:
        return wording.moment(value, self.zone)

    def rows(self, names: Sequence[str], items: Sequence[Row], *cells: Callable[[Row], Any]) -> Table:
        """A table; one row of dashes where there is nothing."""
        made = [[EMPTY if (found := make(item)) in (None, "") else found for make in cells] for item in items]
        return self.write([self.t(name) for name in names], made or [[EMPTY] * len(names)])

    def basic(self) -> Table:
        b, window = self.r["basic"], self.r["basic"]["window"]
        owners = ", ".join(dict.fromkeys(s["owner"] for s in self.r["services"] if s["owner"]))
        pairs = [
            ("service", ", ".join(f"{s['name']} ({s['id']})" for s in self.r["services"])), ("owner", owners),
            ("kind", self.v(b["kind"])), ("category", self.v(b["category"])), ("mode", self.v(b["mode"])),
            ("window", f"{self.at(window['start'])} – {self.at(window['end'])}" if window else ""),
            ("actual", f"{self.at(b['started'])} – {self.at(b['ended'])}" if b["started"] else ""),
            ("duration", wording.between(b["started"], b["ended"])),
            ("executor", b["executor"]), ("reviewer", b["reviewer"]), ("approver", b["approver"]), ("supplier", b["supplier"]),
            ("notice", b["notice"]), ("plan_digest", self.r["digests"]["plan"]), ("state", self.v(self.r["state"])), ("remark", b["remark"]),
        ]  # fmt: skip
        cells = [(self.t(name), value or EMPTY) for name, value in pairs] + [(str(e.get("item")), e.get("value") or EMPTY) for e in self.r["extra"]]
        if len(cells) % 2:
            cells.append((EMPTY, EMPTY))
        return self.write([self.t("item"), self.t("value")] * 2, [[*cells[n], *cells[n + 1]] for n in range(0, len(cells), 2)])

    def related(self) -> Table:
        items = [{"type": self.t(kind), **item} for kind in ("related_events", "related_work") for item in self.r[kind]]
        return self.rows(("type", "number", "subject"), items, lambda i: i["type"], lambda i: i["id"], lambda i: i.get("title"))

    def word(self, name: str) -> str:
        return labels.label("decision", name, self.lang)

    def decisions(self) -> Table:
        names = ("at", "decision", "person", "plan", "signed", "remark")
        return self.write([self.word(name) for name in names], [self._decision(d) for d in self.r["decisions"]] or [[EMPTY] * len(names)])

    def _decision(self, d: Row) -> list[str]:
        said = "; ".join(filter(None, [*self._details(d["details"]), d["remark"]]))
        signed = self.word("signed_yes" if d["signed"] else "signed_no")
        person = f"{d['name'] or d['by']} ({d['account']})"
        return [self.at(d["at"]), self.word(d["decision"]), person, d["plan_digest"][:12] or EMPTY, signed, wording.shorten(said, 400) or EMPTY]

    def _details(self, details: Mapping[str, Any]) -> list[str]:
        """What a decision's details come to: judgement, contact, reason, verdict, and how each delivery and reference ended."""
        texts = [self.word(str(details[name])) for name in ("complexity", "verdict") if details.get(name)]
        texts += [str(details[name]) for name in ("contact", "reason") if details.get(name)]
        texts += [f"{d.get('channel')}: {'ok' if d.get('ok') else d.get('detail') or 'failed'}" for d in details.get("deliveries") or []]
        return texts + [f"{r.get('reference')}: {'ok' if r.get('ok') else r.get('reason') or 'open'}" for r in details.get("references") or []]

    def runs(self) -> Table:
        return self.rows(
            ("run", "verb", "entry", "operator", "start", "duration", "exit", "remark"), self.r["runs"],
            lambda i: i["run"], lambda i: self.v(i["verb"]), _entry, lambda i: f"{i['user']}@{i['controller']}",
            lambda i: self.at(i["started"]), lambda i: wording.between(i["started"], i["ended"]),
            lambda i: None if i["exit"] is None else str(i["exit"]), lambda i: i["reason"],
        )  # fmt: skip

    def gate(self) -> Table:
        lines: list[Row] = []
        for gate in self.r["gate"]:
            found = gate["findings"] or [{"id": "", "message": "", "remedy": "", "severity": ""}]
            lines += [{**finding, "host": gate["host"], "result": gate["result"]} for finding in found]
        return self.rows(
            ("host", "verdict", "finding", "message"), lines,
            lambda i: i["host"], lambda i: self.v(i["result"]), lambda i: labels.named("findings", i["id"], self.lang),
            lambda i: wording.shorten(f"{i['message']} → {i['remedy']}" if i.get("remedy") else i["message"], 400),
        )  # fmt: skip

    def files(self) -> Table:
        return self.rows(
            ("file", "size", "expected", "found", "verdict"), self.r["files"],
            lambda i: i["name"], lambda i: wording.size(i["size"]), lambda i: f"{i['algorithm']}:{i['expected']}" if i["expected"] else "",
            lambda i: i["actual"], lambda i: self.v(i["verdict"]),
        )  # fmt: skip

    def backups(self) -> Table:
        return self.rows(
            ("host", "archive", "size", "files_count", "sites", "found"), self.r["backups"],
            lambda i: i["host"], lambda i: i.get("archive"), lambda i: wording.size(i.get("size")), lambda i: i.get("files"),
            lambda i: "; ".join(f"{self.v(s['site'])}: {s['where']}" for s in i.get("sites") or []), lambda i: i.get("sha256"),
        )  # fmt: skip

    def steps(self) -> Table:
        return self._steps(self.r["steps"])

    def rollback(self) -> Table:
        return self._steps(self.r["rollback"])

    def checks(self) -> Table:
        return self.rows(
            ("host", "when", "description", "command", "start", "duration", "feedback", "verdict"), self.r["checks"],
            lambda i: i["host"], lambda i: self.v(i["kind"]), self._title, lambda i: i["display"], lambda i: wording.clock(i["started"], self.zone),
            lambda i: wording.duration(i["duration_ms"]), self._found, lambda i: self.v(i["result"]),
        )  # fmt: skip

    def _found(self, check: Row) -> str:
        """What a check found; measured rates in the reader's language, and then no second time in the host's."""
        if not check.get("rates"):
            return wording.shorten(check["reason"] or check["feedback"])
        return error_rate.told(check["rates"], self.lang)

    def monitoring(self) -> Table:
        head = [labels.label("monitoring", name, self.lang) for name in ("service", "monitor", "silence", "until", "end", "result", "detail")]
        return self.write(head, [self._watched(row) for row in self.r["monitoring"]] or [[EMPTY] * len(head)])

    def _watched(self, row: Row) -> list[str]:
        """A silence with what fired when it was lifted; or, where no monitor has looked, what a person saw."""
        who = row["monitor"] or labels.label("monitoring", "by_hand", self.lang)
        detail = "; ".join(filter(None, [row["by"], self.at(row["at"]) if row["by"] else "", row["detail"]]))
        cells = (row["service"], who, row["silence"], row["until"] and self.at(row["until"]), *(
            labels.label("monitoring", row[name], self.lang) if row[name] else "" for name in ("lifted", "result")), wording.shorten(detail, 400))  # fmt: skip
        return [value or EMPTY for value in cells]

    def confirmations(self) -> Table:
        return self.rows(
            ("time", "host", "description", "answer", "by", "channel", "remark"), self.r["confirmations"],
            lambda i: self.at(i["at"]), lambda i: i["host"], lambda i: wording.shorten(i["question"]), lambda i: self.v(i["answer"]),
            lambda i: i["by"], lambda i: i["channel"], lambda i: i["reason"],
        )  # fmt: skip

    def exceptions(self) -> Table:
        return self.rows(
            ("time", "host", "exception_type", "message", "related_events", "handling", "taken"), self.r["exceptions"],
            lambda i: self.at(i["at"]), lambda i: i["host"], lambda i: self.v(i["type"]), lambda i: wording.shorten(i["message"], 400), lambda i: i["event"],
            lambda i: " ".join(f"{number}) {step}" for number, step in enumerate(i["steps"], 1)), lambda i: self.v(i["taken"]),
        )  # fmt: skip

    def conclusion(self) -> Table:
        found = self.r["outcome"]
        return self.write([self.t("result"), self.t("backout")], [[self.v(found["result"]), self.v(found["backout"])]])

    def hosts(self) -> Table:
        return self.rows(("host", "role", "outcome"), self.r["hosts"], lambda i: i["host"], lambda i: self.v(i["role"]), lambda i: self.v(i["outcome"]))

    def signatures(self) -> Table:
        b = self.r["basic"]
        people = [{"role": self.t(role), "name": b[role]} for role in ("executor", "reviewer", "approver")]
        return self.rows(("role", "name", "signature", "date"), people, lambda i: i["role"], lambda i: i["name"], lambda i: "", lambda i: "")

    def attachments(self) -> Table:
        return self.rows(
            ("file", "size", "found"), self.r["attachments"],
            lambda i: i["name"], lambda i: wording.size(i["size"]), lambda i: i["sha256"] and f"sha256:{i['sha256']}",
        )  # fmt: skip

    def _title(self, item: Row) -> str:
        """The title; of a further attempt with its number."""
        again = labels.label("known_errors", "attempt", self.lang).format(attempt=item["attempt"])
        return f"{item['title']} ({again})" if (item.get("attempt") or 1) > 1 else str(item["title"] or "")

    def _steps(self, items: Sequence[Row]) -> Table:
        service = ", ".join(str(s["id"]) for s in self.r["services"])
        return self.rows(
            ("seq", "host", "description", "command", "start", "duration", "rc", "feedback", "verdict"), items,
            lambda i: i["seq"], lambda i: i["host"], self._title, lambda i: f"[{i['run_as'] or 'root'}@{service}]# {i['display'] or EMPTY}",
            lambda i: wording.clock(i["started"], self.zone), lambda i: wording.duration(i["duration_ms"]),
            lambda i: None if i["rc"] is None else str(i["rc"]), lambda i: wording.shorten(i["reason"] or i["feedback"]), lambda i: self.v(i["result"]),
        )  # fmt: skip


AWX = {"JOB_ID": "job", "user": "user", "AWX_HOST": "host", "PROJECT_REVISION": "revision", "INVENTORY_ID": "inventory"}


def _entry(run: Mapping[str, Any]) -> str:
    """From where a run was started; for AWX the job, where it ran, which revision of the project, and for whom."""
    return " ".join([run["entry"], *(f"{short}={run['awx'][name]}" for name, short in AWX.items() if run["awx"].get(name))])


TABLES = ("basic", "related", "decisions", "runs", "gate", "files", "backups", "steps", "checks", "monitoring", "confirmations", "exceptions", "rollback",
          "conclusion", "hosts", "signatures", "attachments")  # fmt: skip
WITH = {"conclusion": "hosts", "checks": "monitoring"}  # tables below the heading of another
