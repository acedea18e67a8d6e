# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any REST interface: one request as policy.yml words it; its 2xx is all there is to know."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from itops_cli.tickets.base import Http


def close(http: Http, number: str, text: str) -> str:
    """`{id}` in the path, `{id}` and `{text}` in the body are replaced."""
    system = http.system
    if system.get("token"):
        http.headers["Authorization"] = f"Bearer {system['token']}"
    path = str(system.get("path") or "{id}").replace("{id}", quote(number, safe=""))
    http.ask(str(system["method"]), path, json=_filled(system["body"], number, text))
    return "accepted"


def _filled(value: Any, number: str, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, number, text) for key, item in value.items()}
    return value.replace("{id}", number).replace("{text}", text) if isinstance(value, str) else value
