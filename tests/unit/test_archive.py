# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packaging: what goes in, what is proved of it, what happens when a disk, a compressor or a writer is in the way."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from .backup_host import NAME, BackupHost, seen
from .engine_host import Told, step, until

ODD = (b"new\nline", b"\xff\xfenot utf-8", b"-rf", b" ", b"'\"$(x)", "名字".encode(), b"n" * 200)
SETTLED = 2.1  # seconds until an unchanged file is believed by its times
LIMIT = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BackupHost:
    """Its `bin` comes first on the PATH of the engine as well."""
    found = BackupHost(tmp_path)
    found.data.mkdir()
    (found.data / "a").write_bytes(b"alpha" * 1000)
    monkeypatch.setenv("PATH", f"{found.bin}{os.pathsep}{os.environ['PATH']}")
    return found


def sheet(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(made["manifest"]).read_text())
    return found


def entries(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["path"]: entry for entry in sheet(made)["entries"]}


def refused(told: Told, host: BackupHost) -> str:
    """Why no backup was made; nothing is left of it, neither file nor record."""
    assert told.result == "abnormal" and not any(line["event"] == "backup_made" for line in told.lines)
    assert not host.dest.exists() or not list(host.dest.iterdir())
    assert not (host.change_dir / "backup.json").exists()
    return str(told.end["message"])


def compressing(script: str) -> str:
    """A zstd that does something else when it compresses; {real} is the real one."""
    real = shutil.which("zstd")
    assert real, "these tests need zstd"
    return f'case $* in *-dc*) exec {real} "$@";; esac\n{script.format(real=real)}'


