# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clauses of the standards: all of them, referred to only as they exist, worded as evidence toward and never as more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import clauses, labels, schema, source
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import clause_table
from click.testing import CliRunner, Result
from hypothesis import given

from itops_cli.main import cli
from tests.unit import make
from tests.unit.test_markdown_table import ANYTHING, READER

SERVICE_MANAGEMENT, SECURITY = "ISO/IEC 20000-1:2018", "ISO/IEC 27001:2022"
CLAIMS = re.compile(r"certified by itops|compliant|conform|complies|符合|通过了?认证(?!的是组织)|认证通过", re.IGNORECASE)


def itops(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words], standalone_mode=False, env={"ITOPS_WORKSPACE": str(root)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "w")


def test_all_controls_of_annex_a() -> None:
    wanted = [f"A.{theme}.{n}" for theme, last in ((5, 37), (6, 8), (7, 14), (8, 34)) for n in range(1, last + 1)]
    assert list(clauses.clauses(SECURITY)) == wanted and len(wanted) == 93


def test_clauses_4_to_10_each_below_one_that_exists() -> None:
    known = clauses.clauses(SERVICE_MANAGEMENT)
    assert [number for number in known if "." not in number] == [str(n) for n in range(4, 11)]
    assert all(number.rpartition(".")[0] in known for number in known if "." in number)
    order = [tuple(map(int, number.split("."))) for number in known]
    assert order == sorted(order)
    for above in known:  # 8.5.1, 8.5.2 … without a gap
        below = [int(number.rpartition(".")[2]) for number in known if number.rpartition(".")[0] == above]
        assert below == list(range(1, len(below) + 1)), above


@pytest.mark.parametrize(
    ("standard", "number", "zh_CN", "en"),
    [
        (SERVICE_MANAGEMENT, "8.2.6", "配置管理", "Configuration management"),
        (SERVICE_MANAGEMENT, "8.5.1", "变更管理", "Change management"),
        (SERVICE_MANAGEMENT, "8.7.2", "服务连续性管理", "Service continuity management"),
        (SERVICE_MANAGEMENT, "9.4", "服务报告", "Service reporting"),
        (SECURITY, "A.5.18", "访问权限", "Access rights"),
        (SECURITY, "A.5.37", "文件化的操作规程", "Documented operating procedures"),
        (SECURITY, "A.8.13", "信息备份", "Information backup"),
        (SECURITY, "A.8.18", "特权实用程序的使用", "Use of privileged utility programs"),
        (SECURITY, "A.8.32", "变更管理", "Change management"),
    ],
)
def test_titles(standard: str, number: str, zh_CN: str, en: str) -> None:
    assert clauses.clauses(standard)[number] == {"zh_CN": zh_CN, "en": en}


def test_every_clause_has_its_title_in_both_languages_and_no_more() -> None:
    assert source.load(clauses.FILE).problems == []
    for name in clauses.table()["standards"]:
        for number, titles in clauses.clauses(name).items():
            assert set(titles) == set(labels.LANGUAGES) and all(0 < len(title) < 110 for title in titles.values()), number
        assert len({titles["en"] for titles in clauses.clauses(name).values()}) >= len(clauses.clauses(name)) - 1, "two of the same title: one was copied"


def test_what_the_table_points_to_exists() -> None:
    evidence = clauses.table()["evidence"]
    assert set(evidence["documents"]) <= set(schema.options("document")["kind"]["choices"])
    said = [*evidence["documents"].values(), *(entry["satisfies"] for entry in evidence["records"].values())]
    assert [fault for satisfies in said for fault in clauses.faults(satisfies)] == []


@pytest.mark.parametrize("record", clauses.table()["evidence"]["records"])
def test_what_is_pointed_to_can_be_shown(record: str) -> None:
    words = clauses.table()["evidence"]["records"][record]["shown"].split()
    assert words[0] == "itops" and CliRunner().invoke(cli, [*words[1:], "--help"]).exit_code == 0


@pytest.mark.parametrize("name", ["ISO/IEC 27001", "ISO/IEC 27001:2022", "iso 27001", "ISO27001"])
def test_a_standard_by_any_of_its_names(name: str) -> None:
    assert clauses.standard(name) == SECURITY


@pytest.mark.parametrize(
    ("satisfies", "message", "near"),
    [
        ({"ISO/IEC 27001:2013": ["A.8.13"]}, "unknown standard", "ISO/IEC 27001:2022"),
        ({"ISO/IEC 20001": ["8.1"]}, "unknown standard", SERVICE_MANAGEMENT),
        ({"ISO/IEC 27001": ["8.13"]}, "unknown clause", "A.8.13"),
        ({"ISO/IEC 27001": ["A.8.35"]}, "unknown clause", "A.8.3"),
        ({"ISO/IEC 20000-1": ["8.5.1.9"]}, "unknown clause", "8.5.1"),
        ({"ISO/IEC 20000-1": "A.8.5.1"}, "unknown clause", "8.5.1"),
    ],
)
def test_an_unknown_one_is_named_with_its_neighbours(satisfies: dict[str, Any], message: str, near: str) -> None:
    (_path, said, _found, _allowed, remedy) = next(clauses.faults(satisfies))
    assert message in said and near in remedy


