# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops precedents` and `itops change new --from`: what is taken over from an earlier change, and what is named to be filled in."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.module_utils.secret_patterns import MARK
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file

from tests.unit import make, past
from tests.unit.test_precedents import files

OLD = "CHG-20261103-01"
BIN = Path(sys.executable).parent

Facts = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make.workspace(tmp_path)
    make.dump(root / "inventory/services/db.yml", {**make.web(), "id": "db", "hosts": [{"name": "db1", "role": "primary"}, {"name": "db2", "role": "standby"}]})
    return root


def itops(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / "itops"), *words], cwd=root, capture_output=True, text=True, check=False, timeout=60)


def begin(root: Path, *words: str) -> tuple[Facts, Facts]:
    """What `itops change new --from` says as JSON, and the file it wrote."""
    done = itops(root, "change", "new", "--from", OLD, *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return said, yaml.safe_load(Path(said["file"]).read_text("utf-8"))


def earlier(root: Path, end: str = "done", **parts: Any) -> None:
    plan = {
        "window": {"start": "2026-11-03T02:00:00+08:00", "end": "2026-11-03T04:00:00+08:00"}, "batch": 2, "data": ["/srv/web"], "hosts": ["web1"],
        "mode": "semi", "impact": ["outage"], "steps": [
            {"kind": "stop", "title": "停止", "service": {"state": "stopped"}},
            {"kind": "update", "title": "更新", "release": {"file": "app-1.9.2.tar.gz", "dest": "/srv/web"}},
            {"kind": "update", "title": "依赖", "id": "deps", "packages": {"provider": "apt", "names": [{"name": "libweb", "version": "3.4.5"}]}},
            {"kind": "start", "title": "启动 1.9.2", "service": {"state": "started"}},
            {"kind": "rollback", "title": "恢复", "restore": {}},
        ],
        "checks": [{"type": "version", "command": "web --version", "equals": "1.9.2", "when": ["after"]}, {"type": "port", "port": 10192}],
    }  # fmt: skip
    notice = {"id": "SUP-7", "source": "公告", "supplier": "甲公司", "received_at": "2026-11-01T00:00:00+08:00", "files": files("app-1.9.2.tar.gz")}
    related: Facts = {"related_events": [{"id": "EVT-1"}], "related_work": [{"id": "WO-1"}], "category": "standard"}
    change = past.planned(root, OLD, **{"title": "升级到 1.9.2", "executor": "li", "approver": "wang", "notice": notice, "plan": plan, **related, **parts})
    past.carried_out(change, root, end)


# ------------------------------------------------------------------ begin from a precedent


def test_services_kind_and_plan_are_taken_over_and_nothing_of_the_old_notice(root: Path) -> None:
    earlier(root)
    said, made = begin(root)
    assert said["from"] == OLD and said["note"] == ""
    assert made["id"] == said["change"] == f"CHG-{date.today():%Y%m%d}-01"
    assert (made["service"], made["kind"], made["category"], made["title"]) == (["web"], "patch", "standard", "升级到 1.9.2")
    assert (made["executor"], made["approver"]) == ("li", "wang") and OLD in made["remark"]
    assert made["notice"] == {"id": "待填", "source": "公告", "supplier": "甲公司", "files": []}
    assert made["related_events"] == made["related_work"] == []
    plan = made["plan"]
    assert {name: plan[name] for name in ("batch", "data", "hosts", "mode", "impact")} == {
        "batch": 2, "data": ["/srv/web"], "hosts": ["web1"], "mode": "semi", "impact": ["outage"]}  # fmt: skip
    assert [step["kind"] for step in plan["steps"]] == ["stop", "update", "update", "start", "rollback"]
    assert plan["steps"][4] == {"kind": "rollback", "title": "恢复", "restore": {}}
    assert plan["checks"][0] == {"type": "version", "command": "web --version", "equals": "1.9.2", "when": ["after"]}
    assert plan["window"]["start"].startswith("待填")
    assert (root / "staging" / made["id"]).is_dir()


def test_what_the_new_notice_decides_is_blanked_and_named(root: Path) -> None:
    earlier(root)
    said, made = begin(root)
    assert made["plan"]["steps"][1]["release"]["file"] == "待填 app-1.9.2.tar.gz"
    assert made["plan"]["steps"][2]["packages"]["names"][0] == {"name": "libweb", "version": "待填 3.4.5"}
    assert said["fill_in"] == [
        "plan.window", "notice.id", f"notice.files: put them into staging, then: itops change files {made['id']}",
        "plan.steps[1].release.file: was app-1.9.2.tar.gz", "plan.steps[2].packages.names[0].version: was 3.4.5",
        "title: still says 1.9.2", "plan.steps[3].title: still says 1.9.2", "plan.checks[0].equals: still says 1.9.2",
    ]  # fmt: skip


def test_ids_that_only_follow_from_the_place_are_left_out_and_others_are_kept(root: Path) -> None:
    earlier(root)
    made = begin(root)[1]
    assert [step.get("id") for step in made["plan"]["steps"]] == [None, None, "deps", None, None]


def test_it_does_not_pass_before_it_is_filled_in_and_is_a_precedents_twin_afterwards(root: Path) -> None:
    earlier(root)
    said, made = begin(root)
    refused = itops(root, "change", "lint", said["change"])
    assert refused.returncode == 2 and "plan.window.start" in refused.stdout and "file is not in the notice" in refused.stdout
    made["notice"] |= {"id": "SUP-8", "files": files("app-2.0.tar.gz")}
    made["plan"]["window"] = {"start": "2026-12-03T02:00:00+08:00", "end": "2026-12-03T04:00:00+08:00"}
    made["plan"]["steps"][1]["release"]["file"] = "app-2.0.tar.gz"
    made["plan"]["steps"][2]["packages"]["names"][0]["version"] = "3.4.6"
    make.dump(Path(said["file"]), made)
    assert itops(root, "change", "lint", said["change"]).returncode == 0
    (found,) = json.loads(itops(root, "precedents", said["change"], "--format", "json").stdout)["precedents"]
    assert (found["change"], found["score"], found["proper"]) == (OLD, 100, True)


def test_title_kind_and_services_may_be_said_anew(root: Path) -> None:
    earlier(root)
    made = begin(root, "--service", "db", "--title", "数据库升级", "--kind", "config")[1]
    assert (made["service"], made["title"], made["kind"]) == (["db"], "数据库升级", "config")
    assert "hosts" not in made["plan"]


def test_what_was_carried_out_counts_not_what_the_file_says_now(root: Path) -> None:
    earlier(root)
    make.change(root, OLD, title="edited")
    made = begin(root)[1]
    assert (made["title"], made["plan"]["batch"]) == ("升级到 1.9.2", 2)
    (root / f"changes/{OLD}.yml").unlink()
    assert begin(root)[1]["plan"] == made["plan"]


def test_a_secret_that_was_taken_out_is_named_as_missing(root: Path) -> None:
    """As the ledger of a change holds it whose plan still had one."""
    steps = [*make.plan()["steps"], {"kind": "other", "title": "登录", "command": f"web login --password={MARK}"}]
    earlier(root, plan={"steps": steps}, notice={"id": "S", "files": files("app.tar.gz")})
    (root / f"changes/{OLD}.yml").unlink()
    said, _made = begin(root)
    assert "plan.steps[5].command: a secret was taken out of it" in said["fill_in"]


def test_people_who_have_left_are_not_taken_over(root: Path) -> None:
    earlier(root)
    people = yaml.safe_load((root / "inventory/people.yml").read_text("utf-8"))
    people["people"][1]["active"] = False
    make.dump(root / "inventory/people.yml", people)
    made = begin(root)[1]
    assert (made["executor"], made["approver"]) == ("待填", "wang"), "never the owner: who executes does not approve"


def test_an_emergency_does_not_make_the_next_one_an_emergency(root: Path) -> None:
    earlier(root, category="emergency", incident="INC-1")
    made = begin(root)[1]
    assert "incident" not in made and "category" not in made


def test_a_ledger_that_does_not_verify_is_nothing_to_begin_from(root: Path) -> None:
    earlier(root)
    stream = workspace.load(root).record_dir(OLD) / "events.jsonl"
    stream.write_bytes(stream.read_bytes().replace(b'"user":"li"', b'"user":"xi"', 1))
    done = itops(root, "change", "new", "--from", OLD)
    assert done.returncode == 4 and f"itops record verify {OLD}" in done.stderr
    assert [path.stem for path in change_file.paths(workspace.load(root))] == [OLD]


@pytest.mark.parametrize(("end", "note"), [("rolled_back", "ended: not_achieved, backout succeeded"), ("refused", "was not carried out to an end")])
def test_one_that_was_no_success_can_be_begun_from_but_says_so(root: Path, end: str, note: str) -> None:
    earlier(root, end)
    assert note in begin(root)[0]["note"]


def test_one_that_was_never_carried_out_says_so_too(root: Path) -> None:
    make.change(root, OLD)
    assert "never carried out" in begin(root)[0]["note"]


# ------------------------------------------------------------------ wrong calls


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--title", "x"], "--service"),
        (["--service", "web"], "--title"),
        ([], "--from"),
        (["--from", "CHG-20200101-01"], "no such change"),
        (["--from", "../../etc/passwd"], "not a change id"),
        (["--service", "nothing", "--title", "x"], "unknown service"),
        (["--from", OLD, "--service", "nothing"], "unknown service"),
    ],
)
def test_a_wrong_call_writes_nothing(root: Path, words: list[str], told: str) -> None:
    earlier(root)
    done = itops(root, "change", "new", *words)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
    assert [path.stem for path in change_file.paths(workspace.load(root))] == [OLD]


