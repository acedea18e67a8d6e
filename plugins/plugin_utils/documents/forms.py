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
ROWS = {"preparation": 9, "operations": 3, "facts": 9, "errors": 3}  # of the department's empty forms
WIDEST = 60  # columns; a longer cell does not pad every other row

Record = Mapping[str, Any]


def word(lang: str, name: str, **values: Any) -> str:
    said = labels.label(SECTION, name, lang)
    return said.format(**values) if values else said


def words(lang: str, *names: str) -> list[str]:
    return [word(lang, name) for name in names]


def listed(lang: str, items: Sequence[Any]) -> str:
    return word(lang, "list").join(map(str, items))


def _form(head: Sequence[str], rows: Sequence[Sequence[Any]], least: int = 0) -> str:
    """The rows, and free ones up to what the department's form has."""
    said = [["" if value is None else str(value) for value in row] for row in rows]
    return table(head, [*said, *[[""] * len(head)] * (least - len(said))], widest=WIDEST)


def _spaced(*parts: Any) -> str:
    return " ".join(str(part) for part in parts if part)


def preparation(record: Record, register: Sequence[str], lang: str) -> str:
    """前期准备工作 (S14 to S17). `register` is where the register lies, and its last line about the service."""
    ready = record.get("preparation") or {}
    tools = [[_spaced(tool["name"], tool.get("version_min")), tool.get("remark")] for tool in ready.get("software") or []]
    servers = [[endpoint(one), one.get("remark")] for one in record.get("endpoints") or []]
    rows = [
        *([word(lang, "software"), *tool] for tool in tools or [words(lang, "usual_software")]),
        *([word(lang, "server"), *server] for server in servers or [[]]),
        [word(lang, "register"), *register],
        *([item["item"], item.get("name"), item.get("remark")] for item in ready.get("items") or []),
        *([item["item"], item.get("value"), item.get("remark")] for item in ready.get("extra") or []),
    ]
    return _form(words(lang, "item", "name", "remark"), rows, ROWS["preparation"])


def endpoint(one: Mapping[str, Any]) -> str:
    """IP, PORT and URL as far as they are known."""
    ip, port = str(one.get("ip") or ""), one.get("port")
    address = f"[{ip}]:{port}" if port and ":" in ip else f"{ip}:{port}" if port else ip
    return _spaced(address if ip else "", one.get("url"))


def operations(record: Record, lang: str) -> str:
    """操作概述 (S18 to S22)."""
    rows = [
        [one["item"], labels.value_label("operations.method", one["method"], lang), listed(lang, one.get("related_events") or []),
         listed(lang, one.get("related_work") or []), listed(lang, [check.get("title") or check["type"] for check in one.get("checks") or []])]
        for one in record.get("operations") or []
    ]  # fmt: skip
    return _form(words(lang, "operation", "method", "related_events", "related_work", "checks"), rows, ROWS["operations"])


def facts(record: Record, lang: str) -> str:
    """维护程序的关键信息 (M10 to M13): where a password is kept, never the password."""
    kept = record.get("credentials") or {}
    place = labels.label("runsheet", "in_document" if kept.get("custody") == "document" else "in_software", lang)
    rows = [
        [word(lang, "address"), listed(lang, [endpoint(one) for one in record.get("endpoints") or []])],
        [word(lang, "account"), _spaced(kept.get("account"), f"{place}{kept['ref']}" if kept.get("ref") else "")],
        [word(lang, "data_dirs"), listed(lang, record.get("data_dirs") or [])],
        *([row["item"], row.get("value"), row.get("remark")] for row in record.get("key_info") or []),
    ]
    return _form(words(lang, "key", "details", "care"), rows, ROWS["facts"])


def errors(entries: Sequence[Mapping[str, Any]], lang: str) -> str:
    """维护异常处理步骤 (M15)."""
    return _form(words(lang, "error_type", "message", "event"), [[e["type"], e["pattern"], e.get("event")] for e in entries], ROWS["errors"])


def software(manual: Mapping[str, Any], lang: str) -> str:
    """准备工作 of a 使用手册 (U2 to U5)."""
    named, got = manual.get("software") or {}, manual.get("obtain") or {}
    head = [_spaced(word(lang, "software_name"), named.get("name"), named.get("version")), word(lang, "details")]
    digest = f"sha256:{got['sha256'].lower()}" if got.get("sha256") else ""
    values = {"obtain": _spaced(got.get("url"), got.get("remark"), digest), "requires": manual.get("requires"), "data_dir": manual.get("data_dir")}
    return _form(head, [[word(lang, name), value] for name, value in values.items()])
