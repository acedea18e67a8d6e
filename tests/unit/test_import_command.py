# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs import` as an operator meets it: what stands where afterwards, again, after an edit, with bad files among good ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document

from tests.unit import foreign, make

ENTRY = "  - id: {}\n    title: {}\n    side: user\n    owner: zhang\n    migration: pending\n    source: {{format: docx, path: {}}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = make.workspace(tmp_path / "w")
    (place / "原件").mkdir()
    foreign.manual(place / "原件/门户手册.docx")
    return place


def itops(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "itops"), "docs", "import", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ, **env})


def imported(root: Path, *words: str) -> list[dict[str, Any]]:
    done = itops(root, *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def meta(path: Path) -> dict[str, Any]:
    found, problems = document.read(path)
    assert found is not None and problems == []
    return dict(found.meta)


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "documents").rglob("*") if path.is_file()}


def refused(root: Path, *words: str) -> str:
    """What it says; nothing may have changed."""
    before = everything(root)
    done = itops(root, *words)
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == "" and everything(root) == before
    return done.stderr


def test_what_stands_where_afterwards(root: Path) -> None:
    (one,) = imported(root, "原件/门户手册.docx", "--owner", "zhang", "--section", "使用手册")
    assert (one["path"], one["state"], one["title"], one["format"]) == ("documents/ops/门户手册.md", "created", "门户手册", "docx")
    said = meta(root / one["path"])
    assert (said["id"], said["owner"], said["side"], said["section"]) == (one["id"], "zhang", "ops", "使用手册")
    assert (said["review"], said["migration"]) == ("to_review", "migrated")
    origin = said["source"]
    assert origin["path"] == "../../原件/门户手册.docx" and origin["format"] == "docx" and len(origin["sha256"]) == 64 and len(origin["date"]) == 10
    noted = yaml.safe_load((root / "documents/ops/门户手册.import.yml").read_text("utf-8"))
    assert noted["losses"] == one["losses"] and noted["report"] == one["report"] and "批注未迁入: 王五: 这里要改" in one["report"]
    assert len(list((root / "documents/ops/门户手册.images").iterdir())) == 1
    assert [path.name for path in document.files(workspace.load(root))] == ["门户手册.md"]


def test_losses_are_told_in_the_language_of_the_document(root: Path) -> None:
    done = itops(root, "原件/门户手册.docx", "--owner", "zhang", "--lang", "en")
    assert "comment left out: 王五: 这里要改" in done.stdout and "next: compare with the originals" in done.stdout


def test_again_changes_nothing_and_a_new_version_keeps_the_id(root: Path) -> None:
    source = root / "原件/a.csv"
    source.write_text("a,b\n1,2\n", "utf-8")
    imported(root, "原件/a.csv", "--owner", "zhang", "--id", "assets", "--title", "资产")
    before = everything(root)
    assert imported(root, "原件/a.csv")[0]["state"] == "unchanged" and everything(root) == before
    source.write_text("a,b\n1,3\n", "utf-8")
    (one,) = imported(root, "原件/a.csv")
    assert (one["state"], one["id"], one["title"]) == ("updated", "assets", "资产") and "| 1   | 3   |" in (root / one["path"]).read_text("utf-8")


@pytest.mark.parametrize("how", ["reviewed", "edited"])
def test_what_people_have_worked_on_is_not_touched(root: Path, how: str) -> None:
    source = root / "原件/a.csv"
    source.write_text("a,b\n1,2\n", "utf-8")
    target = root / imported(root, "原件/a.csv", "--owner", "zhang")[0]["path"]
    old, new = {"reviewed": ("review: to_review", "review: reviewed\nreviewer: li"), "edited": ("| 1 ", "| 9 ")}[how]
    target.write_text(target.read_text("utf-8").replace(old, new), "utf-8")
    assert imported(root, "原件/a.csv")[0]["state"] == "unchanged"
    source.write_text("a,b\n1,3\n", "utf-8")
    said = refused(root, "原件/a.csv")
    assert f"has been {how} since its import" in said and "--force" in said
    assert imported(root, "原件/a.csv", "--force")[0]["state"] == "updated"
    assert meta(target)["review"] == "to_review" and "reviewer" not in target.read_text("utf-8")


def test_images_of_a_former_version_go(root: Path) -> None:
    source = root / "原件/门户手册.docx"
    imported(root, str(source), "--owner", "zhang")
    folder = root / "documents/ops/门户手册.images"
    (folder / "mine.png").write_bytes(b"x")
    foreign.changed(source, source.with_name("b.docx"), {"word/media/image1.png": foreign.png("blue")}).rename(source)
    before = {path.name for path in folder.iterdir()}
    imported(root, str(source))
    after = {path.name for path in folder.iterdir()}
    assert before & after == {"mine.png"} and len(after) == 2


def test_all_faults_of_all_files_and_nothing_is_written(root: Path) -> None:
    (root / "bad.docx").write_bytes(b"PK\x03\x04nothing")
    (root / "wrong.xlsx").write_bytes(b"%PDF-1.7")
    foreign.archive(root / "late.docx", {"_rels/.rels": b"<x"})
    said = refused(root, "原件/门户手册.docx", "bad.docx", "wrong.xlsx", "late.docx", "--owner", "zhang")
    assert [line.split(":")[0] for line in said.splitlines() if ": error: " in line] == ["bad.docx", "late.docx", "wrong.xlsx"]


