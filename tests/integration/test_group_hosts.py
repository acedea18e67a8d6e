# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service whose hosts are groups of another inventory source: planned, decided on and carried out like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import LocalHouse


@pytest.fixture
def house(tmp_path: Path) -> LocalHouse:
    """The usual service; the record names groups, the inventory says who is in them."""
    house = LocalHouse(tmp_path)
    record = house.read_service("shop")
    groups = {"front": "a", "back": "b"}
    hosts = zip(groups, record["hosts"], strict=True)
    house.service({**record, "hosts": [{"group": group, "role": host["role"], "vars": host["vars"]} for group, host in hosts]})
    house.write("inventory/groups.yml", {group: {"hosts": {host: {}}} for group, host in groups.items()})
    return house


def test_from_the_run_sheet_to_achieved(house: LocalHouse) -> None:
    cid = house.change()
    sheet = house.itops("plan", cid, "--format", "json")
    assert sheet.returncode == 0, sheet.stdout + sheet.stderr
    data = json.loads(sheet.stdout)
    assert [host["host"] for host in data["hosts"]] == ["b", "a"] and str(house.at("b")) in sheet.stdout
    assert house.itops("change", "next", cid).returncode == 0
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (house.version("a"), house.version("b")) == ("2.0", "2.0")
    house.sound(cid)


def test_a_host_of_a_group_may_be_named_alone(house: LocalHouse) -> None:
    cid = house.change(hosts=["b"])
    assert house.itops("change", "lint", cid).returncode == 0
    assert [host["host"] for host in json.loads(house.itops("plan", cid, "--format", "json").stdout)["hosts"]] == ["b"]


def test_views_that_ask_no_inventory_count_a_group_as_one(house: LocalHouse) -> None:
    cid = house.change()
    views = ["lint", "run --due --check", "schedule list", "docs build", "docs register", "capacity", f"precedents {cid}", "change list"]
    for words in map(str.split, views):
        done = house.itops(*words)
        assert done.returncode in (0, 2) and "Traceback" not in done.stderr, (words, done.stderr)


def test_an_inventory_that_cannot_be_read_is_said(house: LocalHouse) -> None:
    cid = house.change()
    (house.root / "inventory/groups.yml").write_text("front:\n  vars:\n    db_password: hunter2-Zx9 : x\n", "utf-8")
    done = house.itops("plan", cid)
    assert "hunter2-Zx9" not in done.stdout + done.stderr, "Ansible shows the lines around an error"
    assert done.returncode == 2 and "Ansible cannot read the inventory" in done.stderr and "ansible-inventory" in done.stderr, done.stderr
    (house.root / "inventory/groups.yml").unlink()
    done = house.itops("plan", cid)
    assert done.returncode == 2 and "no such group" in done.stderr, done.stderr
