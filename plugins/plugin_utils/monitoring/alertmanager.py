# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager by its API v2: silences by label, and the alerts that match them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring.base import Alert, Http, MonitorError, Scope

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
ALL = (("active", "true"), ("silenced", "true"), ("inhibited", "true"), ("unprocessed", "true"))


@contextmanager
def connect(http: Http) -> Iterator[Alertmanager]:
    """With an account (Basic), with a token (Bearer), or with neither."""
    if http.user:
        both = base64.b64encode(f"{http.user}:{http.secret}".encode()).decode()
        http.headers["Authorization"] = f"Basic {both}"
        http.secrets.append(both)
    elif http.secret:
        http.headers["Authorization"] = f"Bearer {http.secret}"
    yield Alertmanager(http)


@dataclass(frozen=True)
class Alertmanager:
    """See base.Monitor."""

    http: Http

    def active(self, scope: Scope) -> list[Alert]:
        filters = [("filter", matcher(name, value)) for name, value in self._labels(scope).items()]
        found = self.http.ask("GET", f"api/v2/alerts?{urlencode([*ALL, *filters])}")
        return [Alert(str(alert["fingerprint"]), str(alert["labels"].get("alertname", ""))) for alert in found]

    def silence(self, scope: Scope, until: datetime) -> str:
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in self._labels(scope).items()],
            "startsAt": _time(datetime.now(UTC)), "endsAt": _time(until), "createdBy": "itops", "comment": scope.comment,
        }  # fmt: skip
        return str(self.http.ask("POST", "api/v2/silences", body)["silenceID"])

    def lift(self, silence: str) -> None:
        path = f"api/v2/silence/{quote(silence, safe='')}"
        try:
            self.http.ask("DELETE", path)
        except MonitorError:
            if self.http.ask("GET", path)["status"]["state"] != "expired":
                raise

    def _labels(self, scope: Scope) -> Mapping[str, str]:
        labels = scope.match or {"service": scope.service}
        if wrong := [name for name in labels if not LABEL.fullmatch(name)]:
            raise self.http.failed(f"not the name of a label: {', '.join(wrong)} → monitoring.match in inventory/services/{scope.service}.yml")
        return labels


def matcher(name: str, value: str) -> str:
    """One label in Alertmanager's own form, whatever the value holds."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{escaped}"'


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
