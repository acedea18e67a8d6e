# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the host protocol: the command to run, what to feed it, and how to read its reply.

A request is lines of text: header JSON, the engine (base64 of compressed JSON, or empty), the body JSON, one base64 line
for each file. The command is a tiny loader: it installs the engine under its digest when that is missing, then runs the op.

    command = bootstrap("/usr/bin/python3", "/var/lib/itops", "start")
    stdout = run_on_the_host(command, stdin=request({"segment": segment}, {"app.tar.gz": content}))
    answer = reply(stdout)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

REPLY = "ITOPS-REPLY "
OPS = ("start", "read", "state", "cancel", "confirm")
QUOTED = 300  # characters of an answer that is none

# Runs on the target with Python >= 3.6 (to be able to complain), no single quotes in it.
LOADER = r"""
import json, os, stat, sys
def say(**reply):
    sys.stdout.write("ITOPS-REPLY " + json.dumps(reply) + "\n")
    sys.stdout.flush()
    sys.exit(0)
def private(path):
    try:
        os.makedirs(path, 0o700)
    except FileExistsError:
        pass
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        say(ok=False, kind="UnsafePlace", error=path + " is not a directory (symbolic links are not followed here)")
    if info.st_uid != os.geteuid():
        say(ok=False, kind="UnsafePlace", error="%s belongs to user %d, not to %d" % (path, info.st_uid, os.geteuid()))
    if info.st_mode & 0o077:
        os.chmod(path, 0o700)
def install(home, digest, packed):
    import base64, hashlib, shutil, tempfile, zlib
    private(os.path.dirname(home))
    temp = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(home))
    raw = zlib.decompress(base64.b64decode(packed))
    if hashlib.sha256(raw).hexdigest()[:12] != digest:
        say(ok=False, kind="Damaged", error="the engine was damaged on its way")
    os.mkdir(os.path.join(temp, "itops_host"), 0o700)
    for name, text in json.loads(raw.decode()).items():
        with open(os.path.join(temp, "itops_host", name), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    try:
        os.rename(temp, home)
    except OSError:
        shutil.rmtree(temp, True)
        if not os.path.isdir(home):
            raise
def main(state, digest, op):
    if sys.version_info < (3, 8):
        say(ok=False, kind="Python", error="Python 3.8 or newer is needed on the host, this is " + sys.version.split()[0])
    stdin = sys.stdin.buffer
    header, packed = json.loads(stdin.readline().decode() or "{}"), stdin.readline().strip()
    home = os.path.join(state, "engine", digest)
    private(state)
    if not os.path.isdir(home):
        if not packed:
            say(ok=False, missing_engine=True, kind="MissingEngine", error="the engine is not installed on this host")
        install(home, digest, packed)
    info = os.lstat(home)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
        say(ok=False, kind="UnsafePlace", error=home + " is not ours")
    sys.path.insert(0, home)
    from itops_host import engine
    sys.exit(engine.main(state, op, header, stdin))
try:
    main(*sys.argv[1:4])
except SystemExit:
    raise
except Exception as error:
    say(ok=False, kind=type(error).__name__, error=str(error))
"""


class ProtocolError(Exception):
    """What came back is no reply; the text quotes the head of what came instead."""


@dataclass(frozen=True)
class Engine:
    """The host side as it travels. `digest` (12 hex digits) names its place on the host."""

    digest: str
    packed: bytes


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this installation."""
    folder = Path(__file__).resolve().parent.parent / "module_utils"
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    sources.setdefault("__init__.py", "")
    raw = json.dumps(sources, sort_keys=True).encode()
    return Engine(hashlib.sha256(raw).hexdigest()[:12], base64.b64encode(zlib.compress(raw, 9)))


def bootstrap(python: str, state_dir: str, op: str) -> str:
    """The shell command for an op; its stdin takes a request()."""
    return poll_command(python, state_dir, engine().digest, op)


def poll_command(python: str, state_dir: str, digest: str, op: str) -> str:
    """The same for an engine of that digest; meant for a small_request(), which does not bring the engine along."""
    if op not in OPS:
        raise ValueError(f"unknown op {op!r}; known are {', '.join(OPS)}")
    if not state_dir.startswith("/"):
        raise ValueError(f"the state directory must be an absolute path: {state_dir!r}")
    # -I -S: neither the environment nor the current directory nor site-packages decide what we import
    return " ".join([*map(shlex.quote, [*shlex.split(python), "-I", "-S", "-c", LOADER.strip(), state_dir, digest, op])])


def request(body: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> bytes:
    """A request with the engine, for the first op on a host (and whenever missing_engine was the answer)."""
    return _request(body, files or {}, engine().packed)


def small_request(body: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> bytes:
    """A request without the engine: some hundred bytes. Where it is not installed the reply has missing_engine."""
    return _request(body, files or {}, b"")


def reply(stdout: str) -> dict[str, Any]:
    """The reply in what the host said. Raises ProtocolError when there is none."""
    for line in reversed(stdout.splitlines()):
        start = line.find(REPLY)
        if start >= 0:
            return _parse(line[start + len(REPLY) :])
    raise ProtocolError(f"no reply from the host's engine; it said: {_head(stdout)}")


def _request(body: Mapping[str, Any], files: Mapping[str, bytes], packed: bytes) -> bytes:
    header = {"format": 1, "files": list(files)}
    lines = [json.dumps(header).encode(), packed, json.dumps(body).encode()]
    return b"\n".join([*lines, *(base64.b64encode(content) for content in files.values())]) + b"\n"


def _parse(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        raise ProtocolError(f"the host's reply is damaged: {_head(text)}") from None
    if not isinstance(found, dict):
        raise ProtocolError(f"the host's reply is damaged: {_head(text)}")
    return found


def _head(text: str) -> str:
    flat = re.sub(r"\s+", " ", text).strip()
    return flat[:QUOTED] + ("…" if len(flat) > QUOTED else "") or "nothing"
