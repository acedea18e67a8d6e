# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patch files of a change on this host: placed once, hashed when placed and again right before each use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import fileio, places
from .step import Context, StepFailed


def place(ctx: Context, name: str, content: bytes) -> None:
    """Write a file that came with the request. Raises StepFailed when the segment does not list it."""
    _listed(ctx, name)
    fileio.write_atomic(_folder(ctx) / name, content)


def copy(ctx: Context, item: dict[str, Any]) -> None:
    """Copy a file the controller has put elsewhere on this host. Raises OSError, StepFailed."""
    target = _folder(ctx) / places.safe_name(item["name"])
    temp = target.parent / f".{target.name}.part"
    fileio.copy_synced(str(item["path"]), temp)
    os.rename(temp, target)


def verified(ctx: Context, name: str) -> Path:
    """The path of a patch file, hashed now. Raises StepFailed: not listed, missing, other size, other digest."""
    item = _listed(ctx, name)
    path = _folder(ctx) / name
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise StepFailed(f"patch file {name} is missing on this host") from None
    if item.get("size") is not None and size != int(item["size"]):
        raise StepFailed(f"patch file {name} has {size} bytes, expected {item['size']}")
    found = fileio.sha256_file(path)
    if found != item.get("sha256"):
        raise StepFailed(f"patch file {name} has sha256 {found}, expected {item.get('sha256')}")
    return path


def _listed(ctx: Context, name: str) -> dict[str, Any]:
    places.safe_name(name)
    for item in ctx.segment.get("files") or []:
        if item.get("name") == name:
            return dict(item)
    raise StepFailed(f"{name} is not one of the change's files")


def _folder(ctx: Context) -> Path:
    return places.private_dir(ctx.change_dir / "files")
