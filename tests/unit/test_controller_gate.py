# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the gate, guard by guard, and whether endpoints answer. tests/integration proves that a refusal changes nothing."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import endpoints, gate, ledger, staging
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding, refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import facts

from tests.unit import make
from tests.unit.story import CHANGE, RUN, Story
from tests.unit.test_lineup import lined_up

PID = 4711
OLD = "R20261122T020000Z-0001"


def situation(root: Path, record: dict[str, Any] | None = None, story: Story | None = None, **parts: Any) -> gate.Situation:
    """A change that may be run, or as the keywords spoil it; `verb`, `can_confirm` and `inventory_hosts` are the situation's own."""
    own = {name: parts.pop(name) for name in ("verb", "can_confirm", "inventory_hosts") if name in parts}
    now, plans = lined_up(root, record, None, **{"category": "standard", **parts})
    told = story or Story()
    for what, details in (
        ("assess", {"computed": "complex", "complexity": "simple", "override": True}),
        ("checklist", {"list_digest": facts.checklist_digest(now.change)}),
    ):
        told.tell("decided", {"decision": what, "plan_digest": now.change.plan_digest, "by": "zhang", "details": details}, run="-")
    events = told.tell("run_opened", {"pid": PID, "locks": {f"change-{CHANGE}": "taken"}}).events
    compared = staging.compare(now.ws.staging / CHANGE, now.change.files)
    base: dict[str, Any] = {"verb": "run", "can_confirm": False, "inventory_hosts": {"web1", "web2"}, **own}
    return gate.Situation(now.ws, now.change, now.services, [p.target for p in plans], events, RUN, compared=compared, people=now.people, **base)


def refused(now: gate.Situation) -> dict[str, Finding]:
    return {finding.id: finding for finding in refusals(gate.findings(now))}


def warned(now: gate.Situation) -> set[str]:
    return {finding.id for finding in gate.findings(now) if not finding.ok and finding.severity == "warning"}


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        *((name, True) for name in ("change", "verb", "itops_limit", "awx_user_name", "tower_job_id", "ansible_user", "ansible_become_password", "api_token")),
        *((name, False) for name in ("root", "segment_id", "gate_lineup", "itops_people", "ansible_host", "ansible_port", "other_token", "ansible_become_exe")),
    ],
)
def test_only_known_extra_variables_are_taken(tmp_path: Path, name: str, fits: bool) -> None:
    """The ids, who logs in, what AWX adds itself, and a secret that the plan names; nothing that was decided on."""
    steps = make.plan()["steps"]
    steps[1] = {"kind": "update", "title": "登记", "command": "web register --token %{api_token} %{root}"}
    hosts = [{**host, "vars": {"root": "/srv"}} for host in make.web()["hosts"]]
    now = situation(tmp_path, {"hosts": hosts}, plan={"steps": steps, "not_applicable": {}})
    found = {finding.id: finding for finding in gate.findings(dataclasses.replace(now, extra={name: "x"}))}
    assert found["extra_vars"].ok == fits and (fits or name in found["extra_vars"].message)


def before(digest: str = "") -> Story:
    """An earlier run that was lined up."""
    return Story(run=OLD).opened().gate(authorised=digest).planned("web2", "web1", plan_digest=digest)


def test_a_change_that_may_be_run(tmp_path: Path) -> None:
    now = situation(tmp_path)
    assert refused(now) == {} and warned(now) == set()
    looked_at = {finding.id for finding in gate.findings(now)}
    assert {"lock", "catalogue", "register", "ledger", "history", "hosts", "mode", "backup_site", "backup_data", "files", "files_set", "rollback"} <= looked_at


