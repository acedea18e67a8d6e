# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring: whatever was done to a tree, afterwards it is what the backup says, and nothing of what was there is lost."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils import archive
from ansible_collections.itops.maintenance.plugins.module_utils.step import Context
from hypothesis import given, settings
from hypothesis import strategies as st

from .backup_host import BackupHost, seen
from .engine_host import step

ROOT = os.geteuid() == 0


@pytest.fixture
def host(tmp_path: Path) -> BackupHost:
    """A tree with one of everything."""
    found = BackupHost(tmp_path)
    data = found.data
    (data / "etc/deep").mkdir(parents=True)
    (data / "etc/conf").write_text("port = 1\n")
    (data / "etc/deep/empty").touch()
    (data / "a").write_bytes(os.urandom(100_000))
    os.link(data / "a", data / "b")
    with (data / "sparse").open("wb") as hole:
        hole.seek(3 << 20)
        hole.write(b"end")
    (data / "out").symlink_to(tmp_path / "outside")
    os.mkfifo(data / "pipe", 0o640)
    Path(os.fsdecode(os.fsencode(data) + b"/odd\n\xff")).write_text("odd")
    (data / "-rf").write_text("dash")
    (data / "run").write_text("#!/bin/sh\n")
    (data / "run").chmod(0o4750)
    (data / "etc/deep").chmod(0o2770)
    with suppress(OSError):  # not every filesystem has them
        os.setxattr(data / "a", "user.origin", b"\x00\xff")
    if ROOT:
        os.chown(data / "etc/conf", 4321, 1234)
    for path in (data / "a", data / "etc", data):
        os.utime(path, ns=(10**18, 10**18 + 7))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious").write_text("precious")
    return found


def spoil(host: BackupHost, outside: Path) -> dict[str, Callable[[], object]]:
    """Ways to spoil the tree."""
    data = host.data

    def swap_for_link() -> None:
        shutil.rmtree(data / "etc")
        (data / "etc").symlink_to(outside)

    def swap_types() -> None:
        (data / "a").unlink()
        (data / "a").mkdir()
        (data / "a/inner").write_text("inner")
        shutil.rmtree(data / "etc/deep")
        (data / "etc/deep").write_text("a file now")

    def break_names_apart() -> None:
        (data / "b").unlink()
        (data / "b").write_bytes((data / "a").read_bytes())

    return {
        "everything deleted": lambda: shutil.rmtree(data),
        "content": lambda: (data / "etc/conf").write_text("port = 2\n"),
        "content of the same size and time": lambda: (data / "sparse").write_bytes((3 << 20) * b"x" + b"end"),
        "mode": lambda: [(data / "etc").chmod(0o700), (data / "run").chmod(0o777), (data / "pipe").chmod(0o666)],
        "time": lambda: os.utime(data / "a"),
        "types": swap_types,
        "a link where a folder was": swap_for_link,
        "links elsewhere": lambda: [(data / "out").unlink(), (data / "out").symlink_to("/etc/passwd")],
        "names of one file": break_names_apart,
        "a missing folder": lambda: shutil.rmtree(data / "etc"),
        "renamed": lambda: (data / "etc").rename(data / "etc.old"),
        "one more name": lambda: os.link(data / "etc/conf", data / "0"),
        "nothing": lambda: None,
    }


