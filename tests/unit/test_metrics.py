# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics: right values from a real workspace, nothing invented where nobody knows, names and labels that stay within bounds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import facts, facts_history, ledger, run, run_history, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import transfer
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.entry import Entry
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from itops_cli.metrics import exposing
from tests.unit import make, past
from tests.unit.story import Story

LABELS = {
    "service", "host", "state", "result", "backout", "phase", "resource", "statistic", "version", "platform", "redundancy", "criticality", "lifecycle",
    "mode", "monitoring", "level",
}  # fmt: skip


def itops(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ITOPS_WORKSPACE": str(root)}
    return subprocess.run([Path(sys.executable).parent / "itops", *words], env=env, capture_output=True, text=True, timeout=60, check=False)


def samples(root: Path) -> dict[str, float]:
    text = generate_latest(exposing.once(workspace.load(root))).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {f"{one.name}{{{','.join(one.labels[key] for key in sorted(one.labels))}}}": one.value for one in found}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path)


def test_what_nobody_knows_is_left_out_and_never_zero(root: Path) -> None:
    found = samples(root)
    for name in ("maintenance_last_timestamp", "resource_usage_ratio", "backup_timestamp", "ledger_verified", "ledger_faults", "runs_total", "facts_collected"):
        assert not [key for key in found if key.startswith(f"itops_{name}")], name
    assert found["itops_hosts_not_collected{web}"] == 2
    assert found["itops_capacity_ratio{web}"] == 0.2
    assert (found["itops_maintenance_state{web,overdue}"], found["itops_maintenance_state{web,normal}"]) == (1, 0)
    assert found["itops_collector_success{}"] == 1


def test_a_service_that_is_out_of_use_is_neither_due_nor_overdue(tmp_path: Path) -> None:
    found = samples(make.workspace(tmp_path, lifecycle="retired"))
    assert not [key for key in found if key.startswith(("itops_maintenance_state", "itops_maintenance_next_due"))]


