# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The offsite copy: into real folders, and to a far host whose ssh, rsync and scp are programs on the PATH."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import record_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event

from .backup_host import NAME, BackupHost
from .engine_host import Told, step

# runs here what it should run there, remembers its command line, and never sees a file of the host as an argument
SSH = """\
printf '%s\\n' "$@" >> {log}; echo "=== end" >> {log}
while [ "$1" != -- ]; do case $1 in -l) shift;; -*) ;; *) break;; esac; shift; done
[ "$1" != -- ] || shift
shift
echo 'welcome to the far host' >&2
exec sh -c "$*"
"""
SCP = """\
printf 'scp %s\\n' "$@" >> {log}
while [ "$1" != -- ]; do shift; done
shift
for last; do :; done
while [ $# -gt 1 ]; do cp -- "$1" "/${{last#*:/}}"; shift; done
"""


@pytest.fixture
def host(tmp_path: Path) -> BackupHost:
    found = BackupHost(tmp_path)
    found.data.mkdir()
    (found.data / "precious").write_bytes(b"precious" * 9000)
    return found


@pytest.fixture
def far(host: BackupHost, tmp_path: Path) -> Path:
    """The folder at the far end; ssh and scp reach it."""
    for name, script in (("ssh", SSH), ("scp", SCP)):
        host.program(name, script.format(log=shlex.quote(str(tmp_path / "log"))))
    return tmp_path / "far end" / "备份"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another filesystem than the host's."""
    for place in ("/dev/shm", "/run", "/tmp", "/var/tmp", str(Path.home())):
        if os.access(place, os.W_OK) and os.stat(place).st_dev not in (tmp_path.stat().st_dev, os.stat("/").st_dev):
            folder = Path(tempfile.mkdtemp(dir=place))
            yield folder
            shutil.rmtree(folder)
            return
    raise AssertionError("there is one filesystem only: set TMPDIR so that the tests lie on another one")


def copied(host: BackupHost, destination: Path | str, **more: Any) -> Told:
    args = {"destination": str(destination), **more.pop("args", {})}
    return host.do(host.archive(), step("off", "offsite", phase="backup", **args), **more)


def same(host: BackupHost, folder: Path) -> bool:
    """The folder holds the archive and its manifest, and nothing else."""
    names = sorted(path.name for path in folder.iterdir())
    kept = sorted(path.name for path in host.dest.iterdir())
    return names == kept and len(names) == 2 and all((folder / name).read_bytes() == (host.dest / name).read_bytes() for name in names)


def nothing_left(folder: Path) -> bool:
    return not folder.exists() or not list(folder.iterdir())


def spoiling(far: Path, names: str, damage: str) -> str:
    """An rsync that copies and then damages what arrived."""
    files = f"{shlex.quote(str(far))}/.*.itops/{names}"
    return f'{shutil.which("rsync")} "$@" || exit; case $* in *--server*) exit;; esac; for file in {files}; do {damage} "$file"; done'


