# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service's endpoints answer, seen from the controller (S16)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def address(endpoint: Mapping[str, Any]) -> tuple[str, int] | None:
    """Host and TCP port of an endpoint, from its ip and port or from its url; None where it has no TCP port."""
    url = urlsplit(str(endpoint.get("url") or ""))
    host = str(endpoint.get("ip") or url.hostname or "")
    port = endpoint.get("port") or url.port or DEFAULT_PORTS.get(url.scheme)
    if not host or not port or str(endpoint.get("protocol") or "tcp").lower() == "udp":
        return None
    return host, int(port)


def reachable(endpoint: Mapping[str, Any], timeout: float = 3.0) -> tuple[bool, str]:
    """Try to connect once; `timeout` in seconds. Also says what was tried and what came back."""
    target = address(endpoint)
    if target is None:
        return True, "no TCP port to try"
    try:
        with socket.create_connection(target, timeout=timeout):
            return True, f"{target[0]}:{target[1]} open"
    except (OSError, UnicodeError) as error:
        return False, f"{target[0]}:{target[1]} {getattr(error, 'strerror', None) or error}"