def test_an_unknown_clause_fails_lint_wherever_it_stands(root: Path) -> None:
    wrong = {"ISO/IEC 27001": ["A.8.13", "A.9.9"]}
    make.dump(root / "inventory/services/web.yml", {**make.web(), "satisfies": wrong})
    make.change(root, satisfies={"ISO/IEC 20000": ["11"]})
    page = root / "documents/page.md"
    page.parent.mkdir()
    page.write_text("---\nid: page\ntitle: 页\nside: ops\nowner: zhang\nsatisfies:\n  ISO 9001: ['4']\n---\n\n# 页\n", "utf-8")
    old = {"id": "old", "title": "旧", "side": "ops", "owner": "zhang", "migration": "pending", "source": {"format": "pdf", "path": "/x.pdf"}}
    make.dump(root / "documents/register.yml", {"documents": [{**old, "satisfies": wrong}]})
    done = itops(root, "lint", "--format", "json")
    assert done.return_value == 2
    found = {(Path(p["file"]).name, p["path"], p["found"]) for p in json.loads(done.output)["problems"] if p["severity"] == "error"}
    assert found == {
        ("web.yml", "satisfies.ISO/IEC 27001[1]", "A.9.9"),
        (f"{make.CHANGE}.yml", "satisfies.ISO/IEC 20000[0]", "11"),
        ("page.md", "satisfies.ISO 9001", "ISO 9001"),
        ("register.yml", "documents[0].satisfies.ISO/IEC 27001[1]", "A.9.9"),
    }
    lines = {Path(p["file"]).name: p["line"] for p in json.loads(done.output)["problems"]}
    assert lines["page.md"] == 7 and all(lines.values())


def test_what_a_change_is_evidence_toward_is_no_part_of_its_plan(root: Path) -> None:
    from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, change, workspace

    ws = workspace.load(root)
    known = catalogue.load(ws).required()
    digests = {change.load(make.change(root, **more), known.services, known.people).plan_digest for more in ({}, {"satisfies": {"ISO 27001": ["A.8.32"]}})}
    assert len(digests) == 1


@pytest.mark.parametrize("lang", labels.LANGUAGES)
def test_the_table_says_evidence_toward_and_claims_nothing(root: Path, lang: str) -> None:
    make.dump(root / "inventory/services/web.yml", {**make.web(), "satisfies": {"ISO/IEC 27001": ["A.8.14"]}})
    page = root / "documents/page.md"
    page.parent.mkdir()
    page.write_text("---\nid: dns-guide\ntitle: 域名\nkind: guide\nside: ops\nowner: zhang\nsatisfies: {ISO27001: A.8.20}\n---\n\n# 页\n", "utf-8")
    done = itops(root, "docs", "clauses", "--lang", lang)
    assert done.exit_code == 0, done.exception
    lines = {line.split("|")[1].strip(): line for line in done.output.splitlines() if line.startswith("|")}
    assert "dns-guide" in lines["A.8.20"] and "dns-guide" in lines["A.5.37"] and "web" in lines["A.8.14"] and "itops record list" in lines["A.8.32"]
    assert {"zh_CN": "证据指向", "en": "Evidence toward"}[lang] in done.output
    said = re.sub(r"^(\|[^|]*\|)[^|]*", r"\1", done.output, flags=re.MULTILINE)  # the standards' own titles are theirs
    assert not CLAIMS.search(said)
    assert {"zh_CN": "通过认证的是组织，不是工具", "en": "An organisation is certified, never a tool"}[lang] in done.output


@given(ANYTHING)
def test_any_name_of_a_service_or_change_stays_in_its_cell(name: str) -> None:
    said = {"satisfies": {"ISO/IEC 27001": ["A.8.14"]}}
    made = clause_table.markdown(clause_table.rows([], {"s": {"name": name, **said}, "t": {"name": "t", **said}}, {name: said}, "zh_CN"), "zh_CN")
    kinds = [token.type for token in READER.parse(made) if token.type in ("tr_open", "th_open", "td_open", "heading_open", "html_block")]
    assert kinds.count("tr_open") == 2 + sum(len(clauses.clauses(standard)) for standard in clauses.table()["standards"])
    assert kinds.count("td_open") == 4 * (kinds.count("tr_open") - 2) and kinds.count("heading_open") == 3 and "html_block" not in kinds


def test_one_standard_what_is_missing_and_as_data(root: Path) -> None:
    done = itops(root, "docs", "clauses", "--standard", "ISO27001", "--missing", "--format", "json")
    rows = json.loads(done.output)
    assert {row["standard"] for row in rows} == {SECURITY} and "A.6.1" in {row["number"] for row in rows} and not any(row["records"] for row in rows)
    refused = itops(root, "docs", "clauses", "--standard", "ISO/IEC 27002")
    assert getattr(refused.exception, "code", 0) == 2 and "ISO/IEC 27001:2022" in str(refused.exception)
