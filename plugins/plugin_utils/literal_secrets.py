# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that stand in a file in clear: a record or a change says where a password is kept, never what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import redact
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import is_secret
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Vaulted

REMEDY = "keep it in the vault (ansible-vault encrypt_string) or name its place in credentials.ref"
_HARMLESS = re.compile(r"\s*|见.*|%\{\w+\}|[\w.-]*_(file|path|ref)", re.DOTALL)
_MAY_HOLD = re.compile(r"[=:@]|-----BEGIN|\s-{1,2}[paw]|AKIA|gh[opsu]_|glpat-|eyJ|Bearer", re.IGNORECASE)  # quick look before the real one
_NAMES_A_PLACE = re.compile(r"(_|-)?(file|path|ref|rotat\w*|expir\w*|custody|policy|age|days)$", re.IGNORECASE)

Path_ = tuple[str | int, ...]


def find(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    """Where a literal secret stands, and why it is taken for one. The secret itself is never in the answer."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and _secret_key(key) and not isinstance(item, Vaulted) and not _HARMLESS.fullmatch(item):
                yield (*path, key), f"a literal secret ({key})"
            else:
                yield from find(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find(item, (*path, index))
    elif isinstance(value, str) and not isinstance(value, Vaulted) and _MAY_HOLD.search(value) and _shows(value):
        yield path, "a literal secret in a text"


@lru_cache(maxsize=4096)
def _secret_key(key: str) -> bool:
    return is_secret(key) and not _NAMES_A_PLACE.search(key)


def _shows(text: str) -> bool:
    """The redaction that guards the ledger finds something, and it is more than a placeholder."""
    return all(redact.redact(said) != said for said in (text, re.sub(r"%\{\w+\}", "", text)))