class TestContent:
    def test_everything_a_folder_can_hold_is_in_the_manifest(self, host: BackupHost, tmp_path: Path) -> None:
        data = os.fsencode(host.data)
        for name in ODD:
            Path(os.fsdecode(os.path.join(data, name))).write_bytes(name)
        (host.data / "empty").touch()
        with (host.data / "sparse").open("wb") as hole:
            hole.truncate(5 << 20)
        os.link(host.data / "a", host.data / "z")
        (host.data / "out").symlink_to(tmp_path)
        (host.data / "nowhere").symlink_to("no/such")
        os.mkfifo(host.data / "pipe")
        (host.data / "folder").mkdir(mode=0o750)
        (host.data / "a").chmod(0o4711)
        made = host.back_up()
        found = entries(made)
        for name in ODD:
            path = os.fsdecode(os.path.join(data, name))
            assert found[path]["sha256"] == hashlib.sha256(name).hexdigest()
        kinds = {Path(path).name: entry["type"] for path, entry in found.items()}
        assert [kinds[n] for n in ("empty", "sparse", "z", "out", "nowhere", "pipe", "folder")] == ["file", "file", "hardlink", "link", "link", "fifo", "dir"]
        assert found[str(host.data / "a")]["mode"] == 0o4711 and found[str(host.data / "out")]["link"] == str(tmp_path)
        assert not any(path.startswith(str(tmp_path / "backups")) for path in found)
        assert made["files"] == kinds_of(found, "file") + kinds_of(found, "hardlink") and made["sites"][0]["verified"]

    def test_gnu_tar_reads_what_we_wrote(self, host: BackupHost, tmp_path: Path) -> None:
        for name in ODD:
            Path(os.fsdecode(os.path.join(os.fsencode(host.data), name))).write_bytes(name)
        made = host.back_up()
        subprocess.run(["tar", "-x", "-f", made["archive"], "-C", str(tmp_path / "bin"), "--no-same-owner"], check=True)
        unpacked = tmp_path / "bin" / str(host.data).lstrip("/")
        assert sorted(os.listdir(os.fsencode(unpacked))) == sorted(os.listdir(os.fsencode(host.data)))

    def test_names_size_digest_and_modes_of_the_archive(self, host: BackupHost) -> None:
        made = host.back_up()
        archive = Path(made["archive"])
        assert archive.name.startswith(NAME + ".tar.") and made["size"] == archive.stat().st_size
        assert made["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest() == sheet(made)["archive"]["sha256"]
        assert made["manifest_sha256"] == hashlib.sha256(Path(made["manifest"]).read_bytes()).hexdigest()
        assert all(path.stat().st_mode & 0o077 == 0 for path in (archive, Path(made["manifest"]), host.dest))

    def test_excluded_names_paths_and_sockets_stay_out(self, host: BackupHost) -> None:
        for name in ("cache/x", "keep/cache/x", "keep/log/a.log", "keep/b.log"):
            (host.data / name).parent.mkdir(parents=True, exist_ok=True)
            (host.data / name).write_text("x")
        listening = socket.socket(socket.AF_UNIX)
        where = os.getcwd()
        os.chdir(host.data)  # the name of a socket may only be short
        try:
            listening.bind("s")
        finally:
            os.chdir(where)
        made = host.back_up(exclude=["*.log", "cache/", "/nothing"])
        names = {path[len(str(host.data)) :] for path in entries(made)}
        assert names == {"", "/a", "/keep", "/keep/log"}
        assert made["skipped"] == [str(host.data / "s")] and sheet(made)["skipped"] == [str(host.data / "s")]
        listening.close()

    def test_a_link_as_a_path_brings_what_it_points_at(self, host: BackupHost, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(host.data)
        assert {str(tmp_path / "link"), str(host.data / "a")} <= entries(host.back_up(paths=[str(tmp_path / "link")])).keys()

    def test_without_zstd_it_is_gzip(self, host: BackupHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (host.data / "big").write_bytes(os.urandom(3 << 20) + bytes(3 << 20))
        monkeypatch.setenv("PATH", host.only("sh", "gzip")["PATH"])
        made = host.back_up()
        assert made["compression"] == "gzip" and made["archive"].endswith(".tar.gz")
        with tarfile.open(made["archive"], "r:gz") as tar:
            assert str(host.data / "big").lstrip("/") in tar.getnames()
        (host.data / "big").unlink()
        assert host.restore()["data"]["restored"] == 1
        assert "no zstd command" in host.do(host.archive("other", compression="zstd")).end["message"]


def kinds_of(found: dict[str, dict[str, Any]], kind: str) -> int:
    return sum(entry["type"] == kind for entry in found.values())


class TestRefused:
    @pytest.mark.parametrize(("paths", "word"), [(["relative"], "absolute"), (["/no/such/folder"], "there is no"), ([], "no paths")])
    def test_paths_that_cannot_be_backed_up(self, host: BackupHost, paths: list[str], word: str) -> None:
        assert word in refused(host.do(host.archive(paths=paths)), host)

    def test_a_destination_inside_the_data(self, host: BackupHost) -> None:
        told = host.do(host.archive(dest=str(host.data / "backups")))
        assert "would contain itself" in told.end["message"]

    @pytest.mark.parametrize("name", ["../x", "", ".x", "a/b"])
    def test_names_that_lead_elsewhere(self, host: BackupHost, name: str) -> None:
        assert host.do(host.archive(name)).result == "abnormal"

    @pytest.mark.parametrize("compression", ["auto", "gzip"])
    def test_a_full_disk(self, host: BackupHost, compression: str) -> None:
        (host.data / "big").write_bytes(os.urandom(8 << 20))
        host.python = shlex.join([sys.executable, "-c", LIMIT.format(4 << 20)])
        message = refused(host.do(host.archive(compression=compression)), host)
        assert message.startswith("no backup was made: ") and "bytes free" in message

    def test_the_reserve_of_the_disk(self, host: BackupHost) -> None:
        assert "are to stay free" in refused(host.do(host.archive(reserve_bytes=1 << 60)), host)

    @pytest.mark.parametrize(
        ("script", "word"),
        [
            ('{real} "$@" | {{ head -c 40; head -c 4 > /dev/null; printf XXXX; cat; }}', "does not give back"),
            ('{real} "$@" | head -c 60', "does not give back"),
            ("tr l m | {real} -1 -q -c", "does not give back"),
            ('head -c 1024 | {real} "$@"', "does not give back"),
            ("cat > /dev/null; echo no room >&2; exit 1", "no room"),
        ],
    )
    def test_an_archive_that_does_not_read_back(self, host: BackupHost, script: str, word: str) -> None:
        (host.data / "b").write_bytes(os.urandom(100_000) + b"hello" * 1000)
        host.program("zstd", compressing(script))
        assert word in refused(host.do(host.archive()), host)

    def test_a_file_that_never_holds_still(self, host: BackupHost) -> None:
        busy = host.data / "busy.db"
        busy.touch()
        os.truncate(busy, 128 << 20)  # long enough to read that the writer gets its turn on a busy machine
        writer = subprocess.Popen(["sh", "-c", f"while :; do echo x >> {shlex.quote(str(busy))}; done"])
        try:
            message = refused(host.do(host.archive()), host)
        finally:
            writer.kill()
            writer.wait()
        assert "changed while read, twice" in message and "busy.db" in message


def test_a_file_that_changes_once_while_read_is_read_again(host: BackupHost, tmp_path: Path) -> None:
    big = host.data / "big"
    big.write_bytes(b"1" * (8 << 20))
    pause = f"head -c 2000000; touch {tmp_path}/reached; until [ -e {tmp_path}/go ]; do sleep 0.02; done; cat"
    host.program("zstd", compressing("{{ " + pause + '; }} | {real} "$@"'))

    def disturb() -> None:
        until((tmp_path / "reached").exists, "the half of the archive")
        big.write_bytes(b"2" * (9 << 20))
        (tmp_path / "go").touch()

    beside = threading.Thread(target=disturb)
    beside.start()
    made = host.back_up()
    beside.join()
    assert entries(made)[str(big)]["sha256"] == hashlib.sha256(b"2" * (9 << 20)).hexdigest()
    big.unlink()
    host.restore()
    assert big.read_bytes() == b"2" * (9 << 20)


class TestUnchanged:
    @pytest.fixture
    def first(self, host: BackupHost) -> dict[str, Any]:
        """A backup of files that are old enough to be believed."""
        (host.data / "folder").mkdir()
        (host.data / "folder/b").write_text("beta")
        until(lambda: time.time() - (host.data / "folder/b").stat().st_ctime > SETTLED, "the rest")
        return host.back_up("web_a_20260101T000000Z_one")

    def test_it_is_the_same_archive_under_one_more_name(self, host: BackupHost, first: dict[str, Any]) -> None:
        again = host.back_up()
        assert again["reused"] and not first["reused"]
        assert os.path.samefile(again["archive"], first["archive"]) and again["sha256"] == first["sha256"]
        assert sheet(again)["reused_from"] == Path(first["archive"]).name and again["fingerprint"] == first["fingerprint"]
        (host.data / "a").unlink()
        host.restore()
        assert (host.data / "a").read_bytes() == b"alpha" * 1000

    @pytest.mark.parametrize("change", ["content", "content and time", "mode", "new", "gone", "renamed", "link", "replaced"])
    def test_after_any_change_it_is_made_anew(self, host: BackupHost, first: dict[str, Any], change: str) -> None:
        a, times = host.data / "a", (host.data / "a").stat()
        if change.startswith("content"):
            a.write_bytes(b"gamma" * 1000)
            if change == "content and time":
                os.utime(a, ns=(times.st_atime_ns, times.st_mtime_ns))
        elif change == "replaced":  # the same size and time, another file
            (host.data / "new").write_bytes(b"omega" * 1000)
            os.utime(host.data / "new", ns=(times.st_atime_ns, times.st_mtime_ns))
            (host.data / "new").rename(a)
            os.utime(host.data, ns=(times.st_atime_ns, host.data.stat().st_mtime_ns))
        else:
            {"mode": lambda: a.chmod(0o600), "new": (host.data / "n").touch, "gone": a.unlink, "renamed": lambda: a.rename(host.data / "c"),
             "link": lambda: (host.data / "l").symlink_to("a")}[change]()  # fmt: skip
        made = host.back_up()
        assert not made["reused"]
        before = seen(host.data)
        shutil.rmtree(host.data)
        host.restore()
        assert seen(host.data) == before

    def test_a_file_written_within_the_tick_of_the_clock_is_not_believed(self, host: BackupHost) -> None:
        a = host.data / "a"
        host.back_up("web_a_20260101T000000Z_one")  # a is younger than the clock can tell apart
        index = next((host.state / "backup-index").iterdir())
        before = a.stat()
        with a.open("r+b") as stream:  # the same inode, size and times; only the digest can tell
            stream.write(b"ALPHA")
        os.utime(a, ns=(before.st_atime_ns, before.st_mtime_ns))
        known = json.loads(index.read_text())
        known["identities"][1][0] = a.stat().st_ctime_ns  # as a clock with coarse ticks would have it
        index.write_text(json.dumps(known))
        made = host.back_up()
        assert not made["reused"]
        assert entries(made)[str(a)]["sha256"] == hashlib.sha256(a.read_bytes()).hexdigest()

    def test_a_damaged_or_missing_archive_is_not_used_again(self, host: BackupHost, first: dict[str, Any]) -> None:
        with Path(first["archive"]).open("r+b") as stream:
            stream.write(b"damage")
        made = host.back_up("web_a_20260102T000000Z_two")
        assert not made["reused"]
        Path(made["archive"]).unlink()
        assert not host.back_up()["reused"]

    def test_other_rules_are_another_backup(self, host: BackupHost, first: dict[str, Any]) -> None:
        assert not host.back_up(exclude=["b"])["reused"]
        assert not host.back_up("gz", compression="gzip")["reused"]


def test_space_counts_what_would_be_packaged(host: BackupHost, tmp_path: Path) -> None:
    (host.data / "cache").mkdir()
    (host.data / "cache/big").write_bytes(bytes(1 << 20))
    (host.data / "x.log").write_bytes(bytes(1 << 20))
    os.link(host.data / "a", host.data / "b")
    (host.data / "out").symlink_to("/")
    paths = [{"path": str(tmp_path), "need_bytes_of": [str(host.data), str(host.data / "a")], "exclude": ["cache", "*.log"]}]
    told = host.do(step("room", "space", paths=paths), phase="gate").finished("room")
    assert told["data"]["paths"][0]["need"] == 5000 and "5000 bytes needed" in told["feedback"] and "free" in told["feedback"]
    with (host.data / "huge").open("wb") as hole:
        hole.truncate(15 << 40)
    message = host.do(step("room", "space", paths=paths), phase="gate").end["message"]
    assert "not enough room on" in message and "15.0 TiB" in message


@pytest.mark.parametrize(("dest", "made"), [("keep/conf", "conf.tar."), ("keep/conf.tar.gz", "conf.tar.gz")])
def test_a_plan_packs_for_itself_and_the_way_back_stays_the_backup(host: BackupHost, dest: str, made: str) -> None:
    backup = host.back_up()
    pack = {**step("own", "archive"), "args": {"paths": [str(host.data)], "dest": str(host.data.parent / dest)}}
    told = host.do(pack, phase="patch")
    assert told.result == "done", told.end["message"]
    assert [line["event"] for line in told.lines].count("backup_made") == 0
    assert any(path.name.startswith(made) for path in (host.data.parent / "keep").iterdir())
    assert host.restore()["data"]["archive"] == backup["archive"]
