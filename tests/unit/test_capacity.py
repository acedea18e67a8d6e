# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capacity and reclaiming: the report to the byte, thresholds, the history of n/X, what may be reclaimed, and that nothing ever is."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, facts, facts_history, labels, policy, status, status_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace as workspaces
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history, reclaim, tables, thresholds, view
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.view import Capacity
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Status, World
from click.testing import CliRunner

from itops_cli.main import cli
from tests.unit import make

REPO = Path(__file__).parents[2]
GOLDEN = REPO / "tests/golden"
NOW = datetime(2026, 11, 27, 20, 5, tzinfo=UTC)  # in the department's time zone it is the 28th
ALLOCATIONS = [
    {"id": "tenant|a", "amount": 20, "owner": "市场部", "last_used": "2026-09-28"},  # 61 days before the 28th
    {"id": "tenant-b", "amount": 5, "owner": "=1+1", "last_used": "2026-09-29"},  # 60: not longer than agreed
    {"id": "tenant-c", "amount": 1, "last_used": "2026-01-01"},
    {"id": "tenant-d", "amount": 9},  # nobody knows
]
OWN = {
    "capacity": {"supported": 200, "allocated": 180, "unit": "会话", "allocations": ALLOCATIONS, "thresholds": {"hdd": {"warn": 60}}},
    "reclaim": {"policy": "proactive", "threshold": 80, "idle_days": 60},
}
WIKI = {"id": "wiki", "name": "内部知识库", "redundancy": "standalone", "hosts": [{"name": "wiki1", "role": "primary"}],
        "capacity": {}, "reclaim": {"policy": "proactive"}}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """web is collected for 30 days: n and the disk grow; of wiki nothing is known."""
    make.workspace(tmp_path, **OWN)
    make.dump(tmp_path / "inventory/services/wiki.yml", {**make.web(), **WIKI})
    for back in range(29, -1, -1):
        at = NOW - timedelta(days=back)
        history.add(tmp_path / "facts", "web", {"capacity": {"supported": 200, "allocated": 180 - back}}, at)
        for host in ("web1", "web2"):
            measured = {"cpu_percent": 97, "mem_percent": 50 + back // 10, "services": {"web": {"disks": [{"percent": 70 - back // 2}]}}}
            facts_history.add(tmp_path / "facts", host, measured, at)
            if not back:
                facts.save(tmp_path / "facts", host, measured, at)
    return tmp_path


def seen(root: Path, **rules: Any) -> tuple[Status, list[Capacity]]:
    ws = workspaces.load(root)
    known = catalogue.load(ws).required()
    found = status.roll_up(World(known.services, known.people, facts.load(ws.facts), {}, NOW, ws.timezone, {**policy.load(ws)["capacity"], **rules}))
    return found, [view.of(found, row, ws.facts) for row in found.rows]


def itops(root: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, ["--workspace", str(root), *words], env={"ITOPS_WORKSPACE": None}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


# ---------------------------------------------------------------- the report


@pytest.mark.parametrize("lang", labels.LANGUAGES)
def test_the_report_to_the_byte(root: Path, lang: str) -> None:
    found, known = seen(root)
    assert tables.report(found, known, lang) == (GOLDEN / f"capacity.{lang}.md").read_text("utf-8")


def test_for_a_spreadsheet_every_resource_is_a_row_and_none_a_formula(root: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(tables.report_csv(seen(root)[1], "en"))))
    assert [(row["Service"], row["Resource"]) for row in rows][:4] == [("门户网站", name) for name in ("n/X", "CPU", "MEM", "HDD")]
    assert [row["May be reclaimed"] for row in rows] == ["tenant-c, tenant|a", *[""] * 7]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "'"))]


def test_for_a_program_there_are_times_slopes_and_null(root: Path) -> None:
    found, known = seen(root)
    data = json.loads(json.dumps(tables.whole_data(found, known, "en")))
    web, wiki = data["services"]
    assert data["method"] == {"name": "Theil-Sen", "days": 90, "points": 10, "fresh_days": 7, "horizon_days": 730}
    assert web["resources"]["allocated"] == {
        "percent": 90, "level": "warn", "thresholds": {"warn": 80, "critical": 95}, "full_at": "2026-12-17T12:00:00+00:00",
        "trend": {"per_day": 1.0, "points": 30, "first": "2026-10-29", "last": "2026-11-27"},
    }  # fmt: skip
    assert (web["resources"]["cpu"]["level"], web["resources"]["hdd"]["level"]) == ("critical", "warn")
    assert "full_at" not in web["resources"]["cpu"], "what goes up and down again is not filled up"
    assert [item["id"] for item in web["reclaim"]] == ["tenant-c", "tenant|a"]
    assert wiki["resources"]["hdd"] == {"percent": None, "level": "unknown", "thresholds": {"warn": 80, "critical": 90}, "trend": None, "full_at": None}
    assert (wiki["reclaim"], wiki["command"]) == (None, None)


