# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the files a change names: those of its notice with their digests, and those its steps use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

STRONG_DIGESTS = ("sha512", "sha256")

Record = Mapping[str, Any]
Fault = tuple[tuple[str | int, ...], dict[str, str]]  # path; message, found, allowed …


def faults(data: Record) -> Iterator[Fault]:
    """Of one change of the right form."""
    files = (data.get("notice") or {}).get("files") or []
    names = [f["name"] for f in files]
    for index, item in enumerate(files):
        at = ("notice", "files", index)
        if "/" in item["name"] or item["name"] in ("", ".", ".."):
            yield (*at, "name"), {"message": "not a plain file name", "found": item["name"]}
        if names.count(item["name"]) > 1:
            yield (*at, "name"), {"message": "listed twice", "found": item["name"]}
        yield from _digests(at, item)
    for index, step in enumerate(data["plan"]["steps"]):
        for name in used_files(step):
            if name not in names:
                yield ("plan", "steps", index), {"message": "file is not in the notice", "found": name, "allowed": ", ".join(names) or "none listed"}


def _digests(at: tuple[str | int, ...], item: Record) -> Iterator[Fault]:
    lengths = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
    given = [name for name in lengths if item.get(name)]
    for name in given:
        if not re.fullmatch(rf"[0-9a-fA-F]{{{lengths[name]}}}", item[name]):
            yield (*at, name), {"message": f"not a {name} digest", "found": item[name], "allowed": f"{lengths[name]} hexadecimal digits"}
    if not given:
        allowed = "sha256 (sha512, sha1 or md5 where the supplier gives no better)"
        yield at, {"message": "no digest to compare with", "found": item["name"], "allowed": allowed}
    elif not set(given) & set(STRONG_DIGESTS):
        message = f"only a weak digest ({', '.join(given)})"
        yield at, {"message": message, "severity": "warning", "remedy": "ask the supplier for sha256"}


def used_files(step: Record) -> Iterable[str]:
    """Names of the notice's files a step unpacks or copies."""
    if step.get("release"):
        yield step["release"]["file"]
    for item in step.get("files") or []:
        if item.get("file"):
            yield item["file"]
