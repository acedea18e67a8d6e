# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor: each sickness is found, named and has its remedy; a healthy house ends with 0."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace

from itops_cli.checkup import place
from tests.integration.conftest import LocalHouse


@pytest.fixture
def house(tmp_path: Path) -> LocalHouse:
    return LocalHouse(tmp_path)


def signs(house: LocalHouse, *words: str, code: int, env: dict[str, str] | None = None) -> list[dict[str, Any]]:
    done = house.itops("doctor", "--format", "json", *words, env=env)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert all(sign["remedy"] for sign in found if sign["severity"] in ("error", "warning"))
    return found


def test_a_healthy_house(house: LocalHouse) -> None:
    looked_at = {sign["check"] for sign in signs(house, "--all", code=0)}
    assert {
        "versions",
        "fonts",
        "collection",
        "callback",
        "tools",
        "clock",
        "checkpoint",
        "catalogue",
        "policy",
        "register",
        "records",
        "staging",
        "facts",
        "disk",
    } <= looked_at
    assert "healthy" in house.itops("doctor").stdout


def test_every_host_is_asked_when_wished(house: LocalHouse) -> None:
    hosts = [sign["message"] for sign in signs(house, "--all", "--hosts", code=0) if sign["check"] == "hosts"]
    assert sorted(hosts) == ["a: answers", "b: answers"]
    house.write("inventory/hosts.yml", {"all": {"vars": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}}})
    (one, other) = [sign for sign in signs(house, "--hosts", code=5) if sign["check"] == "hosts"]
    assert "unreachable" in one["message"] + other["message"] and "-m ping" in one["remedy"]


def broken_record(house: LocalHouse) -> None:
    house.service({**house.read_service("shop"), "owner": "nobody-here"})


def broken_register(house: LocalHouse) -> None:
    (house.root / "records").mkdir(exist_ok=True)
    (house.root / "records/register.jsonl").write_text('{"seq": 1}\n', "utf-8")


def open_to_all(house: LocalHouse) -> None:
    (house.root / "records").mkdir(exist_ok=True)
    (house.root / "records").chmod(0o777)


SICK: dict[str, tuple[Callable[[LocalHouse], Any], str, int]] = {
    "catalogue": (broken_record, "nobody-here", 5),
    "register": (broken_register, "", 5),
    "records": (open_to_all, "by everybody", 5),
    "callback": (lambda house: (house.root / "ansible.cfg").write_text("[defaults]\n", "utf-8"), "no record", 6),
    "policy": (lambda house: (house.root / "policy.yml").write_text("calender: {}\n", "utf-8"), "calender", 5),
}


@pytest.mark.parametrize("check", SICK)
def test_a_sickness(house: LocalHouse, check: str) -> None:
    make_sick, words, code = SICK[check]
    make_sick(house)
    found = [sign for sign in signs(house, code=code) if sign["check"] == check and sign["severity"] in ("error", "warning")]
    assert found and words in found[0]["message"], found


def test_a_key_that_cannot_sign(house: LocalHouse) -> None:
    found = signs(house, code=5, env={"ITOPS_CHECKPOINT_KEY": str(house.root / "no-such-key.pem")})
    assert [sign["check"] for sign in found if sign["severity"] == "error"] == ["checkpoint"]


def test_a_folder_that_cannot_be_written(house: LocalHouse) -> None:
    (house.root / "facts").write_text("not a folder\n", "utf-8")
    assert any(sign["check"] == "facts" for sign in signs(house, code=5))


def test_a_clock_that_went_back(house: LocalHouse) -> None:
    cid = house.change()
    assert house.itops("run", cid).returncode == 0
    stream = house.folder(cid) / "events.jsonl"
    lines = stream.read_text("utf-8").splitlines()
    year = json.loads(lines[-1])["at"][:4]
    stream.write_text("\n".join([*lines[:-1], lines[-1].replace(f'"at":"{year}', '"at":"2099')]) + "\n", "utf-8")
    found = [sign for sign in signs(house, code=5) if sign["check"] == "clock" and sign["severity"] == "error"]
    assert found and found[0]["change"] == cid and "2099" in found[0]["message"]


def found(house: LocalHouse, check: str, code: int, **env: str | Path) -> dict[str, Any]:
    """The one error or warning of this check."""
    (sign,) = [sign for sign in signs(house, code=code, env={key: str(value) for key, value in env.items()}) if sign["check"] == check]
    assert sign["severity"] == {5: "error", 6: "warning"}[code]
    return sign


def test_a_library_that_is_too_old(house: LocalHouse, tmp_path: Path) -> None:
    (tmp_path / "old/prometheus_client-0.1.dist-info").mkdir(parents=True)
    (tmp_path / "old/prometheus_client-0.1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: prometheus-client\nVersion: 0.1\n")
    sign = found(house, "versions", 5, PYTHONPATH=tmp_path / "old")
    assert "prometheus-client 0.1, needed is" in sign["message"] and sign["remedy"].startswith("pip install --upgrade 'prometheus-client")


def test_a_collection_that_ansible_does_not_find(house: LocalHouse, tmp_path: Path) -> None:
    sign = found(house, "collection", 5, ANSIBLE_COLLECTIONS_PATH=tmp_path / "none", ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false")
    assert "collections_path" in sign["remedy"]


def test_a_clock_that_nobody_sets(house: LocalHouse, tmp_path: Path) -> None:
    command(tmp_path / "bin/timedatectl", "echo no")
    assert found(house, "clock", 6, PATH=f"{tmp_path}/bin:{house.env['PATH']}")["remedy"] == "timedatectl set-ntp true"


def test_a_program_that_is_missing(house: LocalHouse, tmp_path: Path) -> None:
    for name in ("ssh", "git"):
        command(tmp_path / f"bin/{name}", "exit 0")
    assert found(house, "tools", 6, PATH=tmp_path / "bin")["remedy"] == "apt install rsync"


def command(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(("limit", "severity"), [("LEAST", "error"), ("LITTLE", "warning")])
def test_a_disk_with_too_little_room(house: LocalHouse, monkeypatch: pytest.MonkeyPatch, limit: str, severity: str) -> None:
    monkeypatch.setattr(place, limit, 1 << 62)  # more than any disk has
    found = [sign for sign in place.folders(workspace.load(house.root)) if sign.check == "disk"]
    assert len(found) == 3 and all(sign.severity == severity and sign.remedy.startswith("make room below ") for sign in found)


def test_a_lock_is_named_while_somebody_holds_it_and_never_outlives_its_holder(house: LocalHouse) -> None:
    locks = house.root / "records/.locks"
    locks.mkdir(parents=True)
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", script, locks / "service-shop.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        (held,) = [sign for sign in signs(house, code=0) if sign["check"] == "lock"]
        assert held["message"] == "shop is being maintained now" and held["remedy"]
        holder.kill()
    assert not [sign for sign in signs(house, code=0) if sign["check"] == "lock"]


def test_a_controller_without_fonts_is_healthy_and_told_how_to_get_them(house: LocalHouse, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (found,) = [sign for sign in signs(house, code=0, env={"ITOPS_FONTS": str(tmp_path / "bare")}) if sign["check"] == "fonts"]
    assert found["severity"] == "info" and "itops[fonts]" in found["remedy"]