def test_the_command_prints_every_form_of_all_services_or_of_one(root: Path) -> None:
    assert itops(root, "capacity", "--lang", "en").startswith("# Capacity and reclaiming\n")
    assert [one["service"] for one in json.loads(itops(root, "capacity", "--format", "json"))["services"]] == ["web", "wiki"]
    assert len(itops(root, "capacity", "--service", "web", "--format", "csv").splitlines()) == 5
    wrong = CliRunner().invoke(cli, ["--workspace", str(root), "capacity", "--service", "wbe"], env={"ITOPS_WORKSPACE": None})
    assert wrong.exit_code != 0 and "did you mean web?" in str(wrong.exception)


def test_where_nobody_knows_it_does_not_say_that_there_is_nothing(root: Path) -> None:
    unknown, nothing = itops(root, "capacity", "--service", "wiki", "--lang", "en"), "Nothing may be reclaimed."
    assert nothing not in unknown and "nobody knows what may be reclaimed: 内部知识库" in unknown
    make.dump(root / "inventory/services/wiki.yml", {**make.web(), **WIKI, "reclaim": {"policy": "reactive"}})
    assert nothing in itops(root, "capacity", "--service", "wiki", "--lang", "en")


def test_the_printed_command_begins_a_change(root: Path) -> None:
    assert "itops change new --service web --kind other --title 'Reclaim idle resources'" in itops(root, "capacity", "--lang", "en")
    itops(root, "change", "new", "--service", "web", "--kind", "other", "--title", "Reclaim idle resources")
    (path,) = (root / "changes").glob("CHG-*.yml")
    assert yaml.safe_load(path.read_text("utf-8"))["title"] == "Reclaim idle resources"


@pytest.mark.parametrize(("lang", "day"), [("zh_CN", "2026-12-17"), ("en", "2026-12-17")])
def test_the_sheet_has_it_as_a_section(root: Path, lang: str, day: str) -> None:
    found, known = seen(root)
    made = status_tables.sheet(status.roll_up(World({"web": found.rows[0].record}, {}, {}, {}, NOW)), lang, True, tables.section(found, known[:1], lang))
    assert f"## {labels.label('capacity_text', 'title', lang)}\n" in made and day in made and "itops change new" in made
    assert "## " + labels.label("capacity_text", "title", lang) in itops(root, "status", "--service", "web", "--lang", lang)
    assert json.loads(itops(root, "status", "--service", "web", "--format", "json"))["outlook"]["service"] == "web"


def test_the_day_is_that_of_the_services_time_zone(root: Path) -> None:
    _found, (web, _wiki) = seen(root)
    at = web.line("allocated").full_at
    assert at == datetime(2026, 12, 17, 12, tzinfo=UTC)
    record = {**make.web(), **OWN, "maintenance": {**make.web()["maintenance"], "tz": "Pacific/Kiritimati"}}  # 14 hours ahead
    make.dump(root / "inventory/services/web.yml", record)
    assert "2026-12-18" in tables.report(*seen(root), "en")


# ---------------------------------------------------------------- thresholds


def test_at_a_threshold_a_cell_is_flagged_and_a_program_is_told(root: Path) -> None:
    found, _known = seen(root)
    made = status_tables.roll_up(found, "zh_CN")
    assert "180（90%）[^itops-3]" in made
    for text in (
        "警告：已分配 90%，达到警戒线 80%",
        "警告：CPU 97%，达到严重线 95%",
        "警告：HDD 70%，达到警戒线 60%",
        "警告：2 项闲置，可回收 → itops capacity --service web",
    ):
        assert text in made
    assert "MEM 50%，" not in made
    assert "the warning threshold is 80%" in status_tables.roll_up_csv(found, "en")


