# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a foreign file to a document in its place: which one it becomes, and the writing, all of them or none."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, catalogue, people
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.register import SIDES
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.documents import migration_register
from itops_cli.importing import Unreadable, bounds, convert, keeping, sniff

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of an id
UNSAFE = re.compile(r"[^\w.-]+")
IMAGES, REPORT = ".images", ".import.yml"  # behind the document's name: the folder of its images, and what is known of the import
IMAGE = re.compile(r"[0-9a-f]{16}\.\w+")
LONGEST = 200  # bytes of a document's name: what stands beside it has a longer one
FORCE = "itops docs import … --force"


@dataclass(frozen=True)
class Wish:
    """What the operator says: properties of the documents, the encoding of texts, and whether to replace what people have worked on."""

    said: Mapping[str, Any]
    encoding: str = ""
    force: bool = False


@dataclass(frozen=True)
class Job:
    """One file and the document it becomes. `meta` are the properties known beforehand; `entry` is that of the register, where it has one."""

    source: Path
    found: str
    sha256: str
    target: Path
    meta: Mapping[str, Any]
    old: Document | None = None
    entry: int | None = None

    @property
    def stays(self) -> bool:
        """Markdown that lies in its place already."""
        return self.target.resolve() == self.source.resolve()

    @property
    def unchanged(self) -> bool:
        return self.old is not None and (self.old.meta.get("source") or {}).get("sha256") == self.sha256


@dataclass(frozen=True)
class Done:
    """What became of one file; `state` is created, updated or unchanged."""

    source: str
    path: str
    id: str
    title: str
    format: str
    state: str
    losses: Sequence[Mapping[str, Any]] = field(default=())
    report: Sequence[str] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


# ---------------------------------------------------------------- which document


def plan(ws: Workspace, files: Sequence[Path], wish: Wish) -> list[Job]:
    """What every file will become; nothing is written. Raises BadInput with everything that is wrong with any of them."""
    known = [found for path in document.files(ws) if (found := document.read(path)[0])]
    entries = migration_register.entries(ws)
    jobs: list[Job] = []
    problems: list[Problem] = []
    for source in files:
        try:
            jobs.append(_job(ws, source, wish, known, entries))
        except Unreadable as error:
            problems.append(_problem(source, error))
    persons = catalogue.load(ws).people
    problems += [problem for job in jobs for problem in [*_nobody(job, persons), *_taken(job, wish, jobs, known)]]
    if problems:
        raise BadInput(problems)
    return jobs


def _job(ws: Workspace, source: Path, wish: Wish, known: Sequence[Document], entries: Sequence[Mapping[str, Any]]) -> Job:
    found = bounds.apart(sniff.sniff, source)
    old = next((one for one in known if _is_of(one.meta, one.path.parent, source)), None)
    wanted = str(wish.said.get("id") or "")
    entry = next((n for n, one in enumerate(entries) if one.get("id") == wanted or _is_of(one, ws.documents, source)), None)
    base = old.meta if old else entries[entry] if entry is not None else {}
    here = _place(ws, source)
    meta = {"side": here.parts[0] if here and here.parts[0] in SIDES else "ops", "lang": "zh_CN", "id": wanted or _id(source), **base, **wish.said}
    name = meta["id"] if wanted else UNSAFE.sub("-", source.stem).strip("-.") or meta["id"]
    target = old.path if old else ws.documents / (here or Path(str(meta["side"]), f"{name}.md"))
    with source.open("rb") as stream:
        return Job(source, found, hashlib.file_digest(stream, "sha256").hexdigest(), target, meta, old, entry)


def _place(ws: Workspace, source: Path) -> Path | None:
    """Where Markdown that already lies among the documents stays, seen from their folder; it only gets its properties."""
    file, root = source.resolve(), ws.documents.resolve()
    return file.relative_to(root) if file.suffix == ".md" and file.is_relative_to(root) else None


def _is_of(meta: Mapping[str, Any], folder: Path, source: Path) -> bool:
    """Whether these properties say that the document comes from this file."""
    path = str((meta.get("source") or {}).get("path") or "")
    return bool(path) and (folder / path).resolve() == source.resolve()


def _id(source: Path) -> str:
    """From the name where that makes an id, else a short digest of it: the same at every import."""
    name = source.stem.strip().replace(" ", "-")
    return name if NAME.fullmatch(name) else f"doc-{hashlib.sha256(source.stem.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _nobody(job: Job, persons: Mapping[str, people.Person]) -> Iterator[Problem]:
    """Whether somebody answers for it."""
    file, owner = str(job.source), str(job.meta.get("owner") or "")
    if not owner:
        yield Problem(file, 0, "owner", "nobody answers for it", remedy="say who: --owner PERSON")
    elif persons and owner not in persons:
        yield Problem(file, 0, "owner", "not in people.yml", owner, ", ".join(list(persons)[:10]), remedy=people.nearest(owner, persons))


