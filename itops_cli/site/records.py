# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance records as pages, one at a time: the newest first, a year a list."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.itops.maintenance.plugins.plugin_utils import correction, labels, ledger, record, report, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace
from markupsafe import Markup

from itops_cli.site.pages import Site, file_name
from itops_cli.site.tables import Table

Made = tuple[dict[str, Markup], str]  # the row of a record in each language's list, and what is wrong with it
_SHARED: list[Any] = []  # in a process of its own: what all its records need
TAIL = 1 << 16  # bytes of a stream in which its last line is looked for
MANY, CHUNK = 400, 40  # records worth more than one process, and how many one takes at a time
UNREADABLE = (jinja2.UndefinedError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ledger.LedgerError)


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


def folders(ws: Workspace) -> list[Place]:
    """Of every change with a record, the newest first."""
    return [ws.record_dir(change) for change in reversed(ws.recorded())]


def write(site: Site, places: list[Place], done: Callable[[int], None]) -> list[str]:
    """All pages and lists; what could not be read."""
    corrected = corrections(place.name for place in places)
    years = list(dict.fromkeys(place.parent.name for place in places))
    faults: list[str] = []
    apart = len(places) >= MANY and isinstance(places[0], Path)  # a connection to a database is not shared
    with _workers(apart, site, corrected) as work:
        for year, group in groupby(places, key=lambda place: place.parent.name):
            rows: dict[str, list[Markup]] = {lang: [] for lang in labels.LANGUAGES}
            for made, fault in work(group):
                for lang, row in made.items():
                    rows[lang].append(row)
                faults += [fault] if fault else []
                done(1)
            _list(site, year, years, rows)
    if not years:
        _list(site, "", [], {})
    return faults


@contextmanager
def _workers(apart: bool, *shared: Any) -> Iterator[Callable[[Iterable[Place]], Iterable[Made]]]:
    """What makes records, in order: over all processors where there is much to do. Raises OSError where a process of it was killed."""
    if not apart or (os.cpu_count() or 1) == 1:
        yield partial(map, partial(_one, *shared))
        return
    try:
        with ProcessPoolExecutor(mp_context=get_context("fork"), initializer=_SHARED.extend, initargs=(shared,)) as pool:
            try:
                yield partial(pool.map, _one_of_many, chunksize=CHUNK)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise OSError("a process that builds the site was killed (no memory?); nothing was changed") from None


def _one_of_many(place: Place) -> Made:
    site, corrected = _SHARED
    return _one(site, corrected, place)


def _list(site: Site, year: str, years: list[str], rows: Mapping[str, list[Markup]]) -> None:
    """A year's list; the newest one is the first that a reader sees."""
    names = [f"{year}.html"] if year else []
    names += ["index.html"] if years[:1] in ([], [year]) else []
    for lang in labels.LANGUAGES:
        for name in names:
            site.write(lang, f"records/{name}", "records", year=year, years=years, rows=Markup().join(rows.get(lang, ())))


def corrections(names: Iterable[str]) -> dict[str, list[str]]:
    """Change -> the records that correct it, oldest first."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        change, mark, _number = name.rpartition("-K")
        if mark:
            found.setdefault(change, []).append(name)
    return found


def _one(site: Site, corrected: Mapping[str, list[str]], place: Place) -> Made:
    """Writes the pages of a record; its row in the lists, and what is wrong with it. Raises OSError where they cannot be written."""
    files: dict[str, bytes] = {}
    try:
        folded = read(place)
        rows = _rows(site, _line(folded))
        for lang in labels.LANGUAGES:
            files |= _page(site, place, folded, lang, corrected.get(place.name, []))
    except UNREADABLE as error:
        fault = f"{place}: {type(error).__name__}: {wording.shorten(error)} → itops record verify {place.name}"
        return _rows(site, Line(place.name, fault=fault)), fault
    for path, content in files.items():
        site.put(path, content)
    return rows, ""


def _rows(site: Site, line: Line) -> dict[str, Markup]:
    """Its row in each language's list."""
    texts = {lang: site.page(lang, "records/index.html", "record_row", line=line, moment=wording.moment) for lang in labels.LANGUAGES}
    return {lang: Markup(text.decode()) for lang, text in texts.items()}  # noqa: S704 (a template's, escaped there)


def read(place: Place) -> Mapping[str, Any]:
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


def _head(stream: Place) -> str:
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
    result, backout = (str(outcome[name]) if folded["runs"] else "" for name in ("result", "backout"))
    return replace(line, started=str(basic["started"]), executor=str(basic["executor"]), result=result, backout=backout)


def _page(site: Site, place: Place, folded: Mapping[str, Any], lang: str, corrected_by: list[str]) -> dict[str, bytes]:
    """The page, and Markdown and PDF beside the ledger, which come along: path -> content."""
    page = file_name(str(folded["change"]))
    beside = {name: page.removesuffix("html") + name.replace(f"record.{lang}.md", "md") for name in _beside(place, lang)}
    if "corrects" in folded:
        values = {"sections": [("basic", labels.label("correction", "record", lang), [Table([], correction.pairs(folded, lang))])], "transcript": ""}
    else:
        values = {"sections": list(report.sections(folded, lang, Table)), "transcript": report.transcript(folded)}
    content = site.page(lang, f"records/{page}", "record", r=folded, beside=beside, corrected_by=corrected_by, **values)
    return {f"{lang}/records/{page}": content, **{f"{lang}/records/{name}": (place / file).read_bytes() for file, name in beside.items()}}


def _beside(place: Place, lang: str) -> list[str]:
    names = os.listdir(place) if isinstance(place, Path) else [file.name for file in place.files()]
    return sorted(name for name in names if name == f"record.{lang}.md" or name.endswith(".pdf"))
