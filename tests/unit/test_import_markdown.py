# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks to Markdown: whatever stands in a document reads as itself, and nothing of it becomes markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import markdown_table as md
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from itops_cli.importing import Unreadable
from itops_cli.importing.keeping import Keeper
from itops_cli.importing.markdown import Writer
from itops_cli.importing.tree import Block, Break, Cell, Code, Footnote, Heading, Item, List, Paragraph, Picture, Quote, Table, Text, nested

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = st.text(st.sampled_from("\\|`*_~<>[]()!&;:^#-=+ \n\ta1字，/hw.p$@"), max_size=12)
ANYTHING = st.one_of(MARKUP, st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
RUNS = st.lists(
    st.builds(Text, ANYTHING, st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["", "", "https://a.example/x_(y)", "javascript:1"])), max_size=4
)


def write(*blocks: Block) -> str:
    return Writer(Keeper(Path("nowhere")), "图 片").document(blocks)


def tokens(text: str) -> list[Any]:
    return READER.parse(text)


def words(token: Any) -> str:
    """What a reader sees of an inline token; blanks do not count."""
    return "".join(child.content for child in token.children or () if child.type in ("text", "text_special", "code_inline"))


def bare(text: str) -> str:
    """For a comparison that does not ask how many blanks there are, nor of which kind."""
    return "".join(md.plain(text).split())


@given(RUNS)
@example([Text("[a]"), Text("(b)", strong=True)])
@example([Text("!"), Text("x", href="https://a.example")])
@example([Text("注意：", strong=True), Text("请")])
@example([Text("&am"), Text("p;", em=True)])
@example([Text("a", strong=True), Text("b", em=True), Text("c", strong=True)])
def test_any_runs_read_as_themselves(runs: list[Text]) -> None:
    found = [token for token in tokens(write(Paragraph(runs))) if token.type == "inline"]
    assert [token.type for token in tokens(write(Paragraph(runs))) if token.level == 0] in ([], ["paragraph_open", "paragraph_close"])
    assert bare("".join(map(words, found))) == bare("".join(run.text for run in runs))
    links = [child.attrGet("href") for token in found for child in token.children if child.type == "link_open"]
    assert all(str(link).startswith(("https://", "http://")) for link in links)


@given(st.lists(ANYTHING, min_size=1, max_size=4))
@example(["a", "==="])
@example(["- x", "1. y", "# z", "+", "    code"])
def test_any_lines_are_a_paragraph(lines: list[str]) -> None:
    inlines = [piece for line in lines for piece in (Text(line), Break())]
    found = tokens(write(Paragraph(inlines)))
    assert {token.type for token in found} <= {"paragraph_open", "inline", "paragraph_close"}
    assert bare("".join(words(token) for token in found if token.type == "inline")) == bare("".join(lines))


@given(ANYTHING, st.integers(0, 9))
@example("a #", 1)
@example("##", 2)
def test_any_heading_reads_as_itself(text: str, level: int) -> None:
    found = tokens(write(Heading(level, [Text(text)])))
    assert {token.type for token in found} <= {"heading_open", "inline", "heading_close"}
    assert bare("".join(words(token) for token in found if token.type == "inline")) == bare(text)


@given(st.lists(st.lists(st.one_of(ANYTHING, RUNS.map(lambda runs: [Paragraph(runs)])), min_size=2, max_size=2), min_size=1, max_size=3))
def test_any_cell_reads_as_itself(rows: list[list[Any]]) -> None:
    found = tokens(write(Table([[Cell(content) for content in row] for row in rows])))
    assert [token.type for token in found if token.level == 0] in ([], ["table_open", "table_close"])
    said = [bare(words(token)) for token in found if token.type == "inline"]
    wanted = [bare(content if isinstance(content, str) else "".join(run.text for run in content[0].inlines)) for row in rows for content in row]
    assert said == (wanted if found else []) and (found or not any(wanted)), "a table without a word is none"


@given(ANYTHING)
@example("```\n````")
def test_any_code_stays_one_block(text: str) -> None:
    found = tokens(write(Code(text)))
    assert [token.type for token in found] in ([], ["fence"])
    assert bare("".join(token.content for token in found)) == bare(text)


@given(st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(1, 99)), st.sampled_from("甲乙丙")), max_size=8))
def test_numbered_paragraphs_become_nested_lists(found: list[tuple[int, int | None, str]]) -> None:
    text = write(*nested(Item(level, [Paragraph([Text(word)])], number) for level, number, word in found))
    assert "".join(words(token) for token in tokens(text) if token.type == "inline") == "".join(word for _, _, word in found)


def test_lists_keep_depth_kind_and_first_number() -> None:
    inner = List([[Paragraph([Text("子")])], [Code("a\n b")]], ordered=True, start=3)
    assert write(List([[Paragraph([Text("甲")]), inner], [Paragraph([Text("乙")])]])) == "- 甲\n\n  3. 子\n  4. ```text\n     a\n      b\n     ```\n- 乙\n"


def test_spans_are_repeated_downwards_and_marked_to_the_right() -> None:
    head = [Cell("甲", columns=2), Cell("乙")]
    table = Table([head, [Cell("一", rows=2), Cell("1"), Cell("2")], [Cell("3", columns=2, rows=2)], [Cell("x")]])
    keeper = Keeper(Path("nowhere"))
    text = Writer(keeper, "x").document([table])
    assert [[part.strip() for part in line.strip("|").split("|")] for line in text.splitlines() if "---" not in line] == [
        ["甲", "←", "乙"], ["一", "1", "2"], ["一", "3", "←"], ["x", "3", "←"],
    ]  # fmt: skip
    assert [(loss.kind, loss.count) for loss in keeper.losses()] == [("merged_cells", 3)]


@pytest.mark.parametrize("cell", [Cell("a", columns=600_000), Cell("a", columns=1000, rows=1000)])
def test_spans_have_a_bound(cell: Cell) -> None:
    with pytest.raises(Unreadable, match="500,000 cells"):
        write(Table([[cell], *[[Cell("x")] for _ in range(999)]]))


def test_headings_follow_each_other_without_jumps() -> None:
    text = write(*(Heading(level, [Text(str(level))]) for level in (0, 1, 4, 4, 2, 9)))
    assert text.split("\n\n") == ["# 0", "## 1", "### 4", "### 4", "### 2", "#### 9\n"]


def test_captions_go_into_their_image() -> None:
    picture = Paragraph([Picture("a.png", "截 图")])
    caption = Paragraph([Text('图 1 "登录"')], caption=True)
    assert write(picture, caption) == '![截 图](%E5%9B%BE%20%E7%89%87/a.png "图 1 \\"登录\\"")\n'
    assert write(caption, Paragraph([Picture("a.png")])) == '![图 1 \\"登录\\"](%E5%9B%BE%20%E7%89%87/a.png)\n'
    assert write(caption) == '图 1 "登录"\n'


def test_notes_and_quotes() -> None:
    text = write(
        Paragraph([Text("见注"), Footnote([Paragraph([Text("一")]), Paragraph([Text("二")])])]), Quote([Paragraph([Text("引")]), Paragraph([Text("用")])])
    )
    assert text == "见注[^1]\n\n> 引\n>\n> 用\n\n[^1]: 一 二\n"
