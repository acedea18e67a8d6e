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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_VARIABLE = "ITOPS_CHECKPOINT_KEY"  # path of an Ed25519 private key (PEM); none means no checkpoints
FILE = "checkpoint.txt"
ED25519 = b"\x01"  # signature type of C2SP signed notes


def text(change: str, seq: int, head: str) -> str:
    """What is signed."""
    return f"itops/{change}\n{seq}\n{base64.b64encode(bytes.fromhex(head)).decode()}\n"


def sign(directory: Path, change: str, head: Mapping[str, Any]) -> bool:
    """Write the checkpoint beside the stream, where a key is configured. Raises OSError, ValueError for a key that is none."""
    name = os.environ.get(KEY_VARIABLE)
    if not name:
        return False
    key = serialization.load_pem_private_key(Path(name).read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{name}: not an Ed25519 key → openssl genpkey -algorithm ed25519 -out KEY.pem")
    note = text(change, int(head["seq"]), str(head["head"]))
    origin = f"itops/{change}"
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key_id = hashlib.sha256(origin.encode() + b"\n" + ED25519 + public).digest()[:4]
    signature = base64.b64encode(key_id + key.sign(note.encode())).decode()
    atomic.write(directory / FILE, f"{note}\n— {origin} {signature}\n".encode())
    return True


def head(directory: Path) -> dict[int, str]:
    """What the checkpoint remembers: sequence number -> hash."""
    try:
        lines = (directory / FILE).read_text("utf-8").splitlines()
        return {int(lines[1]): base64.b64decode(lines[2]).hex()}
    except (OSError, ValueError, IndexError):
        return {}
