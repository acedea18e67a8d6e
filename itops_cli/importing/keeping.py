# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes out of a document besides its text: images kept beside it, and the report of what got lost."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import labels

from itops_cli.importing import Unreadable
from itops_cli.importing.tree import Picture

SECTION = "import_loss"
PLACES = 20  # named of each kind of loss; all are counted
KINDS = 500  # different ones that are told apart
QUOTED = 200  # characters of what got lost
PICTURE_BYTES = 256 << 20  # of all images of a document
SHOWN = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg", b"GIF87a": "gif", b"GIF89a": "gif"}  # what every reader shows


@dataclass(frozen=True, order=True)
class Loss:
    """One kind of thing that was not carried over as it is: `what` names or quotes it, `places` are the first of `count`."""

    kind: str
    what: str
    count: int = 1
    places: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "places": list(self.places)}

    def line(self, lang: str) -> str:
        """For a person."""
        more = ", …" if len(self.places) >= PLACES else ""
        where = f" ({', '.join(self.places)}{more})" if self.places else ""
        times = f" ×{self.count}" if self.count > 1 else ""
        return f"{labels.label(SECTION, self.kind, lang)}{f': {self.what}' if self.what else ''}{times}{where}"


@dataclass
class Keeper:
    """Collects for one document; images go into `folder` under the first part of their digest, so that none stands there twice."""

    folder: Path
    place: str = ""  # where a reader is that goes through a document
    written: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def lost(self, kind: str, what: str = "", place: str = "", count: int = 1) -> None:
        """Note a loss; `kind` has a label."""
        said = " ".join(what.split())
        key = (kind, said if len(said) <= QUOTED else said[:QUOTED] + "…")
        if key not in self.counts and len(self.counts) >= KINDS:
            key = (kind, "…")
        self.counts[key] += count
        named = self.places.setdefault(key, [])
        if place and place not in named and len(named) < PLACES:
            named.append(place)

    def losses(self) -> list[Loss]:
        return sorted(Loss(kind, what, count, tuple(self.places[kind, what])) for (kind, what), count in self.counts.items())

    def picture(self, content: bytes, alt: str = "", place: str = "") -> Picture | None:
        """Keep an image; None (and a loss) for what a Markdown reader cannot show. Raises Unreadable beyond the bound."""
        ending = kind_of(content)
        if not ending:
            self.lost("picture_format", alt, place)
            return None
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
        target = self.folder / name
        if not target.exists():
            self.written += len(content)
            if self.written > PICTURE_BYTES:
                raise Unreadable(f"more than {PICTURE_BYTES >> 20} MB of images", "make them smaller, or split the document")
            self.folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return Picture(name, " ".join(alt.split()))


def kind_of(content: bytes) -> str:
    """The ending of an image that can be shown, by its first bytes; "" for everything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((ending for start, ending in SHOWN.items() if content.startswith(start)), "")


def report(losses: Sequence[Loss], lang: str) -> list[str]:
    """One line for each."""
    return [loss.line(lang) for loss in losses]
