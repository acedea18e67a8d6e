# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX starts them: ansible-runner in a copy of the project that is gone afterwards, the inventory as data, records in a real PostgreSQL."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import proof, register
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place

from tests.packaging import small
from tests.packaging.test_deliveries import NOT_FROM_PYTHON
from tests.postgres import Server

pytestmark = pytest.mark.slow
JOB = {"JOB_ID": "4711", "AWX_HOST": "https://awx.example", "INVENTORY_ID": "3", "PROJECT_REVISION": "0123456789abcdef0123456789abcdef01234567"}


def project(archive: Path, space: Path, to: Path) -> Path:
    """This tree with a department's own services and changes, as AWX checks it out for one job."""
    shutil.copytree(archive, to, symlinks=True)
    for name in ("inventory", "changes", "runbooks"):
        shutil.rmtree(to / name, ignore_errors=True)
        shutil.copytree(space / name, to / name)
    small.dump(to / "itops.yml", {"timezone": "Asia/Shanghai", "staging": str(space / "staging"), "awx": True})
    return to


def job(private: Path, playbook: str, env: dict[str, str], inventory: str, number: str, **answers: str) -> None:
    """One job: what AWX writes beside the project, ansible-runner, and the folder is gone."""
    (private / "inventory").mkdir()
    (private / "inventory/hosts").write_text(f"#!{sys.executable}\nprint({inventory!r})\n", "utf-8")
    (private / "inventory/hosts").chmod(0o755)
    (private / "env").mkdir()
    (private / "env/extravars").write_text(json.dumps({"awx_user_name": "lilei", "awx_job_id": int(number), **answers}), "utf-8")
    small.call("ansible-runner", "run", private, "-p", playbook, "--ident", f"awx_{number}", cwd=private.parent, env={**env, **JOB, "JOB_ID": number})
    shutil.rmtree(private)


def test_records_outlive_every_job_and_say_which_it_was(archive: Path, tmp_path: Path, server: Server) -> None:
    space = small.write(tmp_path / "space")
    people = {"people": [{"id": "li", "name": "李四", "roles": ["owner", "executor"], "accounts": [identity.account(), "awx:lilei"]}]}
    small.dump(space / "inventory/people.yml", people)
    url = server.url(server.new())
    env = small.bare_environment(tmp_path / "home", ITOPS_RECORDS=url, **NOT_FROM_PYTHON)
    desk = project(archive, space, tmp_path / "desk")  # where people decide: another copy, the same store
    small.decide(desk, env)
    inventory = small.call("ansible-inventory", "-i", "inventory", "--list", "--export", cwd=desk, env=env)
    for number, playbook, answers in (("4711", "playbooks/maintain.yml", {}), ("4712", "playbooks/verify.yml", {"itops_limit": ""})):
        private = tmp_path / f"job{number}"
        checkout = project(archive, space, private / "project")
        shutil.rmtree(checkout / "inventory")  # AWX has it in its database: hosts and their variables, no files
        job(private, playbook, env, inventory, number, change=small.CHANGE, **answers)
    assert small.host_file(space) == "second\n"
    records = place.at(tmp_path, url)
    opened = [event.data for event in Ledger(place.of_change(records, small.CHANGE), small.CHANGE).events() if event.kind == "run_opened"]
    assert [(data["argv_verb"], data["awx"]) for data in opened] == [(verb, {**JOB, "JOB_ID": job_}) for verb, job_ in (("run", "4711"), ("verify", "4712"))]
    assert {(data["entry"], data["awx_user"], data["user"]) for data in opened} == {("awx", "lilei", identity.account())}
    assert proof.faults(records, small.CHANGE) == register.verify(records) == []
    assert small.call("itops", "record", "verify", cwd=desk, env=env) == "1 ledgers and the register verify\n"
    report = small.call("itops", "record", "show", small.CHANGE, "--lang", "en", cwd=desk, env=env)
    told = f"awx job=4711 user=lilei host=<https://awx.example> revision={JOB['PROJECT_REVISION']} inventory=3"
    assert "note1" in report and told in report, report
    assert not (desk / "records").exists()


def test_without_its_store_a_job_changes_nothing(archive: Path, tmp_path: Path) -> None:
    space = small.write(tmp_path / "space")
    env = small.bare_environment(tmp_path / "home", ITOPS_RECORDS=f"postgresql://itops@/itops?host={tmp_path}", **NOT_FROM_PYTHON)
    private = tmp_path / "job"
    checkout = project(archive, space, private / "project")
    inventory = small.call("ansible-inventory", "-i", "inventory", "--list", "--export", cwd=checkout, env=env)
    with pytest.raises(AssertionError, match="no record was opened"):
        job(private, "playbooks/maintain.yml", env, inventory, "4711", change=small.CHANGE)
    assert small.host_file(space) == "first\n"
