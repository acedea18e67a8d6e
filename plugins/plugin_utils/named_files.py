# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a task file is made of: itself, and what it names in words, in Jinja, as a folder or by a glob; all that travels to a host with it."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import jinja_text, source

YAML = (".yml", ".yaml", ".json")
BESIDE = ("", "files", "templates", "vars", "tasks")  # where Ansible looks for a file a task names
# An absolute path under one of these is one of the host; the controller's own file of that name has nothing to do with it.
HOST_SIDE = {"dest", "path", "chdir", "creates", "removes", "cmd", "argv", "command", "shell", "raw", "executable", "name", "home", "link", "validate"}

LARGEST_TEXT = 16 << 20  # bytes

Text = tuple[str, str]  # the key it stands under, itself


def with_named(paths: Iterable[Path]) -> dict[Path, str]:
    """These files and every file they name, with their SHA-256; "" for one that is missing (`itops change lint` says so)."""
    found: dict[Path, str] = {}
    left = [path.resolve() for path in paths]
    roots = {path.parent for path in left}
    while left:
        path = left.pop()
        if path not in found:
            found[path] = _sha256(path)
            left += _named(path, {path.parent, *roots})
    return found


def data_of(path: Path) -> Any:
    """The content of a YAML file, None of any other."""
    return source.load(path).data if path.suffix in YAML and path.is_file() else None


def text_of(path: Path) -> str:
    """The text of a file, "" where it is none, or far too large for a template."""
    try:
        return path.read_text("utf-8") if path.stat().st_size <= LARGEST_TEXT else ""
    except (OSError, UnicodeDecodeError):
        return ""


def texts(value: Any, key: str = "") -> Iterator[Text]:
    """Every text in this data with its key; keys as well, for Ansible templates some of them."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield key, str(name)
            yield from texts(item, "path" if name == "src" and of_the_host(value) else str(name).rpartition(".")[2])
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, key)
    elif isinstance(value, str):
        yield key, value


def of_the_host(args: Mapping[str, Any]) -> bool:
    """Whether `src` of these arguments is a file of the host."""
    return str(args.get("remote_src", "")).lower() in ("true", "yes", "1")


def places(bases: Iterable[Path], name: str) -> Iterator[Path]:
    """Where Ansible would look for it."""
    return (base / beside / name for base in bases for beside in BESIDE)


def _named(path: Path, bases: set[Path]) -> Iterator[Path]:
    said = list(texts(data_of(path)))
    said += [("", text) for _key, template in [*said, ("", text_of(path))] for text in jinja_text.read(template).texts]
    for key, text in dict.fromkeys(said):
        for name in _words(text):
            yield from (place.resolve() for place in places(bases, name) if _is(place, name, key))
        for name in {text, *(word.partition("=")[2] for word in text.split())}:
            yield from (file for base in bases for file in _folder(base, name))


def _words(text: str) -> set[str]:
    """Whatever in a text may be the name of a file: as a whole, word by word, behind `src=`."""
    try:
        quoted = shlex.split(text)
    except ValueError:
        quoted = []
    words = {text, *text.split(), *quoted}
    return {name for word in words for name in (word, word.partition("=")[2]) if name and "\0" not in name}


def _is(place: Path, name: str, key: str) -> bool:
    try:
        return place.is_file() and not (name.startswith("/") and key in HOST_SIDE)
    except OSError:  # too long for a name
        return False


def _folder(base: Path, text: str) -> Iterator[Path]:
    """All files of a folder below this one, or of a glob."""
    for beside in BESIDE if text.strip("./ ") and "\0" not in text and not text.startswith("/") else ():
        folder = base / beside
        try:
            tops = list(folder.glob(text)) if "*" in text or "?" in text or "[" in text else [folder / text]
            yield from (file for top in tops if base in top.resolve().parents for file in _below(top.resolve(), set()))
        except (OSError, ValueError, NotImplementedError):  # too long, or no pattern
            continue


def _below(top: Path, seen: set[Path]) -> Iterator[Path]:
    if top.is_file():
        yield top
    elif top.is_dir() and top not in seen:
        seen.add(top)
        for inner in sorted(top.iterdir()):
            yield from _below(inner.resolve(), seen)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
