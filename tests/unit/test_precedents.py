# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Precedents: only what was really carried out, and whose ledger verifies; the most similar first. And the runbook."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import register, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import refusals
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import likeness, precedents
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance.precedents import Precedent
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import LedgerError
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import make, past

NOW = "CHG-20261123-01"
OLD, OLDER, OLDEST = "CHG-20261103-01", "CHG-20261002-01", "CHG-20260901-01"
STEPS = make.plan()["steps"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path)


def another(root: Path, sid: str = "db", **parts: Any) -> None:
    make.dump(root / f"inventory/services/{sid}.yml", {**make.web(), "id": sid, "hosts": [{"name": f"{sid}1", "role": "primary"},
              {"name": f"{sid}2", "role": "standby"}], **parts})  # fmt: skip


def find(root: Path, change: Change | None = None) -> list[Precedent]:
    return precedents.find(change or past.planned(root, NOW), workspace.load(root))


def old(root: Path, cid: str = OLD, end: str = "done", **parts: Any) -> Change:
    change = past.planned(root, cid, **parts)
    past.carried_out(change, root, end)
    return change


# ------------------------------------------------------------------ which ones


def test_an_achieved_change_of_the_same_kind_service_and_package_is_a_precedent(root: Path) -> None:
    old(root, title="升级 1.9", notice={"id": "S", "supplier": "甲公司", "files": files("app-1.9.tar.gz")}, plan=plan("app-1.9.tar.gz"))
    (found,) = find(root)
    assert found.proper and found.lacking == ""
    assert (found.change, found.title, found.services, found.kind, found.supplier, found.packages) == (OLD, "升级 1.9", ("web",), "patch", "甲公司", ("app",))
    assert (found.result, found.backout, found.duration_s) == ("achieved", "not_needed", 0)
    assert found.closed_at == register.read(workspace.load(root).records)[0]["ended"]
    assert precedents.best([found]) == found
    json.dumps(found.as_dict())


def test_without_a_register_there_is_none(root: Path) -> None:
    assert find(root) == []


def test_a_change_is_never_its_own_precedent(root: Path) -> None:
    change = old(root, NOW)
    assert find(root, change) == []


@pytest.mark.parametrize("lacks", ["check", "refused", "open", "backup"])
def test_what_was_not_carried_out_is_none(root: Path, lacks: str) -> None:
    change = past.planned(root, OLD)
    end, verb = ("refused" if lacks == "refused" else "done"), ("backup" if lacks == "backup" else "run")
    past.carried_out(change, root, end, verb, check=lacks == "check", keep_open=lacks == "open")
    assert find(root) == []


def test_an_earlier_success_does_not_count_while_a_later_run_is_open(root: Path) -> None:
    change = old(root)
    past.carried_out(change, root, keep_open=True, number=2)
    assert find(root) == []


def test_a_run_that_touched_no_host_is_none(root: Path) -> None:
    old(root, end="nothing")
    assert register.read(workspace.load(root).records)[0]["exit"] == 15
    assert find(root) == []


def test_a_check_run_beside_the_real_one_does_not_hide_it(root: Path) -> None:
    change = past.planned(root, OLD)
    past.carried_out(change, root, check=True)
    past.carried_out(change, root, number=2)
    past.carried_out(change, root, check=True, number=3)
    (found,) = find(root)
    assert found.proper and found.result == "achieved"


@pytest.mark.parametrize(("end", "backout"), [("rolled_back", "succeeded"), ("stuck", "failed")])
def test_what_failed_is_known_but_no_precedent(root: Path, end: str, backout: str) -> None:
    old(root, end=end)
    (found,) = find(root)
    assert (found.result, found.backout, found.proper, found.lacking) == ("not_achieved", backout, False, "not_achieved")
    assert precedents.best([found]) is None


def test_what_a_person_rolled_back_later_is_no_precedent_any_more(root: Path) -> None:
    past.carried_out(old(root), root, verb="rollback", number=2)
    (found,) = find(root)
    assert (found.result, found.backout, found.proper) == ("not_achieved", "succeeded", False)


