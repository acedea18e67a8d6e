# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a made document that people write: between markers, kept byte for byte whenever the rest is made anew.

`<!-- itops:hand NAME begin -->` … `<!-- itops:hand NAME end -->`, in the front matter `# itops:hand NAME begin` …; each marker is a
line of its own. The last line of the file holds the digest of all that is not theirs, so that an edit outside of the markers is
found before it would be lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

SLOT = re.compile(
    r"^(?P<open><!--|#) itops:hand (?P<name>[a-z_]+) begin(?P<close> -->|)\r?\n(?P<text>(?s:.*?))^(?P=open) itops:hand (?P=name) end(?P=close)(?=\r?$)",
    re.MULTILINE,
)
SEAL = re.compile(r"\n<!-- itops:made (?P<digest>[0-9a-f]{64}) -->\s*\Z")
MARKER = re.compile(r"^(<!--|#)(?= itops:(?:hand|made)\b)", re.MULTILINE)
OUTSIDE = "something was written outside of the places for it (itops:hand …), or the file was not made by itops docs build"
UNPAIRED = "the markers itops:hand NAME begin and end do not stand in pairs, each name once"


class Edited(ValueError):
    """The file cannot be made anew without losing what somebody wrote."""

    def __init__(self, message: str, remedy: str = "set them right; between them everything is kept"):
        self.remedy = remedy
        super().__init__(message)


def slot(name: str, text: str = "", comment: tuple[str, str] = ("<!--", " -->")) -> str:
    """A place for a person to write in; `text` ends with a line end or is empty."""
    begin, end = comment
    return f"{begin} itops:hand {name} begin{end}\n{text}{begin} itops:hand {name} end{end}"


def inert(text: str) -> str:
    """The text, no line of it a marker: what a record or a notice says is never taken for a person's place."""
    return MARKER.sub(r"\\\g<0>", text)


def written(text: str) -> dict[str, str]:
    """What people wrote, by slot. Raises Edited where a slot stands twice or a marker has lost its other half."""
    found = [(match["name"], match["text"]) for match in SLOT.finditer(text)]
    if len(dict(found)) < len(found) or len(MARKER.findall(SEAL.sub("", text))) != 2 * len(found):
        raise Edited(UNPAIRED)
    return dict(found)


def merged(made: str, old: str | None, force: bool = False) -> str:
    """The made file with what people wrote in the old one, and sealed. Raises Edited where something written would be lost.

    With `force` only what stands in the slots is kept.
    """
    kept = written(old) if old is not None else {}
    if old is not None and not force and not intact(old):
        raise Edited(OUTSIDE, "itops docs build --check --force shows it; move it between the markers, or --force (the file is put aside)")
    if lost := [name for name, text in kept.items() if text.strip() and name not in written(made)]:
        raise Edited(f"there is no place any more for what was written in: {', '.join(lost)}", "move it to another place of the document")
    return _sealed(_filled(made, kept).rstrip("\n"))


def intact(text: str) -> bool:
    """Whether all outside of the slots is as it was made."""
    found = SEAL.search(text)
    return found is not None and found["digest"] == _digest(SEAL.sub("", text))


def _sealed(text: str) -> str:
    return f"{text}\n\n<!-- itops:made {_digest(text)} -->\n"


def _filled(made: str, kept: Mapping[str, str]) -> str:
    return SLOT.sub(lambda match: slot(match["name"], kept.get(match["name"], match["text"]), (match["open"], match["close"])), made)


def _digest(text: str) -> str:
    """Of all that is not written by hand, whatever line ends an editor or git has given it."""
    bare = SLOT.sub(lambda match: slot(match["name"], "", (match["open"], match["close"])), text)
    return hashlib.sha256(bare.rstrip("\r\n").replace("\r\n", "\n").lstrip("\ufeff").encode()).hexdigest()
