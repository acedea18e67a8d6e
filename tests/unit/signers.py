# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signer for tests: minisign's format made with its published layout, and OpenPGP by a real gpg in a folder of its own."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.servers import need


@dataclass
class Minisigner:
    """A key pair of minisign."""

    number: bytes = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> str:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(b"Ed" + self.number + raw).decode()

    @property
    def file(self) -> str:
        return f"untrusted comment: minisign public key\n{self.public}\n"

    def sign(self, content: bytes, comment: bytes = b"timestamp:1 file:app", legacy: bool = False) -> bytes:
        own = self.key.sign(content if legacy else hashlib.blake2b(content).digest())
        head = base64.b64encode((b"Ed" if legacy else b"ED") + self.number + own)
        overall = base64.b64encode(self.key.sign(own + comment))
        return b"untrusted comment: x\n" + head + b"\ntrusted comment: " + comment + b"\n" + overall + b"\n"


@dataclass
class Gpg:
    """One key in a GNUPGHOME of its own."""

    home: Path
    fingerprint: str = ""

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        command = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *words]
        done = subprocess.run(command, input=stdin, capture_output=True, check=True, env={**os.environ, "GNUPGHOME": str(self.home)}, timeout=60)
        return done.stdout

    def sign(self, content: bytes, *words: str) -> bytes:
        return self.run("--detach-sign", *words, "--output", "-", stdin=content)

    def ring(self, path: Path, *words: str) -> Path:
        path.write_bytes(self.run("--export", *words))
        return path


@contextmanager
def gpg(home: Path, user: str = "Supplier <supplier@example.org>", algorithm: str = "ed25519") -> Iterator[Gpg]:
    """A fresh key; the agent that gpg starts for it is ended with it."""
    need("gpg", "gpg-agent", "gpgv")
    home.mkdir(mode=0o700, parents=True)
    found = Gpg(home)
    try:
        found.run("--quick-generate-key", user, algorithm, "sign", "never")
        listed = found.run("--list-keys", "--with-colons").decode()
        found.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
        yield found
    finally:
        subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=False, env={**os.environ, "GNUPGHOME": str(home)}, capture_output=True)
