# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a power cut: hashed, written beside and renamed, synced with their directory."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def sha256_file(path: Path | str) -> str:
    """Hex digest of a file's content. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def sync_dir(path: Path | str) -> None:
    """Make renames in a directory durable."""
    handle = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_filesystem(path: Path | str) -> None:
    """Make everything below a directory durable with one call (syncfs; all filesystems where that is missing)."""
    handle = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    except AttributeError:
        os.sync()
    finally:
        os.close(handle)


def temp_beside(path: Path, mode: int = 0o600) -> tuple[int, Path]:
    """A new file in the same directory; an open descriptor and its path."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".itops", dir=str(path.parent))
    os.fchmod(handle, mode)
    return handle, Path(name)


def write_atomic(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as a whole: the old content or the new one, never a part. Raises OSError."""
    handle, temp = temp_beside(path, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temp, path)
    except BaseException:
        discard(temp)
        raise
    sync_dir(path.parent)


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file, None when there is none. Raises OSError, ValueError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def copy_synced(source: Path | str, target: Path, mode: int = 0o600) -> str:
    """Copy into a new or truncated file, synced; returns the digest of what was written. Raises OSError."""
    digest = hashlib.sha256()
    handle = os.open(str(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as out, open(source, "rb") as stream:
        os.fchmod(out.fileno(), mode)
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def discard(path: Path) -> None:
    """Remove a file if it is there, without complaint."""
    try:
        os.unlink(path)
    except OSError:
        pass


def switch_link(link: Path, target: str) -> None:
    """Point a symbolic link elsewhere atomically."""
    temp = link.parent / f".{link.name}.{os.getpid()}.itops"
    discard(temp)
    os.symlink(target, temp)
    try:
        os.rename(temp, link)
    except BaseException:
        discard(temp)
        raise
    sync_dir(link.parent)
