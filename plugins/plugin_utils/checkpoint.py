# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed checkpoints of a ledger (Ed25519, C2SP tlog-checkpoint text): whoever has one sees a stream that was cut or rewritten.

https://c2sp.org/tlog-checkpoint: origin, size, root hash in base64, an empty line, then `— name base64(key id + signature)`.
The root hash is the hash of the last event, which chains all before it.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Event
from ansible_collections.itops.maintenance.plugins.plugin_utils.store import place
from ansible_collections.itops.maintenance.plugins.plugin_utils.store.place import Place
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_VARIABLE = "ITOPS_CHECKPOINT_KEY"  # path of an Ed25519 private key (PEM); none means no checkpoints
PUBLIC_VARIABLE = "ITOPS_CHECKPOINT_PUBLIC_KEY"  # path of the public key (PEM): enough to verify
FILE = "checkpoint.txt"
ED25519 = b"\x01"  # signature type of C2SP signed notes


def text(change: str, seq: int, head: str) -> str:
    """What is signed."""
    return f"itops/{change}\n{seq}\n{base64.b64encode(bytes.fromhex(head)).decode()}\n"


def configured() -> bool:
    """Whether checkpoints are to be signed."""
    return bool(os.environ.get(KEY_VARIABLE))


def missing(directory: Place, events: Sequence[Event]) -> str:
    """That the checkpoint of signed decisions was taken away; "" where it is there, or was never made."""
    signed = any(event.kind == "decided" and event.data.get("checkpointed") for event in events)
    return f"{FILE} is gone, although decisions were sealed with it" if signed and not (directory / FILE).exists() else ""


def unusable() -> str:
    """Why the configured key cannot sign; "" when it can, or when none is configured."""
    name = os.environ.get(KEY_VARIABLE)
    try:
        if name:
            _private(name)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def sign(directory: Place, change: str, head: Mapping[str, Any]) -> bool:
    """Write the checkpoint beside the stream, where a key is configured. Raises OSError, ValueError for a key that is none."""
    name = os.environ.get(KEY_VARIABLE)
    if not name:
        return False
    key = _private(name)
    note = text(change, int(head["seq"]), str(head["head"]))
    origin = f"itops/{change}"
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key_id = hashlib.sha256(origin.encode() + b"\n" + ED25519 + public).digest()[:4]
    signature = base64.b64encode(key_id + key.sign(note.encode())).decode()
    place.write(directory / FILE, f"{note}\n— {origin} {signature}\n".encode())
    return True


def fault(directory: Place, change: str) -> str:
    """What is wrong with the checkpoint's signature, as far as a key is configured to tell; "" when nothing is. Raises ValueError for a key that is none."""
    public = _public()
    if public is None or not (directory / FILE).exists():
        return ""
    try:
        note, _gap, signed = (directory / FILE).read_text("utf-8").partition("\n\n")
        origin, signature = signed.removeprefix("— ").split()
        public.verify(base64.b64decode(signature)[4:], f"{note}\n".encode())
    except (OSError, ValueError, InvalidSignature):
        return f"{change}: checkpoint: its signature is not that of the configured key"
    return "" if origin == note.splitlines()[0] == f"itops/{change}" else f"{change}: checkpoint: it belongs to another change"


def covers(directory: Place, events: Sequence[Event]) -> bool:
    """Whether the checkpoint reaches to the last closed run; without a configured key none is expected."""
    expected = os.environ.get(PUBLIC_VARIABLE) or os.environ.get(KEY_VARIABLE)
    last = max((event.seq for event in events if event.kind == "run_closed"), default=0)
    return not expected or max(head(directory), default=0) >= last


def _public() -> Ed25519PublicKey | None:
    if name := os.environ.get(PUBLIC_VARIABLE):
        key = _loaded(serialization.load_pem_public_key, name)
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError(f"{name}: not an Ed25519 public key → openssl pkey -in KEY.pem -pubout -out PUBLIC.pem")
        return key
    name = os.environ.get(KEY_VARIABLE)
    return _private(name).public_key() if name else None


def _private(name: str) -> Ed25519PrivateKey:
    key = _loaded(lambda pem: serialization.load_pem_private_key(pem, None), name)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{name}: not an Ed25519 key → openssl genpkey -algorithm ed25519 -out KEY.pem")
    return key


def _loaded(load: Callable[[bytes], Any], name: str) -> Any:
    """The key in this file; None where there is none."""
    try:
        return load(Path(name).read_bytes())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def head(directory: Place) -> dict[int, str]:
    """What the checkpoint remembers: sequence number -> hash."""
    try:
        lines = (directory / FILE).read_text("utf-8").splitlines()
        return {int(lines[1]): base64.b64decode(lines[2]).hex()}
    except (OSError, ValueError, IndexError):
        return {}
