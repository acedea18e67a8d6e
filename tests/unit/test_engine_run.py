# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host transaction, end to end on this machine: the real engine, started as over ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import host_protocol

from .engine_host import PATIENCE, Host, Told, check_file, command, listed, step, until


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def waiting(tmp_path: Path, name: str = "hold") -> dict[str, object]:
    """A step that lasts until the test lets it go."""
    return command(name, f"touch {tmp_path}/reached; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done", timeout=int(PATIENCE))


def reached(tmp_path: Path) -> None:
    until((tmp_path / "reached").exists, "the step")


class TestForward:
    def test_steps_run_one_after_the_other_and_are_in_the_journal(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("one", f"echo 1 >> {tmp_path}/log"), command("two", f"echo 2 >> {tmp_path}/log; echo fine"))
        assert told.result == "done" and told.end["changed"] is True
        assert (tmp_path / "log").read_text() == "1\n2\n"
        assert [line["event"] for line in told.lines] == [
            "segment_started", "step_started", "step_finished", "step_started", "step_finished", "segment_finished",
        ]  # fmt: skip
        assert [line["n"] for line in told.lines] == [1, 2, 3, 4, 5, 6]
        assert told.finished("two")["feedback"] == "fine\n"
        assert told.finished("two")["rc"] == 0

    def test_no_float_ever_reaches_the_journal(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("one", "true"), check_file(tmp_path), step("room", "space", paths=[{"path": "/", "need_bytes": 1}]))

        def floats(value: object) -> bool:
            if isinstance(value, dict):
                return any(map(floats, value.values()))
            return any(map(floats, value)) if isinstance(value, list) else isinstance(value, float)

        assert not floats(told.lines)

    def test_an_attended_segment_stops_at_the_first_abnormal_step(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("bad", "echo broken; exit 3"), command("never", f"touch {tmp_path}/x"), unattended=False)
        assert told.result == "abnormal"
        assert told.end["step"] == "bad"
        assert "exit status 3, expected 0" in told.end["message"] and "broken" in told.end["message"]
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize(
        ("expect", "reason"),
        [
            ({"rc": [0, 7]}, ""),
            ({"rc": [7], "contains": "alpha"}, ""),
            ({"rc": [7], "contains": "gamma"}, "expected feedback containing 'gamma', found 'alpha beta'"),
            ({"rc": [7], "matches": "^beta$"}, ""),
            ({"rc": [7], "matches": "^eta"}, "expected feedback matching '^eta', found 'alpha beta'"),
            ({"rc": [7], "absent": "b.ta"}, "expected feedback without 'b.ta', found 'beta'"),
            ({}, "exit status 7, expected 0; last line 'beta'"),
        ],
    )
    def test_feedback_is_judged_by_the_plan(self, host: Host, expect: dict[str, object], reason: str) -> None:
        told = host.run(command("say", "echo alpha; echo beta; exit 7", expect=expect), unattended=False)
        assert told.finished("say")["reason"] == reason

    def test_a_step_that_takes_too_long_is_killed_with_all_it_started(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("slow", f"sleep 600 & echo $! > {tmp_path}/pid; wait", timeout=1), unattended=False)
        assert told.finished("slow")["reason"] == "timed out after 1 s"
        pid = int((tmp_path / "pid").read_text())
        until(
            lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(),
            "its death",
        )

    def test_a_daemon_left_behind_does_not_hold_the_step_up(self, host: Host) -> None:
        told = host.run(command("daemon", f"sleep {PATIENCE * 3:g} & echo started"))
        assert told.finished("daemon")["feedback"] == "started\n"

    def test_long_feedback_is_cut_and_the_rest_kept_for_evidence(self, host: Host) -> None:
        line = host.run(command("talk", "seq 1 5000")).finished("talk")
        assert len(line["feedback"]) <= 4000 and line["feedback"].startswith("1\n2\n") and line["feedback"].endswith("5000\n")
        assert line["output"] == "".join(f"{n}\n" for n in range(1, 5001))

    def test_a_missing_command_and_an_unknown_user_are_abnormal_with_their_reason(self, host: Host) -> None:
        told = host.run(step("none", "command", command="no-such-command-here"), unattended=False)
        assert told.finished("none")["reason"].startswith("cannot run no-such-command-here: ")
        told = host.run({**command("who", "id"), "run_as": "no-such-user"}, unattended=False, segment="patch-2")
        assert "no-such-user" in told.finished("who")["reason"]

    def test_unknown_step_types_are_refused_by_name(self, host: Host) -> None:
        assert "unknown step type 'dance'" in host.run(step("odd", "dance"), unattended=False).end["message"]

    def test_no_step_begins_after_the_deadline(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("late", f"touch {tmp_path}/x"), unattended=False, deadline=int(time.time()) - 5)
        assert told.result == "abnormal" and "the window ends at" in told.end["message"]
        assert told.begun() == []

    def test_no_step_begins_that_would_not_end_before_the_deadline(self, host: Host, tmp_path: Path) -> None:
        long = {**command("long", f"touch {tmp_path}/long"), "expected_s": 600}
        undo = {**command("undo", f"touch {tmp_path}/undone"), "expected_s": 9000}
        told = host.run(command("first", "true"), long, back=(undo, check_file(tmp_path / "undone")), deadline=int(time.time()) + 60)
        assert told.result == "rolled_back" and "it takes about 600 s" in str(told.lines)
        assert not (tmp_path / "long").exists() and (tmp_path / "undone").exists(), "the way back is never stopped by the clock"


