# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached signatures: minisign (https://jedisct1.github.io/minisign/#signature-format) by ourselves, OpenPGP by the command `gpgv`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import mmap
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MINISIGN, OPENPGP = "minisign", "openpgp"
LIMIT = 1 << 16  # bytes of a signature or of a public key of minisign
KEYRING_LIMIT = 64 << 20
GPGV_SECONDS = 600  # of one file, also a large one
REFUSED = ("BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA")  # of gpgv's status lines
ARMOUR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\s*?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)


class SignatureError(Exception):
    """The signature does not prove the file; `remedy` is what helps. `damning` where it speaks against the file, not only of a key that is missing."""

    def __init__(self, message: str, remedy: str, damning: bool = False):
        self.remedy = remedy
        self.damning = damning
        super().__init__(message)


@dataclass(frozen=True)
class Proof:
    """What proved a file: `key` is the fingerprint (OpenPGP) or the key id (minisign), `comment` the trusted one or the user id."""

    kind: str
    key: str
    comment: str

    def as_dict(self) -> dict[str, str]:
        return {"kind": self.kind, "key": self.key, "comment": "".join(c if c.isprintable() else " " for c in self.comment)}


@dataclass(frozen=True)
class MinisignKey:
    """A public key; `number` is its id as minisign prints it."""

    raw_id: bytes
    key: Ed25519PublicKey

    @property
    def number(self) -> str:
        return self.raw_id[::-1].hex().upper()


@dataclass(frozen=True)
class Keys:
    """Whom the operator trusts for this supplier."""

    minisign: tuple[MinisignKey, ...] = ()
    keyring: Path | None = None


def kind_of(signature: bytes) -> str:
    """Raises SignatureError where it is neither."""
    if signature.startswith(b"untrusted comment:"):
        return MINISIGN
    if signature.lstrip().startswith(b"-----BEGIN PGP SIGNATURE-----") or (signature and signature[0] & 0x80):
        return OPENPGP
    raise SignatureError("not a signature of OpenPGP or minisign", "ask the supplier for a detached one (.asc, .sig or .minisig)")


def require(signature: bytes, keys: Keys) -> str:
    """The kind of signature. Raises SignatureError where no key for this kind was given: known before anything is fetched."""
    kind = kind_of(signature)
    if kind == MINISIGN and not keys.minisign:
        raise SignatureError("signed with minisign, and no public key was given", "--minisign-key KEY, from the supplier over a way you trust")
    if kind == OPENPGP and keys.keyring is None:
        raise SignatureError("signed with OpenPGP, and no keyring was given", "--keyring FILE, the supplier's public key over a way you trust")
    return kind


def verify(path: Path, signature: bytes, keys: Keys) -> Proof:
    """What proves this file. Raises SignatureError where nothing does, also where the key for it was not given."""
    if require(signature, keys) == OPENPGP and keys.keyring is not None:
        return _openpgp(path, signature, keys.keyring)
    return _minisign(path, signature, keys.minisign)


# ------------------------------------------------------------------ minisign


def minisign_key(given: str) -> MinisignKey:
    """A public key, as its base64 text or as a file with it. Raises SignatureError."""
    remedy = "the second line of minisign.pub, or that file"
    text, path = given, Path(given)
    try:
        if len(given) < 4096 and path.is_file():
            text = path.read_bytes()[:LIMIT].decode()
    except (OSError, UnicodeDecodeError):
        raise SignatureError("the public key cannot be read", remedy) from None
    lines = [line.strip() for line in text.strip().splitlines() if line.strip() and not line.startswith("untrusted comment:")]
    raw = _base64(lines[0]) if len(lines) == 1 else b""
    if len(raw) != 42 or raw[:2] != b"Ed":
        raise SignatureError("not a public key of minisign", remedy)
    return MinisignKey(raw[2:10], Ed25519PublicKey.from_public_bytes(raw[10:]))


def _minisign(path: Path, signature: bytes, keys: Sequence[MinisignKey]) -> Proof:
    remedy = "fetch the file again; if that does not help, ask the supplier"
    head, comment, overall = _minisign_parts(signature)
    algorithm, number, own = head[:2], head[2:10], head[10:]
    key = next((key for key in keys if key.raw_id == number), None)
    if key is None:
        wanted = number[::-1].hex().upper()
        raise SignatureError(f"signed with the minisign key {wanted}, which was not given", f"if that is the supplier's key: --minisign-key, for {wanted}")
    try:
        if algorithm == b"ED":
            with path.open("rb") as stream:
                key.key.verify(own, hashlib.file_digest(stream, hashlib.blake2b).digest())
        else:
            _whole(path, own, key.key)
    except InvalidSignature:
        raise SignatureError(f"the signature of the minisign key {key.number} is not of this file", remedy, damning=True) from None
    try:
        key.key.verify(overall, own + comment)
    except InvalidSignature:
        raise SignatureError(f"the trusted comment is not what the minisign key {key.number} signed", remedy, damning=True) from None
    return Proof(MINISIGN, key.number, comment.decode("utf-8", "replace"))


