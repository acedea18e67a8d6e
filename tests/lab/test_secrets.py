# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets planted in a run over ssh: neither the controller's files nor the host's files nor its journal hold one afterwards."""

from __future__ import annotations

import subprocess

from tests.house import BIN
from tests.lab.conftest import PRIMARY, STANDBY, LabHouse, on

VAULTED, COMMAND, OUTPUT, ENVIRONMENT = (f"S3cr3t-{word}-4711" for word in ("vault", "cmdline", "output", "environ"))
PLANTED = (VAULTED, COMMAND, OUTPUT, ENVIRONMENT)


def test_nothing_leaks_over_ssh(house: LabHouse) -> None:
    password = house.root / ".vault-password"
    password.write_text("vault password\n")
    vault = subprocess.run(
        [str(BIN / "ansible-vault"), "encrypt_string", "--vault-password-file", str(password), "--name", "token", VAULTED],
        capture_output=True, text=True, check=True, env=house.env,
    )  # fmt: skip
    (house.root / "inventory/group_vars").mkdir()
    (house.root / "inventory/group_vars/all.yml").write_text(vault.stdout)
    known = house.write("inventory/group_vars/itops_shop.yml", {"cli_password": COMMAND, "env_password": ENVIRONMENT})
    for host in (PRIMARY, STANDBY):
        on(host, f"printf '#!/bin/sh\\necho password={OUTPUT}\\necho token was $1\\n' > /srv/shop/tool; chmod 755 /srv/shop/tool")
    step = {"kind": "update", "title": "带口令", "command": "/srv/shop/tool %{token} --password %{cli_password}", "env": {"DB_PASSWORD": "%{env_password}"}}
    cid = house.change(before=[step], broken=True)
    done = house.itops("run", cid, env={"ANSIBLE_VAULT_PASSWORD_FILE": str(password)})
    assert done.returncode == 11, done.stdout + done.stderr
    mine = {known}
    for secret in PLANTED:
        assert secret not in done.stdout + done.stderr
        found = [path for path in house.root.rglob("*") if path.is_file() and path not in mine and secret.encode() in path.read_bytes()]
        assert found == []
        for host in (PRIMARY, STANDBY):
            files = on(host, f"grep -rlF '{secret}' /srv /var /tmp /home ~root /etc /run 2>/dev/null | grep -v '^/srv/shop/tool$' || true", check=False)
            assert files.strip() == "", f"{host}: {files}"
            assert on(host, f"journalctl --no-pager | grep -cF '{secret}' || true").strip() == "0"
    house.sound(cid)
