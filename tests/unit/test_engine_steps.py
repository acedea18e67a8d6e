# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Release, files, revert, service and host steps: what they do to this machine and what they leave when they fail."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils import process
from ansible_collections.itops.maintenance.plugins.module_utils.step import StepFailed
from ansible_collections.itops.maintenance.plugins.module_utils.unpack import unpack

from .engine_host import Host, Told, check_file, command, listed, step


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def packed(*members: tuple[str, str], mode: str = "w:gz", **links: str) -> bytes:
    """A tar of (name, text); links: name -> target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text), 0o6755
            tar.addfile(info, io.BytesIO(text.encode()))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()


def zipped(*members: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return out.getvalue()


class TestFiles:
    def put(self, dest: Path, content: str = "new\n", **more: str) -> dict[str, object]:
        return step("put", "files", items=[{"content": content, "dest": str(dest), **more}])

    def test_a_replaced_file_keeps_its_owner_and_mode_and_comes_back_exactly(self, host: Host, tmp_path: Path) -> None:
        conf = tmp_path / "app.conf"
        conf.write_text("old\n")
        conf.chmod(0o640)
        os.utime(conf, ns=(10**18, 10**18))
        before = conf.stat()
        host.run(self.put(conf))
        assert conf.read_text() == "new\n" and stat.S_IMODE(conf.stat().st_mode) == 0o640
        told = host.run(step("undo", "revert"), segment="back")
        after = conf.stat()
        assert conf.read_text() == "old\n" and told.finished("undo")["data"]["proven"] == 1
        assert (before.st_mode, before.st_uid, before.st_gid, before.st_mtime_ns) == (
            after.st_mode,
            after.st_uid,
            after.st_gid,
            after.st_mtime_ns,
        )

    def test_nothing_to_do_is_not_a_change(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("new\n")
        (tmp_path / "a").chmod(0o644)
        assert host.run(self.put(tmp_path / "a")).finished("put")["changed"] is False
        assert not (host.change_dir / "originals").exists()

    def test_new_files_and_the_folders_made_for_them_disappear_again(self, host: Host, tmp_path: Path) -> None:
        host.run(self.put(tmp_path / "x/y/new", mode="0600"))
        assert stat.S_IMODE((tmp_path / "x/y/new").stat().st_mode) == 0o600
        host.run(step("undo", "revert"), segment="back")
        assert not (tmp_path / "x").exists()

    def test_removed_files_and_replaced_links_come_back(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "gone").write_text("precious")
        (tmp_path / "link").symlink_to("gone")
        items = [{"dest": str(tmp_path / "gone"), "state": "absent"}, {"dest": str(tmp_path / "link"), "content": "x"}]
        host.run(step("put", "files", items=items))
        assert not (tmp_path / "gone").exists() and not (tmp_path / "link").is_symlink()
        host.run(step("undo", "revert"), segment="back")
        assert (tmp_path / "gone").read_text() == "precious" and os.readlink(tmp_path / "link") == "gone"

    def test_a_folder_a_relative_path_and_an_unknown_owner_are_refused(self, host: Host, tmp_path: Path) -> None:
        for number, (item, word) in enumerate([
            ({"dest": str(tmp_path), "content": "x"}, "is a directory"), ({"dest": "etc/x", "content": "x"}, "absolute"),
            ({"dest": str(tmp_path / "n"), "content": "x", "owner": "no-such-user"}, "no-such-user"),
            ({"dest": str(tmp_path / "n"), "src": str(tmp_path / "none")}, "not a file"), ({"dest": str(tmp_path / "n"), "file": "other"}, "not one of"),
        ]):  # fmt: skip
            told = host.run(step("put", "files", items=[item]), unattended=False, segment=f"s{number}")
            assert word in told.end["message"]


class TestRevert:
    def test_the_state_before_the_first_of_several_changes_is_the_original(self, host: Host, tmp_path: Path) -> None:
        conf = tmp_path / "conf"
        conf.write_text("0")
        puts = [step(f"put{n}", "files", items=[{"content": str(n), "dest": str(conf)}]) for n in (1, 2)]
        host.run(*puts)
        assert host.run(step("undo", "revert"), segment="b1").finished("undo")["changed"] is True
        again = host.run(step("undo", "revert"), segment="b2").finished("undo")
        assert conf.read_text() == "0" and again["changed"] is False and again["data"]["proven"] == 1

    def test_it_undoes_again_what_was_done_after_an_earlier_revert(self, host: Host, tmp_path: Path) -> None:
        conf = tmp_path / "conf"
        conf.write_text("0")
        put = step("put", "files", items=[{"content": "1", "dest": str(conf)}])
        host.run(put)
        host.run(step("undo", "revert"), segment="b1")
        conf.write_text("corrected by hand")
        host.run(put, run="r2")
        host.run(step("undo", "revert"), run="r2", segment="b2")
        assert conf.read_text() == "corrected by hand"

    def test_a_step_repeated_after_a_power_cut_keeps_the_first_original(self, host: Host, tmp_path: Path) -> None:
        conf = tmp_path / "conf"
        conf.write_text("0")
        host.run(step("put", "files", items=[{"content": "half", "dest": str(conf)}]))
        host.run(step("put", "files", items=[{"content": "whole", "dest": str(conf)}]), run="r2")
        host.run(step("undo", "revert"), run="r2", segment="b")
        assert conf.read_text() == "0"

    def test_a_damaged_original_is_told_and_the_others_still_come_back(self, host: Host, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).write_text(f"old {name}")
        host.run(step("put", "files", items=[{"content": "new", "dest": str(tmp_path / name)} for name in ("a", "b")]))
        (host.change_dir / "originals/put/0001").write_text("damaged")
        told = host.run(step("undo", "revert"), phase="rollback", segment="back")
        assert told.result == "rollback_failed" and "damaged" in told.end["message"]
        assert (tmp_path / "b").read_text() == "old b"

    def test_with_nothing_kept_there_is_nothing_to_do(self, host: Host) -> None:
        assert host.run(step("undo", "revert")).finished("undo")["changed"] is False


class TestRelease:
    def release(self, dest: Path, file: str, **more: object) -> dict[str, object]:
        return step("rel", "release", file=file, dest=str(dest), **more)

    def send(self, host: Host, dest: Path, file: str, content: bytes, **more: object) -> object:
        keep = {key: more.pop(key) for key in ("keep", "strip", "link") if key in more}
        return host.run(self.release(dest, file, **keep), sent={file: content}, **more)

    def test_a_release_is_unpacked_switched_and_undone(self, host: Host, tmp_path: Path) -> None:
        app = tmp_path / "app"
        self.send(host, app, "app-1.tar.gz", packed(("app-1/bin/run", "one")), strip=1, change="CHG-1")
        assert (app / "current/bin/run").read_text() == "one" and os.readlink(app / "current") == "releases/app-1"
        assert stat.S_IMODE((app / "current/bin/run").stat().st_mode) == 0o755
        self.send(host, app, "app-2.tar.gz", packed(("app-2/bin/run", "two")), strip=1)
        assert (app / "current/bin/run").read_text() == "two"
        told = host.run(step("undo", "revert"), check_file(app / "current/bin/run"), phase="rollback", segment="b")
        assert told.result == "rolled_back"
        assert (app / "current/bin/run").read_text() == "one" and not (app / "releases/app-2").exists()

    def test_the_same_release_again_changes_nothing(self, host: Host, tmp_path: Path) -> None:
        content = packed(("run", "one"))
        self.send(host, tmp_path / "app", "app-1.tar.gz", content)
        told = self.send(host, tmp_path / "app", "app-1.tar.gz", content, run="r2")
        assert told.finished("rel")["changed"] is False
        host.run(step("undo", "revert"), run="r2", segment="b")
        assert not (tmp_path / "app/current").is_symlink() and not (tmp_path / "app/releases/app-1").exists()

    def test_another_archive_of_the_same_name_gets_a_folder_of_its_own(self, host: Host, tmp_path: Path) -> None:
        self.send(host, tmp_path / "app", "app.zip", zipped(("run", "one")), change="CHG-1")
        self.send(host, tmp_path / "app", "app.zip", zipped(("run", "two")))
        assert os.readlink(tmp_path / "app/current") == "releases/app-CHG-20260101-01"

    def test_old_releases_go_but_never_the_one_before(self, host: Host, tmp_path: Path) -> None:
        for number in range(1, 6):
            self.send(
                host,
                tmp_path / "app",
                f"app-{number}.tar.gz",
                packed(("run", str(number))),
                keep=1,
                change=f"CHG-{number}",
            )
        names = sorted(path.name for path in (tmp_path / "app/releases").iterdir() if not path.name.startswith("."))
        assert names == ["app-4", "app-5"]

    def test_a_folder_in_the_place_of_the_link_is_refused(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "app/current").mkdir(parents=True)
        told = self.send(host, tmp_path / "app", "app.zip", zipped(("run", "x")), unattended=False)
        assert "is not a link" in told.end["message"]

    @pytest.mark.parametrize("suffix", ["tar.gz", "tar.xz", "tar.bz2", "tar.zst", "tar", "zip"])
    def test_every_kind_of_archive(self, tmp_path: Path, suffix: str) -> None:
        (tmp_path / "out").mkdir()
        archive = tmp_path / f"a.{suffix}"
        if suffix == "tar.zst":
            if process.run(["zstd", "-q", "-"], timeout=5).rc == process.NOT_FOUND:
                pytest.skip("no zstd here")
            archive.write_bytes(subprocess.run(["zstd", "-cq"], input=packed(("f", "x"), mode="w"), stdout=subprocess.PIPE, check=True).stdout)
        else:
            content = zipped(("f", "x")) if suffix == "zip" else packed(("f", "x"), mode="w:" + suffix[4:])
            archive.write_bytes(content)
        assert unpack(archive, archive.name, tmp_path / "out") == 1
        assert (tmp_path / "out/f").read_text() == "x"


class TestHostileArchives:
    @pytest.mark.parametrize(
        "content",
        [
            packed(("../evil", "x")), packed(("/tmp/evil-absolute", "x")), packed(("a/../../evil", "x")), zipped(("../evil", "x")),
            packed(("f", "x"), link="/etc/passwd"), packed(("f", "x"), link="../../evil"), packed(("d/f", "x"), **{"d/l": "../../evil"}),
            packed(("d/f", "x"), **{"d/up": "..", "d/out": "up/../evil"}),
        ],
    )  # fmt: skip
    def test_what_leads_out_is_refused_and_nothing_is_left(self, host: Host, tmp_path: Path, content: bytes) -> None:
        name = "a.zip" if content.startswith(b"PK") else "a.tar.gz"
        told = host.run(step("rel", "release", file=name, dest=str(tmp_path / "app")), sent={name: content}, unattended=False)
        assert told.result == "abnormal" and "refused" in told.end["message"]
        left = [path.name for path in (tmp_path / "app/releases").iterdir()]
        assert left == [".itops"] and not (tmp_path / "app/current").is_symlink()
        assert not list(tmp_path.rglob("evil*"))

    def test_nothing_is_written_through_a_link(self, tmp_path: Path) -> None:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            inside = tarfile.TarInfo("l")
            inside.type, inside.linkname = tarfile.SYMTYPE, "."
            tar.addfile(inside)
            info = tarfile.TarInfo("l/f")
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
        (tmp_path / "a.tar").write_bytes(out.getvalue())
        (tmp_path / "out").mkdir()
        with pytest.raises(StepFailed, match="no folder"):
            unpack(tmp_path / "a.tar", "a.tar", tmp_path / "out")

    def test_devices_are_refused_and_damage_is_said(self, tmp_path: Path) -> None:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            info = tarfile.TarInfo("dev")
            info.type = tarfile.CHRTYPE
            tar.addfile(info)
        (tmp_path / "a.tar").write_bytes(out.getvalue())
        (tmp_path / "out").mkdir()
        with pytest.raises(StepFailed, match="neither"):
            unpack(tmp_path / "a.tar", "a.tar", tmp_path / "out")
        (tmp_path / "b.tar.gz").write_bytes(packed(("f", "x" * 10000))[:60])
        with pytest.raises(StepFailed, match="cannot be unpacked"):
            unpack(tmp_path / "b.tar.gz", "b.tar.gz", tmp_path / "out")


SUPERVISORCTL = """#!/bin/sh
[ "$1" = -c ] && shift 2
echo "$1 $2 $3" >> "$LOG"
state=$(cat "$STATE")
case "$1" in
  start) echo STARTING > "$STATE"; echo "$2: started" ;;
  stop) echo STOPPED > "$STATE"; echo "$2: stopped" ;;
  restart) echo STARTING > "$STATE" ;;
  tail) echo "it said why" ;;
  status) [ "$state" = STARTING ] && cat "$NEXT" > "$STATE"
          echo "$2    $state   pid 12, uptime 0:00:01"; [ "$state" = RUNNING ] || exit 3 ;;
