# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing lost: one fault each, judged by the state of the hosts, the record and the exit status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.house import LIMIT, until
from tests.lab.conftest import PRIMARY, STANDBY, LabHouse, lab, link, on

HOLD = {"kind": "update", "title": "等待", "command": "/srv/shop/hold /run/mid", "timeout": 300}


def in_the_middle(house: LabHouse, cid: str, rejoin: int | None = None) -> subprocess.Popen[str]:
    """A run that waits inside the update of the standby, seen by the controller."""
    if rejoin is not None:
        house.write("inventory/group_vars/all.yml", {"itops_rejoin_within": rejoin})
    running = house.start("run", cid)

    def under_way() -> bool:
        assert running.poll() is None, running.communicate()[0]  # ended before it came so far: what it said is why
        return any(e.kind == "step_started" and e.host == STANDBY and e.data["title"] == "等待" for e in house.events(cid))

    until(under_way, "the update to be under way", LIMIT)
    return running


def go_on(*hosts: str) -> None:
    for host in hosts:
        on(host, "touch /run/mid.go")


def ended(running: subprocess.Popen[str]) -> str:
    return str(running.communicate(timeout=2 * LIMIT)[0])


def untouched(house: LabHouse, cid: str) -> None:
    assert house.version(PRIMARY) == "1.0" and house.serving(PRIMARY) == "200"
    assert not [e for e in house.events(cid) if e.host == PRIMARY and e.phase == "patch"]


@pytest.mark.parametrize("fault", ["digest", "extra", "missing"])
def test_staging_differs_from_the_notice(house: LabHouse, fault: str) -> None:
    cid = house.change()
    patch = house.root / "staging" / cid / "shop-2.0.tar.gz"
    if fault == "digest":
        patch.write_bytes(patch.read_bytes()[:-1] + b"?")
    elif fault == "extra":
        (patch.parent / "extra.bin").write_bytes(b"?")
    else:
        patch.unlink()
    done = house.itops("run", cid)
    assert done.returncode == 3, done.stdout + done.stderr
    assert on(STANDBY, "test -e /var/lib/itops && echo there || true").strip() == "", "no host was even asked"
    untouched(house, cid)


def test_step_returns_non_zero(house: LabHouse) -> None:
    cid = house.change(after=[{"kind": "update", "title": "坏命令", "command": "sh -c 'echo 出错了 >&2; exit 3'"}])
    before = house.picture(STANDBY)
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.picture(STANDBY) == before and house.serving(STANDBY) == "200"
    step = next(s for s in house.record(cid)["steps"] if s["title"] == "坏命令")
    assert step["rc"] == 3 and step["result"] == "abnormal" and "出错了" in step["feedback"]
    untouched(house, cid)
    house.sound(cid)


def test_check_times_out(house: LabHouse) -> None:
    house.checks = [*house.checks, {"type": "command", "title": "卡住", "command": "sleep 600", "timeout": 2, "when": ["after"]}]
    cid = house.change()
    before = house.picture(STANDBY)
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.picture(STANDBY) == before
    untouched(house, cid)


def test_disk_full_during_the_backup(house: LabHouse) -> None:
    """The gate looks at space; here it goes away after the gate has looked."""
    on(STANDBY, "mount -t tmpfs -o size=24m tmpfs /srv/shop/backup; head -c 40000000 /dev/urandom > /srv/shop/srv/big.dat")
    before = house.picture(STANDBY)
    cid = house.change()
    done = house.itops("run", cid)
    assert done.returncode in (3, 15), done.stdout + done.stderr
    assert house.picture(STANDBY) == before and house.serving(STANDBY) == "200"
    assert on(STANDBY, "ls /srv/shop/backup").strip() == "", "nothing half-written"
    untouched(house, cid)
    house.sound(cid)


def test_disk_full_during_the_update(house: LabHouse) -> None:
    on(STANDBY, "systemctl stop shop; cp -a /srv/shop /srv/keep; mount -t tmpfs -o size=30m tmpfs /srv/shop; cp -a /srv/keep/. /srv/shop/; rm -rf /srv/keep;"
                " systemctl start shop")  # fmt: skip
    until(lambda: house.serving(STANDBY) == "200", "the shop")
    before = house.picture(STANDBY)
    fill = {"kind": "update", "title": "写满磁盘", "command": "sh -c 'head -c 50000000 /dev/zero > /srv/shop/srv/fill.dat'"}
    cid = house.change(after=[fill])
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.picture(STANDBY) == before and house.serving(STANDBY) == "200"
    untouched(house, cid)
    house.sound(cid)