def _whole(path: Path, own: bytes, key: Ed25519PublicKey) -> None:
    """The older kind is of the file itself, not of its hash; it is mapped, not read."""
    with path.open("rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            key.verify(own, b"")
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content, memoryview(content) as view:
            key.verify(own, view)


def _minisign_parts(signature: bytes) -> tuple[bytes, bytes, bytes]:
    """Algorithm, key id and signature; the trusted comment; the signature of both."""
    lines = [line.removesuffix(b"\r") for line in signature.rstrip(b"\r\n").split(b"\n")]
    head, overall = (_base64(lines[1].decode("ascii", "replace")), _base64(lines[3].decode("ascii", "replace"))) if len(lines) == 4 else (b"", b"")
    if len(head) != 74 or head[:2] not in (b"Ed", b"ED") or len(overall) != 64 or not lines[2].startswith(b"trusted comment: "):
        raise SignatureError("not a whole signature of minisign", "fetch it again, or ask the supplier")
    return head, lines[2].removeprefix(b"trusted comment: "), overall


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


# ------------------------------------------------------------------ OpenPGP


def _openpgp(path: Path, signature: bytes, keyring: Path) -> Proof:
    program = shutil.which("gpgv")
    if program is None:
        raise SignatureError("the command gpgv is not there, so no OpenPGP signature can be verified", "apt-get install gpgv (dnf install gnupg2)")
    with tempfile.TemporaryDirectory(prefix="itops-gpgv-") as folder:
        ring, proof = Path(folder, "keyring.gpg"), Path(folder, "signature")
        ring.write_bytes(_dearmoured(keyring))
        proof.write_bytes(signature)
        command = [program, "--homedir", folder, "--keyring", str(ring), "--weak-digest", "SHA1", "--status-fd", "1", str(proof), str(path.resolve())]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=GPGV_SECONDS, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
        except subprocess.TimeoutExpired:
            raise SignatureError(f"gpgv did not end within {GPGV_SECONDS} s", "verify it by hand with gpgv") from None
    return _judged(done.returncode, done.stdout.decode("utf-8", "replace"))


def _judged(returncode: int, said: str) -> Proof:
    """By gpgv's status lines: one good and valid signature, and none of which it says anything else."""
    status = [line.removeprefix("[GNUPG:] ").split(" ") for line in said.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[0] for line in status}
    missing = next((line[1] for line in status if line[0] == "NO_PUBKEY"), "")
    if missing:
        raise SignatureError(f"signed with the OpenPGP key {missing}, which is not in the keyring", f"if that is the supplier's key: --keyring, with {missing}")
    bad = sorted(words & set(REFUSED))
    valid = next((line[1] for line in status if line[0] == "VALIDSIG"), "")
    if returncode or bad or not valid or "GOODSIG" not in words:
        why = {"BADSIG": "not of this file", "EXPSIG": "expired", "EXPKEYSIG": "of an expired key", "REVKEYSIG": "of a revoked key"}
        said = why.get(bad[0], "not valid") if bad else "not valid"
        raise SignatureError(f"the OpenPGP signature is {said}", "fetch the file again, or ask the supplier", damning=True)
    return Proof(OPENPGP, valid, " ".join(next(line[2:] for line in status if line[0] == "GOODSIG")))


def _dearmoured(keyring: Path) -> bytes:
    """A keyring as gpgv reads it: what stands in it as text is made binary."""
    try:
        if keyring.stat().st_size > KEYRING_LIMIT:
            raise SignatureError("the keyring is too large", "--keyring FILE, with the supplier's public key only")
        content = keyring.read_bytes()
    except OSError as error:
        raise SignatureError(f"the keyring cannot be read: {error.strerror}", "--keyring FILE") from None
    blocks = ARMOUR.findall(content.replace(b"\r\n", b"\n"))
    return b"".join(map(_block, blocks)) if blocks else content


def _block(armoured: bytes) -> bytes:
    """The packets of one block: its headers end with an empty line, its checksum begins with =."""
    body = armoured.partition(b"\n\n")[2] if b":" in armoured.partition(b"\n\n")[0] else armoured
    raw = _base64("".join(line.strip() for line in body.decode("ascii", "replace").splitlines() if not line.startswith("=")))
    if not raw:
        raise SignatureError("the keyring is damaged", "gpg --export --armor KEY > FILE")
    return raw
