# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How to run a command as another user: directly when root, by sudo otherwise, and how to tell when that broke."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HINT = "the step's run_as"


class BecomeError(Exception):
    """The user cannot be become; the text says why."""


@dataclass(frozen=True)
class Become:
    """A command line made ready for its user. `tool` is the program that changes the user, "" when there is none."""

    argv: list[str]
    env: dict[str, str]
    preexec: Callable[[], None] | None = None
    tool: str = ""
    user: str = ""

    def complaint(self, rc: int, output: str) -> str:
        """What the tool itself said when it did not even start the command; "" otherwise."""
        if not self.tool or rc == 0:
            return ""
        said = [line for line in output.splitlines() if line.startswith(f"{self.tool}:") or "may not run sudo" in line]
        return f"cannot become {self.user}: {said[0]}" if said else ""


def become(argv: Sequence[str], user: str | None, env: dict[str, str], own: Sequence[str] = (), timeout: float | None = None) -> Become:
    """The command line as `user` (None or "" = as we are). `own` names the variables that must survive sudo."""
    if not user or user == current_user():
        return Become(list(argv), env)
    entry = _entry(user)
    if os.geteuid() == 0:
        return Become(list(argv), {**env, **_home(entry)}, _switch(entry), "", user)
    return Become(_sudo(argv, user, own, timeout), env, None, "sudo", user)


def current_user() -> str:
    """The name of the user we really act as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return getpass.getuser()


def ids(user: str | None) -> tuple[int, int]:
    """uid and gid that files made for this user get. Raises BecomeError where we may not give files away."""
    if not user or user == current_user():
        return os.geteuid(), os.getegid()
    entry = _entry(user)
    if os.geteuid() != 0:
        raise BecomeError(f"cannot make files for {user}: not root")
    return entry.pw_uid, entry.pw_gid


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise BecomeError(f"user {user} ({HINT}) does not exist on this host") from None


def _home(entry: pwd.struct_passwd) -> dict[str, str]:
    return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name, "SHELL": entry.pw_shell or "/bin/sh"}


def _switch(entry: pwd.struct_passwd) -> Callable[[], None]:
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)

    def switch() -> None:
        os.setgroups(groups)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return switch


def _sudo(argv: Sequence[str], user: str, own: Sequence[str], timeout: float | None) -> list[str]:
    if shutil.which("sudo") is None:
        raise BecomeError(f"cannot become {user}: not root, and there is no sudo")
    keep = [f"--preserve-env={','.join(own)}"] if own else []
    # we may not signal what sudo started, so its time is limited on the far side of sudo
    limit = ["timeout", "-k", "2", f"{timeout:g}"] if timeout and shutil.which("timeout") else []
    return ["sudo", "-n", "-u", user, *keep, "--", *limit, *argv]
