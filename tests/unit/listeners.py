# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers in threads for the tests of channels: HTTP that answers as it is told, SMTP with TLS and logins, and a certificate authority."""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Reply = tuple[int, Any]


@dataclass
class Request:
    """What a client sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Web:
    """An HTTP server; `judge` answers each request, `got` keeps them."""

    url: str
    got: list[Request] = field(default_factory=list)


@contextmanager
def web(judge: Callable[[Request], Reply], context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """Answers POST with status and JSON (or bytes) of `judge`; over TLS where a context is given."""
    found = Web("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(int(self.headers["Content-Length"])))
            found.got.append(request)
            status, said = judge(request)
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args: Any) -> None:
            """A client that refuses our certificate is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
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


class Post:
    """The handler of a mail server: keeps what comes; `refuse` gives the answer to a recipient, `reject` to the data (one for each time, then 250)."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.refuse: dict[str, list[str]] = {}
        self.reject: list[str] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.encrypted: list[bool] = []
        self.port = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        answers = self.refuse.get(address)
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        if self.reject:
            return self.reject.pop(0)
        self.encrypted.append(session.ssl is not None)
        self.got.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"

    def authenticate(self, _server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=(data.login, data.password) == (b"itops", b"s3cret-mail"), handled=False)


class _AnyPort(Controller):
    """Takes a free port; its own start expects one that is known before."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # it has started
        super()._trigger_server()  # type: ignore[no-untyped-call] # aiosmtpd has no types there


@contextmanager
def smtp(tls: str, context: ssl.SSLContext | None = None, login: bool = False) -> Iterator[Post]:
    """A mail server that speaks none, starttls or tls."""
    post = Post()
    options: dict[str, Any] = {"authenticator": post.authenticate, "auth_required": True, "auth_require_tls": tls == "starttls"} if login else {}
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    controller = _AnyPort(post, hostname="127.0.0.1", port=0, ssl_context=context if tls == "tls" else None, **options)
    controller.start()
    post.port = controller.port
    try:
        yield post
    finally:
        controller.stop()


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its own certificate in `ca`, and a server context for 127.0.0.1 signed by it."""

    ca: Path
    context: ssl.SSLContext


SIGNS = x509.KeyUsage(False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)  # strict verifiers ask


def authority(folder: Path, host: str = "127.0.0.1") -> Authority:
    """A new one; `host` is the address that its server certificate is for."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("test ca", root_key, "test ca", root_key, [(x509.BasicConstraints(True, None), True), (SIGNS, True)])
    usage = [(x509.BasicConstraints(False, None), True), (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), False)]
    leaf = _certificate("server", key, "test ca", root_key, usage)
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + leaf.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return Authority(folder / "ca.pem", context)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, extensions: list[tuple[Any, bool]]
) -> x509.Certificate:
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return made.sign(signer, hashes.SHA256())
