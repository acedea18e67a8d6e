# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document register: every document, the department's layout table, how far the migration is, whose review is overdue."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, register, register_views, rules
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import errors
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from itops_cli.main import cli
from tests.unit import make

EMPTY_FORM = "| 布局 | 管理端--运维部内部使用 | 用户端--员工或用户使用 |\n| ---- | ---------------------- | ---------------------- |\n" + (
    "|      |                        |                        |\n" * 15
)  # as in the department's template, byte for byte

HEADS = {
    "zh_CN": ["文档登记册", "文档结构", "文档登记", "迁移登记", "逾期复审", "组织关系说明"],
    "en": ["Document register", "Structure of the documents", "Documents", "Migration", "Overdue reviews", "People and their relations"],
}


def itops(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["docs", "register", *words], standalone_mode=False, env={"ITOPS_WORKSPACE": str(root)})


def code(done: Result) -> int:
    return int(getattr(done.exception, "code", 1 if done.exception else 0))


def page(root: Path, name: str, **meta: Any) -> Path:
    path = root / "documents" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.text({"id": name, "title": f"标题 {name}", "side": "ops", "owner": "zhang", **meta}, f"# {name}\n"), "utf-8")
    return path


def listed(root: Path, *entries: dict[str, Any]) -> None:
    (root / "documents").mkdir(exist_ok=True)
    base = {"side": "ops", "owner": "li", "migration": "待迁入"}
    make.dump(root / "documents/register.yml", {"documents": [{**base, "title": entry["id"], **entry} for entry in entries]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "w")


@pytest.fixture
def full(root: Path) -> Path:
    page(root, "net", section="网络", review_due="2026-01-31", version="2.1", kind="guide")
    page(root, "web-manual", kind="manual", side="user", classification="external", review_due="2999-01-01")
    page(root, "web-manual.en", id="web-manual", kind="manual", side="user", classification="external", lang="en", title="Manual", migration="migrating")
    page(root, "gone", migration="retired", review_due="2001-01-01")
    listed(root, {"id": "vpn", "side": "user", "section": "网络", "source": {"format": "docx", "path": "vpn.docx", "sha256": "ab" * 32, "date": "2026-10-01"}})
    (root / "documents/vpn.docx").write_bytes(b"PK")
    return root


def test_the_empty_form_is_the_departments_own(root: Path) -> None:
    assert itops(root, "--part", "structure").output == EMPTY_FORM


def test_the_layout_has_a_row_a_section_and_links(full: Path) -> None:
    lines = itops(full, "--part", "structure").output.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == ["布局", "管理端--运维部内部使用", "用户端--员工或用户使用"]
    rows = {cells[1].strip(): (cells[2].strip(), cells[3].strip()) for line in lines[2:] if (cells := line.split("|"))}
    assert rows == {
        "使用手册": ("", "[标题 web-manual](documents/web-manual.md)"),
        "网络": ("[标题 net](documents/net.md)", "[vpn](documents/vpn.docx)"),
    }, "the retired one is in no place any more"
    english = itops(full, "--part", "structure", "--lang", "en").output
    assert "| Layout" in english and "[Manual](documents/web-manual.en.md)" in english


def test_every_document_with_all_of_it(full: Path) -> None:
    done = itops(full, "--format", "csv")
    rows = {row["文档编号"]: row for row in csv.DictReader(done.output.splitlines())}
    assert set(rows) == {"net", "web-manual", "gone", "vpn"}
    assert rows["net"] == {
        "文档编号": "net", "标题": "标题 net", "使用端": "管理端", "布局": "网络", "责任人": "张三", "版本": "2.1", "密级": "内部", "复审期限": "2026-01-31",
        "来源格式": "md", "迁移状态": "已迁入", "语言": "zh_CN",
    }  # fmt: skip
    assert (rows["vpn"]["来源格式"], rows["vpn"]["迁移状态"], rows["vpn"]["责任人"]) == ("docx", "待迁入", "李四")
    assert (rows["web-manual"]["语言"], rows["web-manual"]["迁移状态"], rows["web-manual"]["密级"]) == ("zh_CN, en", "迁移中", "外部")


def test_the_percentage_says_how_it_is_counted(full: Path) -> None:
    shown = itops(full, "--part", "migration").output
    assert "已迁入 ÷（文档总数 − 已废止）= 1 ÷ 3 = 33%" in shown, "half a document in another language does not count"
    assert "vpn.docx" in shown and "ab" * 32 in shown and "gone" not in shown
    told = json.loads(itops(full, "--format", "json").output)["migration"]
    assert told == {"pending": 1, "migrating": 1, "migrated": 1, "retired": 1, "counted": 3, "percent": 33}
    assert register.Migration(dict.fromkeys(register.STATES, 0)).percent is None, "of nothing there is no percentage"


def test_what_nobody_has_compared_with_its_original_is_left_to_do(full: Path) -> None:
    page(full, "net", review="to_review")
    page(full, "gone", migration="retired", review="to_review")
    assert [line.split("|")[8].strip() for line in itops(full, "--part", "migration").output.splitlines() if line.startswith("| net")] == ["待复核"]
    assert "| to be reviewed |" in itops(full, "--part", "migration", "--lang", "en").output
    assert json.loads(itops(full, "--format", "json").output)["to_review"] == ["net"]
    page(full, "net", review="reviewed", reviewer="zhang", reviewed_on="2026-11-01")
    assert "| net" not in itops(full, "--part", "migration").output


def test_overdue_reviews(full: Path) -> None:
    done = itops(full, "--overdue")
    assert code(done) == 6 and "net" in done.output and "张三" in done.output and "gone" not in done.output
    assert code(itops(full)) == 0, "looking is no alarm"
    page(full, "net", review_due="2999-01-01")
    done = itops(full, "--overdue", "--lang", "en")
    assert code(done) == 0 and "No review is overdue" in done.output
    assert json.loads(itops(full, "--overdue", "--format", "json").output) == []


def test_the_number_for_a_metric(full: Path) -> None:
    documents = register.load(workspace.load(full))[0]
    assert [register.overdue_reviews(documents, day) for day in (date(2026, 1, 31), date(2026, 2, 1), date(2999, 1, 2))] == [0, 1, 2]


def test_people_and_their_relations(full: Path) -> None:
    make.dump(full / "inventory/people.yml", {"people": [
        {"id": "zhang", "name": "张三", "roles": ["owner"], "deputy": "li", "contact": {"phone": "100"}}, {"id": "li", "name": "李四", "active": False},
    ]})  # fmt: skip
    listed(full)
    rows = itops(full, "--part", "people").output.splitlines()[2:]
    assert [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows] == [
        ["张三 (zhang)", "负责人", "李四", "100", "是", "门户网站", "net, web-manual"], ["李四 (li)", "—", "—", "—", "否", "—", "—"],
    ]  # fmt: skip


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_the_whole_in_both_languages(full: Path, lang: str) -> None:
    shown = itops(full, "--lang", lang).output
    heads = re.findall(r"^#+ (.+)$", shown, re.MULTILINE)
    assert heads == HEADS[lang] and "{" not in shown


def test_between_markers_of_a_page_with_links_from_there(full: Path) -> None:
    index = page(full, "index", title="总览")
    index.write_text(index.read_text("utf-8") + "\n<!-- itops:documents structure begin -->\n<!-- itops:documents structure end -->\n\n手写\n", "utf-8")
    assert "written" in itops(full, "--part", "structure", "--insert", str(index)).output
    assert "[标题 net](net.md)" in index.read_text("utf-8") and index.read_text("utf-8").endswith("手写\n")
    assert "unchanged" in itops(full, "--part", "structure", "--insert", str(index)).output
    assert code(itops(full, "--insert", str(index), "--format", "csv")) == 2
    itops(full, "--output", str(full / "register.md"))
    assert "(documents/net.md)" in (full / "register.md").read_text("utf-8")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "id": ({"id": "../x"}, "cannot be part of a file's name"),
    "version": ({"version": "1/2"}, "cannot be part of a file's name"),
    "owner": ({"owner": "zhan"}, "not in people.yml"),
    "service": ({"services": ["webb"]}, "unknown service"),
    "date": ({"review_due": "bald"}, "not a date"),
    "external": ({"classification": "external"}, "never goes outside"),
    "mislabelled": ({"side": "user", "kind": "faults"}, "for the department only"),
    "side": ({"side": "nobody"}, "allowed: ops"),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_wrong_with_a_document(root: Path, why: str) -> None:
    meta, words = WRONG[why]
    page(root, "page", **meta)
    found = errors(rules.lint(workspace.load(root), catalogue.load(workspace.load(root))))
    assert len(found) == 1 and words in str(found[0]) and found[0].line and found[0].file.endswith("page.md"), found
    assert code(itops(root)) == 1 and words in str(itops(root).exception), "a register that leaves something out is none"


def test_two_documents_with_one_id(root: Path) -> None:
    page(root, "one")
    page(root, "two", id="one")
    page(root, "three", id="one", lang="en", side="user")
    listed(root, {"id": "one", "source": {"format": "pdf", "path": "/x.pdf"}})
    found = [str(problem) for problem in errors(rules.lint(workspace.load(root), catalogue.load(workspace.load(root))))]
    assert sum("id stands twice" in text for text in found) == 2 and any("side: is not the same" in text for text in found)
    assert any("remove this entry" in text for text in found if "register.yml" in text)


def test_what_is_wrong_with_an_entry(root: Path) -> None:
    listed(root, {"id": "a", "migration": "migrated", "source": {"format": "pdf", "path": "/a.pdf"}}, {"id": "b"}, {"id": "c", "source": {"format": "md"}})
    found = [str(problem) for problem in errors(rules.lint(workspace.load(root), catalogue.load(workspace.load(root))))]
    assert any("documents[0].migration: what is migrated is a Markdown file" in text for text in found)
    assert sum("not said where the original lies" in text for text in found) == 2 and sum("source.format" in text for text in found) == 2
    (root / "documents/register.yml").write_text("documents:\n  - {id: a}\n", "utf-8")
    assert any("documents[0].owner: missing" in str(problem) for problem in rules.lint(workspace.load(root), catalogue.load(workspace.load(root))))


FREE = ("title", "section", "version", "owner", "reviewer", "audience")
ANY = st.text(max_size=30) | st.sampled_from(["a | b", "\\", "x\n\n# y", "<br>", "[a](b)", "`", "<!-- itops:documents end -->"])


def shape(markdown: str) -> list[list[int]]:
    """Of each table of a whole page: the cells of its rows, as a reader of Markdown counts them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    kinds = [token.type for token in tokens if token.type in ("table_open", "tr_open", "th_open", "td_open", "heading_open", "html_block", "fence")]
    rows = " ".join(kinds).split("table_open")
    return [[row.count("_open") for row in part.split("tr_open")[1:]] for part in rows]


def book_of(text: str) -> register_views.Book:
    meta = {**dict.fromkeys(FREE, text), "id": "x", "side": "ops", "kind": "other", "lang": "zh_CN", "migration": "pending", "classification": "internal",
            "review_due": "2001-01-01", "review": "to_review", "source": {"format": "docx", "path": text, "sha256": text, "date": text}}  # fmt: skip
    person = {"name": text, "roles": ["owner"], "deputy": "p", "contact": {"mail": text}, "active": True}
    entry, now = register.Entry((document.Document(Path("x.md"), meta, "", 1),)), register_views.datetime.now().astimezone()
    return register_views.Book([entry], {"p": person}, {"s": {"name": text, "owner": "p"}}, now, "UTC", Path(__file__).parent)


@given(ANY)
@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_any_text_in_any_field_changes_no_table(lang: str, text: str) -> None:
    made = register_views.whole(book_of(f"x{text}"), lang)
    assert shape(made) == shape(register_views.whole(book_of("x"), lang))
    rows = list(csv.reader(io.StringIO(register_views.as_csv(book_of(f"x{text}"), lang).lstrip("\ufeff"))))
    assert [len(row) for row in rows] == [len(rows[0])] * 2


@given(st.text(min_size=1, max_size=30))
def test_any_title_is_one_cell(title: str) -> None:
    meta = {"id": "x", "title": title, "side": "ops", "kind": "other", "owner": "", "lang": "zh_CN", "migration": "migrated", "section": title}
    entry = register.Entry((document.Document(Path(__file__), meta, "", 1),))
    book = register_views.Book([entry], {}, {}, register_views.datetime.now().astimezone(), "UTC", Path(__file__).parent)
    lines = register_views.structure(book, "zh_CN").split("\n")
    assert len(lines) == 3 and len(re.findall(r"(?<!\\)(?:\\\\)*\|", lines[2])) == 4 and "(test_document_register.py)" in lines[2]
