# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agreed folder of patch files against the notice, as an exact set (M5)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

STRENGTH = ("sha512", "sha256", "sha1", "md5")  # the strongest given one is compared
WEAK = ("sha1", "md5")
IGNORED = (".gitkeep",)


def compare(folder: Path, files: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line per file of the notice and per file that is too many. `verdict`: ok, weak, missing, extra, size, digest."""
    wanted = {item["name"]: item for item in files}
    present = {p.name for p in folder.iterdir() if p.name not in IGNORED} if folder.is_dir() else set()
    lines = [_line(folder / name, item) for name, item in wanted.items()]
    extra = [
        {"name": name, "size": _size(folder / name), "algorithm": "", "expected": "", "actual": "", "verdict": "extra"}
        for name in sorted(present - set(wanted))
    ]
    return lines + extra


def read(folder: Path, item: Mapping[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """A file's bytes and the line about these very bytes: what lies in the folder may be another file a moment later."""
    line = _line(folder / item["name"], item)
    if refused([line]):
        return b"", line
    content = (folder / item["name"]).read_bytes()
    return content, _judged(line, hashlib.new(line["algorithm"], content).hexdigest())


def refused(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines that forbid the run; a weak digest is only flagged."""
    return [line for line in lines if line["verdict"] not in ("ok", "weak")]


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _line(path: Path, item: Mapping[str, Any]) -> dict[str, Any]:
    algorithm = next(name for name in STRENGTH if item.get(name))
    expected = str(item[algorithm]).lower()
    line = {"name": item["name"], "size": item["size"], "algorithm": algorithm, "expected": expected, "actual": ""}
    if not path.is_file() or path.is_symlink():
        found = "a symbolic link" if path.is_symlink() else "no plain file" if path.exists() else ""
        return {**line, "actual": found, "verdict": "missing"}
    if path.stat().st_size != item["size"]:
        return {**line, "actual": f"{path.stat().st_size} bytes", "verdict": "size"}
    return _judged(line, digest(path, algorithm))


def _judged(line: dict[str, Any], actual: str) -> dict[str, Any]:
    verdict = "digest" if actual != line["expected"] else "weak" if line["algorithm"] in WEAK else "ok"
    return {**line, "actual": actual, "verdict": verdict}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