class TestFolder:
    def test_archive_and_manifest_are_copied_and_told_with_their_site(self, host: BackupHost, elsewhere: Path) -> None:
        told = copied(host, elsewhere / "a/b")
        assert told.result == "done" and same(host, elsewhere / "a/b")
        first, last = (line for line in told.lines if line["event"] == "backup_made")
        assert [site["site"] for site in first["sites"]] == ["local"]
        archive = next((elsewhere / "a/b").glob("*.tar.*"))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        assert last["sites"][1] == {"site": "offsite", "where": str(archive), "sha256": digest, "verified": True}
        assert json.loads((host.change_dir / "backup.json").read_text())["sites"] == last["sites"]
        assert archive.stat().st_mode & 0o077 == 0

    def test_a_second_copy_of_the_same_backup_replaces_the_first(self, host: BackupHost, elsewhere: Path) -> None:
        copied(host, elsewhere)
        assert copied(host, elsewhere).result == "done" and same(host, elsewhere)

    def test_the_same_filesystem_is_refused_unless_it_is_meant(self, host: BackupHost, tmp_path: Path) -> None:
        told = copied(host, tmp_path / "near")
        assert told.result == "abnormal" and "same filesystem" in told.end["message"]
        assert not (tmp_path / "near").exists()
        told = copied(host, tmp_path / "near", args={"allow_same_filesystem": True})
        assert told.result == "done" and same(host, tmp_path / "near")

    def test_the_filesystem_of_the_data_is_refused_even_if_the_archive_lies_elsewhere(self, host: BackupHost, elsewhere: Path, tmp_path: Path) -> None:
        host.dest, host.data = elsewhere / "local", elsewhere / "data"
        host.data.mkdir()
        told = copied(host, elsewhere / "off")
        assert "same filesystem as" in told.end["message"]

    def test_a_folder_inside_the_data_is_refused(self, host: BackupHost) -> None:
        told = copied(host, host.data / "off", args={"allow_same_filesystem": True})
        assert told.result == "abnormal" and "lies inside" in told.end["message"] and not (host.data / "off").exists()

    def test_a_file_in_the_way_and_a_folder_in_the_way_leave_nothing_behind(self, host: BackupHost, elsewhere: Path) -> None:
        (elsewhere / "file").write_text("x")
        assert copied(host, elsewhere / "file").result == "abnormal"
        kept = host.back_up()
        taken = elsewhere / "full" / Path(kept["manifest"]).name
        taken.mkdir(parents=True)
        assert copied(host, elsewhere / "full").result == "abnormal"
        assert list((elsewhere / "full").iterdir()) == [taken]

    def test_an_archive_damaged_since_it_was_verified_is_not_passed_on(self, host: BackupHost, elsewhere: Path) -> None:
        archive = Path(host.back_up()["archive"])
        with archive.open("r+b") as stream:
            stream.seek(100)
            stream.write(b"\xff\x00\xff\x00")
        told = host.do(step("off", "offsite", phase="backup", destination=str(elsewhere)))
        assert told.result == "abnormal" and "differs from the backup" in told.end["message"] and nothing_left(elsewhere)
        assert [site["site"] for site in json.loads((host.change_dir / "backup.json").read_text())["sites"]] == ["local"]

    def test_a_restore_takes_the_offsite_copy_when_the_local_one_is_gone(self, host: BackupHost, elsewhere: Path) -> None:
        assert copied(host, elsewhere).result == "done"
        shutil.rmtree(host.dest)
        (host.data / "precious").write_text("lost")
        assert host.restore()["data"]["site"] == "offsite"
        assert (host.data / "precious").read_bytes() == b"precious" * 9000

    def test_without_a_backup_there_is_nothing_to_copy(self, host: BackupHost, elsewhere: Path) -> None:
        told = host.do(step("off", "offsite", phase="backup", destination=str(elsewhere)))
        assert "no verified backup" in told.end["message"]

    @pytest.mark.parametrize("destination", ["", "relative/folder", "host:relative", "-oProxyCommand=x:/b", "-x@host:/b", "a b:/b", "user@-x:/b"])
    def test_what_is_no_destination_is_refused(self, host: BackupHost, destination: str) -> None:
        assert "offsite destination is neither" in copied(host, destination).end["message"]