def test_where_people_decide_only_a_closed_change_is_a_precedent(root: Path) -> None:
    change = past.planned(root, OLD)
    book = past.carried_out(change, root)
    book.append("decided", {"decision": "review", "by": "wang"}, phase="govern")
    assert [(p.proper, p.lacking) for p in find(root)] == [(False, "not_closed")]
    close = book.append("decided", {"decision": "close", "by": "zhang"}, phase="govern")
    assert [(p.proper, p.closed_at) for p in find(root)] == [(True, close.at)]


# ------------------------------------------------------------------ only verified ledgers


@pytest.mark.parametrize("damage", ["edited", "cut", "gone", "copied"])
def test_a_record_whose_chain_does_not_verify_is_no_precedent(root: Path, damage: str) -> None:
    old(root, OLDER, "rolled_back")
    old(root)
    ws = workspace.load(root)
    stream = ws.record_dir(OLD) / "events.jsonl"
    if damage == "edited":
        stream.write_bytes(stream.read_bytes().replace(b'"user":"li"', b'"user":"xi"', 1))
    elif damage == "cut":
        (stream.parent / "head.json").unlink()
        stream.write_bytes(b"".join(stream.read_bytes().splitlines(keepends=True)[:-1]))
    elif damage == "gone":
        stream.unlink()
    else:
        stream.write_bytes((ws.record_dir(OLDER) / "events.jsonl").read_bytes())
        (stream.parent / "head.json").unlink()
    assert [p.change for p in find(root)] == [OLDER]
    assert precedents.verified(ws, OLD) is None
    assert precedents.verified(ws, OLDER)


def test_a_damaged_register_is_an_error_with_a_remedy_not_an_empty_history(root: Path) -> None:
    old(root)
    with register.path(workspace.load(root).records).open("ab") as stream:
        stream.write(b"[]\n")
    with pytest.raises(LedgerError, match="itops record verify"):
        find(root)


def test_a_line_that_somebody_put_into_the_register_makes_no_precedent(root: Path) -> None:
    old(root)
    lines = register.path(workspace.load(root).records)
    line = json.loads(lines.read_bytes())
    lines.write_bytes(b"".join(json.dumps({**line, "change": name}).encode() + b"\n" for name in (OLDER, "../../etc", "CHG", "")) + lines.read_bytes())
    assert [p.change for p in find(root)] == [OLD]


# ------------------------------------------------------------------ what is the same


def files(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "size": 1, "sha256": hashlib.sha256(name.encode()).hexdigest()} for name in names]


def plan(file: str) -> dict[str, Any]:
    return {"steps": [{**step, "release": {"file": file, "dest": "/srv/web"}} if step.get("release") else step for step in STEPS]}


def writes(dest: str, *commands: str) -> dict[str, Any]:
    """A plan that writes one file and then does these commands."""
    return {"steps": [STEPS[0], {"kind": "update", "title": "写", "files": [{"content": "x\n", "dest": dest}]} if dest else None,
                      *({"kind": "update", "title": "做", "command": command} for command in commands), *STEPS[2:]]}  # fmt: skip


def test_each_difference_that_matters_is_named(root: Path) -> None:
    another(root)
    now = likeness.key(past.planned(root, NOW).data)
    assert likeness.differs(now, now) == ""
    assert likeness.differs(now, replace(now, services=("db",))) == "service"
    assert likeness.differs(now, replace(now, services=("db", "web"))) == ""
    assert likeness.differs(replace(now, services=("db", "web")), now) == "service"
    assert likeness.differs(now, replace(now, kind="config")) == "kind"
    assert likeness.differs(now, replace(now, packages=("other",))) == "package"
    assert likeness.differs(now, replace(now, packages=())) == "package"
    assert likeness.differs(now, replace(now, shape=("stop",))) == ""
    bare = replace(now, packages=())
    assert likeness.differs(bare, bare) == ""
    assert likeness.differs(bare, replace(bare, shape=("stop",))) == "steps"


def test_two_configurations_of_one_service_are_not_the_same_change(root: Path) -> None:
    for number, dest in enumerate(("/etc/web/limits.conf", "/etc/web/db.conf"), 1):
        steps = [step for step in writes(dest)["steps"] if step]
        old(root, f"CHG-20261103-0{number}", kind="config", notice={}, plan={"steps": steps})
    now = past.planned(root, NOW, kind="config", notice={}, plan={"steps": [s for s in writes("/etc/web/limits.conf")["steps"] if s]})
    assert [(p.change, p.lacking) for p in find(root, now)] == [("CHG-20261103-01", ""), ("CHG-20261103-02", "other_package")]