class TestWayBack:
    def test_an_unattended_failure_is_rolled_back_at_once(self, host: Host, tmp_path: Path) -> None:
        conf = tmp_path / "app.conf"
        conf.write_text("old\n")
        told = host.run(
            step("put", "files", items=[{"content": "new\n", "dest": str(conf)}]), command("test", f"grep -q old {conf}"),
            back=(step("undo", "revert"), check_file(conf)),
        )  # fmt: skip
        assert told.result == "rolled_back"
        assert told.end["step"] == "test"
        assert conf.read_text() == "old\n"

    def test_without_a_verification_it_is_unverified(self, host: Host) -> None:
        assert host.run(command("bad", "false"), back=(command("undo", "true"),)).result == "rolled_back_unverified"

    def test_a_failing_check_makes_it_unverified(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("bad", "false"), back=(command("undo", "true"), check_file(tmp_path / "nothing")))
        assert told.result == "rolled_back_unverified"
        assert told.end["message"].startswith("exit status 1")

    def test_a_failing_step_of_it_does_not_stop_the_others_and_never_hides_the_first_error(self, host: Host, tmp_path: Path) -> None:
        told = host.run(
            command("bad", "echo first; false"),
            back=(command("undo", "echo second; false"), command("up", f"touch {tmp_path}/up")),
        )
        assert told.result == "rollback_failed"
        assert (tmp_path / "up").exists()
        assert told.end["message"].index("first") < told.end["message"].index("undo: ")

    def test_a_rollback_segment_says_what_the_way_back_is_worth(self, host: Host, tmp_path: Path) -> None:
        more = {"phase": "rollback", "unattended": True}
        assert host.run(command("u", "true"), check_file(tmp_path), **more, segment="a").result == "rolled_back"
        assert host.run(command("u", "true"), **more, segment="b").result == "rolled_back_unverified"
        told = host.run(command("u", "false"), command("up", f"touch {tmp_path}/up"), check_file(tmp_path), **more, segment="c")
        assert told.result == "rollback_failed" and (tmp_path / "up").exists()


