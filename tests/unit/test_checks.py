# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks against real things: a local web server, ports, processes, logs."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.module_utils import checks
from ansible_collections.itops.maintenance.plugins.module_utils.checks_log import key_of, mark
from ansible_collections.itops.maintenance.plugins.module_utils.step import Context, StepResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .engine_host import Host, command, step, until


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return Context({"phase": "verify"}, tmp_path, tmp_path, tmp_path, tmp_path)


def ask(ctx: Context, **args: Any) -> StepResult:
    return checks.check(ctx, {"timeout": 5, **args})


class _Pages(BaseHTTPRequestHandler):
    tries = 0

    def do_GET(self) -> None:
        pages = {
            "/": (200, "all is well"),
            "/json": (200, json.dumps({"a": {"b": [1, {"ok": True}]}})),
            "/down": (503, "maintenance"),
        }
        _Pages.tries += 1
        if self.path == "/moved":
            return self.answer(302, "", {"Location": "/"})
        if self.path == "/slowly":
            return self.answer(*((200, "up") if _Pages.tries >= 3 else (503, "starting")), {})
        return self.answer(*pages.get(self.path, (404, "no")), {})

    def answer(self, status: int, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a web server; returns its address."""
    servers = []

    def start(tls: ssl.SSLContext | None = None) -> str:
        _Pages.tries = 0
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local")]),
    )
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "cert.pem").write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    return tmp_path / "cert.pem"


class TestHttp:
    @pytest.mark.parametrize(
        ("args", "reason"),
        [
            ({}, ""),
            ({"body": "is w.ll"}, ""),
            ({"body": "is bad"}, "expected a body matching 'is bad', found 'all is well'"),
            ({"path": "/down"}, "expected HTTP status 200, found 503: 'maintenance'"),
            ({"path": "/down", "status": 503}, ""),
            ({"path": "/moved"}, ""),
            ({"path": "/moved", "status": 302}, ""),
            ({"path": "/json", "json": {"path": "a.b.0", "equals": 1}}, ""),
            ({"path": "/json", "json": {"path": "a.b.0", "equals": "1"}}, ""),
            ({"path": "/json", "json": {"path": "a.b.1.ok", "equals": "true"}}, ""),
            ({"path": "/json", "json": {"path": "a.b.0", "equals": 2}}, "expected a.b.0 to be 2, found 1"),
            ({"path": "/json", "json": {"path": "a.c", "equals": 2}}, "expected a.c in the answer, found"),
            ({"json": {"path": "a", "equals": 2}}, "expected a JSON answer, found 'all is well'"),
        ],
    )
    def test_status_body_and_json(self, ctx: Context, serve: Callable[..., str], args: dict[str, Any], reason: str) -> None:
        told = ask(ctx, type="http", url=serve() + args.pop("path", "/"), **args)
        assert told.reason.startswith(reason) and bool(told.reason) == bool(reason)

    def test_a_server_that_is_not_there_is_said(self, ctx: Context) -> None:
        assert "refused" in ask(ctx, type="http", url="http://127.0.0.1:1/").reason

    def test_it_is_tried_again(self, ctx: Context, serve: Callable[..., str]) -> None:
        told = ask(ctx, type="http", url=serve() + "/slowly", retries=5, delay=0.01)
        assert told.ok and told.data["tries"] == 3
        assert ask(ctx, type="http", url=serve() + "/down", retries=1, delay=0).reason.endswith("(after 2 tries)")

    def test_certificates_are_verified(self, ctx: Context, serve: Callable[..., str], certificate: Path) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        url = serve(tls)
        assert "the certificate is not trusted" in ask(ctx, type="http", url=url).reason
        assert ask(ctx, type="http", url=url, tls_verify=False).ok
        assert ask(ctx, type="http", url=url, ca_file=str(certificate)).ok
        assert "not trusted" in ask(ctx, type="http", url=url.replace("127.0.0.1", "localhost"), ca_file=str(certificate)).reason

    def test_the_environment_s_proxy_is_not_asked(self, ctx: Context, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert ask(ctx, type="http", url=serve()).ok


class TestHost:
    def test_port(self, ctx: Context, serve: Callable[..., str]) -> None:
        number = int(serve().rpartition(":")[2])
        assert ask(ctx, type="port", port=number).ok
        assert ask(ctx, type="port", port=number, state="closed").reason == f"expected port 127.0.0.1:{number} closed, found it open"
        assert ask(ctx, type="port", port=1, state="closed").ok
        assert ask(ctx, type="port", port=1).reason == "expected port 127.0.0.1:1 open, found it closed"

    def test_process(self, ctx: Context) -> None:
        marker = f"itops-check-{os.getpid()}"
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", marker], stdin=subprocess.PIPE)
        try:
            until(lambda: ask(ctx, type="process", pattern=marker).ok, "the process")
            assert ask(ctx, type="process", pattern=marker, min=2).reason == f"expected at least 2 processes matching {marker!r}, found 1"
            assert ask(ctx, type="process", pattern=marker, min=0, max=0).reason.startswith("expected 0 to 0")
        finally:
            child.communicate(b"")
        assert not ask(ctx, type="process", pattern=marker).ok
        assert ask(ctx, type="process", pattern=marker, min=0, max=0).ok

    def test_file(self, ctx: Context, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("x")
        digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        assert ask(ctx, type="file", path=str(tmp_path / "f"), sha256=digest.upper()).ok
        assert "found 2d7116" in ask(ctx, type="file", path=str(tmp_path / "f"), sha256="0" * 64).reason
        assert ask(ctx, type="file", path=str(tmp_path / "g"), exists=False).ok
        assert not ask(ctx, type="file", path=str(tmp_path / "g"), exists=True).ok
        assert not ask(ctx, type="file", path=str(tmp_path / "g"), sha256=digest).ok


class TestCommand:
    @pytest.mark.parametrize(
        ("said", "args", "ok"),
        [
            ("nginx version: nginx/1.22.1", {"equals": "1.22.1"}, True), ("nginx version: nginx/1.22.10", {"equals": "1.22.1"}, False),
            ("v2.0", {"equals": "2.0"}, True), ("app 7", {"matches": r"^app \d$"}, True), ("app seven", {"matches": r"^app \d$"}, False),
        ],
    )  # fmt: skip
    def test_version(self, ctx: Context, said: str, args: dict[str, str], ok: bool) -> None:
        told = ask(ctx, type="version", command="echo", args=[said], **args)
        assert told.ok is ok
        assert ok or "expected" in told.reason

    def test_command(self, ctx: Context) -> None:
        assert ask(ctx, type="command", command="echo 'a b' | tr b c", shell=True, expect={"contains": "a c"}).ok
        assert ask(ctx, type="command", command="false").reason == "exit status 1, expected 0; no output"
        assert ask(ctx, type="command", command="sleep 30", timeout=0.2).reason == "timed out after 0.2 s"

    def test_manual_is_for_people_and_nonsense_is_said(self, ctx: Context) -> None:
        assert ask(ctx, type="manual", question="Does it look right?").result == "skipped"
        assert "unknown check type 'guess'" in ask(ctx, type="guess").reason


class TestLog:
    def look(self, ctx: Context, path: Path) -> StepResult:
        return ask(ctx, type="log", path=str(path), pattern="ERROR|FATAL")

    @pytest.fixture
    def log(self, ctx: Context, tmp_path: Path) -> Path:
        """A log with an old error, marked after it."""
        path = tmp_path / "app.log"
        path.write_text("ERROR long ago\n")
        ctx.marks = {key_of({"path": str(path)}): mark({"path": str(path)})}
        return path

    def add(self, path: Path, line: str) -> None:
        with path.open("a") as out:
            out.write(line + "\n")

    def test_only_new_lines_count(self, ctx: Context, log: Path) -> None:
        self.add(log, "fine")
        assert self.look(ctx, log).ok
        self.add(log, "ERROR now")
        self.add(log, "FATAL then")
        assert self.look(ctx, log).reason.endswith("found 2, the first: 'ERROR now'")

    def test_rotation_hides_nothing(self, ctx: Context, log: Path) -> None:
        self.add(log, "ERROR before rotation")
        log.rename(log.with_name("app.log.1"))
        log.write_text("fine\n")
        assert "ERROR before rotation" in self.look(ctx, log).reason

    def test_a_new_file_after_rotation_is_read_from_its_start(self, ctx: Context, log: Path) -> None:
        log.rename(log.with_name("app.log.1"))
        log.write_text("ERROR after\n")
        assert "'ERROR after'" in self.look(ctx, log).reason

    def test_a_file_emptied_in_place_is_read_from_its_start(self, ctx: Context, log: Path) -> None:
        log.write_text("ERROR x\n")
        os.truncate(log, 0)
        self.add(log, "ERROR")
        assert not self.look(ctx, log).ok

    def test_a_log_that_appears_is_all_new(self, ctx: Context, tmp_path: Path) -> None:
        path = tmp_path / "later.log"
        ctx.marks = {key_of({"path": str(path)}): mark({"path": str(path)})}
        assert self.look(ctx, path).ok
        path.write_text("FATAL\n")
        assert not self.look(ctx, path).ok

    def test_the_journal_of_a_unit_is_read_after_its_cursor(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fake = tmp_path / "journalctl"
        fake.write_text('#!/bin/sh\ncase "$*" in *--show-cursor*) echo "-- cursor: s=1;i=2" ;; *"-u web --after-cursor=s=1;i=2"*) echo ERROR new ;; esac\n')
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        told = Host(tmp_path).run(step("quiet", "check", type="log", unit="web", pattern="ERROR"), unattended=False)
        assert told.end["message"].endswith("the first: 'ERROR new'")

    def test_the_mark_is_set_when_the_transaction_begins_over_its_segments(self, tmp_path: Path) -> None:
        host, log = Host(tmp_path), tmp_path / "app.log"
        log.write_text("ERROR long ago\n")
        check = step("quiet", "check", type="log", path=str(log), pattern="ERROR")
        assert host.run(check, phase="gate", segment="preflight").result == "done"
        host.run(command("noise", f"echo ERROR in the backup >> {log}"), phase="backup", segment="backup")
        host.run(command("patch", f"echo ERROR patched >> {log}"), phase="patch", segment="patch-1")
        told = host.run(check, phase="verify", segment="verify", unattended=False)
        assert "found 1, the first: 'ERROR patched'" in told.end["message"]

    def test_what_the_failed_update_wrote_does_not_fail_the_way_back(self, tmp_path: Path) -> None:
        host, log = Host(tmp_path), tmp_path / "app.log"
        check = step("quiet", "check", type="log", path=str(log), pattern="ERROR")
        told = host.run(
            command("patch", f"echo ERROR patched > {log}"),
            check,
            back=(command("undo", "true"), {**check, "id": "quiet-again"}),
        )
        assert told.result == "rolled_back"
