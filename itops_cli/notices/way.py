# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a file of a notice: which addresses may be asked, redirects one by one, and what an answer that is no file means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from ansible_collections.itops.maintenance.plugins.plugin_utils.notice.model import url_fault

from itops_cli.notices.signatures import Keys

SIZE_LIMIT = 4 << 30  # bytes of one file
TIMEOUT = (10, 60)  # seconds to connect, and without a byte
HOPS = 5
REDIRECTS = (301, 302, 303, 307, 308)
AGAIN = (408, 425, 429, 500, 502, 503, 504)


class Refused(Exception):
    """This file is not fetched, and trying again would not help; `remedy` does."""

    def __init__(self, message: str, remedy: str):
        self.remedy = remedy
        super().__init__(message)


class Cut(Exception):
    """The connection or the server failed; what has come so far is kept."""


@dataclass(frozen=True)
class Terms:
    """How to fetch: limits, the way there, and whom to trust. `beside` is the folder with the notice, where signatures may lie."""

    size_limit: int = SIZE_LIMIT
    proxy: str = ""
    plain_http: bool = False
    keys: Keys = field(default_factory=Keys)
    beside: Path | None = None
    timeout: tuple[float, float] = TIMEOUT


def shown(url: str) -> str:
    """A URL as it may be printed: no login, and nothing behind `?`, where tokens stand."""
    if url_fault(url).startswith("not"):
        return "what is no URL"
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


class Session(requests.Session):
    """Leaves redirects alone: requests would read the whole body of one, however large."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def allowed(url: str, terms: Terms, strong: bool) -> None:
    if wrong := url_fault(url):
        raise Refused(wrong, "https://host/path; logins belong into ~/.netrc")
    if urlsplit(url).scheme != "https" and not (terms.plain_http and strong):
        remedy = "an https URL" if terms.plain_http else "an https URL, or --insecure-http, where sha256 or sha512 is given"
        raise Refused(f"{shown(url)} is not encrypted" + ("" if strong else ", and there is no strong digest"), remedy)


def get(session: requests.Session, url: str, terms: Terms, strong: bool, headers: Mapping[str, str], method: str = "GET") -> requests.Response:
    """Follow redirects ourselves: each address has to be one that may be asked. Raises Refused for a loop."""
    proxies = {"http": terms.proxy, "https": terms.proxy} if terms.proxy else None  # given here, it goes before the environment's
    for _hop in range(HOPS + 1):
        allowed(url, terms, strong)
        try:
            response = session.request(method, url, headers=dict(headers), stream=True, timeout=terms.timeout, allow_redirects=False, proxies=proxies)
        except (ValueError, TypeError):  # requests' own for a URL or a proxy that is none; what they say would repeat a login
            raise Refused(f"no way to {shown(url)}: the URL or the proxy is not one", "--proxy http://host:port, or HTTPS_PROXY") from None
        if response.status_code not in REDIRECTS:
            return response
        target = response.headers.get("Location", "").encode("latin-1", "replace").decode("utf-8", "replace")
        response.close()
        if not target:
            raise Refused(f"{shown(url)}: sends us on to nowhere", "ask the supplier for the right URL")
        try:
            url = urljoin(url, target)
        except ValueError:
            raise Refused(f"{shown(url)}: sends us on to what is no URL", "ask the supplier for the right URL") from None
    raise Refused(f"sent on more than {HOPS} times, last to {shown(url)}", "ask the supplier for the right URL")


def no_file(response: requests.Response) -> None:
    """Raise for an answer that is no file: Cut where it may be one later."""
    said = f"{shown(response.url)}: the server answers {response.status_code}"
    if response.status_code in AGAIN:
        raise Cut(said)
    raise Refused(
        said, "ask the supplier for the right URL; for a login: ~/.netrc" if response.status_code in (401, 403) else "ask the supplier for the right URL"
    )


def certificate(error: Exception) -> str:
    """Why the server is not trusted; "" where the connection failed for another reason."""
    found = re.search(r"certificate verify failed: ([^('\"]+)", str(error))
    return f"the certificate is not trusted ({found[1].strip()})" if found else ""