def test_host_powered_off_in_the_middle_of_its_update(house: LabHouse) -> None:
    cid = house.change(before=[HOLD])
    running = in_the_middle(house, cid, rejoin=5)
    lab("kill", STANDBY)
    said = ended(running)
    assert running.returncode == 14, said
    assert house.hosts(cid) == {STANDBY: "contact_lost", PRIMARY: "not_started"}
    untouched(house, cid)
    house.sound(cid)
    lab("boot", STANDBY)
    resumed = house.itops("resume", cid)
    assert resumed.returncode not in (0, 3), "an interrupted update is not gone on with"
    assert "itops rollback" in resumed.stdout
    back = house.itops("rollback", cid)
    assert back.returncode == 11, back.stdout + back.stderr
    assert house.version(STANDBY) == "1.0" and house.serving(STANDBY) == "200"
    assert house.hosts(cid)[STANDBY] == "rolled_back"
    house.sound(cid)


def test_link_cut_and_back_within_the_rejoin_time(house: LabHouse) -> None:
    cid = house.change(before=[HOLD])
    running = in_the_middle(house, cid, rejoin=120)
    link(STANDBY, "down")
    until(lambda: "contact_lost" in house.kinds(cid, STANDBY), "the controller to notice", 120)
    go_on(STANDBY, PRIMARY)
    link(STANDBY, "up")
    said = ended(running)
    assert running.returncode == 0, said
    assert "contact_regained" in house.kinds(cid, STANDBY)
    assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "achieved"}
    lines = [e.data["n"] for e in house.events(cid) if e.host == STANDBY and e.data.get("segment") == "patch-1" and "n" in e.data]
    assert lines == list(range(1, len(lines) + 1)), "every line of the host's journal, once"
    house.sound(cid)


def test_link_cut_and_not_back(house: LabHouse) -> None:
    cid = house.change(before=[HOLD])
    running = in_the_middle(house, cid, rejoin=5)
    link(STANDBY, "down")
    said = ended(running)
    assert running.returncode == 14, said
    assert house.hosts(cid) == {STANDBY: "contact_lost", PRIMARY: "not_started"}
    untouched(house, cid)
    house.sound(cid)
    go_on(STANDBY, PRIMARY)
    until(lambda: house.version(STANDBY) == "2.0" and house.serving(STANDBY) == "200", "the host to finish by itself")
    link(STANDBY, "up")
    resumed = house.itops("resume", cid)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "achieved"}
    house.sound(cid)


