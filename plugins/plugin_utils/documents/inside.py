# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a service record is of the inside: addresses, ports, internal URLs, host names, accounts, credential refs, data paths.

An endpoint that says `public: true` is meant for users: its url, address and port may be told, nothing else of the service.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils.addresses import DEFAULT_PORTS, ip_fault
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import dotted

ADDRESS, PORT, URL, HOST = "address", "port", "internal URL", "host name"
ACCOUNT, REF, PATH, FACT = "account", "credential ref", "data path", "key fact"
FOR_USERS = ("manual", "self_service")  # fields of a record that are written for users
LIKE_IP = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)")
LIKE_URL = re.compile(r"\w+://[^\s'\"<>]+")
OFFSITE = re.compile(r"(?:(?P<user>[^@\s/]+)@)?(?P<host>\[[0-9A-Fa-f:]+\]|[^:/\s@]+):(?P<path>/.*)")
PLACEHOLDER = re.compile(r"%\{(\w+)\}")
TELLING = re.compile(r"[/\\:@]|\d\.\d")  # a key fact that is a path or an address, not a remark
SHORT = 3  # an account of fewer signs is a word like any other

Record = Mapping[str, Any]
Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Thing:
    """One value, what it is, and the field of the service it comes from. `ordinary`: only beside a word about logins is it meant."""

    value: str
    what: str
    field: str
    service: str
    ordinary: bool = False

    def __str__(self) -> str:
        return f"{self.what} of {f'service {self.service}' if self.service else 'the inventory'} ({self.field})"


def collect(services: Mapping[str, Record]) -> tuple[list[Thing], set[str]]:
    """Everything of the inside of all services, each value once; and the values that are public."""
    public = {value for record in services.values() for value in _public(record)}
    found: dict[tuple[str, str], Thing] = {}
    for sid, record in services.items():
        for path, value, what, *ordinary in _of(record):
            if value not in public and (value.strip("/ ") if what != FACT else value):
                found.setdefault((value, what), Thing(value, what, dotted(path), sid, bool(ordinary)))
    return list(found.values()), public


def _public(record: Record) -> Iterator[str]:
    """Of the endpoints for users: address, url (whole and without its scheme), host, port."""
    for endpoint in record.get("endpoints") or []:
        if endpoint.get("public"):
            url = urlsplit(str(endpoint.get("url") or ""))
            port = endpoint.get("port") or url.port or DEFAULT_PORTS.get(url.scheme)
            yield from filter(None, (str(endpoint.get("url") or ""), _bare_url(url), str(port or "")))
            yield from (name for text in (str(endpoint.get("ip") or ""), url.hostname or "") for _path, name, _what in machine(text, ()))


def _of(record: Record) -> Iterator[tuple[Any, ...]]:
    for index, endpoint in enumerate(record.get("endpoints") or []):
        if not endpoint.get("public"):
            yield from _endpoint(endpoint, ("endpoints", index))
    for index, host in enumerate(record.get("hosts") or []):
        yield from _host(host, ("hosts", index))
    yield from _credentials(record.get("credentials") or {})
    yield from _paths(record)
    for key in ("monitoring", "logging"):
        for url in LIKE_URL.findall(str((record.get(key) or {}).get("ref") or "")):
            yield from _url(url, (key, "ref"))
    for index, row in enumerate(record.get("key_info") or []):
        if TELLING.search(str(row.get("value") or "")):
            yield ("key_info", index, "value"), str(row["value"]), FACT
    yield from _addresses(record, ())


def _endpoint(endpoint: Record, path: Path_) -> Iterator[tuple[Any, ...]]:
    if endpoint.get("ip"):
        yield from machine(str(endpoint["ip"]), (*path, "ip"))
    if endpoint.get("port"):
        yield (*path, "port"), str(endpoint["port"]), PORT
    if endpoint.get("url"):
        yield from _url(str(endpoint["url"]), (*path, "url"))


