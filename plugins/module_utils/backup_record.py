# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup.json: the last verified backup of a change on this host, and finding a copy of it that is still whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from . import fileio, manifest
from .archive_write import Made
from .manifest import Manifest
from .step import Context, StepFailed

FILE = "backup.json"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Copy:
    """One copy of the backup that was just hashed and is whole."""

    archive: Path
    manifest: Manifest
    site: str


class Part(NamedTuple):
    """One file to copy and the digest it must have at the far end."""

    source: Path
    sha256: str


def facts(made: Made) -> dict[str, Any]:
    """What the event backup_made says of an archive."""
    counts = made.manifest.counts()
    sha256 = str(made.manifest.archive["sha256"])
    return {
        "archive": str(made.archive), "manifest": str(made.manifest_path), "sha256": sha256,
        "manifest_sha256": made.manifest_sha256, "size": int(made.manifest.archive["size"]),
        "files": counts["file"] + counts["hardlink"], "bytes": counts["bytes"], "compression": made.manifest.compression,
        "fingerprint": made.manifest.fingerprint(), "reused": bool(made.manifest.reused_from),
        "sites": [{"site": "local", "where": str(made.archive), "sha256": sha256, "verified": True}], "pruned": [],
    }  # fmt: skip


def save(ctx: Context, content: dict[str, Any]) -> None:
    fileio.write_json(ctx.change_dir / FILE, {"format": 1, **content})


def load(ctx: Context) -> dict[str, Any]:
    """Raises StepFailed when this change has no backup here."""
    try:
        found = fileio.read_json(ctx.change_dir / FILE)
    except ValueError as exc:
        raise StepFailed(f"{ctx.change_dir / FILE} cannot be read: {exc}") from exc
    if not isinstance(found, dict) or "archive" not in found:
        raise StepFailed(f"this change has no verified backup on this host ({ctx.change_dir / FILE})")
    return found


def manifest_of(ctx: Context, path: str | None) -> Manifest:
    """The manifest alone (enough to compare): the one named, else that of the change, from any site."""
    if path:
        return manifest.load(Path(path))
    known = load(ctx)
    return _first(known, lambda archive, sheet, site: _sheet(sheet, str(known["manifest_sha256"])))


def whole_copy(ctx: Context, path: str | None) -> Copy:
    """The first copy whose manifest and archive have their digests: local, then mounted offsite folders."""
    if path:
        sheet = manifest.load(Path(path))
        return _proven(Path(path).parent / _plain(sheet), sheet, "named")
    known = load(ctx)
    digest = str(known["manifest_sha256"])
    return _first(known, lambda archive, sheet, site: _proven(archive, _sheet(sheet, digest), site))


def _first(known: dict[str, Any], attempt: Callable[[Path, Path, str], Found]) -> Found:
    faults = []
    for archive, sheet, site in _places(known):
        try:
            return attempt(archive, sheet, site)
        except (StepFailed, OSError) as exc:
            faults.append(f"{site} {archive}: {exc}")
    raise StepFailed("no whole copy of the backup can be reached: " + "; ".join(faults))


def _places(known: dict[str, Any]) -> list[tuple[Path, Path, str]]:
    name = Path(known["manifest"]).name
    found = [(Path(known["archive"]), Path(known["manifest"]), "local")]
    for site in known.get("sites") or []:
        where = str(site.get("where", ""))
        if site.get("site") == "offsite" and where.startswith("/"):
            found.append((Path(where), Path(where).parent / name, "offsite"))
    return found


def _sheet(path: Path, digest: str) -> Manifest:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise StepFailed(f"{path} was altered since the backup was verified")
    return manifest.decode(content, str(path))


def _plain(sheet: Manifest) -> str:
    name = str(sheet.archive.get("file", ""))
    if "/" in name or name in ("", ".", ".."):
        raise StepFailed(f"the manifest names no plain archive file: {name!r}")
    return name


def _proven(archive: Path, sheet: Manifest, site: str) -> Copy:
    found = fileio.sha256_file(archive)
    if found != sheet.archive["sha256"]:
        raise StepFailed(f"{archive} is damaged: sha256 {found}, should be {sheet.archive['sha256']}")
    return Copy(archive, sheet, site)


def differs(where: str, found: str, sha256: str) -> None:
    """Raises StepFailed when the copy is not the verified backup."""
    if found != sha256:
        raise StepFailed(f"the offsite copy {where} differs from the backup: sha256 {found}, should be {sha256}")