WAYS = (
    "everything deleted", "content", "content of the same size and time", "mode", "time", "types", "a link where a folder was",
    "links elsewhere", "names of one file", "a missing folder", "renamed", "one more name", "nothing",
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_the_tree_is_again_what_it_was(host: BackupHost, tmp_path: Path, way: str) -> None:
    before, made = seen(host.data), host.back_up()
    spoil(host, tmp_path / "outside")[way]()
    host.restore()
    assert seen(host.data) == before
    told = host.do(step("same", "fingerprint"), phase="verify").finished("same")
    assert told["data"]["fingerprint"] == told["data"]["expected"] == made["fingerprint"]
    assert (tmp_path / "outside/precious").read_text() == "precious" and len(list((tmp_path / "outside").iterdir())) == 1
    assert not [path for path in host.data.rglob("*") if path.name.endswith(".itops")]


def test_what_is_as_it_should_be_is_not_touched(host: BackupHost) -> None:
    host.back_up()
    (host.data / "a").write_text("other")
    kept = (host.data / "etc/conf").stat()
    done = host.restore()
    assert done["data"]["restored"] == 2 and (host.data / "etc/conf").stat().st_ctime_ns == kept.st_ctime_ns
    assert host.restore()["changed"] is False


def test_a_hole_stays_a_hole(host: BackupHost) -> None:
    host.back_up()
    (host.data / "sparse").unlink()
    host.restore()
    assert (host.data / "sparse").stat().st_blocks * 512 < 1 << 20


def test_what_is_not_in_the_backup_is_moved_aside_whole(host: BackupHost) -> None:
    host.back_up()
    (host.data / "new/deep").mkdir(parents=True)
    (host.data / "new/deep/file").write_text("made since")
    os.mkfifo(host.data / "new/pipe")
    (host.data / "etc/link").symlink_to("/")
    done = host.restore()["data"]
    assert done["quarantined"] == 2 and not (host.data / "new").exists()
    aside = Path(done["quarantine"] + str(host.data))
    assert (aside / "new/deep/file").read_text() == "made since" and stat.S_ISFIFO((aside / "new/pipe").stat().st_mode)
    assert os.readlink(aside / "etc/link") == "/"
    assert Path(done["quarantine"]).is_relative_to(host.change_dir)


def test_what_was_excluded_is_left_alone(host: BackupHost) -> None:
    (host.data / "cache").mkdir()
    host.back_up(exclude=["cache", "*.log"])
    (host.data / "cache/x").write_text("x")
    (host.data / "y.log").write_text("y")
    assert host.restore()["data"]["quarantined"] == 0
    assert (host.data / "cache/x").exists() and (host.data / "y.log").exists()


class TestRefused:
    """Nothing is touched when the backup is not what it was."""

    def refused(self, host: BackupHost) -> str:
        (host.data / "a").write_text("other")
        before = seen(host.data)
        told = host.do(step("back", "restore"), phase="patch")
        assert told.result == "abnormal" and seen(host.data) == before
        return str(told.end["message"])

    def test_a_damaged_archive(self, host: BackupHost) -> None:
        with Path(host.back_up()["archive"]).open("r+b") as stream:
            stream.seek(-20, os.SEEK_END)
            stream.write(b"\0" * 5)
        assert "is damaged" in self.refused(host)

    def test_a_missing_archive(self, host: BackupHost) -> None:
        Path(host.back_up()["archive"]).unlink()
        assert "no whole copy of the backup can be reached" in self.refused(host)

    @pytest.mark.parametrize("edit", [("port", "PORT"), ('"mode"', '"mode" '), ('"etc', '"../etc'), ("/a", "/A")])
    def test_an_edited_manifest(self, host: BackupHost, edit: tuple[str, str]) -> None:
        path = Path(host.back_up()["manifest"])
        path.write_text(path.read_text().replace(*edit) + " ")
        assert "was altered since the backup was verified" in self.refused(host)

    def test_a_manifest_that_leads_out_of_its_roots(self, host: BackupHost, tmp_path: Path) -> None:
        made = host.back_up()
        content = json.loads(Path(made["manifest"]).read_text())
        for path in (str(tmp_path / "outside/new"), f"{host.data}/../outside/new", "relative"):
            content["entries"][-1]["path"] = path
            forged = host.dest / "forged.manifest.json"
            forged.write_text(json.dumps(content))
            told = host.do(step("back", "restore", manifest=str(forged)), phase="patch")
            assert "refused entry" in told.end["message"] and not (tmp_path / "outside/new").exists()

    def test_no_backup_at_all(self, host: BackupHost) -> None:
        assert "no verified backup on this host" in self.refused(host)


class TestFingerprint:
    @pytest.mark.parametrize(
        ("way", "words"),
        [("content", "other content: "), ("mode", "mode 0700, not "), ("links elsewhere", "points at /etc/passwd, not at"),
         ("everything deleted", "missing: "), ("renamed", "not in the backup: "), ("types", "a dir, not a ")],
    )  # fmt: skip
    def test_it_names_what_is_different(self, host: BackupHost, tmp_path: Path, way: str, words: str) -> None:
        host.back_up()
        spoil(host, tmp_path / "outside")[way]()
        told = host.do(step("same", "fingerprint"), phase="verify")
        assert told.result == "abnormal" and words in told.finished("same")["feedback"]

    def test_what_is_ignored_does_not_count(self, host: BackupHost) -> None:
        host.back_up()
        (host.data / "etc/conf").write_text("other")
        (host.data / "new.log").write_text("new")
        assert host.do(step("same", "fingerprint", ignore=["conf", "*.log"]), phase="verify").result == "done"


NAMES = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_")).filter(lambda raw: raw not in (b".", b".."))
MODES = st.integers(0, 0o7777)
CONTENT = st.one_of(st.binary(max_size=2000), st.integers(1, 3).map(lambda n: bytes(70_000 * n)), st.integers(0, 255).map(lambda n: bytes([n]) * 1_200_000))
LEAF = st.one_of(
    st.tuples(st.just("file"), CONTENT, MODES), st.tuples(st.just("link"), NAMES, st.just(0)), st.tuples(st.just("fifo"), st.just(b""), MODES),
    st.tuples(st.just("same"), st.integers(0, 99), st.just(0)),
)  # fmt: skip
TREES = st.dictionaries(
    NAMES, st.recursive(LEAF, lambda inner: st.tuples(st.just("dir"), st.dictionaries(NAMES, inner, max_size=4), MODES), max_leaves=12), max_size=5
)


def build(folder: bytes, tree: dict[bytes, tuple[str, object, int]], files: list[bytes]) -> None:
    """Make a tree; a `same` is one more name of a file made before."""
    for name, (kind, what, mode) in tree.items():
        path = os.path.join(folder, name)
        if kind == "dir":
            os.mkdir(path)
            build(path, what, files)  # type: ignore[arg-type]
            os.chmod(path, mode | 0o700)
        elif kind == "link":
            os.symlink(what, path)  # type: ignore[arg-type]
        elif kind == "fifo":
            os.mkfifo(path)
            os.chmod(path, mode)
        elif kind == "same" and files:
            os.link(files[what % len(files)], path)  # type: ignore[operator]
        elif kind == "file":
            with open(path, "wb") as stream:
                stream.write(what)  # type: ignore[arg-type]
            os.chmod(path, mode | 0o400)
            files.append(path)


def damage(top: bytes, choices: list[int]) -> None:
    """Delete, rewrite, re-mode, replace or add, here and there."""
    for choice in choices:
        paths = sorted(os.path.join(at, name) for at, folders, names in os.walk(top) for name in [*folders, *names])
        path = paths[choice // 7 % len(paths)] if paths else os.path.join(top, b"new")
        with suppress(FileNotFoundError):
            if choice % 7 == 0 or not os.path.isdir(path) or os.path.islink(path):
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        with suppress(FileExistsError, IsADirectoryError):
            {1: os.mkdir, 2: lambda p: os.symlink(b"/etc", p), 3: lambda p: Path(os.fsdecode(p)).write_bytes(b"damage"),
             4: os.mkfifo, 5: lambda p: os.mkdir(p + b".new")}.get(choice % 7, lambda p: None)(path)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(tree=TREES, choices=st.lists(st.integers(0, 700), max_size=8), compression=st.sampled_from(["auto", "gzip"]))
def test_any_tree_survives_any_damage(tree: dict[bytes, tuple[str, object, int]], choices: list[int], compression: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "data").mkdir()
        (place / "state/c/r/s").mkdir(parents=True)
        segment = {"change": "c", "host": "h", "service": "s", "phase": "backup"}
        ctx = Context(segment, place / "state", place / "state/c", place / "state/c/r", place / "state/c/r/s")
        build(os.fsencode(place / "data"), tree, [])
        before = seen(place / "data")
        made = archive.archive(ctx, {"paths": [str(place / "data")], "dest": str(place / "b"), "name": "n", "compression": compression})
        damage(os.fsencode(place / "data"), choices)
        assert archive.restore(ctx, {}).ok
        same = archive.fingerprint(ctx, {})
        assert same.ok and same.data["fingerprint"] == made.data["fingerprint"]
        assert seen(place / "data") == before
