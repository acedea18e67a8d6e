# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""更正: a record of its own that says what is wrong in a closed one, linked to it by its head. The closed one stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.markdown_table import cell, table

FORMAT = 1
SECTION = "correction"
RUN, VERB = "correction", "correct"  # its line in the register
ROWS = ("corrects", "title", "services", "head", "by", "account", "at", "signed", "text")


def made(events: Sequence[Event]) -> Event | None:
    """The decision of which a 更正 record consists; None where this is no such record."""
    return next((e for e in events[:1] if e.kind == "decided" and e.data.get("decision") == VERB), None)


def fold(events: Sequence[Event]) -> dict[str, Any]:
    """The record of a correction. Raises ValueError where it is none."""
    event = made(events)
    if event is None:
        raise ValueError("not a correction")
    data, details = event.data, event.data.get("details") or {}
    return {
        "format": FORMAT,
        "change": str(data.get("change", "")),
        "state": "closed",
        "corrects": str(details.get("corrects", "")),
        "corrected": {"seq": details.get("seq", 0), "head": str(details.get("head", ""))},
        "title": str(details.get("title", "")),
        "services": [dict(service) for service in details.get("services") or []],
        "timezone": str(details.get("timezone") or "UTC"),
        "organisation": str(details.get("organisation", "")),
        "text": str(data.get("remark", "")),
        "by": {
            "id": str(data.get("by", "")),
            "name": str(data.get("name", "")),
            "account": str(data.get("account", "")),
            "signed": bool(data.get("signature")),
        },
        "at": event.at,
        "ledger": {"seq": events[-1].seq, "head": events[-1].hash},
    }


def pairs(record: Mapping[str, Any], lang: str) -> list[list[str]]:
    """What the 更正 record says, label by label."""
    by, corrected = record["by"], record["corrected"]
    values = {
        "corrects": f"{record['corrects']} → itops record show {record['corrects']}", "title": record["title"],
        "services": ", ".join(f"{s['name']} ({s['id']})" for s in record["services"]), "head": f"{corrected['seq']}: {corrected['head']}",
        "by": f"{by['name']} ({by['id']})", "account": by["account"], "at": wording.moment(record["at"], record["timezone"]),
        "signed": labels.label(SECTION, "yes" if by["signed"] else "no", lang), "text": record["text"],
    }  # fmt: skip
    return [[labels.label(SECTION, name, lang), values[name] or wording.EMPTY] for name in ROWS]


def render(record: Mapping[str, Any], lang: str) -> str:
    """The 更正 record as Markdown."""
    head = f"# {labels.label(SECTION, 'record', lang)} {cell(record['change'])}"
    body = table([labels.label(SECTION, "item", lang), labels.label(SECTION, "value", lang)], pairs(record, lang))
    foot = f"{labels.label(SECTION, 'own_head', lang)}: {record['ledger']['seq']} `{record['ledger']['head']}`"
    return f"{head}\n\n{labels.label(SECTION, 'unchanged', lang)}\n\n{body}\n\n{foot}\n"


def line(record: Mapping[str, Any]) -> dict[str, Any]:
    """What its line in the register says of it, in the form of a run of a change."""
    run = {"run": RUN, "verb": VERB, "user": record["by"]["account"], "started": record["at"], "ended": record["at"], "exit": 0}
    return {**record, "runs": [run], "outcome": {"result": "", "backout": ""}}
