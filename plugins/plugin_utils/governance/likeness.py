# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much one change is like another: service, kind, package, supplier, and the shape of the steps."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.steps import TYPES

SERVICE, KIND, PACKAGE, SUPPLIER, SHAPE = 40, 20, 20, 10, 10  # points; all the same is 100
ALIKE = 60  # points from which two changes are called similar, such as the same service and kind
UNFILLED = "待填"
EXTENSIONS = re.compile(
    r"(\.(tar|gz|tgz|xz|txz|bz2|tbz2?|zst|zip|7z|rpm|deb|apk|jar|war|ear|whl|msi|msu|exe|cab|bin|run|sh|py|sql|patch|diff|iso|img|conf|cfg|ini|properties"
    r"|ya?ml|json|xml|txt))+$"
)
BESIDE = re.compile(
    r"^((sha\d+|md5|check|b2)sums?|readme|changelog|release[-_ ]?notes?|licen[cs]e)([._-].*)?$|\.(asc|sig|minisig|pem|sha\d+|md5)$"
)  # files that come with every patch and say nothing about which one it is
SEPARATED, JOINED = re.compile(r"[-_+ ]v?\d.*$"), re.compile(r"v?\d+(\.\d+)+.*$")

Data = Mapping[str, Any]


@dataclass(frozen=True)
class Key:
    """What of a change is compared. `packages` and `shape` as packages_of and shape_of make them."""

    change: str
    services: tuple[str, ...]
    kind: str
    supplier: str
    packages: tuple[str, ...]
    shape: tuple[str, ...]


def key(data: Data) -> Key:
    """The key of a validated change, from its file or as a ledger holds it."""
    notice, plan = data.get("notice") or {}, data.get("plan") or {}
    supplier = str(notice.get("supplier") or "").strip()
    return Key(
        str(data.get("id") or ""),
        tuple(map(str, data.get("service") or ())),
        str(data.get("kind") or "patch"),
        "" if supplier.startswith(UNFILLED) else supplier,
        tuple(sorted(set(_packages(notice, plan)))),
        tuple(_shape(step) for step in plan.get("steps") or ()),
    )


def score(one: Key, other: Key) -> int:
    """0 to 100 points. What neither of the two names counts as the same."""
    supplier = SUPPLIER if one.supplier.casefold() == other.supplier.casefold() else 0
    shape = round(SHAPE * SequenceMatcher(None, one.shape, other.shape, autojunk=False).ratio())
    kind = KIND if one.kind == other.kind else 0
    return _share(one.services, other.services, SERVICE) + kind + _share(one.packages, other.packages, PACKAGE) + supplier + shape


def differs(now: Key, earlier: Key) -> str:
    """In which respect an earlier change is too different to stand for this one: service, kind, package, steps; "" in none.

    It covers every service, is of the same kind and of the same package; where neither names a package, the steps have the same shape.
    """
    if not set(now.services) <= set(earlier.services):
        return "service"
    if now.kind != earlier.kind:
        return "kind"
    if now.packages or earlier.packages:
        return "" if set(now.packages) & set(earlier.packages) else "package"
    return "" if now.shape == earlier.shape else "steps"


def stem(name: str) -> str:
    """A file's name without version and ending, in lower case: portal-2.4.1.tar.gz -> portal."""
    bare = EXTENSIONS.sub("", name.casefold())
    for version in (SEPARATED, JOINED):
        cut = version.sub("", bare).rstrip("-_+. ")
        if cut != bare:
            break
    return cut if cut.strip("0123456789.-_ ") else bare


def _share(one: Iterable[str], other: Iterable[str], points: int) -> int:
    both, either = set(one) & set(other), set(one) | set(other)
    return points * len(both) // len(either) if either else points


def _packages(notice: Data, plan: Data) -> Iterator[str]:
    """Stems of the notice's files, packages to install, files that are written, files of tasks: what a change is about."""
    for item in notice.get("files") or ():
        if not BESIDE.search(str(item["name"]).casefold()):
            yield stem(str(item["name"]))
    for step in plan.get("steps") or ():
        yield from (str(package["name"]).casefold() for package in (step.get("packages") or {}).get("names") or ())
        yield from (str(item["dest"]) for item in step.get("files") or () if not item.get("file"))
        if step.get("tasks"):
            yield str(step["tasks"])


def _shape(step: Data) -> str:
    """Kind and type of a step; of a command its program, of a service step its state."""
    kind = next((name for name in TYPES if step.get(name) is not None), "")
    detail = _program(str(step["command"])) if kind == "command" else str(step["service"].get("state")) if kind == "service" else ""
    return ":".join(filter(None, (str(step.get("kind")), kind, detail)))


def _program(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return PurePosixPath(words[0]).name if words else ""