def test_a_service_replaces_single_numbers_of_the_policy() -> None:
    rules = {name: {"warn": 80, "critical": 95} for name in thresholds.RESOURCES}
    own = {"capacity": {"thresholds": {"hdd": {"warn": 60}}}}
    assert thresholds.of(own, rules)["hdd"] == {"warn": 60, "critical": 95} and thresholds.of(own, rules)["cpu"] == rules["cpu"]
    levels = [thresholds.reached(own, rules, {"hdd": percent}) for percent in (59, 60, 94, 95, None)]
    assert [found[0].level if found else "" for found in levels] == ["", "warn", "warn", "critical", ""]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("hdd: {warn: 0}", "capacity.hdd.warn"),
        ("cpu: {critical: 101}", "capacity.cpu.critical"),
        ("allocated: {warn: 99}", "capacity.allocated.warn"),
        ("trend: {days: 401}", "capacity.trend.days"),
        ("trend: {days: 5}", "capacity.trend.points"),
        ("trend: {points: 2}", "capacity.trend.points"),
        ("idle_days: 0", "capacity.idle_days"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_at_its_place(root: Path, text: str, path: str) -> None:
    (root / "policy.yml").write_text(f"capacity:\n  {text}\n", "utf-8")
    with pytest.raises(BadInput, match=f"policy.yml:.*{path}"):
        policy.load(workspaces.load(root))


# ---------------------------------------------------------------- the history of n/X


def test_the_last_word_of_a_day_counts_and_the_history_is_bounded(tmp_path: Path) -> None:
    for day in range(facts_history.DAYS + 10):
        history.add(tmp_path, "web", {"capacity": {"supported": 500, "allocated": day}}, NOW + timedelta(days=day))
    history.add(tmp_path, "web", {"capacity": {"supported": 500, "allocated": 5}}, NOW + timedelta(days=day, hours=1))
    found = history.of_service(tmp_path, "web")
    assert len(found) == facts_history.DAYS and list(found.values())[-1] == history.Amount(5, 500)
    assert history.path(tmp_path, "web").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("capacity", [{}, {"supported": 5}, {"allocated": 5}, {"supported": 10**16, "allocated": 1}, {"supported": True, "allocated": 1}])
def test_what_nobody_knows_is_not_written(tmp_path: Path, capacity: Mapping[str, Any]) -> None:
    history.add(tmp_path, "web", {"capacity": capacity}, NOW)
    assert not (tmp_path / "capacity").exists()


@pytest.mark.parametrize("day", ["[]", '{"allocated": "1", "supported": 2}', '{"allocated": 1, "supported": 0}', '{"allocated": -1, "supported": 2}', "{}"])
def test_a_damaged_day_is_none(tmp_path: Path, day: str) -> None:
    history.add(tmp_path, "web", {"capacity": {"supported": 2, "allocated": 1}}, NOW)
    file = history.path(tmp_path, "web")
    file.write_text(file.read_text("utf-8").replace('"days": {', f'"days": {{"2026-11-01": {day}, '), "utf-8")
    assert list(history.of_service(tmp_path, "web").values()) == [history.Amount(1, 2)]


def test_a_service_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    for sid in ("web", "wiki"):
        history.add(tmp_path, sid, {"capacity": {"supported": 2, "allocated": 1}}, NOW)
    history.forget_others(tmp_path, {"web": {}})
    assert history.of_service(tmp_path, "web") and not history.of_service(tmp_path, "wiki")


# ---------------------------------------------------------------- reclaiming


def idle(ratio: int | None = 90, rules: Mapping[str, Any] | None = None, **more: Any) -> list[str] | None:
    record = {**OWN, **more}
    found = reclaim.candidates(record, ratio, rules or {}, NOW.astimezone(UTC).date() + timedelta(days=1))
    return None if found is None else [one.id for one in found]


def test_candidates_are_idle_for_longer_than_agreed_and_the_longest_comes_first() -> None:
    assert idle() == ["tenant-c", "tenant|a"]


def test_below_the_threshold_there_are_none_and_reactive_or_unknown_lists_nothing() -> None:
    assert idle(79) == [] and idle(80) == ["tenant-c", "tenant|a"]
    assert idle(None) is None
    assert idle(reclaim={"policy": "reactive", "threshold": 1, "idle_days": 1}) is None and idle(reclaim={}) is None
    assert idle(capacity={"supported": 200, "allocated": 180}) is None


def test_without_numbers_of_its_own_those_of_the_policy_count() -> None:
    rules = {"allocated": {"warn": 85}, "idle_days": 200}
    assert idle(84, rules, reclaim={"policy": "proactive"}) == []
    assert idle(85, rules, reclaim={"policy": "proactive"}) == ["tenant-c"]
    assert idle(85, {}, reclaim={"policy": "proactive"}) is None


def test_n_is_the_sum_of_what_was_given_away_where_the_record_does_not_say(root: Path) -> None:
    make.dump(root / "inventory/services/web.yml", {**make.web(), "capacity": {"supported": 70, "allocations": ALLOCATIONS}})
    assert seen(root)[0].rows[0].record["capacity"]["allocated"] == 35 and seen(root)[0].rows[0].ratio == 50


def fingerprint(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and ".itops-cache" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_nothing_is_ever_reclaimed_by_itself(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever shows candidates leaves the workspace as it is; what runs on hosts does not know the word."""
    before, site = fingerprint(root), tmp_path_factory.mktemp("out") / "site"
    shows = (
        ["capacity"],
        ["capacity", "--format", "json"],
        ["status"],
        ["status", "--service", "web"],
        ["metrics", "textfile", "-"],
        ["docs", "site", str(site)],
    )
    for words in shows:
        itops(root, *words)
    assert fingerprint(root) == before
    runs = [*(REPO / "playbooks").rglob("*.yml"), *(REPO / "roles").glob("*/tasks/**/*.yml"), *(REPO / "plugins/module_utils").glob("*.py")]
    assert runs and [path for path in runs if "reclaim" in path.read_text("utf-8")] == []