esac
"""


class TestService:
    @pytest.fixture
    def env(self, tmp_path: Path) -> dict[str, str]:
        """A fake supervisorctl whose service needs a moment to start."""
        (tmp_path / "supervisorctl").write_text(SUPERVISORCTL)
        (tmp_path / "supervisorctl").chmod(0o755)
        (tmp_path / "svc.state").write_text("STOPPED\n")
        (tmp_path / "next").write_text("RUNNING\n")
        return {"STATE": str(tmp_path / "svc.state"), "NEXT": str(tmp_path / "next"), "LOG": str(tmp_path / "log")}

    def service(self, tmp_path: Path, state: str, **more: object) -> dict[str, object]:
        control = {
            "provider": "supervisor",
            "unit": "web",
            "config": "/etc/s.conf",
            "supervisorctl": str(tmp_path / "supervisorctl"),
        }
        return step("svc", "service", state=state, control=control, **more)

    def test_it_waits_until_the_state_is_reached(self, host: Host, tmp_path: Path, env: dict[str, str]) -> None:
        line = host.run(self.service(tmp_path, "started"), env=env).finished("svc")
        assert line["result"] == "ok" and line["changed"] is True and "RUNNING" in line["feedback"]
        assert host.run(self.service(tmp_path, "started"), env=env, segment="s2").finished("svc")["changed"] is False
        assert (tmp_path / "log").read_text().count("start ") == 1

    def test_a_service_that_does_not_come_up_is_abnormal_with_its_own_words(self, host: Host, tmp_path: Path, env: dict[str, str]) -> None:
        (tmp_path / "next").write_text("FATAL\n")
        line = host.run(self.service(tmp_path, "started"), env=env, unattended=False).finished("svc")
        assert "expected the service running, found web FATAL" in line["reason"] and "it said why" in line["feedback"]

    def test_reload_does_not_restart_the_daemon_of_all(self, host: Host, tmp_path: Path, env: dict[str, str]) -> None:
        (tmp_path / "svc.state").write_text("RUNNING\n")
        assert host.run(self.service(tmp_path, "reloaded"), env=env).finished("svc")["result"] == "ok"
        assert "signal HUP web" in (tmp_path / "log").read_text()

    def test_own_commands(self, host: Host, tmp_path: Path) -> None:
        flag = tmp_path / "flag"
        control = {
            "provider": "command",
            "commands": {"start": f"touch {flag}", "stop": f"rm {flag}", "status": f"test -e {flag}"},
        }
        told = host.run(
            step("up", "service", state="started", control=control), step("is", "check", type="service", state="running", control=control),
            step("re", "service", state="restarted", control=control), step("down", "service", state="stopped", control=control),
            step("isnt", "check", type="service", state="stopped", control=control),
        )  # fmt: skip
        assert told.result == "done" and not flag.exists()
        assert "has no command for reload" in host.run(
            step("rl", "service", state="reloaded", control=control), unattended=False, segment="s2").end["message"]  # fmt: skip

    def test_an_unknown_provider_is_said(self, host: Host) -> None:
        told = host.run(step("x", "service", state="started", control={"provider": "openrc"}), unattended=False)
        assert "unknown service control 'openrc'" in told.end["message"]


SYSTEMCTL = """#!/bin/sh
case "$1" in
  show) [ "$2" = none ] && { echo LoadState=not-found; echo ActiveState=inactive; exit 0; }
        [ -e "$DIR/starting" ] && { rm "$DIR/starting"; echo LoadState=loaded; echo ActiveState=activating; exit 0; }
        echo LoadState=loaded; echo ActiveState=$(cat "$DIR/active"); echo SubState=running; echo MainPID=7; echo Result=$(cat "$DIR/result") ;;
  start) [ "$2" = none ] && { echo "Unit none not found." >&2; exit 5; }
         touch "$DIR/starting"; cp "$DIR/next" "$DIR/active" ;;
  stop) echo inactive > "$DIR/active" ;;
