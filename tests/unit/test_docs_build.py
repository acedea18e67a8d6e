# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs build` as an operator runs it: what it writes, what it leaves alone, what it refuses."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import facts
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli.documents.build import Page, _write
from tests.unit import desk, make, past

NOTICE = {"id": "notice", "title": "信息安全与病毒防范周知", "kind": "security_notice", "side": "user", "classification": "external", "owner": "zhang",
          "version": "2.1", "effective": "2026-11-01"}  # fmt: skip
KINDS = ("service_management", "faults", "manual")
FILES = sorted(f"{kind}.{lang}.md" for kind in KINDS for lang in ("zh_CN", "en"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "w")


def build(root: Path, *words: str, status: int = 0) -> str:
    done = desk.itops(root, "docs", "build", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status in (0, 4) else done.stderr


def page(root: Path, name: str = "manual.zh_CN.md", sid: str = "web") -> Path:
    return root / "documents/services" / sid / name


def notice(root: Path, body: str = "# 周知\n\n## 口令\n\n不告知任何人，见 [规定](rules.md#a)。\n", name: str = "notice.md", **meta: Any) -> Path:
    path = root / "documents/user" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.text({**NOTICE, **meta}, body), "utf-8")
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_six_documents_with_properties_by_the_schema(root: Path) -> None:
    build(root)
    assert sorted(path.name for path in page(root).parent.iterdir()) == FILES
    for name in FILES:
        found, problems = document.read(page(root, name))
        assert found and problems == []
        kind, lang, _md = name.split(".")
        assert (found.id, found.meta["kind"], found.meta["lang"], found.meta["services"]) == (f"web-{kind.replace('_', '-')}", kind, lang, ["web"])
        assert (found.meta["side"], found.meta["classification"]) == (("user", "external") if kind == "manual" else ("ops", "internal"))


def test_a_second_time_nothing_is_written(root: Path) -> None:
    build(root)
    before = {path: path.stat().st_mtime_ns for path in page(root).parent.iterdir()}
    assert build(root).splitlines() == ["0 written, 6 unchanged"]
    assert {path: path.stat().st_mtime_ns for path in page(root).parent.iterdir()} == before


def test_only_what_has_changed_is_written(root: Path) -> None:
    build(root)
    before = {path.name: path.stat().st_mtime_ns for path in page(root).parent.iterdir()}
    make.workspace(root, known_errors=[{"type": "内部", "pattern": "boom"}])
    assert json.loads(build(root, "--format", "json")) == {"written": [str(page(root, f"faults.{lang}.md")) for lang in ("zh_CN", "en")], "unchanged": 4}
    changed = {path.name for path in page(root).parent.iterdir() if path.stat().st_mtime_ns != before[path.name]}
    assert changed == {"faults.zh_CN.md", "faults.en.md"}


def test_check_shows_a_diff_writes_nothing_and_ends_with_4(root: Path) -> None:
    build(root)
    assert build(root, "--check") == "0 of 6 documents are not what their sources say\n"
    make.workspace(root, name="新门户")
    shown = build(root, "--check", status=4)
    assert "-# 使用手册_门户网站" in shown and "+# 使用手册_新门户" in shown and f"+++ {page(root)} as it must be" in shown
    assert "# 使用手册_门户网站" in page(root).read_text("utf-8")
    data = json.loads(build(root, "--check", "--format", "json", status=4))
    assert (len(data["stale"]), data["unchanged"]) == (6, 0) and "+# 使用手册_新门户" in data["diff"]


def test_what_people_wrote_survives_in_every_place(root: Path) -> None:
    build(root)
    edit(page(root), "<!-- itops:hand usage begin -->\n", "<!-- itops:hand usage begin -->\n\n- 先插 U 盾  \n\t保留\n")
    edit(page(root), "version: '1.0'", "version: '2.3'  # 第二版\nreview_due: '2027-01-01'")
    (page(root).parent / "notes.txt").write_text("beside", "utf-8")
    make.workspace(root, name="新门户")
    build(root)
    text = page(root).read_text("utf-8")
    assert "# 使用手册_新门户" in text and "\n\n- 先插 U 盾  \n\t保留\n<!-- itops:hand usage end -->" in text
    assert "version: '2.3'  # 第二版\nreview_due: '2027-01-01'\n" in text
    assert (page(root).parent / "notes.txt").read_text("utf-8") == "beside"
    found, problems = document.read(page(root))
    assert found and (found.meta["version"], found.meta["title"]) == ("2.3", "使用手册_新门户") and not problems


def test_an_edit_elsewhere_is_found_and_nothing_at_all_is_written(root: Path) -> None:
    build(root)
    edit(page(root), "## 使用步骤", "## 使用步骤（补充）")
    edit(page(root, "faults.en.md"), "owner: zhang", "owner: li")
    make.workspace(root, name="新门户")
    before = {path: path.read_bytes() for path in page(root).parent.iterdir()}
    said = build(root, status=2)
    for name in ("manual.zh_CN.md", "faults.en.md"):
        assert f"{page(root, name)}: error: something was written outside of the places for it" in said
    assert "→ itops docs build --check --force shows it" in said
    assert {path: path.read_bytes() for path in page(root).parent.iterdir()} == before
    assert "-## 使用步骤（补充）" in build(root, "--check", "--force", status=4)


def test_force_puts_the_edited_file_aside(root: Path) -> None:
    build(root)
    edit(page(root), "## 使用步骤", "## 使用步骤（补充）")
    edit(page(root), "<!-- itops:hand usage begin -->\n", "<!-- itops:hand usage begin -->\n保留\n")
    edited = page(root).read_bytes()
    assert "the edited one is manual.zh_CN.md.edited-" in build(root, "--force")
    aside = [path for path in page(root).parent.iterdir() if ".edited-" in path.name]
    assert [path.read_bytes() for path in aside] == [edited]
    assert "## 使用步骤\n" in page(root).read_text("utf-8") and "\n保留\n" in page(root).read_text("utf-8")
    assert build(root) == "0 written, 6 unchanged\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("口令".encode("gb18030"), ":1: error: not UTF-8 text"),
        ("# 我的手册\n".encode(), "was not made by itops docs build"),
        (b"<!-- itops:hand usage begin -->\nx\n", "do not stand in pairs"),
    ],
)
def test_a_file_of_somebody_else_is_left_alone(root: Path, content: bytes, message: str) -> None:
    page(root).parent.mkdir(parents=True)
    page(root).write_bytes(content)
    assert message in build(root, status=2)
    assert page(root).read_bytes() == content and len(list(page(root).parent.iterdir())) == 1


