# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GLPI tickets (REST API apirest.php: initSession, Ticket, ITILSolution, killSession)."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

from itops_cli.tickets.base import Http, TicketError

CLOSED = 6


def close(http: Http, number: str, text: str) -> str:
    """A solution says why, then the ticket is closed. The session is ended whatever happens."""
    session = http.ask("GET", "apirest.php/initSession", headers={"Authorization": f"user_token {http.system['token']}"})
    http.headers["Session-Token"] = str(session["session_token"])
    try:
        return _closed(http, f"apirest.php/Ticket/{quote(number, safe='')}", number, text)
    finally:
        with suppress(TicketError):
            http.ask("GET", "apirest.php/killSession")


def _closed(http: Http, ticket: str, number: str, text: str) -> str:
    if int(http.ask("GET", ticket)["status"]) == CLOSED:
        return "was closed"
    http.ask("POST", "apirest.php/ITILSolution", json={"input": {"itemtype": "Ticket", "items_id": int(number), "content": text}})
    http.ask("PUT", ticket, json={"input": {"status": CLOSED}})
    if (status := int(http.ask("GET", ticket)["status"])) != CLOSED:
        raise TicketError(f"still in status {status} after closing")
    return "closed"
