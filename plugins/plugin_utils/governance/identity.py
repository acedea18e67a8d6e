# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who decides: the account behind this process, the person it belongs to, and the signature that proves it.

The account is the one of the operating system (through sudo the one that called it), or `awx:NAME` inside an AWX job.
Where several people share an account it proves nobody: such a person's decisions count only when signed with their key.
"""

from __future__ import annotations

import base64
import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

People = Mapping[str, Mapping[str, Any]]
KEY_VARIABLE = "ITOPS_KEY"  # path of the person's private key (PEM)
NEW_KEY = "itops people key KEY.pem --new"


def account(awx_user: str = "", awx: bool = False) -> str:
    """The account this process acts for. No environment variable of our own can change it; AWX is believed only where itops.yml says `awx: true`."""
    if awx and awx_user and os.environ.get("JOB_ID"):
        return f"awx:{awx_user}"
    uid = os.getuid()
    if uid == 0 and os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"]
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid:{uid}"


def persons(people: People, name: str) -> list[str]:
    """Ids of the active people with this account."""
    return [pid for pid, person in people.items() if person.get("active", True) and name in (person.get("accounts") or [])]


def person(people: People, name: str, wanted: str = "") -> str:
    """The one person who decides with this account. Raises BadInput saying what to do where that is nobody, or nobody in particular."""
    found = persons(people, name)
    if wanted and wanted not in found:
        raise _refused(f"{wanted} does not decide with the account {name}", ", ".join(found), f"add {name} to the accounts of {wanted} in people.yml")
    if not found:
        raise _refused(f"the account {name} belongs to nobody", "", f"add it to the accounts of a person in people.yml: accounts: [{name}]")
    if len(found) > 1 and not wanted:
        raise _refused(f"the account {name} is shared", ", ".join(found), f"say who decides: --as {found[0]}")
    chosen = wanted or found[0]
    if len(found) > 1 and not people[chosen].get("public_key"):
        raise _refused(f"the account {name} is shared, so {chosen} has to sign", "", f"give {chosen} a public_key in people.yml: {NEW_KEY}")
    return chosen


def signed_bytes(data: Mapping[str, Any]) -> bytes:
    """What a person signs: the whole decision without the signature, in canonical form."""
    return ledger.canonical({key: value for key, value in data.items() if key != "signature"})


def signer(path: str | None, public_key: str = "", by: str = "") -> Callable[[bytes], str]:
    """Signs with the key in this file (else the one $ITOPS_KEY names). Raises BadInput where there is none, or where it is not the registered one."""
    name = path or os.environ.get(KEY_VARIABLE)
    if not name:
        raise _refused(f"{by} has a public_key, so {by} has to sign", "", f"name the key: --key FILE, or {KEY_VARIABLE}=FILE")
    key = private_key(Path(name))
    if public_key and public_text(key) != public_key:
        raise _refused(f"{name}: not the key of {by}", public_key, f"itops people key {name}")
    return lambda message: base64.b64encode(key.sign(message)).decode()


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key in this PEM file. Raises BadInput."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise _refused(f"{path}: {error.strerror}", "", NEW_KEY) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused(f"{path}: not an Ed25519 key without a passphrase", "", NEW_KEY)
    return key


def new_key(path: Path) -> None:
    """Write a new key that only its owner can read; a file that is there already is never replaced. Raises BadInput."""
    pem = Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(pem)
    except OSError as error:
        raise _refused(f"{path}: {error.strerror}", "", "name a file that is not there yet") from None


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half as people.yml writes it."""
    return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).decode()


def signature_fault(people: People, by: str, data: Mapping[str, Any]) -> str:
    """Why this decision is not proved to be the person's; "" where it is, as far as a key is registered."""
    key = (people.get(by) or {}).get("public_key")
    if not key:
        return ""
    if not data.get("signature"):
        return f"not signed, although {by} has a key"
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(str(key), validate=True))
        public.verify(base64.b64decode(str(data["signature"]), validate=True), signed_bytes(data))
    except (ValueError, InvalidSignature):
        return f"the signature is not that of {by}"
    return ""


def _refused(message: str, allowed: str, remedy: str) -> BadInput:
    return BadInput([Problem("inventory/people.yml", 0, "people", message, allowed=allowed, remedy=remedy)])