class TestDetached:
    def test_it_outlives_the_connection_and_is_rejoined(self, host: Host, tmp_path: Path) -> None:
        first = host.start(waiting(tmp_path), command("after", "echo done"), wait_ms=0)
        assert first["ok"] and not first["ended"] and first["alive"]
        reached(tmp_path)
        seen = host.read(first["offset"])
        assert seen["alive"] and not seen["ended"]
        (tmp_path / "go").touch()
        assert host.ended().result == "done"
        late = host.read(10**6)
        assert late["lines"] == [] and not late["alive"]

    def test_it_has_no_terminal_no_parent_and_a_session_of_its_own(self, host: Host, tmp_path: Path) -> None:
        pid = host.start(waiting(tmp_path), wait_ms=0)["lines"][0]["pid"]
        reached(tmp_path)
        assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)} == {"/dev/null"}
        assert os.getsid(pid) != os.getsid(0)
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        os.kill(pid, signal.SIGHUP)
        (tmp_path / "go").touch()
        assert host.ended().result == "done"

    def test_a_service_started_by_it_does_not_inherit_ignored_signals(self, host: Host) -> None:
        said = host.run(command("look", "grep SigIgn /proc/self/status")).finished("look")["feedback"]
        assert int(said.split()[1], 16) & (1 << (signal.SIGHUP - 1) | 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGPIPE - 1)) == 0

    def test_a_second_start_of_the_same_segment_never_runs_it_twice(self, host: Host, tmp_path: Path) -> None:
        host.start(waiting(tmp_path), wait_ms=0)
        reached(tmp_path)
        again = host.start(waiting(tmp_path), wait_ms=0)
        assert again["ok"] and again["refused"] == "duplicate" and again["holder"]["segment"] == "patch-1"
        (tmp_path / "go").touch()
        host.ended()
        assert host.start(waiting(tmp_path), wait_ms=0)["refused"] == "duplicate"

    def test_another_run_is_refused_while_one_is_alive(self, host: Host, tmp_path: Path) -> None:
        host.start(waiting(tmp_path), wait_ms=0)
        reached(tmp_path)
        other = host.start(command("x", "true"), run="r2", change="CHG-20260101-02")
        assert other["refused"] == "locked"
        assert other["holder"]["change"] == "CHG-20260101-01" and other["holder"]["run"] == "r1"
        (tmp_path / "go").touch()
        host.ended()
        assert host.run(command("x", "true"), run="r2", change="CHG-20260101-02").result == "done"

    def test_a_killed_runner_leaves_an_interrupted_segment_and_a_free_lock(self, host: Host, tmp_path: Path) -> None:
        pid = host.start(command("first", "true"), waiting(tmp_path), wait_ms=0)["lines"][0]["pid"]
        reached(tmp_path)
        os.kill(pid, signal.SIGKILL)
        found = until(lambda: not (now := host.stored())["lock"] and now, "the end of the lock")["segments"]
        assert [(item["status"], item["step"], item["alive"]) for item in found] == [("interrupted", "hold", False)]
        told = host.read()
        assert not told["ended"] and not told["alive"]
        (tmp_path / "go").touch()
        until(lambda: not host.stored()["leftover"], "the end of the command")
        blocked = host.run(step("free", "lock_free"), change="CHG-20260101-02", phase="gate", detach=False)
        assert "CHG-20260101-01 was interrupted" in blocked.end["message"]

    def test_nobody_starts_beside_a_command_that_outlived_its_runner(self, host: Host, tmp_path: Path) -> None:
        pid = host.start(waiting(tmp_path), wait_ms=0)["lines"][0]["pid"]
        reached(tmp_path)
        os.kill(pid, signal.SIGKILL)
        left = until(lambda: host.stored()["leftover"], "the end of the lock")
        refused = host.start(command("x", "true"), run="r2", phase="rollback")
        assert refused["refused"] == "locked" and refused["holder"] == left and left["segment"] == "patch-1"
        (tmp_path / "go").touch()
        until(lambda: not host.stored()["leftover"], "the end of the command")
        assert host.run(command("x", "true"), run="r3").result == "done"

    def test_state_knows_who_holds_the_lock(self, host: Host, tmp_path: Path) -> None:
        host.start(waiting(tmp_path), wait_ms=0)
        reached(tmp_path)
        now = host.stored()
        assert now["lock"]["segment"] == "patch-1"
        assert [(item["status"], item["step"]) for item in now["segments"]] == [("running", "hold")]
        (tmp_path / "go").touch()
        host.ended()
        after = host.stored()
        assert after["segments"][0]["result"] == "done" and after["segments"][0]["status"] == "finished"