STANDALONE: dict[str, Any] = {"redundancy": "standalone", "hosts": [{"name": "web1"}]}
NOW = datetime.now(UTC).replace(microsecond=0)
WINDOW = {"start": (NOW - timedelta(hours=1)).isoformat(), "end": (NOW + timedelta(hours=3)).isoformat()}
SPOILED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no backup site": ("backup_site", "backup.sites", {"record": {"backup": {"sites": [], "provider": "archive"}}}),
    "nothing to back up": ("backup_data", "data_dirs", {"record": {"data_dirs": []}}),
    "an unknown host": ("hosts", "ansible-inventory", {"inventory_hosts": {"web1"}}),
    "nobody to ask": ("terminal", "itops run", {"record": {"maintenance": {**make.web()["maintenance"], "mode": "semi"}}}),
    "looser than the service": (
        "mode", "plan.mode", {"record": {"maintenance": {**make.web()["maintenance"], "mode": "manual"}}, "plan": {"mode": "auto"}, "can_confirm": True}),
    "an outage without a window": ("outage", "plan.window", {"record": STANDALONE}),
    "an outage without a notice": ("outage", "notice.id", {"record": STANDALONE, "plan": {"window": WINDOW}, "kind": "config", "no_notice": True}),
    "to be resumed without a run": ("history", "itops run", {"verb": "resume"}),
    "to be rolled back untouched": ("history", "itops record show", {"verb": "rollback"}),
}  # fmt: skip


@pytest.mark.parametrize("spoiled", SPOILED)
def test_each_guard_refuses_with_its_remedy(tmp_path: Path, spoiled: str) -> None:
    wanted, remedy, given = SPOILED[spoiled]
    now = situation(tmp_path, **{name: part for name, part in given.items() if name != "no_notice"})
    if "no_notice" in given:
        now = replace(now, change=replace(now.change, data={**now.change.data, "notice": {}}))
    found = refused(now)
    assert set(found) == {wanted} and remedy in found[wanted].remedy, found


def test_an_outage_with_window_and_notice_may_be(tmp_path: Path) -> None:
    assert refused(situation(tmp_path, STANDALONE, plan={"window": WINDOW})) == {}


def test_asking_is_allowed_where_a_person_answers_or_nothing_is_changed(tmp_path: Path) -> None:
    semi = {"maintenance": {**make.web()["maintenance"], "mode": "semi"}}
    assert refused(situation(tmp_path, semi, can_confirm=True)) == {}
    assert refused(situation(tmp_path, semi, verb="verify")) == refused(situation(tmp_path, semi, verb="backup")) == {}


def test_a_plan_without_a_way_back_is_a_warning(tmp_path: Path) -> None:
    steps = [s for s in make.plan()["steps"] if s["kind"] != "rollback"]
    now = situation(tmp_path, plan={"steps": steps, "not_applicable": {"rollback": "不支持"}})
    assert warned(now) == {"rollback"} and refused(now) == {}


@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (lambda folder: (folder / "app.tar.gz").unlink(), "put app.tar.gz into"),
        (lambda folder: (folder / "more.sh").touch(), "remove more.sh from"),
        (lambda folder: (folder / "app.tar.gz").write_bytes(b"OTHER VERSI"), "fetch app.tar.gz again"),
    ],
)
def test_files_that_are_not_the_notices(tmp_path: Path, spoil: Callable[[Path], Any], remedy: str) -> None:
    now = situation(tmp_path)
    folder = now.ws.staging / CHANGE
    spoil(folder)
    now = replace(now, compared=staging.compare(folder, now.change.files))
    assert remedy in refused(now)["files"].remedy
    assert "files" not in refused(replace(now, verb="rollback", events=now.events)), "the way back needs none of them"


def test_a_lock_that_another_run_holds(tmp_path: Path) -> None:
    now = situation(tmp_path)
    story = Story().tell("run_opened", {"locks": {"service-web": 'held: {"change": "CHG-20261123-02"}', "change-x": "taken"}})
    assert "CHG-20261123-02" in refused(replace(now, events=story.events))["lock"].message


