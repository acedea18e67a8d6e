# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacks a patch archive (tar, tar.gz, tar.xz, tar.bz2, tar.zst, zip) without trusting a single name in it.

Nothing is ever written through a link, no name or link leaves the target folder, only files, folders and links come
out, and no set-id bits. An archive that tries is refused as a whole; the caller throws the folder away.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from .step import StepFailed

SUFFIXES = (".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tzst", ".tar", ".zip")
SAFE_MODE = 0o755  # no set-id and sticky bits, nobody else may write


def stem(name: str) -> str:
    """The archive's name without its extension. Raises StepFailed when it is no archive we know."""
    for suffix in SUFFIXES:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    raise StepFailed(f"{name} is not an archive we can unpack ({', '.join(SUFFIXES)})")


def unpack(archive: Path, name: str, target: Path, strip: int = 0) -> int:
    """Unpack into an empty folder; returns the number of files. Raises StepFailed, OSError."""
    try:
        count = _zip(archive, target, strip) if name.endswith(".zip") else _tar(archive, name, target, strip)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as exc:
        raise StepFailed(f"{name} cannot be unpacked: {exc}") from exc
    if not count:
        raise StepFailed(f"{name} holds no file (strip {strip})")
    _links_stay_inside(target)
    return count


def _tar(archive: Path, name: str, target: Path, strip: int) -> int:
    count = 0
    with _tar_stream(archive, name) as tar:
        for member in tar:
            relative = _inside(member.name, strip)
            if relative is not None:
                count += _tar_member(tar, member, relative, target, strip)
    return count


@contextmanager
def _tar_stream(archive: Path, name: str) -> Iterator[tarfile.TarFile]:
    if not name.endswith((".tar.zst", ".tzst")):
        with tarfile.open(archive, "r:*") as tar:
            yield tar
        return
    if shutil.which("zstd") is None:
        raise StepFailed(f"{name} needs zstd, which this host does not have")
    with subprocess.Popen(["zstd", "-dcq", str(archive)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as unzip:
        stream = cast("IO[bytes]", unzip.stdout)
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            yield tar
        while stream.read(1 << 16):
            pass
    if unzip.returncode != 0:
        raise StepFailed(f"{name} cannot be unpacked: zstd ended with exit status {unzip.returncode}")


def _tar_member(tar: tarfile.TarFile, member: tarfile.TarInfo, relative: str, target: Path, strip: int) -> int:
    if member.isdir():
        _folder(target, relative)
        return 0
    place = _folder(target, posixpath.dirname(relative)) / posixpath.basename(relative)
    if member.issym():
        _link(member.linkname, relative, place)
    elif member.islnk():
        _copy_of(target, _inside(member.linkname, strip), place)
    elif member.isreg():
        _file(cast("IO[bytes]", tar.extractfile(member)), place, member.mode)
        os.utime(place, (member.mtime, member.mtime))
    else:
        raise StepFailed(f"{member.name} is neither a file, a folder nor a link")
    return 1


def _zip(archive: Path, target: Path, strip: int) -> int:
    count = 0
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            relative = _inside(member.filename, strip)
            if relative is None:
                continue
            if member.is_dir():
                _folder(target, relative)
                continue
            place = _folder(target, posixpath.dirname(relative)) / posixpath.basename(relative)
            mode = member.external_attr >> 16
            if stat.S_ISLNK(mode):
                _link(packed.read(member).decode(), relative, place)
            else:
                with packed.open(member) as stream:
                    _file(stream, place, stat.S_IMODE(mode) or 0o644)
            count += 1
    return count


def _inside(name: str, strip: int) -> str | None:
    """The member's path below the target, None when it is stripped away. Raises StepFailed when it leads elsewhere."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if name.startswith(("/", "\\")) or ".." in parts or "\x00" in name:
        raise StepFailed(f"the archive is refused: {name!r} leads out of its folder")
    return "/".join(parts[strip:]) or None


def _folder(target: Path, relative: str) -> Path:
    """Make the folders down to `relative`, none of which may be a link."""
    place = target
    for part in (part for part in relative.split("/") if part):
        place = place / part
        try:
            os.mkdir(place, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                raise StepFailed(f"the archive is refused: {relative!r} goes through something that is no folder") from None
    return place


def _file(stream: IO[bytes], place: Path, mode: int) -> None:
    _clear(place)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as out:
        shutil.copyfileobj(stream, out, 1 << 20)
        os.fchmod(out.fileno(), (mode & SAFE_MODE) | 0o600)


def _link(text: str, relative: str, place: Path) -> None:
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(relative), text))
    if text.startswith("/") or resolved == ".." or resolved.startswith("../"):
        raise StepFailed(f"the archive is refused: the link {relative!r} leads out of its folder, to {text!r}")
    _clear(place)
    os.symlink(text, place)


def _copy_of(target: Path, relative: str | None, place: Path) -> None:
    source = target / (relative or "")
    if not relative or _folder(target, posixpath.dirname(relative)) != source.parent or not stat.S_ISREG(os.lstat(source).st_mode):
        raise StepFailed(f"the archive is refused: a hard link to {relative!r}, which is no file of it")
    _clear(place)
    os.link(source, place, follow_symlinks=False)


def _clear(place: Path) -> None:
    """A later member of the same name wins, as with tar; a folder stays and is an error."""
    if os.path.lexists(place):
        os.unlink(place)


def _links_stay_inside(target: Path) -> None:
    """Chains of harmless links may lead out together."""
    root = os.path.realpath(target)
    for folder, names, others in os.walk(target):
        for name in (*names, *others):
            path = os.path.join(folder, name)
            if os.path.islink(path) and not (os.path.realpath(path) + "/").startswith(root + "/"):
                raise StepFailed(f"the archive is refused: the link {os.path.relpath(path, target)!r} leads out of its folder")
