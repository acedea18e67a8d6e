# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's fast canonical form against RFC 8785 as its own library makes it."""

from __future__ import annotations

import pytest
import rfc8785
from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.integers(-(2**54), 2**54) | st.sampled_from([ledger.EXACT, -ledger.EXACT, ledger.EXACT + 1])
LEAVES = st.none() | st.booleans() | NUMBERS | st.text() | st.sampled_from(['\u2028\x7f\x00\x1f\b\f\\"/', "\ud800", "😀\ufb33"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4), max_leaves=12)


@given(VALUES)
def test_the_fast_form_is_the_canonical_form_and_refuses_the_same(value: object) -> None:
    try:
        expected = rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, ValueError):
        with pytest.raises(ledger.LedgerError):
            ledger.canonical(value)
    else:
        assert ledger.canonical(value) == expected


def test_keys_beyond_ascii_are_sorted_by_utf_16_as_the_standard_wants() -> None:
    assert ledger.canonical({"\ufb33": 1, "😀": 2, "a": 3}) == '{"a":3,"😀":2,"\ufb33":1}'.encode()