def test_what_only_shows_while_converting_writes_nothing_either(root: Path) -> None:
    for name in ("one.docx", "two.docx"):
        foreign.changed(root / "原件/门户手册.docx", root / name, {"word/document.xml": b"<broken"})
    said = refused(root, "原件/门户手册.docx", "one.docx", "two.docx", "--owner", "zhang")
    assert all(f"{name}: error: damaged: word/document.xml is no XML" in said for name in ("one.docx", "two.docx"))
    assert list((root / "documents").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["原件/门户手册.docx"], "owner: nobody answers for it; → say who: --owner PERSON"),
        (["原件/门户手册.docx", "--owner", "zhagn"], "not in people.yml; found: zhagn"),
        (["原件/门户手册.docx", "--owner", "zhang", "--id", "a/b"], "cannot be part of a file's name"),
        (["原件/门户手册.docx", f"{'名' * 80}.txt", "--owner", "zhang"], "its name is too long"),
        (["原件/门户手册.docx", "other/门户手册.docx", "--owner", "zhang"], "becomes the same document as"),
        (["原件/门户手册.docx", "other/门户手册.docx", "--owner", "zhang", "--id", "x"], "--id and --title are for one FILE"),
    ],
)
def test_what_is_refused_before_anything_is_read(root: Path, words: list[str], said: str) -> None:
    (root / "other").mkdir()
    foreign.manual(root / "other/门户手册.docx")
    (root / f"{'名' * 80}.txt").write_text("x", "utf-8")
    assert said in refused(root, *words)


def test_another_document_is_never_replaced(root: Path) -> None:
    imported(root, "原件/门户手册.docx", "--owner", "zhang")
    (root / "other").mkdir()
    foreign.manual(root / "other/门户手册.docx")
    assert "is that of another document" in refused(root, "other/门户手册.docx", "--owner", "zhang", "--force")


def test_an_entry_of_the_register_says_what_is_known_and_is_gone_afterwards(root: Path) -> None:
    register = root / "documents/register.yml"
    register.parent.mkdir()
    other, ours = ENTRY.format("other", "别的", "../x.docx"), ENTRY.format("svc-web-manual", "门户", "../原件/门户手册.docx")
    register.write_text(f"# 待迁入\ndocuments:\n{other}{ours}# 完\n", "utf-8")
    (one,) = imported(root, "原件/门户手册.docx")
    said = meta(root / one["path"])
    assert (one["path"], said["id"], said["title"], said["side"], said["migration"]) == (
        "documents/user/门户手册.md",
        "svc-web-manual",
        "门户",
        "user",
        "migrated",
    )
    assert register.read_text("utf-8") == f"# 待迁入\ndocuments:\n{other}# 完\n"


def test_a_register_nobody_can_use_is_told_before_anything_is_read(root: Path) -> None:
    register = root / "documents/register.yml"
    register.parent.mkdir()
    register.write_text("documents:\n  - id: a\n    side: 管理端\n    owner: zhang\n    title: x\n  - id: b\n    side: nowhere\n", "utf-8")
    said = refused(root, "原件/门户手册.docx", "--owner", "zhang")
    assert "register.yml:7: error: documents[1].side: " in said and "title" in said and "documents[0]" not in said


def test_markdown_gets_its_properties_where_it_lies_and_keeps_its_text(root: Path) -> None:
    page = root / "documents/user/帮助.md"
    page.parent.mkdir(parents=True)
    body = "# 帮助\r\n\r\n1)  原样  \r\n\r\n![图](图.png)\r\n"
    page.write_bytes(body.encode("gb18030"))
    (one,) = imported(root, str(page), "--owner", "zhang", "--id", "help")
    said = meta(page)
    assert (said["id"], said["title"], said["side"], said["owner"], said["review"]) == ("help", "帮助", "user", "zhang", "to_review")
    found, _problems = document.read(page)
    assert found and found.body == body.replace("\r", "") and one["path"] == "documents/user/帮助.md" and len(one["losses"]) == 1
    assert "has front matter, so it is a document already" in refused(root, str(page), "--owner", "zhang")


def test_markdown_from_elsewhere_brings_its_pictures_along(root: Path) -> None:
    note = root / "原件/note.markdown"
    note.write_text("正文 ![一](a%20b.png)\n\n```\n![code](x.png)\n```\n\n![二](gone.png) ![三](https://example.com/c.png) ![四](../up.png)\n", "utf-8")
    (root / "原件/a b.png").write_bytes(foreign.png())
    (root / "up.png").write_bytes(foreign.png())
    (one,) = imported(root, str(note), "--owner", "zhang")
    found, _problems = document.read(root / one["path"])
    (kept,) = (root / "documents/ops/note.images").iterdir()
    assert found and found.body.startswith(f"# note\n\n正文 ![一](note.images/{kept.name})\n\n```\n![code](x.png)")
    missing = {("picture_missing", "gone.png"), ("picture_missing", "../up.png")}
    assert {(loss["kind"], loss["what"]) for loss in one["losses"]} == {*missing, ("remote_picture", "https://example.com/c.png")}
    assert [again["state"] for again in imported(root, str(note), "--owner", "zhang")] == ["unchanged"]


def test_the_extra_is_asked_for_where_it_is_missing(root: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden/lxml"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError(name='lxml')\n", "utf-8")
    done = itops(root, "原件/门户手册.docx", "--owner", "zhang", PYTHONPATH=str(hidden.parent))
    assert done.returncode == 2 and "lxml is not installed; → pip install 'itops[import]'" in done.stderr and everything(root) == {}
