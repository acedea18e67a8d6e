# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""获取方式 of a user's manual (U3): an address that a browser opens, and the digest by which users prove what they got.

An app store, a shared folder or a disk from the service desk is no such address: `remark` says it, and is printed beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils import addresses
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import Severity

MANUALS = ("manual", "manual_en")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
# What is saved and run or unpacked, not read in the browser: only there a digest can be compared with anything.
DOWNLOAD = re.compile(r"\.(7z|apk|appimage|bz2|deb|dmg|exe|gz|ipa|iso|jar|msi|msix|pkg|rar|rpm|tgz|xz|zip)\Z", re.IGNORECASE)

Path_ = tuple[str | int, ...]
Fault = tuple[Path_, str, str, str, Severity, str]  # where, what is wrong, what was found, what is allowed, how bad, what to do


def faults(record: Mapping[str, Any]) -> Iterator[Fault]:
    """Everything wrong or doubtful in where users get what they need, of both manuals."""
    for manual in MANUALS:
        got, at = (record.get(manual) or {}).get("obtain") or {}, (manual, "obtain")
        url, digest = got.get("url") or "", got.get("sha256") or ""
        wrong = url_fault(url) if url else ""
        if wrong:
            yield (*at, "url"), wrong, "" if "@" in url else url, "https://host/path, or http", "error", f"any other way belongs into {manual}.obtain.remark"
        if digest and not SHA256.fullmatch(digest):
            yield (*at, "sha256"), "not a sha256 digest", digest, "64 hexadecimal digits", "error", "take it from: sha256sum FILE"
        if url and not wrong and not digest and DOWNLOAD.search(urlsplit(url).path):
            yield (*at, "url"), "without a digest nobody can prove what was downloaded", url, "", "warning", f"add {manual}.obtain.sha256, from: sha256sum FILE"


def url_fault(url: str) -> str:
    """Why no user's browser opens this address; "" where one does. What is found is not repeated: it may hold a password."""
    if fault := addresses.url_fault(url):
        return fault[0]
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http"):
        return "not an address of the web"
    if "@" in parts.netloc:
        return "a login stands in the URL"
    return "no placeholder is filled in here" if "%{" in url else ""
