# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What argument specs cannot say about steps and checks: patterns, ports, addresses, names of placeholders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import addresses, error_rate, placeholders

BUILT_IN = frozenset({"host", "service", "change", "files"})
PATTERNS = ("body", "matches", "pattern")
FOREIGN = {  # keys of a check that mean something for these types only; a slip would silently verify nothing
    **dict.fromkeys(("url", "status", "body", "json", "tls_verify", "ca_file", "method"), ("http",)),
    **dict.fromkeys(("command", "args", "shell", "expect"), ("command", "version")),
    **dict.fromkeys(("host", "port"), ("port",)),
    **dict.fromkeys(("min", "max"), ("process",)),
    **dict.fromkeys(("equals", "matches"), ("version",)),
    **dict.fromkeys(("sha256", "exists"), ("file",)),
    "state": ("port", "service"),
    "control": ("service",),
    "pattern": ("process", "log", error_rate.TYPE),
    "path": ("file", "log", error_rate.TYPE),
    "unit": ("log", error_rate.TYPE),
    **dict.fromkeys((key for key in error_rate.KEYS if key not in ("pattern", "path", "unit")), (error_rate.TYPE,)),
    "question": ("manual",),
}
STATES = {"port": ("open", "closed"), "service": ("running", "stopped")}

SAY = "set it in hosts[].vars of the service record; only a secret, by its name, may come from the inventory"

Data = Mapping[str, Any]
Path_ = tuple[str | int, ...]
Fault = tuple[Path_, str, str, str]  # path, message, found, allowed


def step_faults(step: Data, path: Path_ = ()) -> Iterator[Fault]:
    """All that is wrong with one step of the right form."""
    if step["timeout"] < 1:
        yield (*path, "timeout"), "too small", str(step["timeout"]), "1 second or more"
    yield from _expect(step, path)
    yield from _command_line(step, path)
    if "check" in step:
        yield from check_faults(step["check"], (*path, "check"))
        yield from error_rate.misplaced(step["check"], (*path, "check"))
    for index, item in enumerate(step.get("files") or []):
        if item.get("mode") and not re.fullmatch(r"0?[0-7]{3,4}", item["mode"]):
            yield (*path, "files", index, "mode"), "not octal permissions", item["mode"], "such as 0644"


def check_faults(check: Data, path: Path_ = ()) -> Iterator[Fault]:
    """All that is wrong with one check of the right form."""
    kind = check["type"]
    for key in check:
        if kind not in FOREIGN.get(key, (kind,)):
            yield (
                (*path, key),
                f"has no meaning for type {kind}",
                key,
                ", ".join(k for k, kinds in FOREIGN.items() if kind in kinds),
            )
    if kind == error_rate.TYPE:
        yield from error_rate.faults(check, path)
    for key in PATTERNS if kind != error_rate.TYPE else ():
        if key in check and (why := pattern_fault(check[key])):
            yield (*path, key), why, check[key], "a regular expression"
    if "url" in check and "%{" not in check["url"] and (fault := addresses.url_fault(check["url"])):
        yield (*path, "url"), fault[0], check["url"], fault[1]
    if "port" in check and check["port"] not in addresses.PORTS:
        yield (*path, "port"), "not a port", str(check["port"]), "1 to 65535"
    if check.get("state") and check["state"] not in STATES.get(kind, (check["state"],)):
        yield (*path, "state"), f"has no meaning for type {kind}", check["state"], ", ".join(STATES[kind])
    if check.get("sha256") and not re.fullmatch(r"[0-9a-fA-F]{64}|%\{\w+\}", check["sha256"]):
        yield (*path, "sha256"), "not a sha256 digest", check["sha256"], "64 hexadecimal digits"
    for key, least in (("timeout", 1), ("retries", 0), ("delay", 0)):
        if check[key] < least:
            yield (*path, key), "too small", str(check[key]), f"{least} or more"
    yield from _expect(check, path)
    yield from _command_line(check, path)


def pattern_fault(text: str) -> str:
    """Why this is not a regular expression, or nothing. Placeholders are taken for plain text."""
    try:
        re.compile(placeholders.PLACEHOLDER.sub("x", text))
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression ({error})"
    return ""


def unsaid(value: Any, hosts: Iterable[Data]) -> Iterator[tuple[str, str, str]]:
    """Message, found and allowed for each name without a value on one of these hosts of a record; a secret may come from elsewhere."""
    wanted = [name for name in dict.fromkeys(placeholders.names(value)) if name not in BUILT_IN and not placeholders.is_secret(name)]
    for host in hosts if wanted else ():
        known, who = host.get("vars") or {}, host.get("name") or f"group {host.get('group')}"
        for name in wanted:
            if name not in known:
                yield f"%{{{name}}} has no value on {who}", f"%{{{name}}}", ", ".join([*sorted(BUILT_IN), *known])


def _command_line(item: Data, path: Path_) -> Iterator[Fault]:
    """The host splits a line without a shell only when its turn has come; the service is stopped by then."""
    if "command" in item and not item.get("shell"):
        try:
            shlex.split(placeholders.PLACEHOLDER.sub("x", item["command"]))
        except ValueError as error:
            yield (*path, "command"), f"not a command line ({error})", item["command"], "quotes in pairs, or shell: true"


def _expect(item: Data, path: Path_) -> Iterator[Fault]:
    for index, text in enumerate((item.get("expect") or {}).get("matches") or []):
        if why := pattern_fault(text):
            yield (*path, "expect", "matches", index), why, text, "a regular expression"