class TestCancel:
    def cancelled(self, host: Host, tmp_path: Path, *before: dict[str, object], **more: object) -> Told:
        host.start(*before, waiting(tmp_path), command("never", f"touch {tmp_path}/never"), wait_ms=0, **more)
        reached(tmp_path)
        assert host.op("cancel", host.names(by="wang", signal="SIGINT"), engine=False) == {"ok": True, "alive": True}
        (tmp_path / "go").touch()
        told = host.ended()
        assert not (tmp_path / "never").exists()
        return told

    def test_it_stops_at_the_step_boundary(self, host: Host, tmp_path: Path) -> None:
        told = self.cancelled(host, tmp_path, unattended=False)
        assert told.result == "cancelled"
        assert [(line["signal"], line["by"]) for line in told.lines if line["event"] == "cancel_requested"] == [("SIGINT", "wang")]

    def test_after_a_change_an_unattended_segment_goes_back(self, host: Host, tmp_path: Path) -> None:
        assert self.cancelled(host, tmp_path, back=(command("undo", "true"), check_file(tmp_path))).result == "rolled_back"

    def test_sigterm_is_a_cancel(self, host: Host, tmp_path: Path) -> None:
        pid = host.start(waiting(tmp_path), command("never", "true"), wait_ms=0, unattended=False)["lines"][0]["pid"]
        reached(tmp_path)
        os.kill(pid, signal.SIGTERM)
        (tmp_path / "go").touch()
        assert host.ended().result == "cancelled"

    def test_before_any_change_there_is_nothing_to_go_back_from(self, host: Host, tmp_path: Path) -> None:
        wait = step("log", "check", type="file", path=str(tmp_path / "go"), exists=True, retries=1000, delay=0.02)
        host.start(wait, command("never", "false"), back=(command("undo", f"touch {tmp_path}/undone"),), wait_ms=0)
        host.op("cancel", host.names(by="wang"), engine=False)
        (tmp_path / "go").touch()
        assert host.ended().result == "cancelled"
        assert not (tmp_path / "undone").exists()


class TestConfirmation:
    def test_a_confirmed_change_stays(self, host: Host, tmp_path: Path) -> None:
        host.start(
            command("cut", "true"),
            back=(command("undo", f"touch {tmp_path}/undone"),),
            confirm_within_s=int(PATIENCE),
            wait_ms=0,
        )
        until(lambda: any(line["event"] == "confirm_wait" for line in host.read()["lines"]), "the waiting")
        assert host.op("confirm", host.names(), engine=False)["alive"]
        assert host.ended().result == "done"
        assert not (tmp_path / "undone").exists()

    def test_an_unconfirmed_one_is_undone_by_the_host(self, host: Host, tmp_path: Path) -> None:
        told = host.run(command("cut", "true"), back=(command("undo", "true"), check_file(tmp_path)), confirm_within_s=1)
        assert told.result == "rolled_back"
        assert "not confirmed in time" in told.end["message"]


class TestSecrets:
    def test_planted_secrets_are_found_nowhere(self, host: Host, tmp_path: Path) -> None:
        secrets = ["S3cr&t/plain value", "short1", 'quo"te\\d']
        env = {"DB_PASSWORD": "from-the-environment"}
        told = host.run(
            command("say", 'echo "$DB_PASSWORD"; echo "$MORE"; echo "S3cr&t/plain value" short1; printf %s "S3cr&t/plain value" | base64'),
            {**command("env", "echo $MORE"), "args": {"command": "echo $MORE", "shell": True, "env": {"MORE": 'quo"te\\d'}}},
            command("fail", "echo 'S3cr&t/plain value' >&2; false"), step("cfg", "files", items=[{"content": "short1", "dest": str(tmp_path / "cfg")}]),
            secrets=[*secrets, "from-the-environment"], env=env, unattended=False,
        )  # fmt: skip
        assert "«redacted»" in told.finished("say")["feedback"]
        everything = str(told.answer) + "".join(p.read_text() for p in host.change_dir.rglob("*") if p.is_file() and p.name != "ballast")
        for secret in [*secrets, "from-the-environment", "UzNjciZ0L3BsYWluIHZhbHVl"]:
            assert secret not in everything

    def test_a_secret_that_reads_like_our_own_words_breaks_nothing(self, host: Host) -> None:
        told = host.run(command("say", "echo done ok"), secrets=["done", "ok", "patch-1", "step_finished", "result"])
        assert told.result == "done" and told.finished("say")["feedback"] == "«redacted» «redacted»\n"

    def test_everything_is_private(self, host: Host) -> None:
        host.run(command("x", "true"), sent={"a.txt": b"x"})
        for path in [host.state, *host.state.rglob("*")]:
            if "engine" not in path.parts:
                assert path.stat().st_mode & 0o077 == 0, path


