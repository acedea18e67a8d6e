# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor: each sickness is found, named and has its remedy; a healthy house ends with 0."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def test_a_controller_without_fonts_is_healthy_and_told_how_to_get_them(house: LocalHouse, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (found,) = [sign for sign in signs(house, code=0, env={"ITOPS_FONTS": str(tmp_path / "bare")}) if sign["check"] == "fonts"]
    assert found["severity"] == "info" and "itops[fonts]" in found["remedy"]
