# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A document: one Markdown file with its properties as front matter (对内Markdown)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

FENCE = "---"
LABELS = "document"


@dataclass(frozen=True)
class Document:
    """`meta` is validated against roles/document, ids for labels and defaults filled in; `line` is the body's first line in the file.

    What is not Markdown yet has no body: `path` is then the register, and `at` the place of its entry in there.
    `origin` is where its bytes are, if that is no file (a record in PostgreSQL).
    """

    path: Path
    meta: Mapping[str, Any]
    body: str
    line: int
    at: tuple[str | int, ...] = ()
    origin: Place | None = None

    @property
    def sha256(self) -> str:
        """Of the file as it is. Raises OSError, LedgerError."""
        return hashlib.sha256((self.origin or self.path).read_bytes()).hexdigest()

    @property
    def id(self) -> str:
        return str(self.meta["id"])

    @property
    def markdown(self) -> bool:
        return not self.at

    def problem(self, path: tuple[str | int, ...], message: str, found: str = "", allowed: str = "", remedy: str = "", warning: bool = False) -> Problem:
        """What is wrong with one of its properties, with the line."""
        return properties(self.path).problem((*self.at, *path), message, found, allowed, "warning" if warning else "error", remedy)


def read(path: Path) -> tuple[Document | None, list[Problem]]:
    """One document and everything wrong with its front matter; None where it is not fit for use, or cannot be read at all."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return None, [Problem(str(path), 0, "", f"cannot be read: {error.strerror}", remedy="put its file there, or remove the name")]
    except UnicodeDecodeError as error:
        return None, [Problem(str(path), 0, "", "not UTF-8 text", str(error.reason), "UTF-8", remedy=f"itops docs import {path} --owner PERSON")]
    front, body, line = split(text)
    if front is None:
        return None, [Problem(str(path), 1, "", "no front matter", "", f"{FENCE}, the properties, {FENCE}", remedy=f"itops docs import {path} --owner PERSON")]
    raw = _front(front, path)
    meta, problems = schema.validate(schema.options("document"), raw, LABELS)
    problems = [*raw.problems, *problems]
    return (None if errors(problems) else Document(path, meta, body, line)), problems


def properties(path: Path) -> source.Source:
    """Where each property stands: of a Markdown file's front matter, or of all of a YAML file."""
    if path.suffix != ".md":
        return source.load(path)
    return _front(split(path.read_bytes().decode("utf-8-sig"))[0] or "", path)


def _front(text: str, path: Path) -> source.Source:
    return source.parse("\n" + text, str(path))  # one line more: the fence above it


def split(text: str) -> tuple[str | None, str, int]:
    """Front matter (None where there is none), body, and the line in the file at which the body begins."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return None, text, 1
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            rest = "\n".join(lines[number + 1 :])
            body = rest.lstrip("\n")
            return "\n".join(lines[1:number]) + "\n", body, number + 2 + len(rest) - len(body)
    return None, text, 1


def text(meta: Mapping[str, Any], body: str) -> str:
    """The file: front matter in the order of the schema, without what is empty, and the body."""
    return f"{FENCE}\n{front(meta)}{FENCE}\n\n{body.strip(chr(10))}\n"


def front(meta: Mapping[str, Any]) -> str:
    """The properties as YAML, without the fences."""
    shown = {key: meta[key] for key in schema.options("document") if meta.get(key) not in (None, "", [], {})}
    return yaml.safe_dump(shown, allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=False) if shown else ""


def files(ws: Workspace) -> Iterator[Path]:
    """Every Markdown file of the workspace's documents, sorted; hidden ones left out."""
    if ws.documents.is_dir():
        yield from sorted(p for p in ws.documents.rglob("*.md") if not any(part.startswith(".") for part in p.relative_to(ws.documents).parts))
