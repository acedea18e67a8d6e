# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: plain SVG whatever stands in it, each with its words and its numbers, and fit for a PDF."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typst
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts import allocated, capacity, history, rates, signs, usage, year
from ansible_collections.itops.maintenance.plugins.plugin_utils.charts.svg import COLOURS, Chart
from hypothesis import given
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "title", "desc", "text", "rect", "path", "circle", "g", "defs", "pattern"}
TODAY = date(2026, 11, 27)
HOSTILE = ["</svg><script>alert(1)</script>", '" onload="alert(1)', "<![CDATA[", "&#0;", "\x00\x1b", "\ud800", "]]>", "{{ 7 * 7 }}", "\u202etxt.exe"]
ANY = st.text() | st.sampled_from(HOSTILE)


def every(lang: str, word: str = "门户网站") -> Iterator[Chart]:
    """One of each kind, with this word wherever a word goes."""
    yield capacity.draw([capacity.Share(word, 95, 100, word, 80), capacity.Share(word, 130, 100)], lang)
    yield allocated.draw({TODAY - timedelta(days=n): (130 - n, 100) for n in range(5)}, {"warn": 80, "critical": 95}, lang)
    yield usage.draw({TODAY - timedelta(days=n): {"cpu": n * 10, "mem": 50, "hdd": None if n else 70} for n in range(5)}, lang)
    yield year.draw(2026, {TODAY: {"overdue": 1, "achieved": 2}, date(2026, 2, 28): {"due": 1}}, TODAY, lang)
    yield rates.draw({"2026-10": {"achieved": 3, "rolled_back": 1}, "2026-11": {}}, lang)
    yield history.draw([history.Ended(TODAY - timedelta(days=30 * n), end, word) for n, end in enumerate(signs.ENDS)], TODAY, lang)


@pytest.mark.parametrize("lang", labels.LANGUAGES)
@given(word=ANY)
def test_any_text_yields_valid_svg_that_draws_and_does_nothing_else(lang: str, word: str) -> None:
    for chart in every(lang, word):
        root = ElementTree.fromstring(chart.svg())
        for element in root.iter():
            assert element.tag.removeprefix(SVG) in DRAWN
            for name, value in element.attrib.items():
                assert not name.startswith("on") and name not in ("style", "href", "{http://www.w3.org/1999/xlink}href")
                assert "url(" not in value or value.startswith(f"url(#{chart.name}-")
                assert "var(" not in value


@pytest.mark.parametrize("lang", labels.LANGUAGES)
def test_a_picture_says_what_it_shows_in_words_and_in_numbers(lang: str) -> None:
    for chart in every(lang):
        root = ElementTree.fromstring(chart.svg())
        title, desc = root[0], root[1]
        assert (title.text, desc.text, root.get("role")) == (chart.title, chart.summary, "img")
        assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        assert chart.rows and all(len(row) == len(chart.head) for row in chart.rows)
        assert all(labels.label("chart", word, lang) != word for word in labels.catalogue()["chart"] if lang == "zh_CN")


@pytest.mark.parametrize("kind", year.KINDS)
def test_a_sign_is_told_by_its_shape_and_not_by_its_colour_alone(kind: str) -> None:
    def shape(of: str) -> list[str | None]:
        return [element.get("d") for element in ElementTree.fromstring(f"<g>{signs.sign(of, 0, 0)}</g>").iter("path")]

    assert [other for other in year.KINDS if shape(other) == shape(kind)] == [kind]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", ["good", "part", "back", "bad", "plan"])
def test_shapes_stand_out_from_paper_and_signs_from_shapes(name: str) -> None:
    assert 1.05 / (luminance(COLOURS[name]) + 0.05) >= 3  # WCAG 1.4.11, on white and for the white sign


def test_the_calendar_shows_the_gravest_of_a_day_and_counts_all() -> None:
    chart = year.draw(2026, {TODAY: {"overdue": 1, "achieved": 2}, date(2025, 1, 1): {"failed": 1}}, TODAY, "en")
    assert chart.rows == (("2026-11-27", "1", "", "", "", "2", "", ""),)
    cell = next(g for g in ElementTree.fromstring(chart.svg()).iter(f"{SVG}g"))
    assert cell[0].text == "2026-11-27: overdue 1; achieved 2"
    assert [element.get("class") for element in cell if element.tag == f"{SVG}rect"] == ["fill-pale", "fill-bad"]
    assert sum(element.tag == f"{SVG}rect" and element.get("class") == "fill-pale" for element in ElementTree.fromstring(chart.svg()).iter()) == 365


def test_rates_are_of_all_runs_of_a_month() -> None:
    chart = rates.draw({"2026-11": {"achieved": 3, "rolled_back": 1}}, "en")
    assert chart.rows == (("2026-11", "3", "0", "1", "0", "75%", "25%"),) and "75%" in chart.summary and "25%" in chart.summary


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ({"verb": "run", "result": "achieved", "backout": "not_needed"}, "achieved"),
        ({"verb": "run", "result": "partial", "backout": "succeeded"}, "partial"),
        ({"verb": "run", "result": "not_achieved", "backout": "succeeded"}, "rolled_back"),
        ({"verb": "run", "result": "not_achieved", "backout": "failed"}, "failed"),
        ({"verb": "rollback", "result": "not_achieved", "backout": "succeeded"}, "rolled_back"),
        ({"verb": "run"}, "failed"),
    ],
)
def test_how_a_run_ended(line: dict[str, str], end: str) -> None:
    assert signs.end_of(line) == end


def test_a_share_is_full_at_its_threshold_and_an_overcommitted_one_anyway() -> None:
    assert [capacity.Share("", n, 100, "", 80).full for n in (79, 80)] == [False, True]
    assert [capacity.Share("", n, 100).full for n in (99, 100, 130)] == [False, True, True]


@pytest.mark.parametrize("lang", labels.LANGUAGES)
def test_pictures_can_be_set_into_a_pdf(tmp_path: Path, lang: str) -> None:
    source = ""
    for number, chart in enumerate(every(lang)):
        (tmp_path / f"{number}.svg").write_text(chart.svg(), "utf-8")
        source += f'#image("{number}.svg")\n'
    (tmp_path / "main.typ").write_text(source)
    assert typst.compile(str(tmp_path / "main.typ"), pdf_standards=["a-2b"]).startswith(b"%PDF")