def _url(text: str, path: Path_) -> Iterator[tuple[Any, ...]]:
    """The url without its scheme, its host, its port."""
    url = urlsplit(text)
    yield path, _bare_url(url), URL
    yield from machine(url.hostname or "", path)
    if url.port:
        yield path, str(url.port), PORT


def _bare_url(url: SplitResult) -> str:
    """Host, port and path; a host alone stands for itself."""
    return f"{url.netloc.rpartition('@')[2]}{url.path}".rstrip("/") if url.port or url.path.strip("/") else ""


def _host(host: Record, path: Path_) -> Iterator[tuple[Any, ...]]:
    yield from machine(str(host.get("name") or ""), (*path, "name"))
    yield from machine(str(host.get("address") or ""), (*path, "address"))
    for name, value in (host.get("vars") or {}).items():
        if name in ("ansible_user", "ansible_ssh_user"):
            yield (*path, "vars", name), str(value), ACCOUNT, True
        elif name == "ansible_host":
            yield from machine(str(value), (*path, "vars", name))


def machine(name: str, path: Path_) -> Iterator[tuple[Any, ...]]:
    """An address in its usual forms, or a host's name. What means the reader's own computer is nothing of ours."""
    name = name.strip("[]")
    if not name or PLACEHOLDER.search(name) or name == "localhost":
        return
    if ip_fault(name) is not None:
        yield path, name, HOST
        return
    address = ipaddress.ip_address(name)
    if not address.is_loopback and not address.is_unspecified:
        whole = ":".join(f"{int(part, 16):x}" for part in address.exploded.split(":")) if address.version == 6 else name
        yield from ((path, form, ADDRESS) for form in dict.fromkeys((name, address.compressed, whole)))


def _credentials(kept: Record) -> Iterator[tuple[Any, ...]]:
    account, ref = str(kept.get("account") or ""), str(kept.get("ref") or "")
    if account:
        yield ("credentials", "account"), account, ACCOUNT, *([True] if len(account) < SHORT else [])
    if ref:
        yield ("credentials", "ref"), ref, REF
        rest = re.split(r"[:：]", ref, maxsplit=1)[-1].strip()  # without the store it is in
        if rest != ref and (len(rest) > SHORT and not rest.isalnum()):
            yield ("credentials", "ref"), rest, REF


def _paths(record: Record) -> Iterator[tuple[Any, ...]]:
    """Where the data are, and where their backups go; placeholders as each host fills them in."""
    backup = record.get("backup") or {}
    places: list[tuple[Path_, str]] = [(("data_dirs", n), text) for n, text in enumerate(record.get("data_dirs") or [])]
    places += [(("backup", "paths", n), text) for n, text in enumerate(backup.get("paths") or [])]
    places += [(("backup", "destination", site), text) for site, text in (backup.get("destination") or {}).items() if isinstance(text, str)]
    for path, text in places:
        remote = OFFSITE.fullmatch(text)
        if remote:
            yield from machine(remote["host"], path)
            if remote["user"]:
                yield path, remote["user"], ACCOUNT, True
        for made in _filled(remote["path"] if remote else text, record):
            yield path, made.rstrip("/"), PATH


def _filled(text: str, record: Record) -> Iterator[str]:
    """As each host has it; what nobody knows cuts the text in parts that are paths of their own."""
    for one in dict.fromkeys(_with(text, host.get("vars") or {}) for host in record.get("hosts") or [{}]):
        yield from (part for part in PLACEHOLDER.split(one)[::2] if part.count("/") > (1 if PLACEHOLDER.search(one) else 0))


def _with(text: str, values: Record) -> str:
    return PLACEHOLDER.sub(lambda name: str(values.get(name[1], name[0])), text)


def _addresses(value: Any, path: Path_) -> Iterator[tuple[Any, ...]]:
    """IP addresses anywhere in the record: in steps, checks, variables, remarks; not in what is written for users."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in FOR_USERS and not (path[:1] == ("endpoints",) and value.get("public")):
                yield from _addresses(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _addresses(item, (*path, index))
    elif isinstance(value, str):
        for text in LIKE_IP.findall(value):
            if ip_fault(text) is None:
                yield from machine(text, path)
