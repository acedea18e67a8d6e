# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a plan is cut, and what travels together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, plan, segments, session, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import UnknownPlaceholder
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from tests.unit import make


def host_plan(root: Path, host: str = "web2", variables: dict[str, str] | None = None, **parts: Any) -> segments.HostPlan:
    ws = workspace.load(make.workspace(root, **parts.pop("record", {})))
    known = catalogue.load(ws)
    assert not known.problems, known.problems
    change = change_file.load(make.change(root, **parts), known.services, known.people)
    now = session.Session(ws, change, known.services, known.people, "R20261123T000000Z-0000")
    target = next(t for t in plan.targets(change, known.services)[0] if t.host == host)
    given = variables or {}
    values = session.values(now, target, given.get, "/var/lib/itops")
    return now.host_plan(target, values, "/var/lib/itops")


def maintenance(mode: str) -> dict[str, Any]:
    return {"maintenance": {**make.web()["maintenance"], "mode": mode}}


def test_unattended_everything_is_one_segment_with_its_way_back(tmp_path: Path) -> None:
    patch = host_plan(tmp_path).patch()
    assert [s.id for s in patch] == ["patch-1"]
    assert [step["type"] for step in patch[0].steps] == ["service", "release", "service", "check", "check"]
    assert [step["type"] for step in patch[0].rollback] == ["revert", "service", "check"]
    assert patch[0].unattended and not patch[0].confirm


def test_semi_automatic_is_cut_at_stop_and_update(tmp_path: Path) -> None:
    patch = host_plan(tmp_path, record=maintenance("semi")).patch()
    assert [(s.steps[0]["kind"], s.confirm) for s in patch] == [("stop", True), ("update", True), ("start", False)]
    assert not any(s.rollback or s.unattended for s in patch)


def test_manual_confirms_every_step(tmp_path: Path) -> None:
    plan_ = host_plan(tmp_path, record=maintenance("manual"))
    assert [len(s.steps) for s in plan_.patch()] == [1, 1, 1] and all(s.confirm for s in plan_.patch())
    assert [s.id for s in plan_.verify()] == ["verify"]
    assert all(s.confirm for s in plan_.rollback()[:-1])


def test_what_ansible_does_itself_is_a_segment_of_its_own_and_takes_the_way_back_with_it(tmp_path: Path) -> None:
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "包", "packages": {"provider": "apt", "names": [{"name": "nginx", "version": "1.2"}]}}
    plan_ = host_plan(tmp_path, plan={"steps": steps})
    assert [s.road for s in plan_.patch()] == ["host", "packages", "host"]
    assert not any(s.rollback for s in plan_.patch()), "the host alone cannot put packages back"


def test_standby_first_and_each_host_once(tmp_path: Path) -> None:
    plan_ = host_plan(tmp_path)
    targets, skipped = plan.targets(plan_.change, {"web": plan_.service})
    assert [(t.host, t.stage) for t in targets] == [("web2", 1), ("web1", 2)]
    limited, left = plan.targets(plan_.change, {"web": plan_.service}, ["web2"])
    assert [t.host for t in limited] == ["web2"] and left == ["web1"] and not skipped


def test_the_strictest_mode_wins(tmp_path: Path) -> None:
    plan_ = host_plan(tmp_path, record=maintenance("semi"), plan={"mode": "manual"})
    assert plan_.mode == "manual"
    loose = host_plan(tmp_path, record=maintenance("manual"), plan={"mode": "auto"})
    assert loose.mode == "manual" and plan.too_loose(loose.change, {"web": loose.service}) == "web"


def test_placeholders_are_filled_and_secret_ones_never_shown(tmp_path: Path) -> None:
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "更新", "command": "load %{region} --key %{db_password} on %{host}"}
    hosts = [{**host, "vars": {"region": "north"}} for host in make.web()["hosts"]]
    plan_ = host_plan(tmp_path, variables={"db_password": "hunter2"}, record={"hosts": hosts}, plan={"steps": steps}, notice={"id": "S", "files": []})
    step = plan_.patch()[0].steps[1]
    assert step["args"]["command"] == "load north --key hunter2 on web2"
    assert step["display"] == "load north --key %{db_password} on web2"
    with pytest.raises(UnknownPlaceholder, match="db_password"):
        host_plan(tmp_path, record={"hosts": hosts}, plan={"steps": steps}, notice={"id": "S", "files": []}).patch()
    with pytest.raises(BadInput, match="region"):
        host_plan(tmp_path, variables={"region": "north", "db_password": "x"}, plan={"steps": steps}, notice={"id": "S", "files": []})


def test_a_restore_is_followed_by_the_fingerprint(tmp_path: Path) -> None:
    steps = make.plan()["steps"]
    steps[3] = {"kind": "rollback", "title": "恢复", "restore": {}}
    assert [s["type"] for s in host_plan(tmp_path, plan={"steps": steps}).patch()[0].rollback] == ["restore", "fingerprint", "service", "check"]


def test_the_backup_goes_offsite_where_the_record_says_so(tmp_path: Path) -> None:
    backup = {"sites": ["本地", "异地"], "destination": {"local": "/b", "offsite": "/mnt/nas"}, "provider": "archive", "retention": {"keep": 2}}
    segment = host_plan(tmp_path, record={"backup": backup}).backup()
    assert [s["type"] for s in segment.steps] == ["archive", "offsite", "prune", "prune"]
    assert [s["args"]["dest"] for s in segment.steps if s["type"] == "prune"] == ["/b", "/mnt/nas"]
    assert segment.steps[0]["args"]["name"] == f"web_web2_20261123T000000Z_{make.CHANGE}"
    assert segment.steps[1]["args"] == {"destination": "/mnt/nas", "allow_same_filesystem": False}
    backup["destination"]["allow_same_filesystem"] = True
    assert host_plan(tmp_path / "same", record={"backup": backup}).backup().steps[1]["args"]["allow_same_filesystem"] is True


def test_the_space_is_asked_for_with_the_rules_of_the_backup(tmp_path: Path) -> None:
    backup = {"sites": ["local"], "destination": {"local": "/b"}, "provider": "archive", "paths": ["/srv"], "exclude": ["*.log"]}
    plan_ = host_plan(tmp_path, record={"backup": backup})
    asked = next(step for step in plan_.preflight().steps if step["type"] == "space")["args"]["paths"][1]
    packed = plan_.backup().steps[0]["args"]
    assert asked == {"path": packed["dest"], "need_bytes_of": packed["paths"], "exclude": packed["exclude"]}


def test_checks_that_ask_for_it_run_before_after_and_after_a_rollback(tmp_path: Path) -> None:
    plan_ = host_plan(tmp_path)
    assert [s["id"] for s in plan_.preflight().steps if s["type"] == "check"] == ["before-c1"]
    assert [s["id"] for s in plan_.patch()[0].steps if s["type"] == "check"] == ["after-c1", "after-c2"]
    assert [s["id"] for s in plan_.rollback()[-1].steps if s["type"] == "check"] == ["rollback-c1"]
