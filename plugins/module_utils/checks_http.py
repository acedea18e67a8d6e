# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The http check: status, body, one value of a JSON answer; TLS certificates are verified unless the plan says otherwise."""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from typing import IO, Any

from .expect import as_list, quote
from .step import Context, StepResult, abnormal, done

BODY_LIMIT = 1 << 20  # bytes of the answer that are looked at
SHOWN = 500  # characters of the body in the feedback
MISSING = object()


class _KeepRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are answers of their own where one is expected."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def http(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: url, status [200], body, json {path, equals}, tls_verify, ca_file, method, headers."""
    wanted = [int(code) for code in as_list(args.get("status")) or [200]]
    began = time.monotonic()
    try:
        status, body = ask(args, limit, follow=not any(300 <= code < 400 for code in wanted))
    except urllib.error.URLError as exc:
        return abnormal(f"{args.get('url')}: {why(exc.reason)}")
    except (OSError, ValueError, HTTPException) as exc:
        return abnormal(f"{args.get('url')}: {why(exc)}")
    facts: dict[str, Any] = {"status": status, "time_ms": int((time.monotonic() - began) * 1000)}
    said = f"HTTP {status}\n{body[:SHOWN]}"
    reason = _judge(args, wanted, status, body)
    return abnormal(reason, said, **facts) if reason else done(said, **facts)


def _judge(args: dict[str, Any], wanted: list[int], status: int, body: str) -> str:
    if status not in wanted:
        return f"expected HTTP status {' or '.join(map(str, wanted))}, found {status}: {quote(body)}"
    if args.get("body") and not re.search(str(args["body"]), body):
        return f"expected a body matching {args['body']!r}, found {quote(body)}"
    return _judge_json(args["json"], body) if args.get("json") else ""


def _judge_json(wanted: dict[str, Any], body: str) -> str:
    try:
        found = value_at(json.loads(body), str(wanted["path"]))
    except ValueError:
        return f"expected a JSON answer, found {quote(body)}"
    if found is MISSING:
        return f"expected {wanted['path']} in the answer, found {quote(body)}"
    if found != wanted.get("equals") and _plain(found) != _plain(wanted.get("equals")):
        return f"expected {wanted['path']} to be {wanted.get('equals')!r}, found {found!r}"
    return ""


def _plain(value: Any) -> str:
    """YAML and JSON may type the same text differently (1 and "1", true and "true")."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def value_at(value: Any, path: str) -> Any:
    """Follow a dotted path; numbers are places in lists. MISSING when it leads nowhere."""
    for part in path.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
    return value


def ask(args: dict[str, Any], limit: float, follow: bool) -> tuple[int, str]:
    """Status and body of the answer. args as above, and data: the bytes that are sent. Raises OSError, ValueError, HTTPException."""
    headers = {"User-Agent": "itops", **{str(k): str(v) for k, v in (args.get("headers") or {}).items()}}
    request = urllib.request.Request(str(args["url"]), args.get("data"), headers, method=str(args.get("method") or "GET"))
    # no proxies: the check asks this host's service, whatever the environment says
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=_tls(args)),
    ]
    if not follow:
        handlers.append(_KeepRedirect())
    until = time.monotonic() + limit
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=limit) as answer:
            return int(answer.status), _body(answer, until)
    except urllib.error.HTTPError as exc:
        with exc:
            return int(exc.code), _body(exc, until)


def _tls(args: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=args.get("ca_file") or None)
    if args.get("tls_verify") is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _body(stream: IO[bytes] | HTTPResponse | urllib.error.HTTPError, until: float) -> str:
    """Up to BODY_LIMIT bytes, and not longer than the check may take: a server may drip."""
    raw = b""
    while len(raw) < BODY_LIMIT:
        if time.monotonic() >= until:
            raise OSError("timed out while reading the answer")
        read = getattr(stream, "read1", stream.read)
        chunk = read(65536)
        if not chunk:
            break
        raw += chunk
    return raw.decode("utf-8", errors="replace")


def why(exc: object) -> str:
    """A failure of the connection in words."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({exc.verify_message})"
    return str(getattr(exc, "strerror", None) or exc)