def _taken(job: Job, wish: Wish, jobs: Sequence[Job], known: Sequence[Document]) -> Iterator[Problem]:
    """Why it may not become this document: the name is none, another one has it, or people have worked on it."""
    file, name = str(job.source), str(job.meta["id"])
    twin = next((one for one in jobs if one is not job and (one.target == job.target or one.meta["id"] == name)), None)
    other = next((one.path for one in known if one.id == name and one.meta["lang"] == job.meta["lang"] and one.path != job.target), None)
    if not NAME.fullmatch(name):
        yield Problem(file, 0, "id", "cannot be part of a file's name", name, "ASCII letters, digits, -, _ and .")
    if len(os.fsencode(job.target.stem)) > LONGEST:
        yield Problem(file, 0, "id", "its name is too long for a document's", allowed=f"{LONGEST} bytes", remedy="import it alone, with --id")
    if twin:
        yield Problem(file, 0, "id", f"becomes the same document as {twin.source}", name, remedy="import them one by one, with --id")
    if other or (job.old is None and not job.stays and job.target.exists()):
        yield Problem(file, 0, "id", f"is that of another document: {other or job.target}", name, remedy="give another one: --id")
    elif job.old and not job.unchanged and not wish.force and (why := _worked_on(job.old)):
        yield Problem(str(job.target), 0, "", f"has been {why} since its import, and its original has changed", file, remedy=FORCE)


def _worked_on(old: Document) -> str:
    """What people have done to a document since it was imported; "" where nothing."""
    if old.meta.get("review") == "reviewed":
        return "reviewed"
    report = _beside(old.path, REPORT)
    noted = yaml.safe_load(report.read_text("utf-8")) if report.is_file() else None
    return "" if isinstance(noted, dict) and noted.get("markdown") == _digest(old.body) else "edited"


def _digest(body: str) -> str:
    return hashlib.sha256(body.strip("\n").encode()).hexdigest()


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(target.stem + ending)


def _problem(source: Path, error: Unreadable) -> Problem:
    return Problem(str(source), 0, "", str(error), remedy=error.remedy)


# ---------------------------------------------------------------- converting and writing


def carry_out(ws: Workspace, jobs: Iterable[Job], wish: Wish) -> list[Done]:
    """Convert all beside the documents, then put them into their places. Raises BadInput with all faults: then nothing has changed."""
    ws.documents.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ws.documents, prefix=".import-") as name:
        made, problems = [], []
        for number, job in enumerate(jobs):
            try:
                made.append((job, _converted(job, wish, Path(name) / str(number))))
            except Unreadable as error:
                problems.append(_problem(job.source, error))
        if problems:
            raise BadInput(problems)
        done = [_placed(ws, job, found, Path(name) / str(number)) for number, (job, found) in enumerate(made)]
    migration_register.drop(ws, [job.entry for job, found in made if found and job.entry is not None])
    return done


def _converted(job: Job, wish: Wish, images: Path) -> convert.Converted | None:
    """None where there is nothing to do."""
    if job.unchanged and not wish.force:
        return None
    title = str(job.meta.get("title") or "")
    link = "" if job.stays else _beside(job.target, IMAGES).name
    return convert.convert(convert.Order(job.source, job.found, images, link, title, wish.encoding))


def _placed(ws: Workspace, job: Job, found: convert.Converted | None, images: Path) -> Done:
    shown = os.path.relpath(job.target)
    if found is None:
        return Done(str(job.source), shown, str(job.meta["id"]), str(job.meta["title"]), job.found, "unchanged")
    job.target.parent.mkdir(parents=True, exist_ok=True)
    kept = _images(images, _beside(job.target, IMAGES))
    report = keeping.report(found.losses, str(job.meta["lang"]))
    losses = [loss.as_dict() for loss in found.losses]
    noted = {"source": job.sha256, "markdown": _digest(found.markdown), "report": report, "losses": losses}
    atomic.write(_beside(job.target, REPORT), yaml.safe_dump(noted, allow_unicode=True, sort_keys=False, width=10_000).encode(), mode=0o644)
    atomic.write(job.target, document.text(_meta(ws, job, found.title), found.markdown).encode(), mode=0o644)
    _forget(_beside(job.target, IMAGES), kept)
    state = "updated" if job.old else "created"
    return Done(str(job.source), shown, str(job.meta["id"]), found.title, job.found, state, losses, report)


def _meta(ws: Workspace, job: Job, title: str) -> dict[str, Any]:
    """Front matter: what was known, its origin, and that nobody has looked through it yet."""
    source = job.source.resolve()
    path = os.path.relpath(source, job.target.parent) if source.is_relative_to(ws.root) else str(source)
    origin = {"format": sniff.named(job.source, job.found), "path": path, "sha256": job.sha256, "date": f"{datetime.now(ZoneInfo(ws.timezone)):%Y-%m-%d}"}
    known = {key: text for key, text in job.meta.items() if key not in ("reviewer", "reviewed_on")}
    return {**known, "title": title, "review": "to_review", "migration": "migrated", "source": origin}


def _images(made: Path, folder: Path) -> set[str]:
    """Put new images into the folder; those that are there already have the same content, as their names say."""
    names = {path.name for path in made.iterdir()} if made.is_dir() else set()
    if names:
        folder.mkdir(exist_ok=True)
    for name in names:
        shutil.move(made / name, folder / name)
    return names


def _forget(folder: Path, kept: set[str]) -> None:
    """Images of the former version, which nothing shows any more; other files are left alone."""
    if folder.is_dir():
        for path in folder.iterdir():
            if IMAGE.fullmatch(path.name) and path.name not in kept:
                path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
