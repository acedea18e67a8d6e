# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LibreOffice, where it is there: old formats become new ones, in a profile of its own and within a time limit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from itops_cli.importing import Unreadable

PROGRAMS = ("soffice", "libreoffice")
SECONDS = 180
INSTALL = "apt install libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"
NOWHERE = {"ooInetProxyType": "2", "ooInetHTTPProxyName": "127.0.0.1", "ooInetHTTPProxyPort": "9", "ooInetHTTPSProxyName": "127.0.0.1",
           "ooInetHTTPSProxyPort": "9", "ooInetNoProxy": ""}  # fmt: skip
PROPERTIES = {  # of the profile: no macro is run, nothing linked is loaded, and what is asked for all the same goes to a proxy that is none
    "/org.openoffice.Office.Common/Security/Scripting": {"MacroSecurityLevel": "3", "BlockUntrustedRefererLinks": "true"},
    "/org.openoffice.Inet/Settings": NOWHERE,
}


def converted(path: Path, ending: str, folder: Path) -> Path:
    """The file in the format `ending`, in `folder`. Raises Unreadable: no LibreOffice, or it could not."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise Unreadable(f"{path.suffix} needs LibreOffice, which is not installed", INSTALL)
    source = folder / f"source{path.suffix.lower()}"
    shutil.copyfile(path, source)
    target = folder / f"converted/source.{ending}"
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user/registrymodifications.xcu").write_text(settings(), "utf-8")
    options = ["--headless", "--norestore", "--nolockcheck", f"-env:UserInstallation={profile.as_uri()}"]
    said = _run([program, *options, "--convert-to", ending, "--outdir", str(target.parent), str(source)])
    if not target.is_file():
        last = said.strip().splitlines()[-1:] or ["no word of it"]
        raise Unreadable(f"LibreOffice could not read it: {last[0][:200]}", f"open it in the program it was made with, and save it as .{ending}; or {INSTALL}")
    return target


def settings() -> str:
    """The profile's, in LibreOffice's own form."""
    items = [
        f'<item oor:path="{path}"><prop oor:name="{name}" oor:op="fuse"><value>{value}</value></prop></item>'
        for path, properties in PROPERTIES.items()
        for name, value in properties.items()
    ]
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items xmlns:oor="http://openoffice.org/2001/registry">'
    return "\n".join([head, *items, "</oor:items>\n"])


def _run(command: list[str]) -> str:
    """What it said. It starts further processes, so the whole group ends with it."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise Unreadable(f"LibreOffice did not come to an end within {SECONDS} s", "open it there by hand, and save it anew") from None
        finally:
            _end(process)
        said.seek(0)
        return said.read(1 << 20).decode("utf-8", "replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
