# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops docs lint`: every rule finds what it is for, at its line, and nothing else."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Problem

from itops_cli.documents import outline, rules
from itops_cli.documents.library import Library
from tests.unit import desk, make

META = {"id": "guide", "title": "指南", "kind": "guide", "side": "user", "owner": "zhang"}  # in the lines 2 to 6, so a body begins in line 9

RIGHT = """# 指南

## 上级

### 下级

参见《另一篇》与《书名》，[一](other.md#安装-xshell一)、[二](other.md#重复-1)、[三](#上级)、[四](#place)、[五](sub)、
[六](https://example.com/x)、[七](mailto:a@example.com)、![图](图%201.png)、`[x](gone)`、注[^1]。

[^1]: 一个词。

<a id="place"></a>

| a | b |
| --- | --- |
| `x` \\| y |
| 1 | 2 |

```
[x](gone.md)
![y](gone.png)
# no heading
```

- 列表

  ```
  缩进
  ```

> ```
> 引用
> ```
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make.workspace(tmp_path / "w")


def write(root: Path, body: str = "# 指南\n\n正文\n", name: str = "guide.md", **meta: Any) -> Path:
    path = root / "documents" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document.text({**META, **meta}, body), "utf-8")
    return path


def found(root: Path, status: int = 2) -> list[tuple[str, str, int, str, str]]:
    """(rule, severity, line, message, what was found) of every problem."""
    done = desk.itops(root, "docs", "lint", "--format", "json")
    assert done.returncode == status, done.stdout
    return [(p["rule"], p["severity"], p["line"], p["message"], p["found"]) for p in json.loads(done.stdout)["problems"]]


def test_a_clean_document(root: Path) -> None:
    write(root)
    assert found(root, 0) == []
    assert desk.itops(root, "docs", "lint").stdout == "1 document: 0 errors, 0 warnings\n"


def test_no_document_at_all(root: Path) -> None:
    assert desk.itops(root, "docs", "lint").stdout == "0 documents: 0 errors, 0 warnings\n"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("# 指南\n\n[x](gone.md)\n", ("links", "error", 11, "no such file", "gone.md")),
        ("# 指南\n\n正文\n见 [x](#gone)\n", ("links", "error", 12, "no such heading", "#gone")),
        ("# 指南\n\n[x](other.md#gone)\n", ("links", "error", 11, "no such heading", "other.md#gone")),
        ("# 指南\n\n[x](/etc/hostname)\n", ("links", "error", 11, "no such file", "/etc/hostname")),
        ("# 指南\n\n[x]()\n", ("links", "error", 11, "the link leads nowhere", "")),
        ("# 指南\n\n| a |\n| --- |\n| ![图](gone.png) |\n", ("images", "error", 13, "no such image", "gone.png")),
        ("# 指南\n\n![图](https://example.com/a.png)\n", ("images", "error", 11, "no such image", "https://example.com/a.png")),
        ("# 指南\n\n![图](/proc/version)\n", ("images", "error", 11, "no such image", "/proc/version")),
        ("# 指南\n\n见注[^1]\n\n[^1]: 参见[x](gone.md)\n", ("links", "error", 13, "no such file", "gone.md")),
        ("# 指南\n\n参见《故障与维护_》\n", ("titles", "error", 11, "no document has this title", "故障与维护_")),
        ("# 指南\n\n参见《[别的](other.md)》\n", ("titles", "error", 11, "no document has this title", "别的")),
        ("# 指南\n\n```\ncode\n", ("markdown", "error", 11, "the code block is never closed: all that follows is in it", "")),
        (
            "# 指南\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n| 1 | 2\\|x | 3 |\n",
            ("markdown", "error", 14, "more cells than the 2 of the table's head: they are not shown", ""),
        ),
        ("正文\n", ("markdown", "warning", 0, "the first heading is not the title", "")),
        ("# 指南\n\n正文\n\n# 又一篇\n\n正文\n", ("markdown", "warning", 13, "a second title", "又一篇")),
        ("# 指南\n\n### 三级\n\n正文\n", ("markdown", "warning", 11, "a level of headings is left out", "###")),
        ("# 指南\n\n![](there.png)\n", ("markdown", "warning", 11, "an image without a text that says what it shows", "there.png")),
        ("# 指南\n\n[](other.md)\n", ("markdown", "warning", 11, "a link without a text", "other.md")),
        ("# 指南\n\n## 空\n\n<!-- 待写 -->\n\n## 有\n\n正文\n", ("empty", "warning", 11, "empty section", "空")),
        ("# 指南\n\n## 末尾\n", ("empty", "warning", 11, "empty section", "末尾")),
    ],
)
def test_what_stands_in_the_text(root: Path, body: str, wanted: tuple[str, str, int, str, str]) -> None:
    write(root, "# 另一篇\n\n正文\n", "other.md", id="other", title="另一篇")
    (root / "documents/there.png").write_bytes(b"png")
    write(root, body)
    assert found(root, 2 if wanted[1] == "error" else 0) == [wanted]


def test_what_is_right_is_let_be(root: Path) -> None:
    write(root, "# 另一篇\n\n## 安装 Xshell（一）\n\n正文\n\n## 重复\n\n一\n\n## 重复\n\n二\n", "other.md", id="other", title="另一篇")
    (root / "documents/图 1.png").write_bytes(b"png")
    (root / "documents/sub").mkdir()
    write(root, RIGHT)
    assert found(root, 0) == []


@pytest.mark.parametrize(
    ("meta", "wanted"),
    [
        ({"owner": "zhan"}, ("references", "error", 6, "not in people.yml", "zhan")),
        ({"services": ["web", "wiki"]}, ("references", "error", 8, "unknown service", "wiki")),
        ({"review_due": "2020-01-01"}, ("overdue", "warning", 7, "the review is overdue", "2020-01-01")),
        ({"review_due": "2020-13-01"}, ("dates", "error", 7, "not a date", "2020-13-01")),
        ({"reviewer": "nobody"}, ("references", "error", 7, "not in people.yml", "nobody")),
        ({"side": "inside"}, ("properties", "error", 5, "not allowed", "inside")),
        ({"kind": "security_notice", "classification": "external"}, ("notices", "error", 2, "the security notice needs the date from which it counts", "")),
    ],
)
def test_what_stands_in_the_properties(root: Path, meta: dict[str, Any], wanted: tuple[str, str, int, str, str]) -> None:
    write(root, **meta)
    assert found(root, 2 if wanted[1] == "error" else 0) == [wanted]


def test_a_person_who_has_left(root: Path) -> None:
    people = root / "inventory/people.yml"
    people.write_text(people.read_text("utf-8").replace("id: wang", "id: wang\n  active: false"), "utf-8")
    write(root, owner="wang")
    assert found(root) == [("references", "error", 6, "not active any more", "wang")]


def test_an_id_stands_once_in_each_language(root: Path) -> None:
    write(root)
    write(root, "# Guide\n\ntext\n", "guide.en.md", lang="en")
    assert found(root, 0) == []
    write(root, name="sub/copy.md")
    assert [(rule, line) for rule, _severity, line, *_rest in found(root)] == [("identity", 2)]


def test_all_errors_of_all_files_at_once_those_of_the_properties_and_of_the_text(root: Path) -> None:
    (write(root, name="a.md")).write_text("---\nid: a\nside: [\n---\n\n# A\n\n[x](gone)\n", "utf-8")
    (write(root, name="b.md")).write_text("# B\n\n[y](gone)\n", "utf-8")
    (write(root, name="c.md")).write_bytes(b"\xff\xfe")
    done = desk.itops(root, "docs", "lint")
    assert done.returncode == 2
    for line in (
        "documents/a.md:4: error: not YAML",
        "documents/a.md:8: error: no such file [links]",
        "documents/b.md:1: error: no front matter [properties]",
        "documents/b.md:3: error: no such file [links]",
        "documents/c.md: error: not UTF-8 text [properties]",
    ):
        assert line in done.stdout, done.stdout
    assert "do:      itops docs import" in done.stdout


def test_what_is_not_markdown_yet_is_looked_at_too(root: Path) -> None:
    write(root)
    entry = {**META, "migration": "pending", "source": {"format": "docx", "path": "//share/x.docx"}}
    listed = [{**entry, "owner": "nobody"}, {**entry, "id": "old", "review_due": "2020-01-01", "satisfies": {"ISO/IEC 27001": ["A.9.9"]}}]
    make.dump(root / "documents/register.yml", {"documents": listed})
    said = {(rule, severity, text) for rule, severity, _line, _message, text in found(root)}
    assert said == {
        ("identity", "error", "guide"),
        ("references", "error", "nobody"),
        ("standards", "error", "A.9.9"),
        ("overdue", "warning", "2020-01-01"),
    }
    (root / "documents/register.yml").write_text("documents:\n  - {id: a\n", "utf-8")
    assert [(rule, line) for rule, _severity, line, *_rest in found(root)] == [("properties", 3)]


@pytest.mark.parametrize("command", [["lint"], ["register"], ["clauses"], ["bundle", "--side", "user", "--to", "x"], ["build"]])
def test_a_name_without_a_file_is_an_error_like_any_other(root: Path, command: list[str]) -> None:
    write(root, "# B\n\n[y](gone)\n")
    (root / "documents/user").mkdir()
    (root / "documents/user/gone.md").symlink_to("nowhere.md")
    (root / "documents/user/loop.md").symlink_to("loop.md")
    (root / "documents/folder.md").mkdir()
    done = desk.itops(root, "docs", *command)
    assert done.returncode == 2
    for line in (
        "user/gone.md: error: cannot be read: No such file",
        "user/loop.md: error: cannot be read: Too many",
        "folder.md: error: cannot be read: Is a",
    ):
        assert line in done.stdout + done.stderr, done.stderr
    assert desk.itops(root, "docs", "pdf", "guide", "--internal", "--to", "x").returncode == 0


def test_every_rule_stands_in_the_how_to() -> None:
    text = (Path(__file__).parents[2] / "docs/howto/documents.md").read_text("utf-8").partition("## What lint looks at")[2]
    assert set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `")))) == set(rules.RULES)


def test_quiet_leaves_out_warnings(root: Path) -> None:
    write(root, "# 指南\n\n## 空\n")
    assert desk.itops(root, "docs", "lint", "-q").stdout == "1 document: 0 errors, 0 warnings\n"


def test_built_documents_pass_and_an_edit_is_named_before_the_next_build(root: Path) -> None:
    assert desk.itops(root, "docs", "build").returncode == 0
    empty = [(rule, line) for rule, _severity, line, *_rest in found(root, 0)]
    assert {rule for rule, _line in empty} == {"empty"} and len(empty) == 10, "notice, cautions, steps, screenshots, self service, twice"
    page = root / "documents/services/web/faults.zh_CN.md"
    page.write_text(page.read_text("utf-8").replace("## 维护须知", "## 须知"), "utf-8")
    assert [(rule, message[:20]) for rule, severity, _line, message, _found in found(root) if severity == "error"] == [("edits", "something was writte")]


def test_a_rule_more_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shout(lib: Library) -> Iterator[Problem]:
        return (page.problem(1, "too quiet") for page in lib.pages)

    monkeypatch.setitem(rules.RULES, "shout", shout)
    write(root)
    assert found(root) == [("shout", "error", 1, "too quiet", "")]


def test_progress_is_shown_on_a_terminal_and_nowhere_else(root: Path) -> None:
    write(root)
    command = [str(Path(sys.executable).parent / "itops"), "docs", "lint"]
    leader, follower = pty.openpty()
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=follower, check=False)
    os.close(follower)
    assert done.returncode == 0 and b"documents" in os.read(leader, 4096)
    os.close(leader)
    assert subprocess.run(command, cwd=root, capture_output=True, check=True).stderr == b""


def test_lines_are_those_of_the_file_however_many_blank_ones_there_are() -> None:
    assert document.split("---\na: 1\n---\n\n\n# T\n")[1:] == ("# T\n", 6)
    assert document.split("---\na: 1\n---\n# T\n")[1:] == ("# T\n", 4)
    assert [heading.line for heading in outline.of("# T\n\ntext\n\n## U\n", 6).headings] == [6, 10]
