# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write in a made document: kept to the byte, and an edit anywhere else is found before it would be lost."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import handwritten
from hypothesis import assume, given
from hypothesis import strategies as st

LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r")), max_size=5).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
CONTENT = LINES.filter(lambda text: not handwritten.MARKER.search(text))


def made(version: int = 1) -> str:
    own = handwritten.slot("properties", "version: '1.0'\n", ("#", ""))
    return f"---\nid: web\n{own}\n---\n\n# Title {version}\n\n{handwritten.slot('one')}\n\n## More\n\n{handwritten.slot('two')}\n"


def with_texts(text: str, one: str, two: str) -> str:
    for name, content in (("one", one), ("two", two)):
        text = text.replace(handwritten.slot(name), handwritten.slot(name, content))
    return text


@given(CONTENT, CONTENT)
def test_what_is_between_the_markers_survives_to_the_byte(one: str, two: str) -> None:
    edited = with_texts(handwritten.merged(made(), None), one, two)
    again = handwritten.merged(made(2), edited)
    assert handwritten.written(again) == {"properties": "version: '1.0'\n", "one": one, "two": two}
    assert "# Title 2" in again and handwritten.intact(again)
    assert handwritten.merged(made(2), again) == again, "idempotent"


@given(CONTENT, st.integers(0), st.characters(exclude_categories=["Cs"]))
def test_any_edit_anywhere_else_is_found(one: str, place: int, char: str) -> None:
    """One character put in anywhere: it is either in somebody's place and kept, or nothing is made anew."""
    text = with_texts(handwritten.merged(made(), None), one, "")
    at = place % (len(text) + 1)
    edited = text[:at] + char + text[at:]
    try:
        again = handwritten.merged(made(), edited)
    except handwritten.Edited:
        return
    kept = handwritten.written(again)
    assert kept == handwritten.written(edited)
    if kept == handwritten.written(text):  # not in a place: then it is a line end or a mark that says nothing
        assert char.isspace() or char == "\ufeff"


@given(CONTENT, st.integers(0), st.integers(1, 30))
def test_nothing_is_lost_by_cutting_a_part_out(one: str, place: int, length: int) -> None:
    text = with_texts(handwritten.merged(made(), None), one, "")
    at = place % len(text)
    edited = text[:at] + text[at + length :]
    assume(edited != text)
    with suppress(handwritten.Edited):
        assert handwritten.written(handwritten.merged(made(), edited)) == handwritten.written(edited)


def test_line_ends_of_windows_and_a_byte_order_mark_are_no_edit() -> None:
    text = "\ufeff" + with_texts(handwritten.merged(made(), None), "mine\n", "").replace("\n", "\r\n")
    again = handwritten.merged(made(), text)
    assert handwritten.written(again)["one"] == "mine\r\n"
    assert "\r" not in again.replace("mine\r\n", "").replace("version: '1.0'\r\n", "")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.replace("<!-- itops:hand one end -->\n", ""), "do not stand in pairs"),
        (lambda t: t.replace("<!-- itops:hand one begin -->", "<!-- itops:hand one  begin -->"), "do not stand in pairs"),
        (lambda t: t.replace("## More", handwritten.slot("one")), "do not stand in pairs"),
        (lambda t: t.replace("## More", "## More or less"), "outside of the places"),
        (lambda t: re.sub(r"<!-- itops:made .*", "", t), "outside of the places"),
        (lambda t: t.replace("id: web", "id: web\nremark: mine"), "outside of the places"),
    ],
)
def test_what_is_said(edit: object, message: str) -> None:
    with pytest.raises(handwritten.Edited, match=message):
        handwritten.merged(made(), edit(handwritten.merged(made(), None)))  # type: ignore[operator]


def test_a_place_that_is_no_more_keeps_what_was_written_in_it() -> None:
    text = with_texts(handwritten.merged(made(), None), "", "precious\n")
    fewer = made().replace(f"\n\n## More\n\n{handwritten.slot('two')}", "")
    with pytest.raises(handwritten.Edited, match="no place any more for what was written in: two"):
        handwritten.merged(fewer, text, force=True)
    assert "two" not in handwritten.written(handwritten.merged(fewer, with_texts(text, "", "").replace("precious\n", "")))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["<!-- itops:hand one begin -->", "# itops:hand x end", "<!-- itops:made 00 -->"]))
def test_a_text_is_never_a_marker(text: str, marker: str) -> None:
    assert not handwritten.MARKER.search(handwritten.inert(f"{text}\n{marker}\n{text}"))
