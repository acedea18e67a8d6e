# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintenance record as a PDF: in both languages, under its own id and version, and only as its ledger tells it."""

from __future__ import annotations

import json
from pathlib import Path

import pikepdf
import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import views, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

from tests.unit import make, paper, past
from tests.unit.paper import exported, itops, pages

CHANGE = make.CHANGE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """With one change that was carried out."""
    place = make.workspace(tmp_path / "w")
    past.carried_out(past.planned(place, CHANGE), place)
    return place


def folder(root: Path) -> Path:
    return root / "records/2026" / CHANGE


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh_CN", ["维护记录表", "密级 内部", "方案摘要", "台账末条", "第 1 页"]),
        ("en", ["Maintenance record", "Classification internal", "Plan digest", "Page 1 of"]),
    ],
)
def test_in_both_languages(root: Path, lang: str, words: list[str]) -> None:
    file = exported(root, "--internal", "--lang", lang, of=CHANGE)
    assert file.name == f"REC-{CHANGE}_1_1.pdf" and paper.pdf_a_faults(file) == []
    text = "".join(" ".join(pages(file)).replace("\r\n", " ").split(" "))
    head = json.loads((folder(root) / "record.json").read_text("utf-8"))["ledger"]["head"]
    assert all(word.replace(" ", "") in text for word in [*words, f"REC-{CHANGE}", head]), text
    with pikepdf.open(file) as pdf:
        assert str(pdf.Root.Lang)[:2] == lang[:2] and len(pdf.open_outline().root[0].children) > 5


def test_a_second_run_is_a_second_version(root: Path) -> None:
    past.carried_out(past.load(workspace.load(root), CHANGE), root, number=2)
    assert exported(root, "--internal", of=CHANGE).name == f"REC-{CHANGE}_2_1.pdf"


def test_it_is_internal(root: Path) -> None:
    done = itops(root, "pdf", CHANGE, "--to", "审计员")
    assert done.returncode == 2 and "--internal" in done.stderr


def test_a_report_that_somebody_edited_is_refused(root: Path) -> None:
    report = folder(root) / "record.zh_CN.md"
    report.write_text(report.read_text("utf-8") + "\n一切正常。\n", "utf-8")
    done = itops(root, "pdf", CHANGE, "--internal", "--to", "审计员")
    assert done.returncode == 2 and "is not what the ledger says" in done.stderr and f"itops record render {CHANGE}" in done.stderr
    assert not list(root.glob("*.pdf")) and paper.lines(root) == []


def test_a_ledger_that_does_not_verify_is_refused(root: Path) -> None:
    stream = folder(root) / "events.jsonl"
    stream.write_text(stream.read_text("utf-8").replace('"li"', '"wu"', 1), "utf-8")
    done = itops(root, "pdf", CHANGE, "--internal", "--to", "审计员")
    assert done.returncode == 2 and "does not verify" in done.stderr and f"itops record verify {CHANGE}" in done.stderr
    assert not list(root.glob("*.pdf")) and paper.lines(root) == []


def test_a_correction_is_a_record_too(root: Path) -> None:
    name = f"{CHANGE}-K01"
    book = Ledger(root / "records/2026" / name, name)
    book.append(
        "decided", {"decision": "correct", "change": name, "remark": "误写：应为吉𠮷", "details": {"corrects": CHANGE, "title": "升级", "services": []}}
    )
    views.write_views(book.directory, book.events())
    file = exported(root, "--internal", of=name, ITOPS_FONTS=str(paper.PACKAGE))
    assert file.name == f"REC-{name}_1_1.pdf" and "误写：应为吉𠮷" in " ".join(pages(file))
