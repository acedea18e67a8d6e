# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gitea and Forgejo issues (REST API v1: issue, comment)."""

from __future__ import annotations

from urllib.parse import quote

from itops_cli.tickets.base import Http, TicketError


def close(http: Http, number: str, text: str) -> str:
    """A comment says why, then the issue is closed."""
    http.headers["Authorization"] = f"token {http.system['token']}"
    owner, _, name = str(http.system.get("project") or "").partition("/")
    issue = f"api/v1/repos/{quote(owner, safe='')}/{quote(name, safe='')}/issues/{quote(number, safe='')}"
    if http.ask("GET", issue)["state"] == "closed":
        return "was closed"
    http.ask("POST", f"{issue}/comments", json={"body": text})
    http.ask("PATCH", issue, json={"state": "closed"})
    if (state := http.ask("GET", issue)["state"]) != "closed":
        raise TicketError(f"still {state} after closing")
    return "closed"
