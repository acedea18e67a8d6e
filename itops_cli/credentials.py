# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets the command line itself needs (channels, ticket systems): read from their reference at the moment of use, never kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible_collections.itops.maintenance.plugins.plugin_utils import secret_ref
from ansible_collections.itops.maintenance.plugins.plugin_utils.redact import redact
from ansible_collections.itops.maintenance.plugins.plugin_utils.secret_ref import Reference, Unresolved
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.errors import Exit

LIMIT = 60  # seconds a store may take; a person may have to unlock it


def resolve(ref: str, ws: Workspace) -> str:
    """The value behind a reference. Raises Exit (2) that names the reference and the remedy, never the value."""
    try:
        parsed = secret_ref.parse(ref)
        return secret_ref.value(parsed, READERS[parsed.kind](parsed, ws))
    except Unresolved as error:
        raise Exit(2, str(error)) from None


def _env(ref: Reference, _ws: Workspace) -> str:
    return os.environ.get(ref.place, "")


def _file(ref: Reference, ws: Workspace) -> str:
    try:
        return secret_ref.checked_file(ref, ws.root).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ref.fault("cannot be read as text") from None


def _ansible_vault(ref: Reference, ws: Workspace) -> str:
    return _said(ref, ws, "ansible-vault", "view", str(secret_ref.checked_file(ref, ws.root)))


def _pass(ref: Reference, ws: Workspace) -> str:
    return _said(ref, ws, "pass", "show", ref.place)


def _said(ref: Reference, ws: Workspace, *words: str) -> str:
    """What a program prints; of its error only the last line is told."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    env = {**os.environ, "PATH": path, "PAGER": "cat"}
    try:
        done = subprocess.run(words, cwd=ws.root, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise ref.fault(f"{words[0]} gave no answer within {LIMIT} s") from None
    except (OSError, UnicodeDecodeError):
        raise ref.fault(f"{words[0]} cannot be run, or said no text") from None
    if done.returncode:
        last = str(redact((done.stderr.strip().splitlines() or [""])[-1]))[:200]
        raise ref.fault(f"{words[0]} ended with {done.returncode}" + (f": {last}" if last else ""))
    return done.stdout


def _hashicorp(ref: Reference, _ws: Workspace) -> Any:
    """One read of the key/value engine, version 2, by Vault's HTTP API; address, token and CA from Vault's own variables."""
    import requests

    address, token = os.environ.get("VAULT_ADDR", "").rstrip("/"), os.environ.get("VAULT_TOKEN") or _token_file()
    if not address or not token:
        raise ref.fault("VAULT_ADDR or VAULT_TOKEN is not set", "export VAULT_ADDR=https://…; vault login")
    headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
    headers |= {"X-Vault-Namespace": os.environ["VAULT_NAMESPACE"]} if os.environ.get("VAULT_NAMESPACE") else {}
    try:
        said = requests.get(
            f"{address}/v1/{ref.mount}/data/{quote(ref.place)}", headers=headers, timeout=LIMIT, allow_redirects=False,
            verify=os.environ.get("VAULT_CACERT") or True,
        )  # fmt: skip
        body = said.json() if said.status_code == 200 else {}
    except (requests.RequestException, OSError, ValueError) as error:
        raise ref.fault(f"Vault gave no usable answer ({type(error).__name__})") from None
    if said.status_code != 200:
        raise ref.fault(f"Vault answered {said.status_code}")
    return {"secret": (body.get("data") or {}).get("data")}


def _token_file() -> str:
    """What `vault login` has left."""
    try:
        return (Path.home() / ".vault-token").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


READERS: dict[str, Callable[[Reference, Workspace], Any]] = {
    "env": _env,
    "file": _file,
    "ansible-vault": _ansible_vault,
    "vault": _hashicorp,
    "pass": _pass,
}