def test_where_nothing_is_named_the_programs_and_states_are_compared(root: Path) -> None:
    for number, command in enumerate(("/opt/web/migrate --all", "/opt/web/reindex"), 1):
        old(root, f"CHG-20261103-0{number}", kind="config", notice={}, plan={"steps": [s for s in writes("", command)["steps"] if s]})
    now = past.planned(root, NOW, kind="config", notice={}, plan={"steps": [s for s in writes("", "/usr/bin/reindex --fast")["steps"] if s]})
    assert [(p.change, p.lacking) for p in find(root, now)] == [("CHG-20261103-02", ""), ("CHG-20261103-01", "other_steps")]


def test_files_that_come_with_every_patch_do_not_make_two_patches_the_same(root: Path) -> None:
    beside = ("SHA256SUMS", "SHA256SUMS.asc", "README.md", "release-notes-2.txt", "driver-1.tar.gz.sha256")
    old(root, notice={"id": "S", "files": files("driver-1.tar.gz", *beside)}, plan=plan("driver-1.tar.gz"))
    now = past.planned(root, NOW, notice={"id": "S", "files": files("app-2.tar.gz", *beside)}, plan=plan("app-2.tar.gz"))
    assert [(p.packages, p.lacking) for p in find(root, now)] == [(("driver",), "other_package")]


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("portal-2.4.1.tar.gz", "portal"), ("Portal_v2.4.1.ZIP", "portal"), ("portal2.4.1.zip", "portal"), ("app.tar.gz", "app"),
        ("openssl-3.0.13-1.el9.x86_64.rpm", "openssl"), ("libssl3_3.0.13-1~deb12u1_amd64.deb", "libssl3"), ("python3.11-3.11.2.deb", "python3.11"),
        ("log4j2-core-2.17.jar", "log4j2-core"), ("update_20261101.sql", "update"), ("门户升级包_V2.4.1.zip", "门户升级包"),
        ("1.2.3.zip", "1.2.3"), ("2026-11-patch.zip", "2026-11-patch"), ("org.apache.tomcat.jar", "org.apache.tomcat"), ("KB5034441.msu", "kb5034441"),
    ],
)  # fmt: skip
def test_a_file_without_its_version(name: str, stem: str) -> None:
    assert likeness.stem(name) == stem


VERSIONS = st.lists(st.integers(0, 99), min_size=1, max_size=4)


@given(
    base=st.from_regex(r"[a-z][a-z0-9]{1,8}(-[a-z]{2,8}){0,2}", fullmatch=True),
    versions=st.tuples(VERSIONS, VERSIONS),
    ending=st.sampled_from([".tar.gz", ".zip", ".rpm", ".jar", ""]),
)
def test_two_versions_of_a_file_have_one_stem(base: str, versions: tuple[list[int], list[int]], ending: str) -> None:
    stems = {likeness.stem(f"{base}-{'.'.join(map(str, version))}{ending}") for version in versions}
    assert stems == {base}


# ------------------------------------------------------------------ ranking

KEYS = st.builds(
    likeness.Key, st.just("CHG-20261123-01"), st.lists(st.sampled_from("ab"), min_size=1, unique=True).map(tuple), st.sampled_from(["patch", "config"]),
    st.sampled_from(["", "甲"]), st.lists(st.sampled_from("xyz"), unique=True).map(tuple), st.lists(st.sampled_from(["stop", "start", "up"])).map(tuple),
)  # fmt: skip


@given(KEYS, KEYS)
def test_points_are_between_0_and_100_and_all_are_for_the_same(one: likeness.Key, other: likeness.Key) -> None:
    assert 0 <= likeness.score(one, other) <= 100
    assert likeness.score(one, one) == 100
    assert (likeness.score(one, other) == 100) <= (not likeness.differs(one, other))


