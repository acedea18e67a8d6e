# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any monitor behind a small gateway of one's own: three requests as docs/howto/monitoring.md words them, signed where there is a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import web_signature
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring.base import Alert, Http, Scope


@contextmanager
def connect(http: Http) -> Iterator[Webhook]:
    """Nothing to open."""
    yield Webhook(http)


@dataclass(frozen=True)
class Webhook:
    """See base.Monitor."""

    http: Http

    def active(self, scope: Scope) -> list[Alert]:
        return [Alert(str(alert["id"]), str(alert["name"])) for alert in self._post("alerts", _about(scope))["alerts"]]

    def silence(self, scope: Scope, until: datetime) -> str:
        return str(self._post("silence", {**_about(scope), "until": until.isoformat(timespec="seconds")})["id"])

    def lift(self, silence: str) -> None:
        self._post("lift", {"id": silence})

    def _post(self, action: str, more: dict[str, Any]) -> Any:
        body = json.dumps({"action": action, **more}, ensure_ascii=False).encode()
        headers = web_signature.headers(self.http.secret, body) if self.http.secret else {}
        return self.http.ask("POST", "", body, headers)


def _about(scope: Scope) -> dict[str, Any]:
    return {"service": scope.service, "hosts": list(scope.hosts), "match": dict(scope.match), "change": scope.change, "run": scope.run}
