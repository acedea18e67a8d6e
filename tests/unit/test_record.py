# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record and its reports: a pure function of the events, every table in its order in both languages, broken by no text."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import chain, checkpoint, ledger, lineup, record, register, report, views
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event, Ledger
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.unit.story import CHANGE, RUN, Story
from tests.unit.test_lineup import lined_up

REPO = Path(__file__).resolve().parents[2]
LANGUAGES = ("zh_CN", "en")
PIPE = re.compile(r"(?<!\\)(?:\\\\)*\|")
READER = MarkdownIt("commonmark").enable("table")

# The tables of "Report look", in its order, with their columns (FIELDS.md); those between them are our own.
LOOK = {
    "基本信息": ["项目", "内容", "项目", "内容"],
    "关联事件与关联事务": ["类别", "编号", "内容"],
    "补丁核对": ["文件名", "大小", "通知摘要", "实际摘要", "结论"],
    "备份": ["主机", "备份包", "大小", "文件数", "存放地", "实际摘要"],
    "步骤": ["序号", "主机", "说明", "命令", "开始", "历时", "返回码", "反馈", "结论"],
    "验证": ["主机", "时机", "说明", "命令", "开始", "历时", "反馈", "结论"],
    "异常与处理": ["时间", "主机", "异常类型", "提示信息", "关联事件", "处理步骤", "采取措施"],
    "回滚": ["序号", "主机", "说明", "命令", "开始", "历时", "返回码", "反馈", "结论"],
    "结论": ["维护结果", "回退结果"],
    "签字栏": ["角色", "姓名", "签字", "日期"],
    "附件清单": ["文件名", "大小", "实际摘要"],
}
BASIC = ["服务名称", "负责人", "维护类型", "复杂度", "维护方式", "计划窗口", "实际起止", "历时", "执行人", "复核人", "审批人", "供应商"]
FILES = [
    {"name": "app.tar.gz", "size": 11, "algorithm": "sha256", "expected": "ab" * 32, "actual": "ab" * 32, "verdict": "ok"},
    {"name": "x.sh", "size": 5, "algorithm": "", "expected": "", "actual": "cd" * 32, "verdict": "extra"},
]
WINDOW = {"start": "2026-11-23T02:00:00+08:00", "end": "2026-11-23T04:00:00+08:00"}


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The `planned` event of a full change."""
    parts = {"executor": "li", "approver": "wang", "kind": "patch", "related_events": [{"id": "INC-7", "title": "首页慢"}], "related_work": [{"id": "W-1"}],
             "extra": [{"item": "机房", "value": "北京"}], "plan": {"window": WINDOW}}  # fmt: skip
    now, plans = lined_up(tmp_path_factory.mktemp("workspace"), None, None, **parts)
    return lineup.planned(now, plans, [])


def achieved(noted: Mapping[str, Any]) -> Story:
    story = Story().opened(entry="cli").tell("files_compared", {"files": FILES}, phase="gate").gate().tell("planned", noted, phase="gate")
    for host in ("web2", "web1"):
        story.gate("passed", host).step(host, "before-c1", "gate", type="check", kind="before", segment="preflight", title="首页").backed_up(host)
        story.started(host, "patch-1", "patch").step(host, "s1", "patch", title="停止", kind="stop", display="systemctl stop web")
        story.step(host, "s2", "patch", title="更新", seq=2, feedback="line 1  \n\n\tline 2")
        story.step(host, "after-c1", "patch", type="check", kind="after", title="首页", seq=3).finished(host, "patch-1", "patch")
    return story.closed(0)


def rolled_back(noted: Mapping[str, Any]) -> Story:
    story = Story().opened().gate("passed", "", [{"id": "files", "ok": False, "message": "weak", "remedy": "ask", "severity": "warning"}])
    story.tell("planned", noted, phase="gate").backed_up("web2").started("web2", "patch-1", "patch")
    story.step("web2", "s2", "patch", "abnormal", title="更新", rc=1, reason="exit status 1", feedback="boom", evidence="ef" * 32)
    story.tell("confirmation_requested", {"token": "t", "question": "继续?"}, host="web2", phase="patch")
    story.tell("confirmation_given", {"token": "t", "answer": "rollback", "by": "li", "channel": "cli"}, host="web2", phase="patch")
    story.step("web2", "s4", "rollback", title="恢复", kind="rollback").lost("web2").regained("web2")
    story.tell("task", {"name": "apt", "result": "failed", "message": "no network"}, host="web2").tell("cancel_requested", {"signal": "SIGINT"})
    return story.finished("web2", "patch-1", "patch", "rolled_back", "s2: exit status 1").closed(11)


def tales(noted: Mapping[str, Any]) -> dict[str, list[Event]]:
    return {"achieved": achieved(noted).events, "rolled_back": rolled_back(noted).events, "empty": [], "opened": Story().opened().events}


def document(events: list[Event], lang: str) -> str:
    return report.render(record.fold(events), lang)


def tables(text: str) -> dict[str, list[list[str]]]:
    """Heading (a second table: with its number) -> cells of the table, counted as they stand, not as a reader forgives."""
    found: dict[str, list[list[str]]] = {}
    for part in re.split(r"^## ", text.partition("```text")[0], flags=re.MULTILINE)[1:]:
        title, _newline, body = part.partition("\n")
        for number, block in enumerate(re.findall(r"(?:^\|.*\n)+", body, flags=re.MULTILINE)):
            lines = [line for line in block.splitlines() if not set(line) <= set("|- ")]
            found[f"{title} {number}" if number else title] = [[cell.strip() for cell in PIPE.split(line)[1:-1]] for line in lines]
    return found


# ------------------------------------------------------------------ the fold


def test_the_record_of_an_achieved_change(noted: Mapping[str, Any]) -> None:
    found = record.fold(achieved(noted).events)
    assert (found["change"], found["title"], found["state"], found["document"]["id"]) == (CHANGE, "升级", "closed", f"REC-{CHANGE}")
    assert found["outcome"] == {"result": "achieved", "backout": "not_needed"}
    assert [(h["host"], h["role"], h["outcome"]) for h in found["hosts"]] == [("web2", "standby", "achieved"), ("web1", "primary", "achieved")]
    assert found["basic"]["executor"] == "李四" and found["services"][0]["owner"] == "张三"
    assert [(s["host"], s["step"]) for s in found["steps"]] == [("web2", "s1"), ("web2", "s2"), ("web1", "s1"), ("web1", "s2")]
    assert [s["step"] for s in found["checks"]] == ["before-c1", "after-c1"] * 2 and found["rollback"] == found["exceptions"] == []
    assert found["runs"][0]["exit"] == 0 and found["document"]["version"] == 1
    last = achieved(noted).events[-1]
    assert (found["ledger"]["seq"], found["ledger"]["head"]) == (last.seq, last.hash)
    assert len(found["attachments"]) == 4 and all(re.fullmatch("[0-9a-f]{64}", a["sha256"]) for a in found["attachments"])


def test_the_record_of_a_change_that_went_back(noted: Mapping[str, Any]) -> None:
    found = record.fold(rolled_back(noted).events)
    assert found["outcome"] == {"result": "not_achieved", "backout": "succeeded"}
    assert {h["host"]: h["outcome"] for h in found["hosts"]} == {"web2": "rolled_back", "web1": "not_started"}
    assert [s["step"] for s in found["rollback"]] == ["s4"] and found["steps"][0]["result"] == "abnormal"
    assert [e["type"] for e in found["exceptions"]] == ["unknown_error", "contact_lost", "failed", "cancel_requested"]
    assert found["confirmations"][0]["question"] == "继续?" and found["confirmations"][0]["answer"] == "rollback"
    assert found["attachments"][0]["sha256"] == "ef" * 32


def test_a_step_that_never_ended_is_unknown(noted: Mapping[str, Any]) -> None:
    events = Story().opened().tell("planned", noted).started("web2", "patch-1", "patch").step("web2", "s1", "patch").events[:-1]
    steps = record.fold(events)["steps"]
    assert [s["result"] for s in steps] == ["unknown"] and steps[0]["started"]
    assert "未知" in document(events, "zh_CN") and "unknown" in document(events, "en")


def test_a_record_is_a_pure_function_of_the_events(noted: Mapping[str, Any]) -> None:
    for events in tales(noted).values():
        before = copy.deepcopy(events)
        assert views.render(events) == views.render(copy.deepcopy(events)) and events == before
        again = [event for event in (ledger.parse(ledger.canonical(e.as_dict())) for e in events) if event]
        assert views.render(again) == views.render(events), "read from the disk or just made, the same"


def test_it_does_not_depend_on_where_and_when_it_is_made(noted: Mapping[str, Any], tmp_path: Path) -> None:
    """Another process, time zone, language and hash seed: the same bytes."""
    book = Ledger(tmp_path, CHANGE)
    book.path.write_bytes(b"".join(ledger.canonical(e.as_dict()) + b"\n" for e in rolled_back(noted).events))
    program = (
        "import sys, pathlib, hashlib\nfrom ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, views\n"
        f"made = views.render(ledger.Ledger(pathlib.Path({str(tmp_path)!r}), {CHANGE!r}).events())\n"
        "print(hashlib.sha256(b''.join(made[name] for name in sorted(made))).hexdigest())"
    )
    digests = set()
    for zone, seed in (("UTC", "1"), ("America/New_York", "77")):
        env = {"PYTHONPATH": str(REPO / "collections"), "TZ": zone, "PYTHONHASHSEED": seed, "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        digests.add(subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout)
    assert len(digests) == 1


# ------------------------------------------------------------------ the report


@pytest.mark.parametrize("tale", ["achieved", "rolled_back", "empty", "opened"])
def test_every_table_is_there_in_its_order_with_its_columns(noted: Mapping[str, Any], tale: str) -> None:
    events = tales(noted)[tale]
    chinese, english = (tables(document(events, lang)) for lang in LANGUAGES)
    assert [name for name in chinese if name in LOOK] == list(LOOK)
    assert {name: chinese[name][0] for name in LOOK} == LOOK
    assert [len(rows[0]) for rows in chinese.values() if rows] == [len(rows[0]) for rows in english.values() if rows], "both are complete"
    assert [len(rows) for rows in chinese.values()] == [len(rows) for rows in english.values()]
    basic = [cell for row in chinese["基本信息"][1:] for cell in (row[0], row[2])]
    assert [item for item in basic if item in BASIC] == BASIC


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_missing_is_a_dash(noted: Mapping[str, Any], lang: str) -> None:
    for tale in ("empty", "opened"):
        text = document(tales(noted)[tale], lang)
        assert "None" not in text and "{}" not in text and "[]" not in text
        assert all(cell for rows in tables(text).values() for row in rows for cell in row), "no cell is empty"
    nothing = tables(document([], lang))
    dashes = [rows for rows in nothing.values() if rows and set(rows[-1]) == {"—"}]
    assert len(dashes) == 14, "every list that is empty is one row of dashes"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_an_event_does_not_say_is_a_dash(lang: str) -> None:
    bare = Story().opened().gate().planned("a").tell("backup_made", {}, host="a", phase="backup").tell("confirmation_given", {}, host="a")
    bare.tell("step_finished", {}, host="a", phase="patch").tell("task", {"result": "failed"}, host="a").tell("run_closed", {})
    bare.tell("segment_finished", {"segment": "backup"}, host="a", phase="backup").tell("exception", {"message": "x"})
    bare.tell("backup_made", {"archive": "/b", "sha256": None, "size": None, "files": None, "manifest": None}, host="a", phase="backup")
    text = document(bare.events, lang)
    cells = [cell for rows in tables(text).values() for row in rows for cell in row]
    assert all(cells) and "None" not in text and "sha256:" not in cells


def test_no_word_is_left_untranslated(noted: Mapping[str, Any]) -> None:
    """Ids of our own would show as they are in the Chinese document."""
    text = document(rolled_back(noted).events, "zh_CN")
    cells = {cell for rows in tables(text).values() for row in rows for cell in row}
    assert not cells & {"rolled_back", "abnormal", "standby", "primary", "passed", "not_started", "ok", "weak", "local", "run", "closed"}
    assert {"已回滚并验证", "未开始", "回退成功", "备", "主", "异常"} <= cells


def test_times_are_printed_in_the_zone_of_the_organisation(noted: Mapping[str, Any]) -> None:
    assert "2026-11-23 02:00 (UTC+8) – 2026-11-23 04:00 (UTC+8)" in document(achieved(noted).events, "zh_CN")


def test_the_foot_names_the_head_of_the_ledger(noted: Mapping[str, Any]) -> None:
    events = achieved(noted).events
    for lang in LANGUAGES:
        *_text, head, _gap, checkpoint = document(events, lang).rstrip().splitlines()
        assert head.startswith(report.labels.label("record", "head", lang)) and events[-1].hash in head
        assert checkpoint.startswith(report.labels.label("record", "checkpoint", lang)) and f" {len(events)} " in checkpoint


def test_the_transcript_has_the_form_of_the_seed(noted: Mapping[str, Any]) -> None:
    text = report.transcript(record.fold(achieved(noted).events))
    assert "02:05:00 web2 [root@web]# systemctl stop web\n    fine\n    → ok, rc 0, 1.5 s\n" in text


def test_the_documents_are_clean_markdown(noted: Mapping[str, Any], tmp_path: Path) -> None:
    for name, events in tales(noted).items():
        for lang in LANGUAGES:
            (tmp_path / f"{name}.{lang}.md").write_text(document(events, lang), "utf-8")
    (tmp_path / "hostile.md").write_text(document(hostile(noted, "<b>|``` *a* _b_ [x](y) http://a.example/ # !\n---"), "zh_CN"), "utf-8")
    scan = [str(Path(sys.executable).parent / "pymarkdown"), "--config", str(REPO / ".pymarkdown.json"), "scan", str(tmp_path)]
    done = subprocess.run(scan, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------ hostile texts


def hostile(noted: Mapping[str, Any], text: str) -> list[Event]:
    """A record in which every text a person or a host can choose is this one."""
    plan = copy.deepcopy(dict(noted))
    plan["change"] |= {"title": text, "remark": text, "related_events": [{"id": text, "title": text}], "extra": [{"item": text, "value": text}]}
    plan["services"]["web"]["name"] = text
    plan["people"]["li"]["name"] = text
    story = Story().opened(entry=text, user=text).gate("passed", "", [{"id": "files", "ok": False, "message": text, "remedy": text, "severity": "warning"}])
    story.tell("files_compared", {"files": [{**FILES[0], "name": text}]}).tell("planned", plan).backed_up("web2", archive=text, manifest=text)
    story.step("web2", "s1", "patch", "abnormal", title=text, display=text, feedback=text, reason=text, run_as=text, evidence="ab" * 32)
    story.step("web2", "c1", "patch", type="check", kind="after", title=text, display=text, feedback=text, reason="")
    story.tell("confirmation_requested", {"token": "t", "question": text}, host="web2")
    story.tell("confirmation_given", {"token": "t", "answer": text, "by": text, "channel": text, "reason": text}, host="web2")
    story.step("web2", "s4", "rollback", title=text, display=text, feedback=text)
    return story.lost("web2").tell("exception", {"type": text, "message": text, "event": text}, host="web2").closed(14, reason=text).events


MARKUP = st.text(st.sampled_from("|\\`\n\r\t<>[]()!*_#-=+~:&;^ a1中é/.%{}$@\u202e\u2028\x1b\x00"), min_size=1, max_size=25)


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(MARKUP, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)))
@example("| a | b |\n| - | - |\n## 结论\n```\n</table><script>alert(1)</script>")
@example("```\n# x\n````\n~~~")
@example("{{ 7*7 }}{% raw %}")
@example("中文\\|“引号”|——|")
def test_no_text_breaks_a_table_or_adds_a_heading(noted: Mapping[str, Any], text: str) -> None:
    events = hostile(noted, text)
    for lang in LANGUAGES:
        made, harmless = document(events, lang), document(hostile(noted, "x"), lang)
        shape = {title: [len(row) for row in rows] for title, rows in tables(made).items()}
        assert shape == {title: [len(row) for row in rows] for title, rows in tables(harmless).items()}
        assert all(len(set(widths)) <= 1 for widths in shape.values()), "every row has as many cells as the head"
        assert blocks(made) == blocks(harmless)


def blocks(text: str) -> list[str]:
    """What a Markdown reader sees at the top level."""
    return [token.type + token.tag for token in READER.parse(text) if token.level == 0]


def test_nothing_is_run_as_a_template(noted: Mapping[str, Any]) -> None:
    text = document(hostile(noted, "{{ 7*7 }} {% if %}"), "en")
    assert "49" not in re.sub("[0-9a-f]{64}", "", text) and "{{ 7" in text


# ------------------------------------------------------------------ files beside the ledger


@pytest.fixture
def book(noted: Mapping[str, Any], tmp_path: Path) -> Ledger:
    """A run that is done and not closed yet."""
    made = Ledger(tmp_path / "records/2026" / CHANGE, CHANGE)
    for event in achieved(noted).events[:-1]:
        made.append(event.kind, event.data, run=event.run, host=event.host, phase=event.phase)
    return made


def test_closing_a_run_writes_everything_and_all_of_it_fits(book: Ledger, tmp_path: Path) -> None:
    folded = views.close(book.directory, CHANGE, RUN, "", {"web1": {"ok": 3}})
    last = book.events()[-1]
    assert (last.kind, last.data["exit"], last.data["hosts"]) == ("run_closed", 0, {"web2": "achieved", "web1": "achieved"})
    assert folded == json.loads((book.directory / "record.json").read_text("utf-8")) and folded["state"] == "closed"
    line = register.history(tmp_path / "records", "web")[-1]
    assert (line["change"], line["run"], line["exit"], line["head"]) == (CHANGE, RUN, 0, last.hash)
    assert chain.verify(book.directory, CHANGE, register.heads(tmp_path / "records", CHANGE), checkpoint.head(book.directory)) == []
    assert views.differing(book.directory, book.events()) == []


def test_a_dead_run_and_the_one_that_closes_it_each_get_their_line(book: Ledger, tmp_path: Path) -> None:
    book.append("run_opened", {"argv_verb": "resume", "user": "li"}, run="R-next", phase="gate")
    views.close(book.directory, CHANGE, RUN, "the controller ended without closing the record", {})
    views.close(book.directory, CHANGE, "R-next", "", {})
    lines = register.read(tmp_path / "records")
    assert [(line["run"], line["verb"], bool(line["ended"])) for line in lines] == [(RUN, "run", True), ("R-next", "resume", True)]
    assert [line["exit"] for line in lines] == [run["exit"] for run in record.fold(book.events())["runs"]]


def test_an_edited_view_is_named_and_can_be_made_again(book: Ledger) -> None:
    views.close(book.directory, CHANGE, RUN, "", {})
    names = list(views.render(book.events()))
    assert {"record.json", "record.zh_CN.md", "record.en.md", "transcript.txt"} <= set(names)
    for name in names:
        path = book.directory / name
        before = path.read_bytes()
        path.write_bytes(before.replace(b"e", b"E", 1))
        assert views.differing(book.directory, book.events()) == [name]
        path.unlink()
        assert views.differing(book.directory, book.events()) == [name]
        views.write_views(book.directory, book.events())
        assert path.read_bytes() == before