@pytest.mark.parametrize(
    ("story", "verb", "wanted"),
    [
        (before().patched("web2").closed(10), "run", {"history"}),
        (before().requested("web2", "patch-1", "patch").closed(14), "run", {"history"}),
        (before().backed_up("web2"), "run", {"history"}),
        (before().backed_up("web2").closed(15), "run", set()),
        (before().backed_up("web2").closed(0), "verify", set()),
        (before("same").patched("web2"), "resume", set()),
        (before("other").patched("web2"), "resume", {"plan"}),
        (before("other").patched("web2"), "rollback", set()),
        (before().closed(3), "rollback", {"history"}),
    ],
)
def test_what_an_earlier_run_has_left(tmp_path: Path, story: Story, verb: str, wanted: set[str]) -> None:
    now = situation(tmp_path, None, None, verb=verb)
    events = [replace(e, data={**e.data, "plan_digest": now.change.plan_digest}) if e.data.get("plan_digest") == "same" else e for e in story.events]
    assert set(refused(replace(now, events=[*events, *now.events]))) == wanted


def test_nothing_is_built_upon_an_edited_ledger_or_one_the_register_knows_otherwise(tmp_path: Path) -> None:
    now = situation(tmp_path)
    book = ledger.Ledger(now.ws.record_dir(CHANGE), CHANGE)
    book.append("run_opened", {"user": "li"}, run=RUN, sync=True)
    assert refused(now) == {}
    book.path.write_bytes(book.path.read_bytes().replace(b'"li"', b'"xx"'))
    assert "itops record verify" in refused(now)["ledger"].remedy


def test_the_proof_of_a_record_is_this_very_process() -> None:
    events = Story().tell("run_opened", {"pid": PID}).events
    assert gate.proof(events, RUN, PID).ok
    for run_id, pid in ((RUN, PID + 1), ("R-other", PID), ("", PID)):
        proof = gate.proof(events, run_id, pid)
        assert not proof.ok and "callbacks_enabled" in proof.remedy
    assert not gate.proof([], RUN, PID).ok


# ------------------------------------------------------------------ endpoints


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_an_endpoint_that_answers_and_one_that_does_not(listening: int, silent: int) -> None:
    assert endpoints.reachable({"ip": "127.0.0.1", "port": listening}) == (True, f"127.0.0.1:{listening} open")
    assert endpoints.reachable({"url": f"http://127.0.0.1:{listening}/x"})[0]
    ok, message = endpoints.reachable({"ip": "127.0.0.1", "port": silent})
    assert not ok and str(silent) in message and "refused" in message


def test_every_endpoint_is_tried_but_those_that_say_no(tmp_path: Path, listening: int, silent: int) -> None:
    both = [{"ip": "127.0.0.1", "port": listening}, {"ip": "127.0.0.1", "port": silent}]
    assert refused(situation(tmp_path, {"endpoints": both})).keys() == {"endpoint"}
    assert refused(situation(tmp_path, {"endpoints": [both[0], {**both[1], "probe": "none"}]})) == {}


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ({"ip": "10.0.0.1", "port": 22}, ("10.0.0.1", 22)),
        ({"url": "https://web.example/x"}, ("web.example", 443)),
        ({"url": "http://web.example"}, ("web.example", 80)),
        ({"url": "http://[::1]:8080/"}, ("::1", 8080)),
        ({"ip": "10.0.0.1", "port": 9000, "url": "https://web.example/"}, ("10.0.0.1", 9000)),
        ({"ip": "10.0.0.1", "port": 53, "protocol": "udp"}, None),
        ({"ip": "10.0.0.1"}, None),
        ({"url": "ldap://dir.example/"}, None),
        ({}, None),
    ],
)
def test_where_an_endpoint_is(endpoint: dict[str, Any], address: tuple[str, int] | None) -> None:
    assert endpoints.address(endpoint) == address
    if address is None:
        assert endpoints.reachable(endpoint)[0], "nothing to try is nothing wrong"
