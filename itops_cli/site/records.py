# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance records as pages, one at a time: the newest first, a year a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import correction, labels, ledger, record, report, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

from itops_cli.site.pages import Site, Table, file_name

TAIL = 1 << 16  # bytes of a stream in which its last line is looked for
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ledger.LedgerError)


@dataclass(frozen=True)
class Line:
    """One record in a list. `fault` says why there is no page."""

    change: str
    title: str = ""
    services: tuple[tuple[str, str], ...] = ()
    started: str = ""
    zone: str = "UTC"
    executor: str = ""
    result: str = ""
    backout: str = ""
    state: str = ""
    fault: str = ""

    @property
    def page(self) -> str:
        return "" if self.fault else file_name(self.change)


def folders(records: Path) -> list[Path]:
    """Of every change with a record, the newest first."""
    return sorted((path for path in records.glob("[0-9]*/CHG-*") if path.is_dir()), reverse=True)


def write(site: Site, places: list[Path], done: Callable[[int], None]) -> list[str]:
    """All pages and lists; what could not be read."""
    faults: list[str] = []
    corrected = corrections(place.name for place in places)
    years = list(dict.fromkeys(place.parent.name for place in places))
    for year, group in groupby(places, key=lambda place: place.parent.name):
        lines = []
        for place in group:
            lines.append(_one(site, place, corrected.get(place.name, [])))
            done(1)
        faults += [line.fault for line in lines if line.fault]
        _list(site, f"records/{year}.html", year, years, lines)
        if year == years[0]:
            _list(site, "records/index.html", year, years, lines)
    if not years:
        _list(site, "records/index.html", "", [], [])
    return faults


def _list(site: Site, path: str, year: str, years: list[str], lines: list[Line]) -> None:
    for lang in labels.LANGUAGES:
        site.write(lang, path, "records", year=year, years=years, lines=lines, moment=wording.moment)


def corrections(names: Iterable[str]) -> dict[str, list[str]]:
    """Change -> the records that correct it, oldest first."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        change, mark, _number = name.rpartition("-K")
        if mark:
            found.setdefault(change, []).append(name)
    return found


def _one(site: Site, place: Path, corrected_by: list[str]) -> Line:
    try:
        folded = read(place)
        line = _line(folded)
        for lang in labels.LANGUAGES:
            _page(site, place, folded, lang, corrected_by)
    except UNREADABLE as error:
        return Line(place.name, fault=f"{place}: {type(error).__name__}: {wording.shorten(error)} → itops record verify {place.name}")
    return line


def read(place: Path) -> Mapping[str, Any]:
    """The record as its ledger says: the view beside it where it is of the ledger's last event, else folded again. Raises one of UNREADABLE."""
    try:
        view: dict[str, Any] = json.loads((place / "record.json").read_bytes())
        if view["ledger"]["head"] == _head(place / ledger.STREAM):
            return view
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    events = Ledger(place, place.name).events()
    if not events:
        raise ValueError("no event")
    return correction.fold(events) if correction.made(events) else record.fold(events)


def _head(stream: Path) -> str:
    """The hash of the last event; "" where it cannot be told cheaply."""
    with stream.open("rb") as handle:
        handle.seek(max(0, handle.seek(0, 2) - TAIL))
        lines = handle.read().splitlines(keepends=True)
    whole = len(lines) > 1 and lines[-1].endswith(b"\n")
    return str(json.loads(lines[-1])["hash"]) if whole else ""


def _line(folded: Mapping[str, Any]) -> Line:
    services = tuple((str(service["id"]), str(service["name"] or service["id"])) for service in folded["services"])
    line = Line(str(folded["change"]), str(folded["title"]), services, zone=str(folded["timezone"]), state=str(folded["state"]))
    if "corrects" in folded:
        return replace(line, started=str(folded["at"]), executor=str(folded["by"]["name"]), state="correction")
    basic, outcome = folded["basic"], folded["outcome"]
    ended = {"result": str(outcome["result"]), "backout": str(outcome["backout"])} if folded["runs"] else {}
    return replace(line, started=str(basic["started"]), executor=str(basic["executor"]), **ended)


def _page(site: Site, place: Path, folded: Mapping[str, Any], lang: str, corrected_by: list[str]) -> None:
    path = f"records/{file_name(str(folded['change']))}"
    beside = list(_copied(site, place, lang, path))
    if "corrects" in folded:
        values = {"sections": [("basic", labels.label("correction", "record", lang), [Table([], correction.pairs(folded, lang))])], "transcript": ""}
    else:
        values = {"sections": list(report.sections(folded, lang, Table)), "transcript": report.transcript(folded)}
    site.write(lang, path, "record", r=folded, beside=beside, corrected_by=corrected_by, **values)


def _copied(site: Site, place: Path, lang: str, path: str) -> Iterator[tuple[str, str]]:
    """Markdown and PDF beside the ledger come along: (file, what it is)."""
    markdown = place / f"record.{lang}.md"
    for file in (markdown, *sorted(place.glob("*.pdf"))):
        if file.is_file():
            name = f"{path.removesuffix('.html')}{'.md' if file == markdown else '.' + file.name}"
            site.put(f"{lang}/{name}", file.read_bytes())
            yield name.removeprefix("records/"), "Markdown" if file == markdown else file.name
