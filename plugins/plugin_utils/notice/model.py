# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A supplier's notice (维护通知) in one form, whatever it came as, and what is wrong with its content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

LENGTHS = {"sha512": 128, "sha256": 64, "sha1": 40, "md5": 32}  # hexadecimal digits; the strongest first
STRONG = ("sha512", "sha256")
SCHEMES = ("https", "http")
NAME_LIMIT = 200  # bytes; leaves room for the name of a download that is under way
RESTARTS = (
    "none",
    "vulnerable_component",
    "service",
    "parent",
    "dependencies",
    "connected",
    "zone",
    "system",
    "machine",
)  # CSAF 2.0 §3.2.3.12.7, mildest first
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")

Path_ = tuple[str | int, ...]
Fault = tuple[Path_, str, str, str]  # where, what is wrong, what was found, what is allowed


@dataclass(frozen=True)
class File:
    """One patch file as the notice lists it. `size` in bytes, None where the notice does not say; digests in lower case, "" where not given."""

    name: str
    size: int | None = None
    sha256: str = ""
    sha512: str = ""
    sha1: str = ""
    md5: str = ""
    url: str = ""
    signature: str = ""  # a URL, or the name of a file beside the notice or beside the file itself

    @property
    def digests(self) -> dict[str, str]:
        """Those that are given, the strongest first."""
        return {name: getattr(self, name) for name in LENGTHS if getattr(self, name)}


@dataclass(frozen=True)
class Notice:
    """What a supplier announced. Empty is unknown. `remarks` say what was left out while reading, and why."""

    id: str = ""
    source: str = ""
    supplier: str = ""
    received_at: str = ""
    title: str = ""
    files: tuple[File, ...] = ()
    restart_required: str = ""
    remediations: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def faults(notice: Notice) -> Iterator[Fault]:
    """Everything wrong with the content of a notice whose shape is right."""
    names = [file.name for file in notice.files]
    for index, file in enumerate(notice.files):
        at = ("files", index)
        wrong = name_fault(file.name)
        if wrong:
            yield (*at, "name"), wrong, file.name, "a plain file name"
        if names.index(file.name) != index:
            yield (*at, "name"), "listed twice", file.name, ""
        yield from _file(at, file)
    if notice.received_at and not _is_time(notice.received_at):
        yield ("received_at",), "not a time with offset", notice.received_at, "2026-11-23T02:00:00+08:00"


def name_fault(name: str) -> str:
    """Why this cannot be the name of a file in the agreed folder; "" where it can."""
    if name in ("", ".", "..") or "/" in name:
        return "not a plain file name: folders are not followed"
    if _CONTROL.search(name) or not name.isprintable():
        return "a character in the name cannot be printed"
    if name == ".gitkeep" or (name.startswith(".") and ".part" in name):
        return "a name that itops uses itself in the agreed folder"
    if "%{" in name:
        return "%{ stands for a placeholder in a change"
    return f"longer than {NAME_LIMIT} bytes" if len(name.encode()) > NAME_LIMIT else ""


def url_fault(url: str) -> str:
    """Why nothing is fetched from this address; "" where it may be. What is found is not repeated: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in SCHEMES or not parts.hostname or _CONTROL.search(url) or " " in url:
        return "not a URL of the web"
    return "a login stands in the URL" if parts.username is not None or parts.password is not None else ""


def digest_kind(digits: str) -> str:
    """The algorithm that gives a digest of this length; "" where none of ours does."""
    return next((name for name, length in LENGTHS.items() if len(digits) == length), "")


def worst(restarts: Sequence[str]) -> str:
    """The widest restart that any of them asks for; "" where none says anything."""
    return max(restarts, key=RESTARTS.index, default="")


def _file(at: Path_, file: File) -> Iterator[Fault]:
    for name, value in file.digests.items():
        if not re.fullmatch(rf"[0-9a-fA-F]{{{LENGTHS[name]}}}", value):
            yield (*at, name), f"not a {name} digest", value, f"{LENGTHS[name]} hexadecimal digits"
    if file.size is not None and file.size < 0:
        yield (*at, "size"), "too small", str(file.size), "bytes, 0 or more"
    if file.url and (wrong := url_fault(file.url)):
        yield (*at, "url"), wrong, "", "https://host/path; logins belong into ~/.netrc"
    if file.signature:
        wrong = url_fault(file.signature) if "://" in file.signature else name_fault(file.signature)
        if wrong:
            yield (*at, "signature"), wrong, "", "https://host/path, or the name of a file beside it"


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def as_dict(file: File) -> dict[str, Any]:
    """What is known of a file, in the order of the schema."""
    named = {name: getattr(file, name) for name in ("name", "size", "sha256", "sha512", "sha1", "md5", "url", "signature")}
    return {name: value for name, value in named.items() if value not in (None, "")}
