# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitLab issues (REST API v4: Issues, Notes)."""

from __future__ import annotations

from urllib.parse import quote

from itops_cli.tickets.base import Http, TicketError


def close(http: Http, number: str, text: str) -> str:
    """A note says why, then the issue is closed."""
    http.headers["PRIVATE-TOKEN"] = str(http.system["token"])
    issue = f"api/v4/projects/{quote(str(http.system.get('project') or ''), safe='')}/issues/{quote(number, safe='')}"
    if http.ask("GET", issue)["state"] == "closed":
        return "was closed"
    http.ask("POST", f"{issue}/notes", json={"body": text})
    http.ask("PUT", issue, json={"state_event": "close"})
    if (state := http.ask("GET", issue)["state"]) != "closed":
        raise TicketError(f"still {state} after closing")
    return "closed"
