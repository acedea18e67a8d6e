# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that is made anew beside its place and then changed for the one there: a reader sees the old site or the new one."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

MARKER = ".itops-site"  # says that a folder is ours, and which files we put into it
FIRST = "made by itops docs site"
NEW, OLD = "itops-new", "itops-old"
NAMED = 5  # foreign files that are named


@contextmanager
def renewed(folder: Path) -> Iterator[Path]:
    """An empty folder to build in; it takes the place of `folder` at the end, and only if nothing was raised.

    Raises BadInput for a folder that holds anything we did not make, and while somebody else builds the same one; OSError.
    """
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _alone(handle, place)
        _ours(place)
        new, old = (place.parent / f".{place.name}.{what}" for what in (NEW, OLD))
        _recover(place, new, old)
        new.mkdir()
        try:
            yield new
            _mark(new)
            _change(place, new, old)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        os.close(handle)


def _alone(handle: int, place: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadInput([Problem(str(place), 0, "", "somebody is building a site in the same folder right now", remedy="wait for it")]) from None


def _ours(place: Path) -> None:
    """Raises BadInput where something would be lost."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    known = _known(place)
    foreign = sorted(set(_files(place)) - known) if known else [""]
    if foreign:
        named = ", ".join(foreign[:NAMED]) + (" …" if len(foreign) > NAMED else "")
        message = "holds files that itops docs site did not make" if known else "is not a site made by itops docs site, and not empty"
        raise BadInput([Problem(str(place), 0, "", message, named, "an empty or new folder, or a site", remedy="name another folder, or move them away")])


def _known(place: Path) -> set[str]:
    """The files of a site, its marker among them; nothing where it is none."""
    try:
        lines = (place / MARKER).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {MARKER, *lines[1:]} if lines[:1] == [FIRST] else set()


def _files(place: Path) -> Iterator[str]:
    for folder, _folders, names in os.walk(place):
        yield from (os.path.relpath(os.path.join(folder, name), place) for name in names)


def _recover(place: Path, new: Path, old: Path) -> None:
    """What a build left that was killed: an unfinished site goes, one that was put aside comes back where none is there."""
    shutil.rmtree(new, ignore_errors=True)
    if old.exists() and not place.exists():
        old.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _mark(new: Path) -> None:
    (new / MARKER).write_text("\n".join([FIRST, *sorted(_files(new))]) + "\n", "utf-8")


def _change(place: Path, new: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