def test_the_more_is_the_same_the_further_up_then_the_later(root: Path) -> None:
    another(root)
    like = {"notice": {"id": "S", "supplier": "甲", "files": files("app-1.tar.gz")}, "plan": plan("app-1.tar.gz")}
    now = past.planned(root, NOW, **like)
    old(root, "CHG-20261001-01", **like)
    old(root, "CHG-20261001-02", **like)
    old(root, "CHG-20261001-03", **{**like, "notice": {**like["notice"], "supplier": "乙"}})
    old(root, "CHG-20261001-04", **{**like, "service": ["db"]})
    old(root, "CHG-20261001-05", kind="config", notice={}, plan={"steps": [s for s in writes("/etc/web/x")["steps"] if s]})
    found = find(root, now)
    assert [p.change[-2:] for p in found] == ["02", "01", "03", "04", "05"]
    assert [p.score for p in found][:4] == [100, 100, 90, 60] and found[4].score < likeness.ALIKE
    assert [p.proper for p in found] == [True, True, True, False, False]


def test_another_service_counts_only_where_the_package_is_the_same(root: Path) -> None:
    another(root)
    old(root, OLD, service=["db"], notice={"id": "S", "files": files("app-1.tar.gz")}, plan=plan("app-1.tar.gz"))
    old(root, OLDER, service=["db"], notice={"id": "S", "files": files("mariadb-1.tar.gz")}, plan=plan("mariadb-1.tar.gz"))
    assert [(p.change, p.lacking) for p in find(root)] == [(OLD, "other_service")]


def test_a_precedent_is_judged_by_what_was_executed_not_by_the_file_of_today(root: Path) -> None:
    old(root)
    make.change(root, OLD, kind="config", service=["web"], title="edited later")
    (found,) = find(root)
    assert (found.kind, found.title, found.proper) == ("patch", "升级", True)


# ------------------------------------------------------------------ numbers


def one(result: str = "achieved", backout: str = "not_needed", seconds: int = 60, score: int = 100) -> Precedent:
    return Precedent(OLD, "", ("web",), "patch", "", (), "2026-11-03T02:00:00+08:00", result, backout, seconds, score, "")


def test_numbers_are_whole_so_that_a_ledger_can_hold_them() -> None:
    few = [one(seconds=60), one(seconds=90), one("not_achieved", "succeeded", 300), one("not_achieved", "failed", 40)]
    told = precedents.summary([*few, one("not_achieved", "failed", 9999, likeness.ALIKE - 1)])
    assert told == {"count": 4, "achieved": 2, "rolled_back": 2, "success_rate": 50, "rollback_rate": 50, "median_duration_s": 75}
    assert all(type(number) is int for number in told.values())
    assert precedents.summary(few[:3])["success_rate"] == 67


def test_no_numbers_are_made_up_where_nothing_is_similar() -> None:
    told = precedents.summary([one(score=likeness.ALIKE - 1)])
    assert told == {"count": 0, "achieved": 0, "rolled_back": 0, "success_rate": None, "rollback_rate": None, "median_duration_s": None}


# ------------------------------------------------------------------ the runbook


def manual(root: Path, name: str = "docs/update.md", content: str = "# 升级\n") -> str:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return name


def with_runbook(root: Path, name: str | None) -> tuple[bool, str]:
    change = past.planned(root, NOW, plan={"runbook": name} if name else {})
    ws = workspace.load(root)
    found, digest = precedents.runbook(change, ws), precedents.runbook_digest(change, ws)
    assert found.ok or (found.remedy and refusals([found]))
    return found.ok, digest


def test_a_runbook_is_known_by_its_digest(root: Path) -> None:
    assert with_runbook(root, manual(root)) == (True, hashlib.sha256("# 升级\n".encode()).hexdigest())
    assert with_runbook(root, None) == (True, "")


def test_what_is_no_manual_of_this_workspace_is_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "book.md"
    outside.write_text("# book", "utf-8")
    (root / "link.md").symlink_to(outside)
    manual(root, "empty.md", " \n\t\n")
    (root / "folder").mkdir()
    names = ["missing.md", "empty.md", "folder", "link.md", str(outside), f"../{outside.parent.name}/book.md", str(root / manual(root)),
             f"changes/{NOW}.yml", f"staging/{NOW}/app.tar.gz"]  # fmt: skip
    assert [with_runbook(root, name) for name in names] == [(False, "")] * len(names)
