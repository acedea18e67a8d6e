# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything lies in the state directory of a host, and directories nobody else can look or write into."""

from __future__ import annotations

import os
import re
import stat

TYPE_CHECKING = False  # typing and pathlib take longer to import than a poll may
if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeVar

    PathOrText = TypeVar("PathOrText", Path, str)

NAME = re.compile(r"^[^./\x00][^/\x00]{0,199}$")


class UnsafePlace(Exception):
    """A directory or name we must not use; the text says which and why."""


def safe_name(name: object) -> str:
    """A change, run, segment, step or file name that is one harmless path component. Raises UnsafePlace."""
    if not isinstance(name, str) or not NAME.match(name):
        raise UnsafePlace(f"not usable as a file name: {name!r}")
    return name


def private_dir(path: PathOrText) -> PathOrText:
    """Make a directory (0700) or prove that an existing one is ours alone. Raises UnsafePlace, OSError."""
    try:
        os.makedirs(path, mode=0o700)
    except FileExistsError:
        pass
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        raise UnsafePlace(f"{path} is not a directory (symbolic links are not followed here)")
    if info.st_uid != os.geteuid():
        raise UnsafePlace(f"{path} belongs to user {info.st_uid}, not to {os.geteuid()}")
    if stat.S_IMODE(info.st_mode) & 0o077:
        os.chmod(path, 0o700)
    return path


def change_dir(state: Path, change: str) -> Path:
    return state / safe_name(change)


def segment_dir(state: Path, change: str, run: str, segment: str) -> Path:
    return change_dir(state, change) / safe_name(run) / safe_name(segment)


def segment_path(state: Path | str, change: str, run: str, segment: str) -> str:
    """The same as text, for those who are in a hurry."""
    return os.path.join(state, safe_name(change), safe_name(run), safe_name(segment))


def make_segment_dir(state: Path, change: str, run: str, segment: str) -> Path:
    """The segment's directory with all above it, each private."""
    target = segment_dir(state, change, run, segment)
    for place in (target.parent.parent, target.parent, target):
        private_dir(place)
    return target
