# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""前期准备工作 / 软件 (S15): programs the controller needs for a service, and whether they are there and new enough."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.finding import Finding

VERSION = re.compile(r"\d+(?:\.\d+)+|\d+")
ANSWER = 10  # seconds in which `--version` must answer


def findings(service: str, software: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """One for each tool of the controller's side; those of the operator's side are ticked on the run-sheet. An unknown version is no version."""
    for tool in software:
        if tool.get("side") != "operator":
            name, least = str(tool["name"]), str(tool.get("version_min") or "")
            found = version(name) if least and shutil.which(name) else ""
            yield Finding("software", *_judged(service, name, least, found))


def version(name: str) -> str:
    """What `NAME --version` says first that looks like a version; "" where it says none."""
    try:
        said = subprocess.run([name, "--version"], capture_output=True, text=True, errors="replace", timeout=ANSWER, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = VERSION.search(said.stdout) or VERSION.search(said.stderr)
    return match[0] if match else ""


def _judged(service: str, name: str, least: str, found: str) -> tuple[bool, str, str]:
    if not shutil.which(name):
        return (
            False,
            f"{service}: {name} is not on this controller",
            f"install {name}, or drop it from preparation.software in inventory/services/{service}.yml",
        )
    if least and not found:
        return False, f"{service}: {name} does not tell its version ({least} or newer is needed)", f"{name} --version"
    if least and _key(found) < _key(least):
        return False, f"{service}: {name} {found} is older than {least}", f"update {name}"
    return True, f"{service}: {name} {found}".rstrip(), ""


def _key(text: str) -> tuple[int, ...]:
    """Numbers without trailing zeros, so that 3 and 3.0 are one version."""
    parts = [int(part) for part in re.findall(r"\d+", text)]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)