def test_the_security_notice_stands_in_every_manual(root: Path) -> None:
    make.dump(root / "inventory/services/wiki.yml", {**make.web(), "id": "wiki", "name": "知识库"})
    notice(root)
    notice(root, "# Notice\n\nTell nobody.\n", "notice.en.md", lang="en", title="Notice")
    build(root)
    for sid in ("web", "wiki"):
        assert (
            "## 信息安全与病毒防范周知\n\n### 口令\n\n不告知任何人，见 [规定](../../user/rules.md#a)。\n\n版本 2.1，自 2026-11-01 起生效。\n\n## 准备工作"
            in page(root, sid=sid).read_text("utf-8")
        )
        assert "Tell nobody.\n\nVersion 2.1, effective from 2026-11-01.\n" in page(root, "manual.en.md", sid).read_text("utf-8")
    edit(root / "documents/user/notice.md", "不告知任何人", "不告知他人")
    assert build(root).count("manual.zh_CN.md: written") == 2


def test_code_in_the_notice_is_left_as_it_is_and_cannot_fake_a_marker(root: Path) -> None:
    notice(root, "# 周知\n\n```\n# root\n[x](y)\n```\n\n<!-- itops:hand usage begin -->\n")
    build(root)
    text = page(root).read_text("utf-8")
    assert "```\n# root\n[x](y)\n```" in text and "\\<!-- itops:hand usage begin -->" in text
    assert build(root) == "0 written, 6 unchanged\n"


@pytest.mark.parametrize(
    ("meta", "body", "message"),
    [
        ({"effective": ""}, "x", "effective: the security notice needs the date from which it counts"),
        ({"effective": "soon"}, "x", "a date, such as"),
        ({}, "# 周知\n", "the security notice has no text"),
        ({"classification": "internal"}, "x", "side: stands in every user's manual; found: user, internal"),
        ({"side": "elsewhere"}, "x", "side: not allowed; found: elsewhere"),
    ],
)
def test_a_notice_that_is_not_fit_stops_all(root: Path, meta: dict[str, Any], body: str, message: str) -> None:
    path = notice(root, body, **meta)
    said = build(root, status=2)
    assert str(path) in said and message in said and not page(root).exists()


def test_two_notices_are_one_too_many_but_a_retired_one_does_not_count(root: Path) -> None:
    notice(root)
    notice(root, "other", "old.md", id="old")
    assert "a second security notice in this language" in build(root, status=2)
    notice(root, "other", "old.md", id="old", migration="retired")
    build(root)


