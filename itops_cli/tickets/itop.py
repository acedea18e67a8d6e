# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iTop tickets (REST/JSON services 1.3: core/get, core/apply_stimulus)."""

from __future__ import annotations

import json
from typing import Any

from itops_cli.tickets.base import Http, TicketError

CLOSED = ("closed", "resolved")


def close(http: Http, number: str, text: str) -> str:
    """The stimulus of the configured name (default ev_close) on the ticket with this reference."""
    kind = str(http.system.get("project") or "UserRequest")
    if not number.replace("-", "").isalnum():
        raise TicketError("not a reference of iTop")
    what = {"class": kind, "key": f"SELECT {kind} WHERE ref = '{number}'", "output_fields": "status"}
    if _status(http, {"operation": "core/get", **what}) in CLOSED:
        return "was closed"
    stimulus = str(http.system.get("transition") or "ev_close")
    _status(http, {"operation": "core/apply_stimulus", "comment": text, "stimulus": stimulus, "fields": {}, **what})
    if (status := _status(http, {"operation": "core/get", **what})) not in CLOSED:
        raise TicketError(f"still {status} after {stimulus}")
    return "closed"


def _status(http: Http, operation: dict[str, Any]) -> str:
    login = {"auth_user": http.system["user"], "auth_pwd": http.system["token"]} if http.system.get("user") else {"auth_token": http.system["token"]}
    answer = http.ask("POST", "webservices/rest.php?version=1.3", data={**login, "json_data": json.dumps(operation)})
    if answer.get("code") != 0:
        raise TicketError(http.clean(f"{operation['operation']}: {answer.get('message') or answer.get('code')}"))
    objects = list((answer.get("objects") or {}).values())
    if len(objects) != 1:
        raise TicketError(f"{len(objects)} tickets have this reference")
    return str(objects[0]["fields"]["status"])
