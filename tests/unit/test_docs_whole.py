# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents as a new user meets them: a fresh workspace, and the commands of the how-to pages word by word; then what must not get out of them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import desk, foreign

REPO = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOT_HERE = ("--links", "--digests", "CHG-", "vendor")
FORMS = "md025,md040,md060"  # the title stands in the front matter, too; the department's code blocks; tables are aligned for Chinese


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "maintenance"
    assert desk.itops(tmp_path, "init", str(place)).returncode == 0
    assert desk.itops(place, "docs", "build").returncode == 0
    return place


def commands(page: str, tmp: Path) -> list[list[str]]:
    """Those of a how-to page that need no record and ask no other machine (test_docs_links.py); what it puts into /tmp goes into a folder of the test."""
    text = (REPO / f"docs/howto/{page}.md").read_text("utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines() if line.startswith("itops docs")]
    return [shlex.split(line.replace("/tmp", str(tmp)), comments=True)[1:] for line in lines if not any(word in line for word in NOT_HERE)]


@pytest.mark.parametrize("page", ["documents", "document-register", "bundles", "pdf", "site", "import-documents"])
def test_every_command_of_the_page_does_what_it_says(root: Path, page: str) -> None:
    foreign.workbook(root / "服务器清单.xlsx", [["主机", "地址"], ["web-1", "192.0.2.11"]])
    foreign.manual(root / "门户手册.docx")
    given = [words for words in commands(page, root) if "old/*.doc" not in words]
    assert given
    for words in given:
        (root / "documents/index.md").write_text(INDEX, "utf-8")
        done = desk.itops(root, *["zhang.wei" if word == "zhang" else word for word in words])
        assert done.returncode == 0, (words, done.stdout, done.stderr)


INDEX = """---
id: index
title: 文档结构
side: ops
owner: zhang.wei
---

# 文档结构

<!-- itops:documents structure begin -->
<!-- itops:documents structure end -->
"""


def test_what_is_made_and_what_is_imported_is_clean_markdown(root: Path) -> None:
    foreign.manual(root / "门户手册.docx")
    foreign.slides(root / "slides.pptx")
    assert desk.itops(root, "docs", "import", "门户手册.docx", "slides.pptx", "--owner", "zhang.wei").returncode == 0
    tool = [str(Path(sys.executable).parent / "pymarkdown"), "--config", str(REPO / ".pymarkdown.json"), "--enable-extensions", "front-matter", "-d", FORMS]
    done = subprocess.run([*tool, "scan", "-r", "documents"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_typed_into_a_manual_is_named_by_lint_and_kept_inside(root: Path) -> None:
    """By way of the service record, or by hand: the build makes the document, and nothing hands it out."""
    record = root / "inventory/services/web.yml"
    text = record.read_text("utf-8")
    record.write_text(text.replace("steps: [打开浏览器并访问上述地址,", "steps: [打开 http://192.0.2.10/health,"), "utf-8")
    assert record.read_text("utf-8") != text and desk.itops(root, "docs", "build").returncode == 0
    page = root / "documents/services/web/manual.zh_CN.md"
    page.write_text(page.read_text("utf-8").replace("<!-- itops:hand usage begin -->\n", "<!-- itops:hand usage begin -->\n数据在 /opt/portal/data\n"), "utf-8")
    assert desk.itops(root, "docs", "build").returncode == 0
    lint = desk.itops(root, "docs", "lint")
    assert lint.returncode == 0 and all(word in lint.stdout for word in ("endpoints[0].ip", "data_dirs[0]", "[inside]"))
    for words in (["pdf", "web-manual"], ["bundle", "--side", "user"]):
        done = desk.itops(root, "docs", *words, "--to", "某某公司")
        assert done.returncode == 2 and "endpoints[0].ip" in done.stderr and "data_dirs[0]" in done.stderr
    assert not list(root.glob("*.pdf")) and not list(root.glob("user-*")) and not (root / "records").exists()