def test_a_service_that_is_gone_is_named(root: Path) -> None:
    earlier(root)
    (root / "inventory/services/web.yml").unlink()
    done = itops(root, "change", "new", "--from", OLD)
    assert done.returncode == 2 and "unknown service" in done.stderr and "web" in done.stderr


def test_without_a_precedent_the_draft_is_as_ever(root: Path) -> None:
    done = itops(root, "change", "new", "--service", "web", "--title", "升级")
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load((root / f"changes/CHG-{date.today():%Y%m%d}-01.yml").read_text("utf-8"))
    assert (made["kind"], made["service"], made["executor"]) == ("patch", ["web"], "li")


def test_an_id_is_taken_by_a_file_or_by_a_record(root: Path) -> None:
    today = f"CHG-{date.today():%Y%m%d}"
    (workspace.load(root).record_dir(f"{today}-01")).mkdir(parents=True)
    make.change(root, f"{today}-02")
    done = itops(root, "change", "new", "--service", "web", "--title", "升级", "--format", "json")
    assert json.loads(done.stdout)["change"] == f"{today}-03"


# ------------------------------------------------------------------ itops precedents


def test_the_list_says_how_they_ended_and_where_to_start(root: Path) -> None:
    earlier(root)
    past.carried_out(past.planned(root, "CHG-20261104-01"), root, "rolled_back")
    make.change(root)
    text = itops(root, "precedents", make.CHANGE).stdout
    assert OLD in text and "达成" in text and "回退成功" in text and f"itops change new --from {OLD}" in text
    assert "相似变更 2 项：成功 1 项（50%），回滚 1 项（50%）" in text
    english = itops(root, "precedents", make.CHANGE, "--lang", "en").stdout
    assert "2 similar changes: 1 achieved (50 %), 1 rolled back (50 %)" in english and "not achieved" in english
    said = json.loads(itops(root, "precedents", make.CHANGE, "--format", "json").stdout)
    assert said["start_from"] == OLD and said["summary"]["count"] == 2
    assert said["runbook"] == {**said["runbook"], "ok": True, "path": None, "sha256": ""}


def test_none_is_said_in_words_and_a_bad_runbook_with_its_remedy(root: Path) -> None:
    make.change(root, plan={"runbook": "docs/none.md"})
    done = itops(root, "precedents", make.CHANGE, "--lang", "en")
    assert done.returncode == 0 and "No similar change" in done.stdout and "docs/none.md" in done.stdout and "set plan.runbook" in done.stdout
    assert json.loads(itops(root, "precedents", make.CHANGE, "--format", "json").stdout)["precedents"] == []


def test_the_catalogue_of_the_tests_is_clean(root: Path) -> None:
    assert catalogue.load(workspace.load(root)).problems == []
