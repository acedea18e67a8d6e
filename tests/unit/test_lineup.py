# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted of a plan before it is carried out; the order of hosts; steps as a person would type them; the slow road's events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, ledger, lineup, plan, progress, segments, session, slow_road, steps, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import Values
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import errors

from tests.unit import make
from tests.unit.story import RUN

HOSTS = [{"name": "p1", "role": "primary"}, {"name": "s1", "role": "standby"}, {"name": "s2", "role": "standby"}, {"name": "s3", "role": "standby"}]
FAILOVER = {"steps": [{"kind": "failover", "title": "降级", "command": "demote", "on": "primary"}, {"kind": "failover", "title": "升级", "command": "promote"}]}
APT = {"kind": "update", "title": "包", "packages": {"provider": "apt", "names": [{"name": "nginx", "version": "1.2"}, {"name": "curl"}]}}


def lined_up(root: Path, record: dict[str, Any] | None = None, limit: list[str] | None = None, **parts: Any) -> tuple[session.Session, list[segments.HostPlan]]:
    """The session of a small change and the plans of its hosts, in their order."""
    ws = workspace.load(make.workspace(root, **(record or {})))
    known = catalogue.load(ws)
    assert not errors(known.problems), known.problems
    change = change_file.load(make.change(root, **parts), known.services, known.people)
    now = session.Session(ws, change, known.services, known.people, RUN)
    targets, _skipped = plan.targets(change, known.services, limit)
    return now, [now.host_plan(t, session.values(now, t, lambda name: None, "/var/lib/itops"), "/var/lib/itops") for t in targets]


def test_all_that_is_executed_is_noted_before(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path, executor="li", approver="wang")
    noted = lineup.planned(now, plans, ["x"])
    assert ledger.plain(noted) == noted, "plain data, as the ledger keeps it"
    assert (noted["change_digest"], noted["plan_digest"], noted["skipped"]) == (now.change.digest, now.change.plan_digest, ["x"])
    assert [host["host"] for host in noted["hosts"]] == ["web2", "web1"] and noted["can_roll_back"] and noted["mode"] == "auto"
    assert set(noted["people"]) == {"zhang", "li", "wang"} and noted["organisation"] == "示例公司" and noted["timezone"] == "Asia/Shanghai"
    assert [s["id"] for s in noted["segments"]["web2"]] == ["backup", "patch-1"]
    shown = noted["steps"]["web2"]
    assert shown[0]["display"] == "backup" and "args" not in json.dumps(shown), "what is shown, not what is executed"


def test_only_people_who_take_part_are_noted(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path)
    assert set(lineup.planned(now, plans, [])["people"]) == {"zhang"}


def test_standby_hosts_in_batches_then_the_primary(tmp_path: Path) -> None:
    _now, plans = lined_up(tmp_path, {"hosts": HOSTS}, plan={"batch": 2})
    assert [(p.target.host, p.target.stage, p.target.batch) for p in plans] == [("s1", 1, 1), ("s2", 1, 1), ("s3", 1, 2), ("p1", 2, 1)]


def test_a_plan_may_name_its_hosts_and_a_limit_leaves_some_out(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path, {"hosts": HOSTS}, plan={"hosts": ["s2", "p1"]})
    assert [p.target.host for p in plans] == ["s2", "p1"]
    found, skipped = plan.targets(now.change, now.services, ["p1"])
    assert [t.host for t in found] == ["p1"] and skipped == ["s2"]


def test_the_fail_over_follows_the_order_of_its_steps(tmp_path: Path) -> None:
    _now, plans = lined_up(tmp_path, {"failover": FAILOVER})
    assert lineup.failover_order(plans) == ["web1", "web2"], "the old primary first steps back"
    assert [[s["display"] for s in p.failover()[0].steps] for p in plans] == [["promote"], ["demote"]]
    _now, without = lined_up(tmp_path / "without")
    assert lineup.failover_order(without) == []


def test_the_play_learns_segments_and_packages(tmp_path: Path) -> None:
    plan_steps = [make.plan()["steps"][0], APT, *make.plan()["steps"][2:]]
    _now, plans = lined_up(tmp_path, plan={"steps": plan_steps})
    told = lineup.host_vars(plans[0])["itops_segments"]
    assert [s["road"] for s in told["patch"]] == ["host", "packages", "host"]
    assert told["packages"] == {"apt": ["nginx", "curl"]} and told["providers"] == ["apt", "archive"]
    assert [s.id for s in lineup.forward(plans[0])] == ["backup", "patch-1", "patch-2", "patch-3"]


# ------------------------------------------------------------------ the slow road


