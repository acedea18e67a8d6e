# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of a workspace lies: the folder that holds `itops.yml`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import address, place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place

MARKER = "itops.yml"
POLICY = "policy.yml"
RECORDS_VARIABLE = "ITOPS_RECORDS"
SETTINGS = {"organisation", "timezone", "records", "staging", "facts", "documents", "fonts", "awx"}


@dataclass(frozen=True)
class Workspace:
    """Absolute paths and settings of one workspace; nothing is created by looking."""

    root: Path
    organisation: str
    timezone: str
    records: Place
    staging: Path
    facts: Path
    documents: Path
    fonts: tuple[Path, ...] = ()
    awx: bool = False

    @property
    def inventory(self) -> Path:
        return self.root / "inventory"

    @property
    def services_dir(self) -> Path:
        return self.inventory / "services"

    @property
    def people_file(self) -> Path:
        return self.inventory / "people.yml"

    @property
    def changes(self) -> Path:
        return self.root / "changes"

    @property
    def cache(self) -> Path:
        return self.root / ".itops-cache"

    def recorded(self) -> list[str]:
        """Names of all changes that have a record, 更正 records CHG-…-K01 among them; in order."""
        return place.changes(self.records)

    def record_dir(self, change: str) -> Place:
        """Where the record of a change is, or will be."""
        return place.of_change(self.records, change)


def find(start: Path | None = None) -> Workspace:
    """The workspace around `start`: $ITOPS_WORKSPACE, else the nearest ancestor (of the working directory) with itops.yml.

    Raises BadInput where there is none or its settings are wrong.
    """
    origin = start or Path(os.environ.get("ITOPS_WORKSPACE") or Path.cwd())
    for folder in (origin.resolve(), *origin.resolve().parents):
        if (folder / MARKER).is_file():
            return load(folder)
    raise BadInput([Problem(str(origin), 0, "", f"no workspace: no {MARKER} here or above", remedy="run: itops init DIR, or pass --workspace DIR")])


def load(root: Path) -> Workspace:
    """Read itops.yml of exactly this folder."""
    settings = _settings(root / MARKER)
    records = _records(root, settings.get("records", "records"))
    return Workspace(
        root=root,
        organisation=str(settings.get("organisation", "")),
        timezone=str(settings.get("timezone", "UTC")),
        records=place.at(root, records),
        staging=(root / settings.get("staging", "staging")),
        facts=(root / settings.get("facts", "facts")),
        documents=(root / settings.get("documents", "documents")),
        fonts=((root / settings["fonts"]),) if settings.get("fonts") else (),
        awx=settings.get("awx") in (True, "true", "yes"),
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput([Problem(str(path), 0, "", f"cannot be read: {error}")]) from None
    if not isinstance(data, dict):
        raise BadInput([Problem(str(path), 1, "", "not a mapping", allowed=", ".join(sorted(SETTINGS)))])
    problems = [Problem(str(path), 0, str(key), "unknown setting", allowed=", ".join(sorted(SETTINGS))) for key in data if key not in SETTINGS]
    try:
        ZoneInfo(str(data.get("timezone", "UTC")))
    except (KeyError, ValueError, OSError):
        problems.append(Problem(str(path), 0, "timezone", "unknown time zone", str(data["timezone"]), "an IANA name, such as Asia/Shanghai"))
    if problems:
        raise BadInput(problems)
    return data


def _records(root: Path, named: str) -> str:
    """Where the records are. A variable may name the place, but never another one than where there are some already. Raises BadInput."""
    given = os.environ.get(RECORDS_VARIABLE)
    file = str(root / MARKER)
    for where, text in ((file, named), (f"${RECORDS_VARIABLE}", given or "")):
        if address.is_address(text) and (why := address.fault(text)):
            raise BadInput([Problem(where, 0, "records", why, allowed=address.ALLOWED, remedy=address.REMEDY)])
    if given and _elsewhere(root, named, given):
        said = f"{RECORDS_VARIABLE} names another place, but there are records here"
        raise BadInput([Problem(file, 0, "records", said, given, named, remedy="set records: in itops.yml")])
    return given or named


def _elsewhere(root: Path, named: str, given: str) -> bool:
    """Whether records would be looked for where they are not."""
    if address.is_address(named):
        return given != named
    same = not address.is_address(given) and (root / named).resolve() == (root / given).resolve()
    return not same and any((root / named).glob("[0-9]*/CHG-*"))