class TestFarHost:
    def test_by_rsync(self, host: BackupHost, far: Path, tmp_path: Path) -> None:
        told = copied(host, f"backup@far.example:{far}")
        assert told.result == "done", told.end["message"]
        assert same(host, far)
        where = told.finished("off")["data"]["sites"][1]["where"]
        assert where.startswith(f"backup@far.example:{far}/{NAME}.tar.")
        calls = (tmp_path / "log").read_text().split("=== end\n")[:-1]
        assert any("--server" in call for call in calls)
        assert all("-oStrictHostKeyChecking=yes\n" in call and "-oBatchMode=yes\n" in call for call in calls)

    def test_by_scp_where_the_far_end_has_no_rsync(self, host: BackupHost, far: Path, tmp_path: Path) -> None:
        plain = tmp_path / "far"
        without = {"PATH": f"{host.bin}{os.pathsep}{_without('rsync', tmp_path)}"}
        told = copied(host, f"[2001:db8::7]:{plain}", env=without)
        assert told.result == "done", told.end["message"]
        assert same(host, plain) and "scp -oBatchMode=yes" in (tmp_path / "log").read_text()
        told = copied(host, f"h:{far}", env=without)
        assert "plain name" in told.end["message"] and nothing_left(far)

    @pytest.mark.parametrize("damage", ["printf x >>", "truncate -s -1", ": >"])
    def test_a_copy_that_arrives_damaged_is_told_and_removed(self, host: BackupHost, far: Path, damage: str) -> None:
        host.program("rsync", spoiling(far, "*.tar.*", damage))
        told = copied(host, f"far:{far}")
        assert told.result == "abnormal" and "differs from the backup" in told.end["message"] and nothing_left(far)
        sites = json.loads((host.change_dir / "backup.json").read_text())["sites"]
        assert [site["site"] for site in sites] == ["local"]

    def test_a_damaged_manifest_counts_as_well(self, host: BackupHost, far: Path) -> None:
        host.program("rsync", spoiling(far, "*.json", "echo >>"))
        told = copied(host, f"far:{far}")
        assert "manifest.json differs from the backup" in told.end["message"] and nothing_left(far)

    @pytest.mark.parametrize(("tool", "words"), [("ssh", "cannot write"), ("rsync", "cannot copy")])
    def test_what_a_failing_tool_says_is_told(self, host: BackupHost, far: Path, tool: str, words: str) -> None:
        host.program(tool, "echo Host key verification failed. >&2; exit 255")
        message = copied(host, f"far:{far}").end["message"]
        assert words in message and "exit status 255" in message and "Host key verification failed." in message and nothing_left(far)

    def test_a_far_end_that_lies_silent_is_not_believed(self, host: BackupHost, far: Path) -> None:
        host.program("sha256sum", "true")
        told = copied(host, f"far:{far}")
        assert "did not say what it has" in told.end["message"] and nothing_left(far)

    def test_a_copy_that_cannot_be_removed_is_told(self, host: BackupHost, far: Path) -> None:
        host.program("sha256sum", "echo 0000000000000000000000000000000000000000000000000000000000000000")
        host.program("rm", 'case $* in *.tar.*json) echo "rm: no" >&2; exit 1;; esac; exec /bin/rm "$@"')
        assert "could not be removed" in copied(host, f"far:{far}").end["message"]

    def test_names_are_never_shell_code(self, host: BackupHost, far: Path, tmp_path: Path) -> None:
        odd = tmp_path / "x'; touch owned; '$(touch owned)`touch owned` &"
        assert copied(host, f"far:{odd}").result == "done" and same(host, odd)
        assert not list(tmp_path.rglob("owned")) and not Path("owned").exists()

    def test_the_real_ssh_refuses_a_host_it_does_not_know(self, host: BackupHost) -> None:
        told = copied(host, "nobody@127.0.0.1:/nowhere")
        assert told.result == "abnormal" and "cannot write to nobody@127.0.0.1:/nowhere" in told.end["message"]


def _without(name: str, tmp_path: Path) -> Path:
    """A folder with every program of the system but one."""
    place = tmp_path / "without"
    if not place.exists():
        place.mkdir()
        for folder in ("/usr/bin", "/bin"):
            for program in Path(folder).iterdir():
                if program.name != name and not (place / program.name).exists():
                    (place / program.name).symlink_to(program)
    return place


def test_the_record_names_each_backup_once_with_all_its_sites(host: BackupHost, elsewhere: Path) -> None:
    told = copied(host, elsewhere)
    lines = [line for line in told.lines if line["event"] == "backup_made"]
    events = [
        Event(n, line["at"], "backup_made", "host", "r1", "a", "backup", {k: line[k] for k in line if k != "event"}, "", "") for n, line in enumerate(lines)
    ]
    backups = record_tables.fold(events)["backups"]
    assert len(lines) == 2 and [[site["site"] for site in backup["sites"]] for backup in backups] == [["local", "offsite"]]