def processes_of(house: LabHouse) -> list[int]:
    """Ansible's processes of this workspace (ansible-runner gives them a session of their own)."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if b"ansible-playbook" in command and str(house.root).encode() in command:
                found.append(int(entry.name))
    return found


def controller_killed(house: LabHouse, cid: str) -> None:
    running = in_the_middle(house, cid)
    for pid in processes_of(house):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(LIMIT)


@pytest.mark.parametrize("way", ["resume", "rollback"])
def test_controller_killed_in_the_middle(house: LabHouse, way: str) -> None:
    cid = house.change(before=[HOLD])
    before = house.picture(STANDBY)
    controller_killed(house, cid)
    doctor = house.itops("doctor", "--format", "json")
    assert doctor.returncode == 5 and json.loads(doctor.stdout)[0]["change"] == cid
    go_on(STANDBY, PRIMARY)
    done = house.itops(way, cid)
    if way == "resume":
        assert done.returncode == 0, done.stdout + done.stderr
        assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "achieved"}
    else:
        assert done.returncode == 11, done.stdout + done.stderr
        assert house.hosts(cid)[STANDBY] == "rolled_back" and house.picture(STANDBY) == before
        assert house.serving(STANDBY) == "200"
    assert house.itops("doctor").returncode == 0
    house.sound(cid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_at_the_step_boundary(house: LabHouse, number: signal.Signals) -> None:
    cid = house.change(before=[HOLD])
    before = house.picture(STANDBY)
    running = in_the_middle(house, cid)
    running.send_signal(number)
    until(lambda: on(STANDBY, f"ls /var/lib/itops/{cid}/*/patch-1/cancel 2>/dev/null || true").strip(), "the wish to stop to reach the host")
    go_on(STANDBY, PRIMARY)
    said = ended(running)
    assert running.returncode == 11, said
    assert house.picture(STANDBY) == before and house.serving(STANDBY) == "200"
    untouched(house, cid)
    house.sound(cid)


def test_rollback_itself_fails(house: LabHouse) -> None:
    cid = house.change(broken=True, undo=[{"kind": "rollback", "title": "坏的回滚", "command": "false"}])
    done = house.itops("run", cid)
    assert done.returncode == 13, done.stdout + done.stderr
    assert house.hosts(cid) == {STANDBY: "rollback_failed", PRIMARY: "not_started"}
    untouched(house, cid)
    house.sound(cid)


def test_two_runs_at_once(house: LabHouse) -> None:
    first, second = house.change(1, before=[HOLD]), house.change(2, version="3.0")
    running = in_the_middle(house, first)
    refused = house.itops("run", second)
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "lock" in house.findings(second)
    go_on(STANDBY, PRIMARY)
    said = ended(running)
    assert running.returncode == 0, said
    assert house.version(PRIMARY) == "2.0"


@pytest.mark.parametrize("options", ["ro,size=1m", "size=4k"])
def test_record_folder_read_only_or_full_before_the_start(house: LabHouse, options: str) -> None:
    cid = house.change()
    records = house.root / "records"
    records.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(records)], check=True)
    try:
        if "ro" not in options:
            with pytest.raises(OSError, match="No space"), (records / "fill").open("wb", buffering=0) as stream:
                while stream.write(bytes(4096)):
                    pass
        done = house.itops("run", cid)
        assert done.returncode == 20, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    finally:
        subprocess.run(["umount", str(records)], check=True)
    assert house.version(STANDBY) == house.version(PRIMARY) == "1.0"


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_record_folder_fails_in_the_middle(house: LabHouse, tmp_path: Path, fault: str) -> None:
    """The host goes on by itself, nothing further is begun, and what the record lacks is read from the host afterwards."""
    cid = house.change(before=[HOLD])
    records = house.root / "records"
    records.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(records)], check=True)
    try:
        running = in_the_middle(house, cid)
        if fault == "full":
            with pytest.raises(OSError, match="No space"), (records / "fill").open("wb", buffering=0) as stream:
                while stream.write(bytes(1)):
                    pass
        else:
            shutil.copytree(house.folder(cid), tmp_path / "copy")  # the mount itself is busy with the run's locks: its folder is covered
            subprocess.run(["mount", "--bind", str(tmp_path / "copy"), str(house.folder(cid))], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(house.folder(cid))], check=True)
        go_on(STANDBY, PRIMARY)
        said = ended(running)
        assert running.returncode == 20, said
        assert house.version(PRIMARY) == "1.0", "nothing further was begun"
        (records / "fill").unlink() if fault == "full" else subprocess.run(["umount", str(house.folder(cid))], check=True)
        assert house.itops("record", "verify", cid).returncode == 0, "what is there is whole"
        resumed = house.itops("resume", cid)
        assert resumed.returncode == 0, resumed.stdout + resumed.stderr
        assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "achieved"}
        house.sound(cid)
    finally:
        subprocess.run(["umount", "-l", str(records)], check=True)


def test_callback_disabled(house: LabHouse) -> None:
    cid = house.change()
    (house.root / "ansible.cfg").write_text("[defaults]\n")
    done = house.playbook("maintain", cid)
    assert done.returncode != 0 and "no record, no maintenance" in done.stdout + done.stderr
    assert house.version(STANDBY) == "1.0" and set(house.kinds(cid)) == {"decided"}


def test_sudo_breaks_midway(house: LabHouse) -> None:
    """The host's runner is already root and finishes; the controller cannot read it any more and says so."""
    cid = house.change(before=[HOLD])
    running = in_the_middle(house, cid, rejoin=5)
    on(STANDBY, "rm -f /etc/sudoers.d/ops; deluser -q ops sudo 2>/dev/null || true")
    go_on(STANDBY, PRIMARY)
    said = ended(running)
    assert running.returncode == 14, said
    assert house.hosts(cid) == {STANDBY: "contact_lost", PRIMARY: "not_started"}
    untouched(house, cid)
    on(STANDBY, "printf 'ops ALL=(ALL) NOPASSWD:ALL\\n' > /etc/sudoers.d/ops; chmod 440 /etc/sudoers.d/ops")
    resumed = house.itops("resume", cid)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    house.sound(cid)


def test_a_file_the_manifest_lists_is_never_lost(house: LabHouse) -> None:
    """A patch that destroys the data it should have left alone."""
    cid = house.change(after=[{"kind": "update", "title": "误删", "command": "sh -c 'rm -rf /srv/shop/srv/data.txt /srv/shop/srv/releases/shop-1.0; false'"}])
    before = house.picture(STANDBY)
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.picture(STANDBY) == before and house.serving(STANDBY) == "200"
    house.sound(cid)


def test_host_is_down_before_the_start(house: LabHouse) -> None:
    lab("kill", STANDBY)
    cid = house.change()
    done = house.itops("run", cid)
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"ansible -m ping {STANDBY}" in done.stdout
    assert house.hosts(cid) == {STANDBY: "not_started", PRIMARY: "not_started"}
    untouched(house, cid)
    lab("boot", STANDBY)
    until(lambda: house.serving(STANDBY) in ("200", "000"), "the host")
    on(STANDBY, "systemctl start shop")
    until(lambda: house.serving(STANDBY) == "200", "the shop")
    again = house.itops("run", cid)
    assert again.returncode == 0, again.stdout + again.stderr
    assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "achieved"}
    house.sound(cid)
