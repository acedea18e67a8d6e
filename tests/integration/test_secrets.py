# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are planted everywhere a run could pick one up; no file the run leaves may hold one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.house import BIN
from tests.integration.conftest import LocalHouse

VAULTED, COMMAND, OUTPUT, ENVIRONMENT, TASK = (f"S3cr3t-{word}-{number}" for number, word in enumerate(("vault", "cmdline", "output", "environ", "task")))
PLANTED = (VAULTED, COMMAND, OUTPUT, ENVIRONMENT, TASK)


def leaks(folder: Path, mine: tuple[Path, ...]) -> list[str]:
    """Files below that hold a planted secret, apart from those the test itself wrote."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path not in mine:
            content = path.read_bytes()
            found += [f"{path}: {secret}" for secret in PLANTED if secret.encode() in content]
    return found


def test_no_file_holds_a_planted_secret(house: LocalHouse, tmp_path: Path, scratch: Path) -> None:
    password = house.root / ".vault-password"
    password.write_text("vault password\n")
    vault = subprocess.run(
        [str(BIN / "ansible-vault"), "encrypt_string", "--vault-password-file", str(password), "--name", "token", VAULTED],
        capture_output=True, text=True, check=True, env=house.env,
    )  # fmt: skip
    (house.root / "inventory/group_vars").mkdir()
    (house.root / "inventory/group_vars/all.yml").write_text(vault.stdout)
    known = house.write("inventory/group_vars/itops_shop.yml", {"cli_password": COMMAND, "env_password": ENVIRONMENT})
    tool = house.at("b") / "tool"
    for host in ("a", "b"):
        tool = house.at(host) / "tool"
        tool.write_text(f"#!/bin/sh\necho password={OUTPUT}\necho token was $1\nenv | grep -c PASSWORD || true\n")
        tool.chmod(0o755)
    (house.root / "changes/tasks").mkdir()
    tasks = house.write("changes/tasks/secret.yml", [
        {"name": "Use a secret", "ansible.builtin.command": {"argv": ["echo", TASK]}, "no_log": True, "changed_when": False},
    ])  # fmt: skip
    cid = house.change(
        broken=True,
        before=[
            {
                "kind": "update",
                "title": "带口令的命令",
                "command": "%{root}/tool %{token} --password=%{cli_password}",
                "env": {"DB_PASSWORD": "%{env_password}"},
            },
            {"kind": "update", "title": "任务文件", "tasks": "tasks/secret.yml"},
        ],
    )
    env = {"ANSIBLE_VAULT_PASSWORD_FILE": str(password), "PLANTED_PASSWORD": ENVIRONMENT, "TMPDIR": str(scratch)}
    done = house.itops("run", cid, env=env)
    assert done.returncode == 11, done.stdout + done.stderr
    for title in ("带口令的命令", "任务文件"):
        assert any(e.kind == "step_finished" and e.data["title"] == title and e.data["result"] == "ok" for e in house.events(cid))
    mine = (known, tasks, house.at("a") / "tool", house.at("b") / "tool")
    assert leaks(tmp_path, mine) == []
    assert [secret for secret in PLANTED if secret in done.stdout + done.stderr] == []
    assert list(scratch.rglob("*")) == [], "nothing of ansible-runner stays"
    house.sound(cid)


def test_ansibles_own_error_shows_no_secret_of_the_lines_around(house: LocalHouse) -> None:
    cid = house.change()
    with (house.root / "ansible.cfg").open("a", encoding="utf-8") as settings:
        settings.write("[inventory]\nany_unparsed_is_failed = true\nenable_plugins = auto\n")
    (house.root / "inventory/a.yml").write_text(f"all:\n  vars:\n    db_password: {VAULTED} : x\n", "utf-8")
    done = house.itops("run", cid)
    said = done.stdout + done.stderr
    assert VAULTED not in said
    assert done.returncode == 20 and "db_password: " in said, said
