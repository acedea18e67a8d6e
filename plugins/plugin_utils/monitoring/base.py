# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every monitor shares: what is silenced, what fires, and requests that are bounded and never tell a secret."""

from __future__ import annotations

import contextvars
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils import markdown_table, redact, wording

MOST_BYTES = 16 << 20  # of an answer
GRACE = 30.0  # seconds beyond the requests themselves: a password store, a name server
SHOWN = 200  # characters of an answer that is an error
Answer = TypeVar("Answer")
Secret = Callable[[str], str]  # the value behind a reference such as env:NAME; raises BadInput


@dataclass(frozen=True)
class Alert:
    """One thing that fires. The same `fingerprint` is the same alert, however often it comes back."""

    fingerprint: str
    name: str


@dataclass(frozen=True)
class Scope:
    """What a silence is about: one service with its hosts, in one run of a change."""

    service: str
    hosts: Sequence[str]
    match: Mapping[str, str]
    change: str
    run: str

    @property
    def comment(self) -> str:
        return f"itops {self.change} {self.run} {self.service}"


class MonitorError(Exception):
    """The monitor did not do what it was asked for, or nobody knows whether it did. The text holds no secret."""


class Monitor(Protocol):
    """One kind of monitor, spoken to. Every method raises MonitorError."""

    def active(self, scope: Scope) -> list[Alert]:
        """All that fires within the scope now, silenced or not."""

    def silence(self, scope: Scope, until: datetime) -> str:
        """Silence the scope; it ends by itself at `until` (aware). Its id."""

    def lift(self, silence: str) -> None:
        """End a silence; one that is over already is no error."""


@dataclass
class Http:
    """Requests to one monitor. What is in `secrets` is in no error."""

    id: str
    url: str
    user: str = ""
    secret: str = ""
    ca: str = ""
    timeout: float = 10
    headers: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """The answer as JSON (None for an empty one). Raises MonitorError for everything else than 2xx."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Accept": "application/json", **({"Content-Type": "application/json"} if data else {}), **self.headers, **(headers or {})}
        url = f"{self.url.rstrip('/')}/{path}" if path else self.url
        try:
            request = urllib.request.Request(url, data, given, method=method)  # noqa: S310 (policy.yml allows http and https only)
            with self._opener().open(request, timeout=self.timeout) as answer:
                said = self._read(answer)
        except urllib.error.HTTPError as error:
            text = error.read(MOST_BYTES).decode("utf-8", "replace") if error.fp else ""
            raise self.failed(f"HTTP {error.code} {wording.shorten(text, SHOWN)}".rstrip()) from None
        except (OSError, http.client.HTTPException) as error:
            raise self.failed(_reason(error)) from None
        try:
            return json.loads(said) if said.strip() else None
        except ValueError:
            raise self.failed("the answer is no JSON") from None

    def failed(self, why: str) -> MonitorError:
        """Who failed and why, without what is secret."""
        parts = urlsplit(self.url)
        where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        return MonitorError(redact.Redactor(self.secrets).text(markdown_table.plain(f"{self.id} ({where}): {why}")))

    def _opener(self) -> urllib.request.OpenerDirector:
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
        except OSError as error:
            raise self.failed(f"ca {self.ca}: {error.strerror or 'no certificate in it'}") from None
        return urllib.request.build_opener(_NoRedirect(), urllib.request.HTTPSHandler(context=context))

    def _read(self, answer: Any) -> bytes:
        """All of it, as far as it comes in time."""
        end, got = time.monotonic() + self.timeout, b""
        while piece := answer.read1(1 << 16):
            got += piece
            if len(got) > MOST_BYTES or time.monotonic() > end:
                raise self.failed("the answer does not end")
        return got


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token goes to the address that policy.yml names, and nowhere else."""

    def redirect_request(self, *_args: Any) -> None:
        return None


def _reason(error: BaseException) -> str:
    """The innermost reason in words."""
    while isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}) → name the authority's file: ca in policy.yml"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return getattr(error, "strerror", None) or type(error).__name__


@contextmanager
def opened(settings: Mapping[str, Any], secret: Secret) -> Iterator[Monitor]:
    """The monitor of these settings, ready to be asked. Raises MonitorError, and BadInput for a reference that leads nowhere."""
    value = secret(str(settings["secret"])) if settings.get("secret") else ""
    http = Http(
        str(settings["id"]), str(settings["url"]), str(settings.get("user") or ""), value, str(settings.get("ca") or ""),
        float(settings.get("timeout") or 10), secrets=[value] if value else [],
    )  # fmt: skip
    provider = cast(Any, import_module(f"{__name__.rpartition('.')[0]}.{settings['type']}"))
    try:
        with provider.connect(http) as monitor:
            yield monitor
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:  # something else than its documentation says
        raise http.failed(f"answered what nobody expects ({type(error).__name__})") from error


def within(seconds: float, action: Callable[[], Answer]) -> Answer:
    """What the action gives. Raises MonitorError where it takes longer: what hangs (a password store, a name
    server) must neither keep a record open nor a way back waiting."""
    outcome: list[tuple[Answer | None, BaseException | None]] = []

    def work() -> None:
        try:
            outcome.append((action(), None))
        except BaseException as error:  # handed on below
            outcome.append((None, error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise MonitorError(f"no answer within {seconds:.0f} s")
    answer, error = outcome[0]
    if error is not None:
        raise error
    return answer  # type: ignore[return-value] # there was no error
