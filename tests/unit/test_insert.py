# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the markers and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import insert
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from hypothesis import given
from hypothesis import strategies as st

BEGIN, END = insert.marker("begin").encode(), insert.marker("end").encode()
LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20).filter(lambda t: "itops:status" not in t), max_size=5
)


def test_the_markers_as_documented() -> None:
    assert insert.marker("begin") == "<!-- itops:status begin -->"
    assert insert.marker("end", "web") == "<!-- itops:status web end -->"


@given(LINES, LINES, LINES, LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.sampled_from([b"", b"\xef\xbb\xbf"]), st.booleans())
def test_nothing_else_is_touched(before: list[str], old: list[str], after: list[str], new: list[str], ending: bytes, mark: bytes, last: bool) -> None:
    head = mark + ending.join([*(line.encode() for line in before), BEGIN]) + ending
    tail = ending.join([END, *(line.encode() for line in after)]) + (ending if last else b"")
    made = insert.spliced(head + b"".join(line.encode() + ending for line in old) + tail, "\n".join(new))
    assert made.startswith(head) and made.endswith(tail)
    body = made[len(head) : len(made) - len(tail)]
    assert body.decode().replace(ending.decode(), "\n").strip("\n") == "\n".join(new).strip("\n")
    assert insert.spliced(made, "\n".join(new)) == made


def test_line_ends_byte_order_mark_mode_and_owner_stay(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(b"\xef\xbb\xbf# a\r\n" + BEGIN + b"\r\nold\r\n" + END + b"\r\nlast")
    file.chmod(0o604)
    owner = file.stat().st_uid, file.stat().st_gid
    assert insert.into(file, "新\n表\n")
    assert file.read_bytes() == b"\xef\xbb\xbf# a\r\n" + BEGIN + "\r\n\r\n新\r\n表\r\n\r\n".encode() + END + b"\r\nlast"
    assert (file.stat().st_mode & 0o777, file.stat().st_uid, file.stat().st_gid) == (0o604, *owner)
    assert os.listdir(tmp_path) == ["README.md"]


def test_the_same_text_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(BEGIN + b"\n" + END + b"\n")
    assert insert.into(file, "x")
    before = file.stat()
    assert not insert.into(file, "x")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_bytes(BEGIN + b"\n" + END)
    (tmp_path / "link.md").symlink_to("real.md")
    insert.into(tmp_path / "link.md", "x")
    assert (tmp_path / "link.md").is_symlink() and b"\nx\n" in (tmp_path / "real.md").read_bytes()


def test_several_parts_of_one_file(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text("\n".join([insert.marker("begin"), insert.marker("end"), insert.marker("begin", "web"), insert.marker("end", "web")]))
    insert.into(file, "all")
    insert.into(file, "sheet", "web")
    text = file.read_text()
    assert text.index("all") < text.index("web begin") < text.index("sheet") < text.index("web end")


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"# a\n\nb\n", 3, "no begin marker"),
        (b"# a\n" + BEGIN + b"\n", 2, "no end marker"),
        (b"# a\n" + END + b"\n", 2, "no begin marker"),
        (BEGIN + b"\n" + END + b"\nx\n" + BEGIN + b"\n", 4, "stands twice"),
        (BEGIN + b"\n" + END + b"\n" + END + b"\n", 3, "stands twice"),
        (END + b"\nx\n" + BEGIN + b"\n", 1, "before the begin"),
        (b"x " + BEGIN + b"\n" + END + b"\n", 2, "no begin marker"),
        (b"a\n\xb7\xfe\xce\xf1\n" + BEGIN + b"\n" + END, 2, "not UTF-8"),
        (b"", 1, "no begin marker"),
    ],
)
def test_markers_that_are_not_right_are_an_error_with_a_place(tmp_path: Path, content: bytes, line: int, message: str) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        insert.into(file, "x")
    assert any((problem.file, problem.line) == (str(file), line) and message in problem.message for problem in caught.value.problems), caught.value
    assert file.read_bytes() == content and os.listdir(tmp_path) == ["README.md"]