esac
"""


class TestSystemd:
    """Against a fake systemctl; the lab has the real one."""

    @pytest.fixture
    def env(self, tmp_path: Path) -> dict[str, str]:
        folder = tmp_path / "fake"
        folder.mkdir()
        for name, text in {"systemctl": SYSTEMCTL, "journalctl": "#!/bin/sh\necho why it died\n"}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        for name, text in {"active": "inactive", "next": "active", "result": "success"}.items():
            (folder / name).write_text(text)
        return {"DIR": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}

    def service(self, state: str, unit: str = "web") -> dict[str, object]:
        return step("svc", "service", state=state, control={"provider": "systemd", "unit": unit})

    def test_started_means_active_not_only_asked_for(self, host: Host, env: dict[str, str]) -> None:
        line = host.run(self.service("started"), env=env).finished("svc")
        assert line["feedback"] == "web: active (running), pid 7" and line["data"] == {
            "before": "stopped",
            "after": "running",
        }
        assert host.run(self.service("stopped"), env=env, segment="s2").finished("svc")["data"]["after"] == "stopped"

    def test_a_unit_that_fails_is_told_with_its_journal(self, host: Host, tmp_path: Path, env: dict[str, str]) -> None:
        (tmp_path / "fake/next").write_text("failed")
        (tmp_path / "fake/result").write_text("exit-code")
        line = host.run(self.service("started"), env=env, unattended=False).finished("svc")
        assert "found web: failed" in line["reason"] and "why it died" in line["feedback"]

    def test_a_unit_that_is_not_there(self, host: Host, env: dict[str, str]) -> None:
        line = host.run(self.service("started", "none"), env=env, unattended=False).finished("svc")
        assert line["reason"] == "start ended with exit status 5, expected 0" and "not found" in line["feedback"]


class TestHostSteps:
    def test_space_adds_up_on_one_filesystem(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "data").write_bytes(b"x" * 1000)
        paths = [
            {"path": str(tmp_path / "not/yet"), "need_bytes": 500},
            {"path": str(tmp_path), "need_bytes_of": [str(tmp_path / "data")]},
        ]
        assert host.run(step("room", "space", paths=paths)).finished("room")["data"]["paths"][0]["need"] == 1500
        told = host.run(step("room", "space", paths=[{"path": "/", "need_bytes": 10**18}]), unattended=False, segment="s2")
        assert "not enough room on /" in told.end["message"]

    def test_runnable_says_what_there_is(self, host: Host) -> None:
        assert "Python 3" in host.run(step("run", "runnable"), detach=False, phase="gate").finished("run")["feedback"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_a_step_makes_belongs_to_its_user(host: Host, tmp_path: Path) -> None:
    steps = [
        step("rel", "release", file="a.zip", dest=str(tmp_path / "app")),
        step("put", "files", items=[{"content": "x", "dest": str(tmp_path / "f")}]),
    ]
    host.run(*({**one, "run_as": "nobody"} for one in steps), sent={"a.zip": zipped(("d/run", "x"))})
    for path in (tmp_path / "app/current/d/run", tmp_path / "app/releases/a", tmp_path / "f"):
        assert path.owner() == "nobody"


def test_a_step_that_python_does_itself_has_a_time_limit_too(host: Host, tmp_path: Path) -> None:
    upload = listed("p.bin", b"x")
    body = host.segment(
        command("swap", f"cd {host.change_dir}/files && rm p.bin && mkfifo p.bin"),
        step("hash", "hash", timeout=1),
        unattended=False,
    )
    told = Told(host.op("start", {"segment": {**body, "files": [{**upload, "size": None}]}}, {"p.bin": b"x"}))
    assert told.finished("hash")["reason"] == "timed out after 1 s"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else without sudo")
def test_root_becomes_the_step_s_user_with_his_groups_and_home(host: Host) -> None:
    told = host.run({**command("who", 'id -un; echo "$HOME"; id -gn'), "run_as": "nobody"})
    assert told.finished("who")["feedback"].split()[0] == "nobody"
    assert told.finished("who")["feedback"].split()[1] != "/root"


def test_a_sudo_that_breaks_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sudo").write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    done = process.run(["true"], run_as="root")
    assert done.error == "cannot become root: sudo: a password is required"
