# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Touches things below the roots of a backup and nothing else: every folder on the way is opened without following links.

The trees belong to a service whose user may plant a symbolic link where a folder was; a restore runs as root. So each
operation names a thing by its open folder and its last name only. Above the roots the path is the administrator's.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .backup_tree import KEPT_XATTRS
from .manifest import Entry, below, shown
from .step import StepFailed

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Places:
    """Names below the roots. Not for several threads. `loosened`: folders made writable on the way (not as root)."""

    def __init__(self, roots: list[str], quarantine: Path) -> None:
        self._roots, self._quarantine = roots, quarantine
        self._open: tuple[str, int] | None = None
        self._folder: Path | None = None
        self.loosened: set[str] = set()

    def close(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def parent(self, path: str) -> int:
        """The open folder that holds a path. Raises OSError (ELOOP or ENOTDIR when a link stands in the way)."""
        folder = os.path.dirname(path)
        if self._open is None or self._open[0] != folder:
            self.close()
            self._open = (folder, self._descend(path, folder))
            self._loosen(folder, self._open[1])
        return self._open[1]

    def _descend(self, path: str, folder: str) -> int:
        root = next(root for root in self._roots if below(path, [root]))
        top = os.path.dirname(root)
        os.makedirs(top, exist_ok=True)
        handle = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        for name in [part for part in folder[len(top) :].split("/") if part]:
            try:
                inner = os.open(name, FOLDER, dir_fd=handle)
            finally:
                os.close(handle)
            handle = inner
        return handle

    def _loosen(self, folder: str, handle: int) -> None:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if os.geteuid() != 0 and mode & 0o300 != 0o300 and below(folder, self._roots):
            os.fchmod(handle, mode | 0o300)
            self.loosened.add(folder)

    def lstat(self, path: str) -> os.stat_result:
        return os.stat(os.path.basename(path), dir_fd=self.parent(path), follow_symlinks=False)

    def make_folder(self, path: str) -> None:
        os.mkdir(os.path.basename(path), 0o700, dir_fd=self.parent(path))

    def temp_file(self, path: str) -> tuple[int, str]:
        """A new empty file (0600) beside a path: descriptor and name."""
        name = self._temp_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return os.open(name, flags, 0o600, dir_fd=self.parent(path)), name

    def _temp_name(self) -> str:
        return f".{secrets.token_hex(8)}.itops"

    def put(self, path: str, temp: str) -> None:
        parent = self.parent(path)
        os.rename(temp, os.path.basename(path), src_dir_fd=parent, dst_dir_fd=parent)

    def drop(self, path: str, temp: str) -> None:
        with suppress(OSError):
            os.unlink(temp, dir_fd=self.parent(path))

    def make_special(self, entry: Entry) -> None:
        """A symbolic link, fifo or device, made beside and renamed."""
        temp, parent = self._temp_name(), self.parent(entry.path)
        if entry.type == "link":
            os.symlink(entry.link, temp, dir_fd=parent)
        elif entry.type == "fifo":
            os.mkfifo(temp, 0o600, dir_fd=parent)
        else:
            kind = stat.S_IFCHR if entry.type == "char" else stat.S_IFBLK
            major, minor = map(int, entry.link.split(":"))
            os.mknod(temp, kind | 0o600, os.makedev(major, minor), dir_fd=parent)
        try:
            self._dress_by_name(entry, temp, parent)
            self.put(entry.path, temp)
        except BaseException:
            self.drop(entry.path, temp)
            raise

    def _dress_by_name(self, entry: Entry, name: str, parent: int) -> None:
        _owned(lambda: os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False), entry)
        if entry.type != "link":
            os.chmod(name, entry.mode, dir_fd=parent)
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def make_link(self, path: str, first: str) -> None:
        """One more name of a file."""
        source = os.dup(self.parent(first))
        try:
            temp, parent = self._temp_name(), self.parent(path)
            os.link(os.path.basename(first), temp, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
            self.put(path, temp)
        finally:
            os.close(source)

    def dress(self, entry: Entry) -> None:
        """Owner, mode, attributes and time of a file or folder that is in place; others are made anew."""
        if entry.type not in ("file", "dir"):
            return self.make_special(entry)
        flags = FOLDER if entry.type == "dir" else os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        name, parent = os.path.basename(entry.path), self.parent(entry.path)
        try:
            handle = os.open(name, flags, dir_fd=parent)
        except PermissionError:  # not root, and not even readable to its owner
            os.chmod(name, 0o700, dir_fd=parent)
            handle = os.open(name, flags, dir_fd=parent)
        try:
            dress(handle, entry)
        finally:
            os.close(handle)

    def set_aside(self, path: str) -> None:
        """Move a thing into the quarantine, whatever it is, under its own path. Raises OSError, StepFailed."""
        target = self._target(path)
        name, parent = os.path.basename(path), self.parent(path)
        try:
            os.rename(name, target, src_dir_fd=parent)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            _carry_over(f"/proc/{os.getpid()}/fd/{parent}/{name}", target, path)
        if self._open is not None and below(self._open[0], [path]):
            self.close()

    @property
    def quarantine(self) -> str:
        return str(self._folder or "")

    def _target(self, path: str) -> str:
        if self._folder is None:
            self._folder = _new_folder(self._quarantine)
        target = self._folder / path.lstrip("/")
        os.makedirs(target.parent, mode=0o700, exist_ok=True)
        if os.path.lexists(target):
            raise StepFailed(f"{shown(str(target))} is already in the quarantine")
        return str(target)


def _new_folder(wanted: Path) -> Path:
    """A folder nobody has used before: two restores may fall into one second."""
    os.makedirs(wanted.parent, mode=0o700, exist_ok=True)
    for number in range(1, 1000):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            return folder
    raise StepFailed(f"no new folder can be made for the quarantine beside {wanted}")


def _carry_over(source: str, target: str, path: str) -> None:
    """To another filesystem: a complete copy first, then the original goes."""
    copied = subprocess.run(["cp", "-a", "--", source, target], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if copied.returncode != 0:
        words = copied.stderr.decode("utf-8", errors="replace").strip()[:300]
        raise StepFailed(f"{shown(path)} could not be moved to the quarantine, so it stays: {words}")
    os.sync()
    if stat.S_ISDIR(os.lstat(source).st_mode):
        shutil.rmtree(source)
    else:
        os.unlink(source)


def dress(handle: int, entry: Entry) -> None:
    """In this order: a new owner clears set-id bits and capabilities, and anything changes the time."""
    info = os.fstat(handle)
    if (info.st_uid, info.st_gid) != (entry.uid, entry.gid):
        _owned(lambda: os.fchown(handle, entry.uid, entry.gid), entry)
    os.fchmod(handle, entry.mode)
    _attributes(handle, entry)
    os.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))


def _owned(change: Callable[[], None], entry: Entry) -> None:
    try:
        change()
    except PermissionError:
        if os.geteuid() == 0:
            raise  # without root the final check names it


def _attributes(handle: int, entry: Entry) -> None:
    try:
        present = [name for name in os.listxattr(handle) if name.startswith(KEPT_XATTRS)]
    except OSError:
        present = []
    for name in present:
        if name not in entry.xattrs:
            os.removexattr(handle, name)
    for name, value in entry.xattrs.items():
        if name not in present or os.getxattr(handle, name).hex() != value:
            os.setxattr(handle, name, bytes.fromhex(value))
