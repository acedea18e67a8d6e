# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as people write them: IP, CIDR, host name, URL. Functions answer with what is wrong, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

import netaddr

PORTS = range(1, 65536)
DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_LIKE_IP = re.compile(r"[0-9.]+|.*[:/].*")

Fault = tuple[str, str]  # message, allowed
IP_FORM = "one IPv4 or IPv6 address, such as 192.0.2.10"


@lru_cache(maxsize=65536)
def ip_fault(text: str) -> Fault | None:
    """Not one IP address: a network, a short form, a name, nothing."""
    if netaddr.valid_ipv4(text, netaddr.INET_PTON) or netaddr.valid_ipv6(text):  # type: ignore[no-untyped-call] # netaddr has few types
        return None
    if "/" in text:
        return "a network, not one address" if cidr_fault(text) is None else "not an IP address", IP_FORM
    return "not an IP address", IP_FORM


@lru_cache(maxsize=4096)
def cidr_fault(text: str) -> Fault | None:
    """Not a network in CIDR form with its host bits at zero."""
    try:
        network = netaddr.IPNetwork(text)  # type: ignore[no-untyped-call] # netaddr has few types
    except (netaddr.AddrFormatError, ValueError):
        return "not a network", "CIDR, such as 192.0.2.0/24"
    return None if "/" in text and network.ip == network.network else ("not a network", f"CIDR, such as {network.cidr}")


@lru_cache(maxsize=65536)
def host_fault(text: str) -> Fault | None:
    """Neither an IP address nor a host name. What looks like an address has to be one."""
    if _LIKE_IP.fullmatch(text):
        return ip_fault(text)
    return None if _NAME.fullmatch(text) else ("not a host name or IP address", "a name such as web-1.example.com, or an IP address")


@lru_cache(maxsize=65536)
def url_fault(text: str) -> Fault | None:
    """Not an absolute URL with a proper host and port."""
    form = "such as https://192.0.2.10:8443/health"
    try:
        url = urlsplit(text)
        port, host = url.port, url.hostname
    except ValueError as error:
        return f"not a URL ({error})", form
    if not url.scheme or not host or re.search(r"\s", text):
        return "not a URL", form
    if port is not None and port not in PORTS:
        return "not a port", "1 to 65535"
    return host_fault(host) if "%{" not in text else None


def same_host(ip: str, host: str) -> bool:
    """Whether a URL's host is this IP; a name may stand for any."""
    if ip_fault(host) is not None or ip_fault(ip) is not None:
        return True
    return bool(netaddr.IPAddress(ip) == netaddr.IPAddress(host))  # type: ignore[no-untyped-call] # netaddr has few types


def endpoint_faults(endpoint: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(key, message, found, allowed) for all that is wrong with, or inconsistent in, one endpoint."""
    ip, port, text, protocol = (endpoint.get(key) for key in ("ip", "port", "url", "protocol"))
    faults = [("ip", fault[0], ip, fault[1])] if ip and (fault := ip_fault(ip)) else []
    if port is not None and port not in PORTS:
        faults.append(("port", "not a port", str(port), "1 to 65535"))
    if ip and not text and port is None:
        faults.append(("port", "an address alone cannot be tried", ip, "a port, or a url"))
    if text and (fault := url_fault(text)):
        faults.append(("url", fault[0], text, fault[1]))
    elif text:
        faults += _url_faults(urlsplit(text), ip, port, protocol or "tcp", text)
    return faults


def _url_faults(url: SplitResult, ip: str | None, port: int | None, protocol: str, text: str) -> list[tuple[str, str, str, str]]:
    faults = []
    effective = url.port or DEFAULT_PORTS.get(url.scheme)
    if port is not None and effective is not None and effective != port:
        faults.append(("url", f"its port {effective} is not the endpoint's port", text, str(port)))
    if ip and not same_host(ip, url.hostname or ""):
        faults.append(("url", f"its host {url.hostname} is not the endpoint's ip", text, ip))
    if protocol in ("http", "https") and url.scheme != protocol:
        faults.append(("protocol", f"the url speaks {url.scheme}", protocol, url.scheme))
    if protocol == "udp":
        faults.append(("protocol", "a url is not spoken over udp", protocol, "tcp, http, https"))
    return faults
