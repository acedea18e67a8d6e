# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jira issues (REST API version 2: issue, transitions, comment)."""

from __future__ import annotations

from urllib.parse import quote

from itops_cli.tickets.base import Http, TicketError


def close(http: Http, number: str, text: str) -> str:
    """The transition of the configured name, else the one that leads to a status that counts as done."""
    token = str(http.system["token"])
    if http.system.get("user"):
        http.auth = (str(http.system["user"]), token)
    else:
        http.headers["Authorization"] = f"Bearer {token}"
    issue = f"rest/api/2/issue/{quote(number, safe='')}"
    if _done(http, issue):
        return "was closed"
    offered = http.ask("GET", f"{issue}/transitions")["transitions"]
    wanted = str(http.system.get("transition") or "")
    fitting = [t for t in offered if (t["name"] == wanted if wanted else t["to"]["statusCategory"]["key"] == "done")]
    if not fitting:
        raise TicketError(f"no transition {wanted or 'to a closed status'}; there are: {', '.join(t['name'] for t in offered)}")
    http.ask("POST", f"{issue}/comment", json={"body": text})
    http.ask("POST", f"{issue}/transitions", json={"transition": {"id": fitting[0]["id"]}})
    if not _done(http, issue):
        raise TicketError("still open after the transition")
    return "closed"


def _done(http: Http, issue: str) -> bool:
    return bool(http.ask("GET", issue, params={"fields": "status"})["fields"]["status"]["statusCategory"]["key"] == "done")
