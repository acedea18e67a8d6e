# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the department's three documents (服务维护管理, 故障与维护, 使用手册), filled from a service record; empty, they are the seed's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import table

SECTION = "service_documents"
ROWS = {"preparation": 8, "operations": 1, "facts": 9, "errors": 1}  # of the department's empty forms
REGISTER = "records/register.jsonl"
WIDEST = 60  # columns; a longer cell does not pad every other row

Record = Mapping[str, Any]


def words(lang: str, *names: str) -> list[str]:
    return [labels.label(SECTION, name, lang) for name in names]


def _form(head: Sequence[str], rows: Sequence[Sequence[Any]], least: int) -> str:
    """The rows, and free ones up to what the department's form has."""
    said = [["" if value is None else str(value) for value in row] for row in rows]
    return table(head, [*said, *[[""] * len(head)] * (least - len(said))], widest=WIDEST)


def preparation(record: Record, lang: str) -> str:
    """前期准备工作 (S14 to S17)."""
    ready = record.get("preparation") or {}
    software, server, register = words(lang, "software", "server", "register")
    rows = [[software, " ".join(filter(None, [s["name"], s.get("version_min")])), s.get("remark")] for s in ready.get("software") or []]
    rows = rows or [[software, "", ""]]
    rows += [[server, endpoint(one), one.get("remark")] for one in record.get("endpoints") or []] or [[server, "", ""]]
    rows += [[register, REGISTER if record else "", ""]]
    rows += [[item["item"], item.get("name"), item.get("remark")] for item in ready.get("items") or []]
    rows += [[item["item"], item.get("value"), item.get("remark")] for item in ready.get("extra") or []]
    return _form(words(lang, "item", "name", "remark"), rows, ROWS["preparation"])


def endpoint(one: Mapping[str, Any]) -> str:
    """IP, PORT and URL as far as they are known."""
    address = f"{one['ip']}:{one['port']}" if one.get("ip") and one.get("port") else str(one.get("ip") or "")
    return " ".join(filter(None, [address, str(one.get("url") or "")]))


def operations(record: Record, lang: str) -> str:
    """操作概述 (S18 to S22)."""
    rows = [
        [one["item"], labels.value_label("operations.method", one["method"], lang), ", ".join(one.get("related_events") or []),
         ", ".join(one.get("related_work") or []), "; ".join(str(c.get("title") or c["type"]) for c in one.get("checks") or [])]
        for one in record.get("operations") or []
    ]  # fmt: skip
    return _form(words(lang, "operation", "method", "related_events", "related_work", "checks"), rows, ROWS["operations"])


def facts(record: Record, lang: str) -> str:
    """维护程序的关键信息 (M10 to M13): where a password is kept, never the password."""
    kept = record.get("credentials") or {}
    place = labels.label("runsheet", "in_document" if kept.get("custody") == "document" else "in_software", lang)
    account = " ".join(filter(None, [kept.get("account"), f"{place}:{kept['ref']}" if kept.get("ref") else ""]))
    rows = [
        [*words(lang, "address"), ", ".join(endpoint(one) for one in record.get("endpoints") or []), ""],
        [*words(lang, "account"), account, ""],
        [*words(lang, "data_dirs"), ", ".join(record.get("data_dirs") or []), ""],
        *([row["item"], row.get("value"), row.get("remark")] for row in record.get("key_info") or []),
    ]
    return _form(words(lang, "key", "details", "care"), rows, ROWS["facts"])


def errors(entries: Sequence[Mapping[str, Any]], lang: str) -> str:
    """维护异常处理步骤 (M15)."""
    return _form(words(lang, "error_type", "message", "event"), [[e["type"], e["pattern"], e.get("event")] for e in entries], ROWS["errors"])


def software(record: Record, lang: str) -> str:
    """准备工作 of a 使用手册 (U2 to U5)."""
    manual = record.get("manual") or {}
    got = manual.get("obtain") or {}
    digest = f"{labels.label(SECTION, 'sha256', lang)} {got['sha256']}" if got.get("sha256") else ""
    named = " ".join(filter(None, [(manual.get("software") or {}).get("name"), (manual.get("software") or {}).get("version")]))
    head = [f"[{named}]" if named else words(lang, "software_name")[0], *words(lang, "details")]
    values = {"obtain": " ".join(filter(None, [got.get("url"), got.get("remark"), digest])), "requires": manual.get("requires"), "data_dir": manual.get("data_dir")}
    return _form(head, [[*words(lang, name), value] for name, value in values.items()], len(values))
