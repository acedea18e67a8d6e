# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts errors in a log store over HTTP: Loki's instant query, Elasticsearch's _count. The host's own clock says from when to when."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
from http.client import HTTPException
from typing import Any

from .checks_http import ask, why
from .expect import quote
from .secret_patterns import MARK
from .step import StepFailed

SELECTOR = re.compile(r"\s*(\{(?:[^{}\"`]|\"(?:[^\"\\]|\\.)*\"|`[^`]*`)*\})")
TIME_FIELD = "@timestamp"


def count(args: dict[str, Any], start_ms: int, end_ms: int, limit: float, whole: bool = False) -> int:
    """Entries that match in this time; with `whole` all entries of the stream or index. Raises StepFailed: no answer is no number."""
    name = "loki" if args.get("loki") else "elasticsearch"
    make = _loki if name == "loki" else _elasticsearch
    try:
        return make(args[name], start_ms, end_ms, limit, whole)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise StepFailed(f"{args[name]['url']}: the answer is not one of {name}") from None


def _loki(store: dict[str, Any], start_ms: int, end_ms: int, limit: float, whole: bool) -> int:
    query = str(store["query"])
    selector = SELECTOR.match(query)
    if whole and selector:
        query = selector.group(1)
    words = {"query": f"sum(count_over_time({query} [{max(1, end_ms - start_ms)}ms]))", "time": str(end_ms * 1000000)}
    answer = _answer(store, f"/loki/api/v1/query?{urllib.parse.urlencode(words)}", limit)
    if answer["status"] != "success" or answer["data"]["resultType"] != "vector":
        raise ValueError
    return sum(int(float(item["value"][1])) for item in answer["data"]["result"])


def _elasticsearch(store: dict[str, Any], start_ms: int, end_ms: int, limit: float, whole: bool) -> int:
    field = str(store.get("time_field") or TIME_FIELD)
    terms: dict[str, Any] = {"filter": [{"range": {field: {"gt": start_ms, "lte": end_ms, "format": "epoch_millis"}}}]}
    if not whole:
        terms["must"] = [{"query_string": {"query": str(store["query"])}}]
    path = f"/{urllib.parse.quote(str(store['index']), safe=',*')}/_count"
    answer = _answer(store, path, limit, json.dumps({"query": {"bool": terms}}).encode())
    shards = answer["_shards"]
    if shards["failed"] or not shards["total"]:
        raise StepFailed(f"{store['url']}: {shards['failed']} of {shards['total']} shards of {store['index']} did not answer")
    return int(answer["count"])


def _answer(store: dict[str, Any], path: str, limit: float, body: bytes | None = None) -> Any:
    """The JSON that the store says. Redirects are not followed: they would carry the credential elsewhere."""
    kept = {key: store[key] for key in ("tls_verify", "ca_file") if store.get(key) is not None}
    headers = _headers(store, body)
    request = {**kept, "url": str(store["url"]).rstrip("/") + path, "method": "POST" if body else "GET", "headers": headers, "data": body}
    try:
        status, said = ask(request, limit, follow=False)
    except urllib.error.URLError as exc:
        raise StepFailed(f"{store['url']}: {why(exc.reason)}") from None
    except (OSError, ValueError, HTTPException) as exc:
        raise StepFailed(f"{store['url']}: {why(exc)}") from None
    if status != 200:
        proof = headers.get("Authorization", "").split() or [MARK]  # a store may repeat it, and nobody else knows this form of the password
        raise StepFailed(f"{store['url']}: HTTP status {status}: {quote(said.replace(proof[-1], MARK))}")
    return json.loads(said)


def _headers(store: dict[str, Any], body: bytes | None) -> dict[str, str]:
    headers = {str(name): str(value) for name, value in (store.get("headers") or {}).items()}
    if store.get("password"):
        pair = f"{store.get('user') or ''}:{store['password']}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {}), **headers}
