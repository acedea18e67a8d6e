# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: every service record and every person of a workspace, checked one by one and against each other."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue_cache, schema, service, source
from ansible_collections.itops.maintenance.plugins.plugin_utils import people as people_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.catalogue_cache import Cache, Entry, Stamp
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

SUFFIXES = (".yml", ".yaml")
CACHE_FILE = "catalogue.json"

Record = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """Normalised records (English ids, defaults filled, no absent keys) by id; none with errors is among them."""

    services: dict[str, Record]
    people: dict[str, Record]
    problems: list[Problem]
    partial: dict[str, Record] = field(default_factory=dict)  # what could be made of records with errors: only to judge references
    files: dict[str, Path] = field(default_factory=dict)  # service id -> its file

    def required(self) -> Catalogue:
        """The catalogue itself. Raises BadInput with every error where there is one."""
        if bad := errors(self.problems):
            raise BadInput(bad)
        return self


def load(ws: Workspace) -> Catalogue:
    """All of a workspace; an unchanged file is taken from the cache. Never raises for what stands in the files."""
    return read(ws.services_dir, ws.people_file, ws.cache)


def read(services_dir: Path, people: Path, cache_dir: Path | None = None) -> Catalogue:
    """The same for any two places. Without `cache_dir` everything is read."""
    everyone, people_problems = people_file.load(people)
    entries, problems = _entries(services_dir, cache_dir)
    problems = [*people_problems, *problems]
    for name, entry in entries.items():
        problems += [replace(problem, file=str(services_dir / name)) for problem in entry.problems]
    checker = _Crossing(services_dir, {name: entry.record for name, entry in entries.items()}, everyone)
    problems += checker.problems(with_people=not errors(people_problems))
    good = {name: entry.record for name, entry in entries.items() if entry.good and name not in checker.refused}
    partial = {entry.record["id"]: entry.record for name, entry in entries.items() if name not in good and "id" in entry.record}
    files = {record["id"]: services_dir / name for name, record in good.items()}
    return Catalogue({record["id"]: record for record in good.values()}, everyone, sorted(problems), partial, files)


def _entries(services_dir: Path, cache_dir: Path | None) -> tuple[dict[str, Entry], list[Problem]]:
    started = time.time_ns()
    try:
        stamps = _stamps(services_dir)
    except OSError as error:
        return {}, [
            Problem(
                str(services_dir),
                0,
                "",
                f"cannot be read: {error.strerror}",
                allowed="a folder with one file per service",
            )
        ]
    cache = Cache(cache_dir / CACHE_FILE if cache_dir else None, str(services_dir))
    with catalogue_cache.no_collection():
        known = cache.load()
        entries = {name: cache.valid(known, name, stamp) or read_file(services_dir / name, stamp, started) for name, stamp in stamps.items()}
        cache.save(known, entries)
    return entries, []


def _stamps(folder: Path) -> dict[str, Stamp]:
    with os.scandir(folder) as found:
        names = [e for e in found if e.name.endswith(SUFFIXES) and not e.name.startswith(".")]
    return {entry.name: catalogue_cache.stamp(entry.path) for entry in sorted(names, key=lambda e: e.name) if entry.is_file()}


def read_file(path: Path, stamp: Stamp, started: int) -> Entry:
    """One service file: its record where nothing in it is an error, and its problems (without the file's name)."""
    raw = source.load(path)
    data, problems = schema.validate(schema.options("service"), raw, "service")
    problems = [*raw.problems, *problems]
    formed = not errors(problems)
    problems += service.check(data, raw, whole=formed) if data else []
    good = formed and not errors(problems)
    return Entry(
        stamp,
        service.complete(data) if good else data,
        good,
        [replace(problem, file="") for problem in problems],
        started,
    )


class _Crossing:
    """The rules between files. Lines are looked up only for what is wrong: a clean catalogue never pays for them."""

    def __init__(self, folder: Path, records: Mapping[str, Record], people: Mapping[str, Record]):
        self.folder = folder
        self.records = records
        self.people = people
        self.refused: set[str] = set()
        self.sources: dict[str, source.Source] = {}

    def problems(self, with_people: bool) -> list[Problem]:
        found = [*self.duplicates(), *self.hosts()]
        return [*found, *self.persons()] if with_people else found

    def at(self, name: str, path: tuple[str | int, ...], message: str, value: str, allowed: str, remedy: str = "") -> Problem:
        if name not in self.sources:
            self.sources[name] = source.load(self.folder / name)
        self.refused.add(name)
        return self.sources[name].problem(path, message, value, allowed, remedy=remedy)

    def duplicates(self) -> Iterator[Problem]:
        first: dict[str, str] = {}
        for name, record in self.records.items():
            if "id" in record and first.setdefault(record["id"], name) != name:
                yield self.at(name, ("id",), f"id stands twice: also in {first[record['id']]}", record["id"], "a unique id")

    def hosts(self) -> Iterator[Problem]:
        """One inventory name, one address: two services may share a host, but not disagree about it."""
        first: dict[str, tuple[str, str]] = {}
        for name, record in self.records.items():
            for index, host in enumerate(record.get("hosts", ())):
                address = host.get("address")
                if not address or "name" not in host:
                    continue
                other, where = first.setdefault(host["name"], (address, name))
                if other != address and where != name:
                    yield self.at(
                        name,
                        ("hosts", index, "address"),
                        f"{host['name']} has another address in {where}",
                        address,
                        other,
                    )

    def persons(self) -> Iterator[Problem]:
        for name, record in self.records.items():
            for path, pid in _persons_of(record):
                person = self.people.get(pid)
                if person is None:
                    yield self.at(
                        name,
                        path,
                        "not in people.yml",
                        pid,
                        _listed(self.people),
                        people_file.nearest(pid, self.people),
                    )
                elif not person["active"]:
                    yield self.at(
                        name,
                        path,
                        "not active any more",
                        pid,
                        "an active person",
                        f"name a successor of {person['name']}",
                    )


def _persons_of(record: Record) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield from (((role,), record[role]) for role in ("owner", "deputy") if role in record)
    for index, who in enumerate(record.get("stakeholders", ())):
        if "@" not in who:
            yield ("stakeholders", index), who


def _listed(people: Mapping[str, Record], limit: int = 10) -> str:
    return ", ".join([*list(people)[:limit], *(["…"] if len(people) > limit else [])]) or "nobody yet"