class TestPatchFiles:
    def test_files_are_hashed_before_anything_runs(self, host: Host, tmp_path: Path) -> None:
        body = {"segment": {**host.segment(command("never", f"touch {tmp_path}/x")), "files": [listed("p.bin", b"good")]}}
        answer = host.op("start", body, {"p.bin": b"evil"})
        assert answer["ok"] is False and "sha256" in answer["error"] and not (tmp_path / "x").exists()
        assert host.op("start", body, {"p.bin": b"good"})["lines"][-1]["result"] == "done"

    def test_a_file_that_changed_meanwhile_is_not_used(self, host: Host, tmp_path: Path) -> None:
        told = host.run(
            command("tamper", f"echo evil > {host.change_dir}/files/p.bin"), step("put", "files", items=[{"file": "p.bin", "dest": str(tmp_path / "p")}]),
            unattended=False, sent={"p.bin": b"good\n"},
        )  # fmt: skip
        assert told.result == "abnormal" and "sha256" in told.end["message"]
        assert not (tmp_path / "p").exists()

    def test_big_files_are_copied_from_where_they_were_put(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "upload").write_bytes(b"big")
        body = {
            "segment": {
                **host.segment(step("hash", "hash")),
                "files": [{**listed("p.bin", b"big"), "path": str(tmp_path / "upload")}],
            }
        }
        assert Told(host.op("start", body)).result == "done"
        assert (host.change_dir / "files" / "p.bin").stat().st_mode & 0o777 == 0o600

    def test_names_that_lead_elsewhere_are_refused(self, host: Host) -> None:
        body = {"segment": {**host.segment(command("x", "true")), "files": [listed("../p", b"x")]}}
        assert host.op("start", body, {"../p": b"x"})["ok"] is False
        assert host.op("start", {"segment": host.segment(command("x", "true"), change="../../etc")})["kind"] == "UnsafePlace"


class TestFullDisk:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Path]:
        """A filesystem of 6 MiB."""
        place = tmp_path / "small"
        place.mkdir()
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(place)], check=False).returncode:
            pytest.skip("needs root to mount a small filesystem")
        yield place
        subprocess.run(["umount", "-l", str(place)], check=False)

    @pytest.mark.parametrize("then", ["false", "seq 1 9000"], ids=["the step fails", "only the journal has no room any more"])
    def test_an_update_that_fills_the_disk_is_rolled_back_and_told(self, small: Path, then: str) -> None:
        host, conf = Host(small), small / "app.conf"
        conf.write_text("old\n" * 1000)
        told = host.run(
            step("put", "files", items=[{"content": "new\n" * 2000, "dest": str(conf)}]), command("fill", f"cat /dev/zero > {small}/big; {then}"),
            command("never", "true"), back=(step("undo", "revert"), check_file(conf)),
        )  # fmt: skip
        assert told.result == "rolled_back"
        assert "disk is full" in told.end["message"] or "No space left" in told.end["message"]
        assert "never" not in told.begun()
        assert conf.read_text() == "old\n" * 1000

    def test_nothing_starts_on_a_full_disk(self, small: Path) -> None:
        host = Host(small)
        host.op("state", {"change": "x"})
        subprocess.run(["sh", "-c", f"cat /dev/zero > {small}/big"], check=False, stderr=subprocess.DEVNULL)
        answer = host.start(command("never", f"touch {small}/x"))
        assert answer["ok"] is False and "No space left" in answer["error"]
        assert not (small / "x").exists()


class TestProtocol:
    def test_the_small_request_says_when_the_engine_is_missing(self, host: Host) -> None:
        assert host.op("state", {"change": "c"}, engine=False)["missing_engine"] is True
        assert host.op("state", {"change": "c"})["ok"]
        assert host.op("state", {"change": "c"}, engine=False)["ok"]

    def test_unknown_segments_are_said(self, host: Host) -> None:
        host.op("state", {"change": "c"})
        assert host.read()["missing"] is True

    def test_many_installs_at_once_leave_one_engine(self, host: Host) -> None:
        shell = host_protocol.bootstrap(host.python, str(host.state), "state")
        crowd = [subprocess.Popen(["sh", "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(6)]
        answers = [host_protocol.reply(one.communicate(host_protocol.request({"change": "c"}))[0].decode()) for one in crowd]
        assert all(answer["ok"] for answer in answers)
        assert [path.name for path in (host.state / "engine").iterdir()] == [host_protocol.engine().digest]

    def test_a_state_directory_that_is_a_link_is_refused(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        host.state.symlink_to(tmp_path / "elsewhere")
        assert host.op("state", {"change": "c"})["kind"] == "UnsafePlace"
