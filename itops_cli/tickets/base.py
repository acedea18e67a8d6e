# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every ticket system shares: one session that never follows a redirect with a token, and errors without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

System = Mapping[str, Any]


@dataclass(frozen=True)
class Closing:
    """What became of one reference. `ok` only where its system was asked afterwards and says that it is closed (a generic one: accepted it)."""

    reference: str
    system: str
    ok: bool
    detail: str


class TicketError(Exception):
    """It could not be closed, or nobody knows."""


class Provider(Protocol):
    """One kind of ticket system."""

    def close(self, http: Http, number: str, text: str) -> str:
        """Close it and ask whether it is; what to say of it. Raises TicketError."""


@dataclass
class Http:
    """Requests to one system. `system` has its token resolved."""

    system: System
    headers: dict[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The answer as JSON (None for an empty one). Raises TicketError for everything else than 2xx."""
        url = f"{str(self.system['url']).rstrip('/')}/{path.lstrip('/')}"
        headers = {**self.headers, **more.pop("headers", {})}
        trusted = self.system.get("ca") or True
        try:
            answer = requests.request(
                method, url, headers=headers, auth=self.auth, timeout=self.system["timeout"], verify=trusted, allow_redirects=False, **more
            )
        except requests.RequestException as error:
            raise TicketError(self.clean(f"{method} {path}: {type(error).__name__}")) from None
        if not 200 <= answer.status_code < 300:
            raise TicketError(self.clean(f"{method} {path}: HTTP {answer.status_code}: {answer.text[:200]}"))
        try:
            return answer.json() if answer.content else None
        except ValueError:
            raise TicketError(f"{method} {path}: the answer is no JSON") from None

    def clean(self, text: str) -> str:
        """Without the token, whoever put it there."""
        token = str(self.system.get("token") or "")
        return text.replace(token, "«redacted»") if token else text
