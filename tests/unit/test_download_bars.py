# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees while the files of a notice come: on a real terminal, from a real server that waits until it was seen."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.unit import make
from tests.unit.fileserver import Shop, shop
from tests.unit.listeners import authority

ITOPS = str(Path(sys.executable).parent / "itops")
BLOCK, WHOLE = 16_384, 131_072
IMPORT = ("notice", "import", "SHA256SUMS", "--service", "web", "--id", "SUP-1", "--supplier", "示例公司", "--download")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    trusted = authority(tmp_path / "ca")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with shop(trusted.context, **{"a.bin": b"a" * WHOLE, "b.bin": b"b" * WHOLE}) as found:
        yield found
        found.go_on.set()  # a test that failed leaves nobody waiting


@pytest.fixture
def root(tmp_path: Path, web: Shop) -> Path:
    """A change whose notice names the files, and the supplier's list of them."""
    found = make.workspace(tmp_path / "ws")
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in web.files.items()}
    (found / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in listed.items()), "utf-8")
    path = make.change(found)
    data = yaml.safe_load(path.read_text("utf-8"))
    data["notice"] = {**data["notice"], "files": [{"name": name, "url": f"{web.url}/{name}", "sha256": digest} for name, digest in listed.items()]}
    make.dump(path, data)
    return found


def words(command: str, web: Shop) -> list[str]:
    return ["notice", "fetch", make.CHANGE] if command == "fetch" else [*IMPORT, "--base-url", web.url]


def piped(root: Path, *said: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([ITOPS, *said], cwd=root, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done


class Terminal:
    """What a command has written to the terminal its standard error is."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]):
        self.leader, self.process, self.text = leader, process, ""

    def read(self) -> bool:
        """A piece more; False where the command has closed it."""
        assert select.select([self.leader], [], [], 60)[0], f"nothing more came after: {self.text!r}"
        try:
            piece = os.read(self.leader, 4096)
        except OSError:
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)

    def until(self, wanted: str) -> None:
        while not re.search(wanted, self.text):
            assert self.read(), f"ended without {wanted}: {self.text!r}"

    def end(self) -> int:
        while self.read():
            pass
        return self.process.wait(60)

    def positions(self, name: str) -> list[str]:
        return re.findall(rf"{re.escape(name)}  \[[^\]]*\]  ([0-9/]+)", self.text)


@contextmanager
def terminal(root: Path, *said: str) -> Iterator[Terminal]:
    leader, follower = pty.openpty()
    with subprocess.Popen([ITOPS, *said], cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=follower) as process:
        os.close(follower)
        try:
            yield Terminal(leader, process)
        finally:
            process.kill()  # nothing, where it has ended
            os.close(leader)


def counted(positions: list[str]) -> list[int]:
    return [int(position.partition("/")[0]) for position in positions]


@pytest.mark.parametrize("command", ["fetch", "import"])
def test_a_bar_for_each_file_grows_while_it_comes(root: Path, web: Shop, command: str) -> None:
    web.wait_after = [WHOLE // 2, WHOLE // 2]
    with terminal(root, *words(command, web)) as seen:
        seen.until(rf"a\.bin  \[#{{18}}-{{18}}\]  {WHOLE // 2}/{WHOLE}")
        assert seen.process.poll() is None and "b.bin" not in seen.text and f"{WHOLE}/{WHOLE}" not in seen.text
        web.go_on.set()
        seen.until(rf"b\.bin  \[#{{18}}-{{18}}\]  {WHOLE // 2}/{WHOLE}")
        assert seen.positions("a.bin")[-1] == f"{WHOLE}/{WHOLE}" != seen.positions("b.bin")[-1]
        web.go_on.set()
        assert seen.end() == 0
    for name in web.files:
        assert counted(seen.positions(name)) == list(range(0, WHOLE + 1, BLOCK)), name
    assert seen.text.count("\n") == 2 and seen.text.count("\x1b[?25h") == 2, "each bar ends its line and gives the cursor back"


@pytest.mark.parametrize("command", ["fetch", "import"])
def test_without_a_terminal_nothing_of_a_bar_is_written(root: Path, web: Shop, command: str) -> None:
    done = piped(root, *words(command, web))
    assert done.stderr == "" and not re.search(r"\[[#-]{36}\]", done.stdout)
    assert len(web.got) == 2


def test_what_was_there_already_needs_no_bar(root: Path, web: Shop) -> None:
    piped(root, "notice", "fetch", make.CHANGE)
    with terminal(root, "notice", "fetch", make.CHANGE) as seen:
        assert seen.end() == 0
    assert seen.text == "" and len(web.got) == 2


def test_a_bar_begins_at_what_an_earlier_call_has_fetched(root: Path, web: Shop) -> None:
    web.cut_after = [WHOLE // 2, 0, 0, 0]
    piped(root, "notice", "fetch", make.CHANGE, code=3)
    web.wait_after = [0]
    with terminal(root, "notice", "fetch", make.CHANGE) as seen:
        seen.until(r"a\.bin  \[")
        assert seen.positions("a.bin") == [f"{WHOLE // 2}/{WHOLE}"], "before the first byte of this time"
        web.go_on.set()
        assert seen.end() == 0
    assert web.asked[-1] == f"bytes={WHOLE // 2}-" and counted(seen.positions("a.bin")) == list(range(WHOLE // 2, WHOLE + 1, BLOCK))


def test_a_file_that_is_begun_anew_has_a_new_bar(root: Path, web: Shop) -> None:
    folder = root / "staging" / make.CHANGE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".a.bin.part").write_bytes(b"x" * BLOCK)
    (folder / ".a.bin.part.state").write_text(json.dumps({"url": f"{web.url}/a.bin", "validator": '"v1"'}), "utf-8")
    with terminal(root, "notice", "fetch", make.CHANGE) as seen:
        assert seen.end() == 0
    whole = list(range(0, WHOLE + 1, BLOCK))
    assert counted(seen.positions("a.bin")) == [*whole[1:], *whole]


def test_without_a_length_it_counts_and_does_not_look_complete(root: Path, web: Shop) -> None:
    web.chunked = True
    web.wait_after = [WHOLE // 2]
    with terminal(root, "notice", "fetch", make.CHANGE) as seen:
        seen.until(r"a\.bin  \[[^\]]*\]  [1-9]")
        assert "/" not in "".join(seen.positions("a.bin")) and "##" not in seen.text
        web.go_on.set()
        assert seen.end() == 0
    assert counted(seen.positions("a.bin"))[-1] > WHOLE * 0.99
