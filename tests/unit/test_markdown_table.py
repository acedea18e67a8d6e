# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that line up for Chinese and English, and that no text can break."""

from __future__ import annotations

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import markdown_table as md
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = st.text(st.sampled_from("\\|`*_~<>[]()!&;:^#-=+ \n\ta1字é/hw.p$@\u202e\u2028\ud800"), max_size=30)
ANYTHING = st.one_of(MARKUP, st.text(st.characters(exclude_categories=[])))


def read(text: str) -> list[list[str]]:
    """The table as a Markdown reader sees it: the visible text of each cell."""
    tokens = READER.parse(text)
    assert [t.type for t in tokens if t.level == 0] == ["table_open", "table_close"], "more than one table"
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            kinds = {child.type for child in token.children or ()}
            assert kinds <= {"text", "text_special", "link_open", "link_close", "code_inline"}, kinds
            links = [c.attrGet("href") for c in token.children or () if c.type == "link_open"]
            assert all(str(link).lower().startswith("http") for link in links), links
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows


@given(st.lists(st.lists(ANYTHING, min_size=2, max_size=2), max_size=4))
@example([["a\\", "b"], ["\\|", "|"], ["`|", "x`"], ["[^1]", "[a](b)"]])
@example([["https://a.example/x_y_z?q=1", "<script>alert(1)</script>"], ["&amp; &#65;", "**a** __b__ ~~c~~"]])
def test_any_text_reads_as_itself(rows: list[list[str]]) -> None:
    said = read(md.table(["甲", "乙"], rows))
    assert said == [["甲", "乙"], *[[md.plain(text) for text in row] for row in rows]]


@given(ANYTHING)
def test_code_reads_as_itself(text: str) -> None:
    assert read(md.table(["a"], [[md.code(text)]]))[1] == [md.plain(text)]


@given(st.lists(st.lists(ANYTHING, min_size=2, max_size=2), max_size=4))
def test_every_line_is_equally_wide(rows: list[list[str]]) -> None:
    lines = md.table(["甲", "b"], rows).split("\n")
    assert len(lines) == len(rows) + 2
    cells = [md.cell(text) for row in rows for text in row]
    if all(md.width(c) == sum(map(md.width, c)) for c in cells):  # a joined emoji is one width, its parts another
        assert len({md.width(line) for line in lines}) == 1


def test_wide_characters_count_two() -> None:
    assert md.table(["负责人", "b"], [["ab", "c"]]) == "| 负责人 | b   |\n| ------ | --- |\n| ab     | c   |"


def test_alignment() -> None:
    lines = md.table(["a", "b", "c"], [["x", "y", "12345"]], ["right", "center", "left"]).splitlines()
    assert lines == ["|   a |  b  | c     |", "| --: | :-: | :---- |", "|   x |  y  | 12345 |"]


def test_a_long_text_does_not_blow_up_the_others() -> None:
    lines = md.table(["a"], [["x" * 50], ["y"]], widest=10).splitlines()
    assert [len(line) for line in lines] == [14, 14, 54, 14]


def test_short_rows_are_filled_and_long_ones_refused() -> None:
    assert md.table(["a", "b"], [["x"]]).splitlines()[2] == "| x   |     |"
    with pytest.raises(ValueError, match="3 cells in a table of 2"):
        md.table(["a", "b"], [["x", "y", "z"]])


def test_nothing_invisible_is_left() -> None:
    assert md.cell("a\u202eb\x1b[31mc\x00") == "a\ufffdb\ufffd[31mc\ufffd"
    assert md.cell(" a\r\n\tb\u2028c ") == "a b c"


def test_what_is_markdown_already_stays() -> None:
    assert md.cell(md.cell("a|b")) == "a\\|b"
    assert md.cell("密码管理[文档|软件]") == "密码管理[文档\\|软件]"