def test_a_step_of_ansibles_own_tells_its_story_like_all_others(tmp_path: Path) -> None:
    plan_steps = [make.plan()["steps"][0], APT, *make.plan()["steps"][2:]]
    now, plans = lined_up(tmp_path, plan={"steps": plan_steps})
    segment, book = plans[0].patch()[1], now.ledger()
    slow_road.begun(book, now, plans[0], segment)
    assert progress.hosts(book.events())["web2"].running == (RUN, "patch-2")
    slow_road.ended(book, now, plans[0], segment, "done", "x" * 9000)
    assert [e.kind for e in book.events()] == ["segment_started", "step_started", "step_finished", "segment_finished"]
    finished = book.events()[2].data
    assert (finished["result"], finished["rc"], finished["display"]) == ("ok", 0, "apt install nginx=1.2 curl") and len(finished["feedback"]) == 4000
    assert finished["started"] == book.events()[1].at and finished["duration_ms"] >= 0
    assert progress.hosts(book.events())["web2"].done == {"patch-2"}


def test_a_failed_step_of_ansibles_own(tmp_path: Path) -> None:
    now, plans = lined_up(tmp_path, plan={"steps": [make.plan()["steps"][0], APT, *make.plan()["steps"][2:]]})
    segment, book = plans[0].patch()[1], now.ledger()
    slow_road.begun(book, now, plans[0], segment)
    slow_road.ended(book, now, plans[0], segment, "failed", "no such version")
    assert book.events()[-1].data["message"] == "no such version" and progress.hosts(book.events())["web2"].failed


@pytest.mark.parametrize(("provider", "pinned"), [("apt", "nginx=1.2"), ("dnf", "nginx-1.2")])
def test_packages_are_pinned_as_their_manager_understands_it(tmp_path: Path, provider: str, pinned: str) -> None:
    step = {**APT, "packages": {**APT["packages"], "provider": provider}}  # type: ignore[dict-item]
    now, plans = lined_up(tmp_path, plan={"steps": [make.plan()["steps"][0], step, *make.plan()["steps"][2:]]})
    told = slow_road.step_args(plans[0].patch()[1], now.change.path.parent)
    assert [item["pinned"] for item in told["args"]["names"]] == [pinned, "curl"] and told["verb"] == "update"


# ------------------------------------------------------------------ steps as they are shown


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ({"command": "load", "args": ["a b", "$(id)"]}, "load 'a b' '$(id)'"),
        ({"service": {"state": "stopped"}}, "systemctl stop web"),
        ({"service": {"state": "reloaded", "name": "nginx", "control": {"unit": "nginx.service"}}}, "systemctl reload nginx.service"),
        (
            {"service": {"state": "started", "control": {"provider": "supervisor", "unit": "app", "config": "/etc/s.conf"}}},
            "supervisorctl -c /etc/s.conf start app",
        ),
        ({"service": {"state": "restarted", "control": {"provider": "command", "commands": {"restart": "svc restart"}}}}, "svc restart"),
        ({"release": {"file": "app.tgz", "dest": "/srv/app"}}, "release app.tgz -> /srv/app/current"),
        ({"files": [{"file": "a.conf", "dest": "/etc/a.conf"}, {"content": "x", "dest": "/etc/b"}]}, "install a.conf /etc/a.conf; install text /etc/b"),
        ({"archive": {"paths": ["/a", "/b"]}}, "archive /a /b"),
        ({"restore": {}}, "restore from the backup's manifest"),
        ({"revert": {}}, "revert releases and files"),
        ({"packages": {"provider": "dnf", "names": [{"name": "x", "version": "1"}]}}, "dnf install x=1"),
        ({"tasks": "tasks/move.yml"}, "tasks tasks/move.yml"),
        ({"check": {"type": "port", "port": 80}}, "port 127.0.0.1:80 open"),
        ({"check": {"type": "http", "url": "http://x/", "status": 204}}, "http http://x/ = 204"),
        ({"check": {"type": "log", "unit": "web", "pattern": "ERROR"}}, "log web without new ERROR"),
        ({"check": {"type": "manual", "question": "首页正常?"}}, "首页正常?"),
    ],
)
def test_a_step_is_shown_as_a_person_would_type_it(step: dict[str, Any], shown: str) -> None:
    service = {"control": {"provider": "systemd", "unit": "web"}}
    made = steps.compiled({"id": "s1", "kind": "update", **step}, "patch", 1, service, Values({}))
    assert made["display"] == made["title"] == shown
    assert steps.slow(step) == (steps.type_of(step) in ("packages", "tasks"))


def test_secrets_are_in_what_is_executed_and_not_in_what_is_shown() -> None:
    step = {"id": "s1", "kind": "update", "command": "load %{key} %{host}", "expect": {"output": "%{host}"}, "run_as": "%{host}"}
    made = steps.compiled(step, "patch", 1, {}, Values({"host": "a"}, {"key": "hunter2"}))
    assert made["args"]["command"] == "load hunter2 a" and made["display"] == "load %{key} a"
    assert (made["expect"], made["run_as"], made["timeout"]) == ({"output": "a"}, "a", steps.COMMAND_TIMEOUT)


@pytest.mark.parametrize(("check", "seconds"), [({}, 15), ({"timeout": 3, "retries": 4, "delay": 2}, 28), ({"retries": 0}, 15)])
def test_a_check_may_take_all_its_tries(check: dict[str, int], seconds: int) -> None:
    assert steps.check_limit(check) == seconds
