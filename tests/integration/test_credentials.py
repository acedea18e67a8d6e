# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`%{credential}` in a real run: read by lookup plugins on the controller, used on the host, written nowhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import BIN
from tests.integration.conftest import LocalHouse

SECRET = "S3cr3t-credential-4711"
Planted = tuple[str, dict[str, str], tuple[Path, ...]]  # reference, environment, files that hold the secret


@pytest.fixture
def single(tmp_path: Path) -> LocalHouse:
    return LocalHouse(tmp_path, ("a",), redundancy="standalone", failover={})


def in_env(_house: LocalHouse) -> Planted:
    return "env:SHOP_CREDENTIAL", {"SHOP_CREDENTIAL": SECRET}, ()


def in_file(house: LocalHouse) -> Planted:
    path = house.root / "shop.secret"
    path.write_text(f"{SECRET}\nlogin: deploy\n")
    path.chmod(0o600)
    return "file:shop.secret", {}, (path,)


def in_vault(house: LocalHouse) -> Planted:
    password, path = house.root / ".vault-password", house.root / "secrets.yml"
    password.write_text("vault password\n")
    path.write_text(f"shop: {SECRET}\n")
    subprocess.run([str(BIN / "ansible-vault"), "encrypt", "--vault-password-file", str(password), str(path)], check=True, capture_output=True)
    return "ansible-vault:secrets.yml#shop", {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}, ()


def in_pass(house: LocalHouse) -> Planted:
    tool = house.root.parent / "bin/pass"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n[ "$1 $2" = "show ops/门户 shop" ] || exit 1\necho {SECRET}\necho login: deploy\n')
    tool.chmod(0o755)
    return "pass:ops/门户 shop", {"PATH": f"{tool.parent}{os.pathsep}{os.environ['PATH']}"}, (tool,)


def prepared(house: LocalHouse, ref: str, custody: str = "software") -> str:
    """A change one step of which says the credential aloud, and fails at the end so that the way back is gone as well."""
    window = {"start": "2026-01-01T00:00:00+08:00", "end": "2036-01-01T00:00:00+08:00"}
    record = house.read_service("shop")
    house.service({**record, "credentials": {"custody": custody, "ref": ref, "account": "deploy"}})
    tool = house.at("a") / "tool"
    tool.write_text('#!/bin/sh\necho "logged in with $1"\n')
    tool.chmod(0o755)
    return house.change(broken=True, before=[{"kind": "update", "title": "登录", "command": "%{root}/tool %{credential}"}], window=window)


@pytest.mark.parametrize("plant", [in_env, in_file, in_vault, in_pass])
def test_it_is_used_and_written_nowhere(single: LocalHouse, tmp_path: Path, scratch: Path, plant: Callable[[LocalHouse], Planted]) -> None:
    ref, env, mine = plant(single)
    cid = prepared(single, ref)
    shown = single.itops("plan", cid, env=env)
    done = single.itops("run", cid, env={**env, "TMPDIR": str(scratch)})
    assert done.returncode == 11, done.stdout + done.stderr
    step = next(e.data for e in single.events(cid) if e.kind == "step_finished" and e.data["title"] == "登录")
    assert step["result"] == "ok" and "logged in with «redacted»" in step["feedback"], "the host had the value"
    assert "%{credential}" in step["display"] and "%{credential}" in shown.stdout
    assert SECRET not in shown.stdout + shown.stderr + done.stdout + done.stderr
    everywhere = [*tmp_path.rglob("*"), *scratch.rglob("*")]
    held = [path for path in everywhere if path.is_file() and not path.is_symlink() and SECRET.encode() in path.read_bytes()]
    assert [path for path in held if path not in mine] == []
    single.sound(cid)


@pytest.mark.parametrize(
    ("ref", "custody", "said"),
    [
        ("env:NOT_SET_HERE", "software", "export NOT_SET_HERE"),
        ("pass:ops/nothing", "software", "pass show ops/nothing"),
        ("vault:kv/ops/shop#password", "software", "community.hashi_vault"),
        ("keepass:ops/shop", "software", "keepass:ops/shop"),
        ("保险柜 7 号", "document", "a person types it"),
    ],
)
def test_the_gate_refuses_what_cannot_be_read(single: LocalHouse, ref: str, custody: str, said: str) -> None:
    cid = prepared(single, ref, custody)
    before = single.picture("a")
    done = single.itops("run", cid)
    assert done.returncode == 3, done.stdout + done.stderr
    found = single.findings(cid)["credential"]
    assert said in f"{found['message']} {found['remedy']}" and "shop" in found["message"]
    assert single.picture("a") == before and not (single.at("a") / "state").exists()