def test_a_missing_image_is_named_wherever_it_was_asked_for(root: Path) -> None:
    make.workspace(root, manual={"screenshots": [{"file": "首页 (1).png", "alt": "首页"}]})
    said = build(root, status=2)
    assert said.count("no such image; found: 首页 (1).png") == 2 and "manual.en.md" in said and not page(root).exists()
    page(root).parent.mkdir(parents=True)
    (page(root).parent / "首页 (1).png").write_bytes(b"png")
    build(root)
    edit(page(root), "<!-- itops:hand screenshots begin -->\n", "<!-- itops:hand screenshots begin -->\n![x](gone.png)\n")
    assert "no such image; found: gone.png" in build(root, status=2)


def test_all_errors_at_once(root: Path) -> None:
    make.workspace(root, manual={"screenshots": [{"file": "a.png", "alt": "a"}, {"file": "b.png", "alt": "b"}]})
    page(root).parent.mkdir(parents=True)
    page(root, "faults.zh_CN.md").write_text("mine", "utf-8")
    said = build(root, status=2)
    assert said.count("error:") == 5


def test_only_flagged_known_errors_reach_the_manual(root: Path) -> None:
    flagged = {"type": "打不开", "pattern": "secret-pattern", "steps": ["内部步骤"], "self_service": ["刷新"]}
    make.workspace(root, known_errors=[flagged, {"type": "内部", "pattern": "boom", "steps": ["内部步骤"]}])
    make.dump(
        root / "policy.yml", {"known_errors": [{"type": "磁盘满", "pattern": "No space"}, {"type": "断网", "pattern": "down", "self_service": ["查网线"]}]}
    )
    build(root)
    text = page(root).read_text("utf-8")
    assert "### 打不开\n\n1. 刷新\n\n### 断网\n\n1. 查网线\n" in text
    assert not any(word in text for word in ("内部", "secret-pattern", "磁盘满", "boom"))
    assert "secret-pattern" in page(root, "faults.zh_CN.md").read_text("utf-8")


def test_the_last_maintenance_is_told(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261101-01"), root)
    build(root)
    text = page(root, "faults.zh_CN.md").read_text("utf-8")
    link = "[CHG-20261101-01](../../../records/2026/CHG-20261101-01/record.zh_CN.md)"
    assert f"最近一次维护：{link}，台账摘要 " in text and (page(root).parent / "../../../records/2026/CHG-20261101-01/record.zh_CN.md").is_file()
    assert "records/register.jsonl" in page(root, "service_management.zh_CN.md").read_text("utf-8")
    assert "CHG-20261101-01、达成" in page(root, "service_management.zh_CN.md").read_text("utf-8")


def test_a_ledger_that_is_gone_is_no_maintenance_that_never_was(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261101-01"), root)
    shutil.rmtree(root / "records/2026/CHG-20261101-01")
    build(root)
    assert "最近一次维护：CHG-20261101-01，其台账缺失，见 itops record verify" in page(root, "faults.zh_CN.md").read_text("utf-8")


def test_what_was_collected_stands_in_the_sheet(root: Path) -> None:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    (root / "facts").mkdir()
    for host in ("web1", "web2"):
        service = {"state": "running", "disks": [{"percent": 56}]}
        found = {"format": facts.FORMAT, "host": host, "collected_at": at, "cpu_percent": 12, "mem_percent": 34, "services": {"web": service}}
        (root / f"facts/{host}.json").write_text(json.dumps(found), "utf-8")
    build(root)
    assert "CPU 12%（均值 12%）、MEM 34%（均值 34%）、HDD 56%（均值 56%）" in page(root, "service_management.zh_CN.md").read_text("utf-8")


def test_a_damaged_register_is_no_empty_history(root: Path) -> None:
    past.carried_out(past.planned(root, "CHG-20261101-01"), root)
    (root / "records/register.jsonl").write_text("broken\n", "utf-8")
    assert desk.itops(root, "docs", "build").returncode == 4


def test_one_service_alone_and_one_that_nobody_knows(root: Path) -> None:
    make.dump(root / "inventory/services/wiki.yml", {**make.web(), "id": "wiki"})
    build(root, "--service", "wiki")
    assert page(root, sid="wiki").exists() and not page(root).exists()
    assert "did you mean wiki?" in build(root, "--service", "wikis", status=2)


def test_a_wrong_record_stops_all(root: Path) -> None:
    make.workspace(root, owner="nobody")
    assert "not in people.yml" in build(root, status=2) and not page(root).exists()


def test_the_mode_of_a_file_stays(root: Path) -> None:
    build(root)
    page(root).chmod(0o600)
    make.workspace(root, name="新门户")
    build(root)
    assert page(root).stat().st_mode & 0o777 == 0o600


def test_a_file_that_somebody_has_changed_in_the_meantime_is_not_replaced(root: Path) -> None:
    path = root / "page.md"
    path.write_bytes(b"just written")
    with pytest.raises(BadInput, match="changed while the documents were made"):
        _write([Page(path, b"made", b"as it was read")])
    assert path.read_bytes() == b"just written"
