# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a secret may do to the command line it is put into: nothing but be a part of one word."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import LooseSecret, Values

TOKEN = "%{api_token}"
LINE: dict[str, Any] = {"command": f"register --token {TOKEN}"}
SHELL: dict[str, Any] = {"command": f"register --token {TOKEN} | tee log", "shell": True}
QUOTED: dict[str, Any] = {"command": f"register --token '{TOKEN}' | tee log", "shell": True}
IN_A_WORD: dict[str, Any] = {"command": f'register "--token={TOKEN}"'}
CONTROL: dict[str, Any] = {"control": {"commands": {"stop": f"halt {TOKEN}"}}}
BESIDE: dict[str, Any] = {"command": 'register "$TOKEN"', "shell": True, "env": {"TOKEN": TOKEN}, "args": [TOKEN]}


@pytest.mark.parametrize(("given", "value", "fits"), [
    (LINE, "Pa$$;w&rd", True), (LINE, "x --admin", False), (LINE, "it's", False), (LINE, "", False),
    (SHELL, "Abc-123_=/+", True), (SHELL, "x; reboot", False), (SHELL, "$(reboot)", False),
    (QUOTED, "Pa$$; w&rd", True), (QUOTED, "x'; reboot '", False),
    (IN_A_WORD, "two words", True), (IN_A_WORD, 'x" --admin "', False),
    (CONTROL, "Abc123", True), (CONTROL, "x; reboot", False),
    (BESIDE, "x'; reboot", True), ({"check": SHELL}, "x; reboot", False),
    (SHELL, TOKEN, True),
])  # fmt: skip
def test_a_secret_stays_within_a_word(given: dict[str, Any], value: str, fits: bool) -> None:
    values = Values({}, {"api_token": value})
    if fits:
        assert TOKEN not in str(values.fill(given)) or value == TOKEN
    else:
        with pytest.raises(LooseSecret, match="api_token") as refused:
            values.fill(given)
        assert not value or value not in str(refused.value)
