# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service in words: the text of every column of the status table, and of its remarks and warnings, in one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import EMPTY
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Level, Row, Warn

COLUMNS = (
    "owner", "credentials", "backup", "platform", "usage", "supported", "allocated", "reclaim", "redundancy", "cycle", "mode", "monitoring", "logging",
)  # fmt: skip
LAST = ("last", "due", "state")
GENERAL = "name"  # where a remark or warning goes that belongs to no column
COLUMN_OF = {
    "deputy": "owner", "capacity": "supported", "capacity.allocated": "allocated", "capacity.waiver": "allocated",
    "failover": "redundancy", "maintenance": "cycle", "maintenance.mode": "mode",
}  # fmt: skip
COLUMN_OF_WARNING = {
    "platform": "platform", "waiver": "allocated", "allocated_warn": "allocated", "allocated_critical": "allocated", "reclaim": "reclaim",
}  # fmt: skip # what else may be out of order shows under usage


@dataclass(frozen=True)
class Words:
    """One language."""

    lang: str

    def text(self, key: str, /, **values: Any) -> str:
        return labels.label("status_text", key, self.lang).format(**values)

    def listed(self, items: Sequence[str]) -> str:
        return self.text("list").join(items)

    def aside(self, text: str, *more: Any) -> str:
        """`text（more）`; what has no value is left out."""
        known = [self.said(item) for item in more if item not in (None, "")]
        return self.text("aside", text=text, more=self.listed(known)) if known and text else text

    def said(self, value: Any) -> str:
        """A text of the record; of a vaulted one only that it is."""
        return self.text("encrypted") if isinstance(value, Vaulted) else "" if value is None else str(value)

    def header(self, name: str) -> str:
        return labels.label("status_column" if name in COLUMNS else "status_extra_column", name, self.lang)

    def value(self, section: str, choice: Any) -> str:
        return labels.value_label(section, str(choice), self.lang) if choice else ""


@dataclass(frozen=True)
class Cells:
    """The words of one row."""

    row: Row
    words: Words

    def cell(self, column: str) -> str:
        """Plain text, "—" where there is nothing to say."""
        return str(getattr(self, column)()) or EMPTY

    def at(self, moment: datetime | None, whole_day: bool = False) -> str:
        return calendar.printed(moment, calendar.zone(self.row.tz), whole_day) if moment else EMPTY

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.row.record.get(name) or {}
        return found

    def name(self) -> str:
        name = self.plain_name()
        return self.words.aside(name, "" if name == self.row.id else self.row.id)

    def plain_name(self) -> str:
        return self.words.said(self.row.record.get("name")) or self.row.id

    def owner(self) -> str:
        return self.words.aside(self.row.owner, self.words.text("deputy", name=self.row.deputy) if self.row.deputy else "")

    def credentials(self) -> str:
        kept = self.part("credentials")
        return self.words.aside(self.words.value("credentials.custody", kept.get("custody")), kept.get("ref"))

    def backup(self) -> str:
        return self.words.listed([self.words.value("backup.sites", site) for site in self.part("backup").get("sites") or ()])

    def platform(self) -> str:
        return self.words.value("platform", self.row.record.get("platform"))

    def usage(self) -> str:
        usage = self.row.usage
        if usage.known:
            return self.words.listed([f"{name.upper()} {self.level(usage.levels.get(name))}" for name in ("cpu", "mem", "hdd")])
        if usage.oldest is None:
            return self.words.text("not_collected")
        return self.words.text("missing", hosts=self.words.listed(usage.missing)) if usage.missing else self.words.text("stale", at=self.at(usage.oldest))

    def level(self, level: Level | None) -> str:
        if level is None:
            return EMPTY
        return self.words.aside(f"{level.highest}%", self.words.text("mean", percent=level.mean) if level.hosts > 1 else "")

    def supported(self) -> str:
        capacity = self.part("capacity")
        return " ".join(self.words.said(capacity[key]) for key in ("supported", "unit") if capacity.get(key) and capacity.get("supported"))

    def allocated(self) -> str:
        allocated = self.part("capacity").get("allocated")
        return "" if allocated is None else self.words.aside(str(allocated), "" if self.row.ratio is None else f"{self.row.ratio}%")

    def reclaim(self) -> str:
        reclaim = self.part("reclaim")
        threshold = reclaim.get("threshold")
        return self.words.aside(self.words.value("reclaim.policy", reclaim.get("policy")), f"≥ {threshold}%" if threshold else "")

    def redundancy(self) -> str:
        return self.words.value("redundancy", self.row.record.get("redundancy"))

    def cycle(self) -> str:
        cycle = self.part("maintenance").get("cycle")
        return labels.label("status_cycle", cycle["unit"], self.words.lang).format(every=cycle["every"]) if cycle else ""

    def mode(self) -> str:
        return self.words.value("maintenance.mode", self.part("maintenance").get("mode"))

    def monitoring(self) -> str:
        note = self.words.text("watched_by_hand") if self.row.unmonitored else self.part("monitoring").get("ref")
        return self.words.aside(self.words.value("monitoring.state", self.part("monitoring").get("state")), note)

    def logging(self) -> str:
        return self.words.aside(self.words.value("logging.state", self.part("logging").get("state")), self.part("logging").get("ref"))

    def last(self) -> str:
        last = self.row.last
        result = labels.label("status_result", last.result, self.words.lang) if last.result else ""
        return self.words.aside(self.at(last.at) if last.at else "", last.change, result)

    def due(self) -> str:
        return self.at(self.row.due.at, self.row.due.whole_day) if self.row.due else ""

    def state(self) -> str:
        return labels.label("status_state", self.row.due.state, self.words.lang) if self.row.due else ""

    def remarks(self) -> Iterator[tuple[str, str]]:
        """(column, text) of every remark, the service's own first."""
        if self.row.record.get("remark"):
            yield GENERAL, self.words.said(self.row.record["remark"])
        for field, text in self.part("remarks").items():
            column, name = column_of(field), labels.label("service", field, self.words.lang)
            clear = column != GENERAL and self.words.header(column).startswith(name)
            yield column, self.words.said(text) if clear else self.words.text("named", name=name, text=self.words.said(text))

    def remarks_of(self, column: str) -> str:
        return self.words.text("sentence").join(text for where, text in self.remarks() if where == column)

    def warnings(self) -> Iterator[tuple[str, str]]:
        """(column, text) of every warning."""
        for warn in self.row.warnings:
            yield COLUMN_OF_WARNING.get(warn.id, "usage"), self.words.text("warning", text=self.warning(warn))

    def warning(self, warn: Warn) -> str:
        values = dict(warn.values)
        if "at" in values:
            values["at"] = self.at(values["at"])
        if "state" in values:
            values["state"] = labels.label("status_service_state", values["state"], self.words.lang)
        if "platform" in values:
            values["platform"] = self.words.value("platform", values["platform"])
        return labels.label("status_warning", warn.id, self.words.lang).format(**values)


def column_of(field: str) -> str:
    """The column to which a remark on this field belongs."""
    top = field.partition(".")[0]
    found = COLUMN_OF.get(field) or COLUMN_OF.get(top) or top
    return found if found in COLUMNS else GENERAL
