# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real web server of files for tests: ranges, entity tags, and the faults servers and lines have."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Shop:
    """What the server has and how it misbehaves; `got` keeps path and headers of every request."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    tag: str = '"v1"'
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)  # bytes sent of each of the next answers, then the line is cut
    wait_after: list[int] = field(default_factory=list)  # bytes sent of each of the next answers, then it waits until it may go_on
    go_on: threading.Event = field(default_factory=threading.Event)
    length: int | None = None  # what it says instead of the truth
    chunked: bool = False
    encoding: str = ""
    redirect: dict[str, str] = field(default_factory=dict)
    status: list[int] = field(default_factory=list)  # of the next answers, instead of a file
    got: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """The range of every request."""
        return [headers.get("range", "") for _path, headers in self.got]


class _Handler(BaseHTTPRequestHandler):
    shop: Shop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("://")[2].partition("/")[2] if "://" in self.path else self.path[1:]  # as a proxy it is asked for the whole URL
        self.shop.got.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        if path in self.shop.redirect:
            self.answer(302, b"", Location=self.shop.redirect[path])
        elif self.shop.status:
            self.answer(self.shop.status.pop(0), b"")
        elif path.partition("?")[0] not in self.shop.files:
            self.answer(404, b"")
        else:
            self.file(self.shop.files[path.partition("?")[0]])

    def file(self, content: bytes) -> None:
        wanted, tag = self.headers.get("Range", ""), self.shop.tag
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.shop.ranges and self.headers.get("If-Range") == tag else 0
        if start >= len(content) and start:
            self.answer(416, b"", **{"Content-Range": f"bytes */{len(content)}"})
        elif start:
            self.answer(206, content[start:], ETag=tag, **{"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"})
        else:
            self.answer(200, content, **({"ETag": tag} if tag else {}), **({"Content-Encoding": self.shop.encoding} if self.shop.encoding else {}))

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name, value)
        if self.shop.chunked and status == 200:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(self.shop.length if self.shop.length is not None and status == 200 else len(content)))
        self.end_headers()
        sent = content[: self.shop.cut_after.pop(0)] if self.shop.cut_after and status in (200, 206) else content
        if self.shop.chunked and status == 200:
            size = max(len(sent) // 5, 1)
            parts = [sent[start : start + size] for start in range(0, len(sent), size)]
            sent = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if sent == content else b"")
        if self.shop.wait_after and status in (200, 206):
            begin = self.shop.wait_after.pop(0)
            self.wfile.write(sent[:begin])
            self.shop.go_on.wait(60)
            self.shop.go_on.clear()
            sent = sent[begin:]
        self.wfile.write(sent)

    def log_message(self, *_args: Any) -> None:
        """Silent."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_args: Any) -> None:
        """A client that hangs up is what is tested."""


@contextmanager
def shop(context: ssl.SSLContext | None = None, **files: bytes) -> Iterator[Shop]:
    """Over TLS where a context is given."""
    found = Shop(files=dict(files))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"shop": found}))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