def test_runs_rollbacks_and_the_last_result(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261123-01"), root, "done")
    past.carried_out(past.planned(root, "CHG-20261123-02"), root, "rolled_back", number=2)
    past.carried_out(past.planned(root, "CHG-20261123-03"), root, "refused", number=3)
    past.carried_out(past.planned(root, "CHG-20261123-04"), root, "done", check=True, number=4)
    found = samples(root)
    assert (found["itops_runs_total{achieved,web}"], found["itops_runs_total{not_achieved,web}"]) == (1, 1), "neither the refused run nor the rehearsal"
    assert found["itops_rollbacks_total{succeeded,web}"] == 1
    assert (found["itops_last_backout{succeeded,web}"], found["itops_last_backout{not_needed,web}"]) == (1, 0)
    assert (found["itops_maintenance_last_result{not_achieved,web}"], found["itops_maintenance_last_result{achieved,web}"]) == (1, 0)
    assert found["itops_maintenance_last_timestamp_seconds{web}"] > found["itops_maintenance_last_achieved_timestamp_seconds{web}"] > 1.7e9
    assert found["itops_open_records{}"] == 0


def test_a_record_left_open_shows(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261123-01"), root, "nothing", keep_open=True)
    assert samples(root)["itops_open_records{}"] == 1


def test_of_the_records_of_others_only_lines_that_tell_of_runs_are_parsed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 4):
        past.carried_out(past.planned(root, f"CHG-20261123-0{number}"), root, "done", number=number)
    parsed: list[bytes] = []
    monkeypatch.setattr(run, "parse", lambda line: parsed.append(line) or ledger.parse(line))
    assert run.left_open(workspace.load(root).records) == []
    assert [ledger.parse(line).kind for line in parsed] == ["run_opened", "run_closed"] * 3


def test_records_in_a_database_give_the_same_metrics_and_every_controller_knows_the_last_verification(root: Path, kept: Entry, tmp_path: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261123-01"), root, "done")
    past.carried_out(past.planned(root, "CHG-20261123-02"), root, "rolled_back", number=2)
    past.carried_out(past.planned(root, "CHG-20261123-03"), root, "nothing", keep_open=True, number=3)
    before = samples(root)
    ws = workspace.load(root)
    for name in transfer.names(ws.records):
        transfer.copy(ws.records, kept, name)
    shutil.rmtree(root / "records")
    with (root / "itops.yml").open("a", encoding="utf-8") as settings:
        settings.write(f"records: {kept.database.url}\n")
    after = samples(root)
    moving = ("itops_generated_timestamp_seconds{}",)
    assert {key: value for key, value in after.items() if key not in moving} == {key: value for key, value in before.items() if key not in moving}
    assert after["itops_open_records{}"] == 1 and run.left_open(kept) == ["CHG-20261123-03"]
    assert itops(root, "record", "verify").returncode == 0
    shutil.rmtree(root / ".itops-cache")  # AWX throws it away with the job
    assert samples(root)["itops_ledger_faults{}"] == 0
    assert not [name for name in transfer.names(kept) if "verified" in name], "a copy of the records was not verified yet"


def test_backups_have_time_size_and_whether_all_sites_were_read_back(root: Path) -> None:
    book = past.carried_out(past.planned(root, "CHG-20261123-01"), root, "done", keep_open=True)
    sites = [{"site": "local", "where": "/b", "verified": True}, {"site": "offsite", "where": "/o", "verified": False}]
    book.append("backup_made", {"archive": "/b/a", "size": 2048, "sites": sites}, run="R20261121T020000Z-abcd", host=past.HOST, phase="backup")
    past.views.close(book.directory, "CHG-20261123-01", "R20261121T020000Z-abcd", "", {})
    found = samples(root)
    assert found["itops_backup_size_bytes{web1,web}"] == 2048
    assert found["itops_backup_verified{web1,web}"] == 0
    assert found["itops_backup_timestamp_seconds{web1,web}"] == datetime.fromisoformat(book.events()[-2].at).timestamp()


@pytest.mark.parametrize(("agreed", "told", "verified"), [
    (["local"], [("local", True)], True), (["local", "offsite"], [("local", True), ("offsite", True)], True),
    (["local", "offsite"], [("local", True)], False), (["local", "offsite"], [("local", True), ("offsite", False)], False), (["local"], [], False),
])  # fmt: skip
def test_a_backup_is_verified_only_where_every_agreed_site_has_it(agreed: list[str], told: list[tuple[str, bool]], verified: bool) -> None:
    sites = [{"site": site, "where": "/b", "verified": ok} for site, ok in told]
    story = Story().begun("run", "a", services={"web": {"id": "web", "backup": {"sites": agreed}}}).backed_up("a", sites=sites)
    assert run_history.backups(story.events, "web")["a"].verified is verified


def test_the_phases_of_a_run_last_from_their_first_to_their_last_event() -> None:
    told = Story().opened().backed_up("a").segment("a", "patch-1", "patch")
    assert run_history.phases(told.events, told.run) == {"gate": 0, "backup": 2, "patch": 1}


def test_usage_is_a_ratio_and_disappears_when_it_is_stale(root: Path) -> None:
    now = datetime.now(UTC)
    ws = workspace.load(root)
    for host, at in (("web1", now), ("web2", now - timedelta(hours=1))):
        facts.save(ws.facts, host, {"cpu_percent": 40, "mem_percent": 50, "services": {"web": {"disks": [{"percent": 91}]}}}, at)
    found = samples(root)
    assert found["itops_resource_usage_ratio{hdd,web,max}"] == 0.91
    assert found["itops_resource_usage_ratio{cpu,web,mean}"] == 0.4
    assert found["itops_facts_collected_timestamp_seconds{web}"] == int((now - timedelta(hours=1)).timestamp())
    facts.save(ws.facts, "web2", {"cpu_percent": 40, "services": {}}, now - timedelta(days=3))
    assert not [key for key in samples(root) if key.startswith("itops_resource_usage")]


def test_when_it_will_be_full_and_what_may_be_reclaimed(tmp_path: Path) -> None:
    idle = [{"id": "a", "last_used": "2025-01-01"}, {"id": "b"}]
    capacity = {"supported": 100, "allocated": 90, "allocations": idle, "thresholds": {"hdd": {"warn": 70}}}
    root = make.workspace(tmp_path, capacity=capacity, reclaim={"policy": "proactive"})
    ws, now = workspace.load(root), datetime.now(UTC)
    for back in range(10, -1, -1):
        history.add(ws.facts, "web", {"capacity": {"supported": 100, "allocated": 90 - back}}, now - timedelta(days=back))
        measured = {"services": {"web": {"disks": [{"percent": 50 - back}]}}}
        facts.save(ws.facts, "web1", measured, now)
        facts_history.add(ws.facts, "web1", measured, now - timedelta(days=back))
    found = samples(root)
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    assert found["itops_capacity_full_timestamp_seconds{web}"] == (noon + timedelta(days=10)).timestamp()
    assert found["itops_resource_full_timestamp_seconds{hdd,web}"] == (noon + timedelta(days=50)).timestamp()
    assert (found["itops_threshold_ratio{warn,hdd,web}"], found["itops_threshold_ratio{critical,hdd,web}"]) == (0.7, 0.9)
    assert found["itops_reclaim_candidates{web}"] == 1


def test_without_a_trend_or_a_list_there_is_neither_a_time_nor_a_number(root: Path) -> None:
    assert not [key for key in samples(root) if "_full_" in key or key.startswith("itops_reclaim")]


def test_a_whole_verification_is_remembered_and_one_of_some_changes_is_not(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261123-01"), root, "done")
    assert itops(root, "record", "verify", "CHG-20261123-01").returncode == 0
    assert "itops_ledger_faults{}" not in samples(root)
    assert itops(root, "record", "verify").returncode == 0
    found = samples(root)
    assert found["itops_ledger_faults{}"] == 0
    assert abs(found["itops_ledger_verified_timestamp_seconds{}"] - datetime.now(UTC).timestamp()) < 60
    stream = Ledger(workspace.load(root).record_dir("CHG-20261123-01"), "CHG-20261123-01").path
    stream.write_bytes(stream.read_bytes().replace(b'"li"', b'"xx"'))
    assert itops(root, "record", "verify").returncode == 4
    assert samples(root)["itops_ledger_faults{}"] > 0


def test_overdue_reviews_of_documents_are_counted_and_unknown_where_one_cannot_be_read(root: Path) -> None:
    (root / "documents").mkdir()
    front = "---\nid: guide-{n}\ntitle: 指南\nside: ops\nowner: zhang\nreview_due: {due}\n---\n\n# 指南\n"
    for n, due in enumerate(("2020-01-01", "2090-01-01")):
        (root / f"documents/{n}.md").write_text(front.format(n=n, due=due), "utf-8")
    assert samples(root)["itops_document_reviews_overdue{}"] == 1
    (root / "documents/2.md").write_text("# no properties\n", "utf-8")
    assert "itops_document_reviews_overdue{}" not in samples(root)


def test_every_family_has_our_prefix_a_help_text_and_bounded_labels(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261123-01"), root, "rolled_back")
    text = generate_latest(exposing.once(workspace.load(root))).decode()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert re.fullmatch(r"itops_[a-z_]+", family.name) and family.documentation.endswith("."), family.name
        assert {key for one in family.samples for key in one.labels} <= LABELS, family.name


def test_the_textfile_is_replaced_whole_and_stays_where_something_is_wrong(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "itops.prom"
    assert itops(root, "metrics", "textfile", str(target)).returncode == 0
    before = target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o644 and b"itops_services 1.0" in before
    (root / "inventory/services/web.yml").write_text("id: [", "utf-8")
    broken = itops(root, "metrics", "textfile", str(target))
    assert broken.returncode == 2 and "web.yml" in broken.stderr and "Traceback" not in broken.stderr
    assert target.read_bytes() == before
    assert not list(tmp_path.glob(".itops.prom*"))


def test_a_damaged_register_is_an_error_and_no_empty_history(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261123-01"), root, "done")
    (root / "records/register.jsonl").write_text("{\n", "utf-8")
    broken = itops(root, "metrics", "textfile", "-")
    assert broken.returncode == 4 and broken.stdout == "" and "itops record verify" in broken.stderr
