# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading YAML: types left to the schema, lines kept, bad files reported and never fatal."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import yaml
from ansible_collections.itops.maintenance.plugins.plugin_utils import source
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Plain, Vaulted
from hypothesis import given
from hypothesis import strategies as st


def parse(text: str) -> source.Source:
    return source.parse(textwrap.dedent(text), "x.yml")


@pytest.mark.parametrize(
    ("written", "natural"),
    [
        ("no", False),
        ("on", True),
        ("true", True),
        ("22:30", "22:30"),
        ("1.10", 1.1),
        ("0644", "0644"),
        ("0o17", "0o17"),
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("2026-10-01", "2026-10-01"),
        ("2026-10-01 02:00:00", "2026-10-01 02:00:00"),
        ("null", None),
        ("~", None),
        ("", None),
        ("1e3", "1e3"),
        ("192.0.2.1", "192.0.2.1"),
        ("web", "web"),
        ("'no'", "no"),
        ('"12"', "12"),
        ("0x1F", "0x1F"),
        ("y", "y"),
        (".5", 0.5),
        (".inf", ".inf"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_natural_type_of_a_scalar(written: str, natural: object) -> None:
    found = parse(f"a: {written}\n")
    assert found.problems == []
    assert found.data == {"a": natural}
    assert type(found.data["a"]) is type(natural)


def test_what_could_be_more_than_text_keeps_its_spelling() -> None:
    tree = parse("{a: 1.10, b: no, c: '1.10', d: web}").tree
    assert {key: type(value) is Plain for key, value in tree.items()} == {"a": True, "b": True, "c": False, "d": False}
    assert source.texts(tree) == {"a": "1.10", "b": "no", "c": "1.10", "d": "web"}


def test_vaulted_values_stay_closed() -> None:
    value = parse("a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n").data["a"]
    assert type(value) is Vaulted
    assert value.startswith("$ANSIBLE_VAULT")
    assert "ANSIBLE" not in repr(value)


def test_lines_of_keys_items_and_missing_parts() -> None:
    found = parse("""\
        # comment
        a:
          b: 1
          c:
            - x
            - {d: 2,
               e: 3}
        """)
    lines = {path: found.line(path) for path in [(), ("a",), ("a", "b"), ("a", "c", 1), ("a", "c", 1, "e"), ("a", "zz"), ("q",)]}
    assert lines == {
        (): 2,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c", 1): 6,
        ("a", "c", 1, "e"): 7,
        ("a", "zz"): 2,
        ("q",): 2,
    }


def test_aliases_and_merges() -> None:
    found = parse("""\
        base: &b {x: 1, y: 2}
        one: {<<: *b, y: 3}
        two: {<<: [*b, {z: 9}]}
        """)
    assert found.problems == []
    assert found.data["one"] == {"x": 1, "y": 3}
    assert found.data["two"] == {"x": 1, "y": 2, "z": 9}
    assert found.line(("one", "x")) == 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key stands twice"),
        ("a: [1\nb: 2\n", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "only one document"),
        ("a:\n\tb: 1\n", 2, "not YAML"),
        ("a: 1\nb: \x01\n", 2, "not YAML"),
        ("? [x]\n: 1\n", 1, "a key must be a word"),
        ("a: 1\nb: !python/object:os.system x\n", 2, "tag is not known"),
        ("a: &a [*a]\n", 1, "nested in itself"),
        ("[" * 100_000, 1, "nested too deeply"),
        ("- " * 100_000, 1, "nested too deeply"),
        ("{a: " * 100_000, 1, "nested too deeply"),
        ("<<: 3\n", 1, "only a mapping can be merged"),
    ],
)
def test_bad_files_are_problems_with_a_line(text: str, line: int, message: str) -> None:
    found = source.parse(text, "x.yml")
    assert [(p.line, message in p.message) for p in found.problems] == [(line, True)]


def test_an_alias_bomb_is_refused_quickly() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    found = source.parse(bomb, "x.yml")
    assert "too much data" in found.problems[0].message
    assert found.tree is None


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "gbk.yml").write_bytes("a: 1\nb: 服务\n".encode("gbk"))
    (tmp_path / "bom.yml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert [(p.line, p.message) for p in source.load(tmp_path / "gbk.yml").problems] == [(2, "not UTF-8 text")]
    assert source.load(tmp_path / "bom.yml").data == {"a": 1}
    assert "cannot be read" in source.load(tmp_path / "none.yml").problems[0].message


def test_an_empty_file_has_no_data_and_no_syntax_problem() -> None:
    assert (parse("# nothing\n").tree, parse("").problems) == (None, [])


PLAIN_DATA = st.recursive(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.integers(-(10**9), 10**9) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdefgh", min_size=1, max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN_DATA)
def test_agrees_with_yaml_on_what_yaml_writes(data: object) -> None:
    found = source.parse(yaml.safe_dump({"k": data}, allow_unicode=True), "x.yml")
    assert found.problems == []
    assert found.data == {"k": data}
