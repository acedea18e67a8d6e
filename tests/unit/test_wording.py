# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times, durations and sizes as people read them; files that are replaced whole."""

from __future__ import annotations

import os
import stat
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, wording
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("value", "zone", "shown"),
    [
        ("2026-11-22T18:05:09.123+00:00", "Asia/Shanghai", "2026-11-23 02:05 (UTC+8)"),
        ("2026-11-23T02:05:09+08:00", "UTC", "2026-11-22 18:05 (UTC)"),
        ("2026-07-01T12:00:00Z", "America/St_Johns", "2026-07-01 09:30 (UTC-2:30)"),
        ("2026-07-01T12:00:00Z", "Asia/Kathmandu", "2026-07-01 17:45 (UTC+5:45)"),
        ("soon", "UTC", "soon"), ("2026-11-23T02:05:09+08:00", "No/Where", "2026-11-23T02:05:09+08:00"), ("", "UTC", "—"), (None, "UTC", "—"),
    ],
)  # fmt: skip
def test_a_moment(value: Any, zone: str, shown: str) -> None:
    assert wording.moment(value, zone) == shown


def test_a_clock() -> None:
    assert wording.clock("2026-11-22T18:05:09.999+00:00", "Asia/Shanghai") == "02:05:09"
    assert wording.clock(None, "UTC") == wording.clock("x", "UTC") == wording.clock("2026-11-22T18:05:09Z", "No/Where") == "—"


def test_an_offset() -> None:
    assert [wording.offset(timedelta(minutes=m)) for m in (0, 480, -210, 345)] == ["UTC", "UTC+8", "UTC-3:30", "UTC+5:45"]


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0, "0.0 s"), (449, "0.4 s"), (12_300, "12 s"), (185_000, "3 min 5 s"), (3_599_600, "1 h 0 min"), (7_440_000, "2 h 4 min"), (None, "—"), ("", "—")],
)
def test_a_duration(milliseconds: Any, shown: str) -> None:
    assert wording.duration(milliseconds) == shown


def test_between_two_moments() -> None:
    assert wording.between("2026-11-23T02:00:00+08:00", "2026-11-22T18:03:05+00:00") == "3 min 5 s"
    assert wording.between("", "2026-11-22T18:03:05+00:00") == wording.between("2026-11-22T18:03:05+00:00", None) == "—"


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 40, "3072.0 GiB"), (None, "—"), ("", "—")]
)
def test_a_size(count: Any, shown: str) -> None:
    assert wording.size(count) == shown


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_is_one_line_that_fits(text: str, limit: int) -> None:
    short = wording.shorten(text, limit)
    assert len(short) <= limit and "\n" not in short
    assert short == " ".join(text.split()) or short.endswith("…")


# ------------------------------------------------------------------ files replaced whole


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    for content in (b"old", b"new"):
        atomic.write(path, content)
        assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    atomic.write(path, b"x", mode=0o600, sync=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and os.listdir(tmp_path) == ["record.json"]


def test_what_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "folder/inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        atomic.write(tmp_path / "folder", b"x")
    with pytest.raises(FileNotFoundError):
        atomic.write(tmp_path / "nowhere/x", b"x")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, done = tmp_path / "x", threading.Event()
    contents = [bytes([n]) * 100_000 for n in range(5)]
    atomic.write(path, contents[0], sync=False)

    def write() -> None:
        for content in contents * 20:
            atomic.write(path, content, sync=False)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert path.read_bytes() in contents
    writer.join()
    assert os.listdir(tmp_path) == ["x"]


def test_a_long_name_can_be_replaced(tmp_path: Path) -> None:
    atomic.write(tmp_path / ("n" * 250), b"x")
    assert os.listdir(tmp_path) == ["n" * 250]
