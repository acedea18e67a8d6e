# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local server that speaks what the log checks ask of Loki and of Elasticsearch, and refuses everything else.

Loki: https://grafana.com/docs/loki/latest/reference/loki-http-api/ (GET /loki/api/v1/query, an instant query);
Elasticsearch: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-count (POST /INDEX/_count).
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

QUERY = '{host="web1"} |= "ERROR"'
INSTANT = re.compile(r"sum\(count_over_time\((.+) \[(\d+)ms\]\)\)")


class Store:
    """Entries as (milliseconds since 1970, whether it is an error); what was asked; what it is to do instead of answering."""

    def __init__(self, password: str = "") -> None:
        self.entries: list[tuple[int, bool]] = []
        self.asked: list[dict[str, Any]] = []
        self.password = password
        self.raw: tuple[int, str] | None = None  # said whatever is asked
        self.url = ""

    def count(self, after: int, until: int, errors: bool) -> int:
        return sum(after < when <= until and (bad or not errors) for when, bad in self.entries)

    def loki(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        found = INSTANT.fullmatch(query["query"][0])
        if found is None or found[1] not in (QUERY, QUERY.split(" |=")[0]):
            return 400, "parse error"
        until = int(query["time"][0]) // 1_000_000  # nanoseconds
        number = self.count(until - int(found[2]), until, "|=" in found[1])
        self.asked.append({"from": until - int(found[2]), "to": until, "errors": "|=" in found[1]})
        result = [{"metric": {}, "value": [until / 1000, str(number)]}] if number else []
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result, "stats": {}}}

    def elasticsearch(self, index: str, body: dict[str, Any]) -> tuple[int, Any]:
        terms = body["query"]["bool"]
        span = terms["filter"][0]["range"]["@timestamp"]
        assert span["format"] == "epoch_millis" and set(terms) <= {"filter", "must"}, terms
        assert terms.get("must") in (None, [{"query_string": {"query": "level:error"}}]), terms
        self.asked.append({"from": span["gt"], "to": span["lte"], "errors": "must" in terms})
        shards = 1 if index == "logs-web" else 0
        return 200, {
            "count": self.count(span["gt"], span["lte"], "must" in terms),
            "_shards": {"total": shards, "successful": shards, "skipped": 0, "failed": 0},
        }


@contextmanager
def serve(store: Store) -> Iterator[Store]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            self.say(*(store.loki(parse_qs(place.query)) if place.path == "/loki/api/v1/query" else (404, "no")))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            index, _, verb = self.path.lstrip("/").partition("/")
            asked = verb == "_count" and self.headers["Content-Type"] == "application/json"
            self.say(*(store.elasticsearch(index, body) if asked else (404, "no")))

        def say(self, status: int, answer: Any) -> None:
            wanted = {f"Bearer {store.password}", "Basic " + base64.b64encode(f"itops:{store.password}".encode()).decode()}
            if store.password and self.headers["Authorization"] not in wanted:
                status, answer = 401, f"who is {self.headers['Authorization']}?"  # a server that repeats what it was told
            status, text = store.raw or (status, answer if isinstance(answer, str) else json.dumps(answer))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
