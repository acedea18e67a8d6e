# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a generated document that people write: between markers, kept untouched whenever the rest is made anew.

`<!-- itops:hand NAME begin -->` … `<!-- itops:hand NAME end -->`. The last line of the file says the digest of all that is not
theirs, so that an edit outside of the markers is found before it would be lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

SLOT = re.compile(r"<!-- itops:hand (?P<name>[a-z_]+) begin -->\n(?P<text>.*?)<!-- itops:hand (?P=name) end -->", re.DOTALL)
SEAL = re.compile(r"\n<!-- itops:made (?P<digest>[0-9a-f]{64}) -->\n*\Z")
MARKER = re.compile(r"<!-- itops:(hand|made)\b")


class Edited(ValueError):
    """The file cannot be made anew without losing what somebody wrote."""


def slot(name: str, text: str = "") -> str:
    """A place for a person to write in."""
    return f"<!-- itops:hand {name} begin -->\n{text}<!-- itops:hand {name} end -->"


def inert(text: str) -> str:
    """Text from a record cannot pretend to be a marker."""
    return MARKER.sub(lambda match: match[0].replace("<!--", "<\\!--"), text)


def written(body: str) -> dict[str, str]:
    """What people wrote, by slot. Raises Edited where a slot stands twice or a marker has lost its other half."""
    found = [(match["name"], match["text"]) for match in SLOT.finditer(body)]
    names = [name for name, _text in found]
    if len(set(names)) < len(names) or body.count("<!-- itops:hand ") != 2 * len(found):
        raise Edited("the markers <!-- itops:hand NAME begin|end --> do not stand in pairs, each name once")
    return dict(found)


def merged(made: str, old: str | None, force: bool = False) -> str:
    """The made body with what people wrote in the old one, and sealed. Raises Edited where something written would be lost."""
    kept = written(old) if old is not None else {}
    if old is not None and not force and _seal(old) != digest(old):
        raise Edited("something was written outside of the places for it (<!-- itops:hand … -->), or the file was not made by itops docs build")
    if lost := [name for name, text in kept.items() if text.strip() and f"<!-- itops:hand {name} begin -->" not in made]:
        raise Edited(f"there is no place any more for what was written in: {', '.join(lost)}")
    body = filled(made, kept).strip("\n")
    return f"{body}\n\n<!-- itops:made {digest(body)} -->\n"


def filled(made: str, kept: Mapping[str, str]) -> str:
    return SLOT.sub(lambda match: slot(match["name"], kept.get(match["name"], match["text"])), made)


def digest(body: str) -> str:
    """Of all that is not written by hand."""
    bare = SLOT.sub(lambda match: slot(match["name"]), SEAL.sub("", body).strip("\n"))
    return hashlib.sha256(bare.encode()).hexdigest()


def _seal(body: str) -> str:
    found = SEAL.search(body)
    return found["digest"] if found else ""
