# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docx, xlsx and pptx have in common: names without namespaces (there are two sets of them), parts that are not carried over, images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from itops_cli.importing.keeping import Keeper
from itops_cli.importing.package import Element, Package, Related
from itops_cli.importing.tree import Picture

LEFT_OUT = {  # a part of the archive -> the kind of loss
    "vbaproject.bin": "macro", "/embeddings/": "embedded", "/activex/": "embedded", "/charts/chart": "chart",
    "/diagrams/data": "diagram", "/media/audio": "media",
    "/media/video": "media",
}  # fmt: skip
OFF = ("0", "false", "off", "none")
RELATION = "relationships}"


def local(node: Element) -> str:
    """The name of an element without its namespace."""
    return str(node.tag).rpartition("}")[2]


def child(node: Element | None, *names: str) -> Element | None:
    """Down along these names; None where there is no such element."""
    for name in names:
        node = next((inner for inner in node if local(inner) == name), None) if node is not None else None
    return node


def within(node: Element, name: str) -> Iterator[Element]:
    """Every element of this name in it."""
    yield from node.iter("{*}" + name)


def value(node: Element | None, name: str = "val", default: str = "") -> str:
    """An attribute, whatever its namespace."""
    if node is None:
        return default
    return next((str(text) for key, text in node.attrib.items() if key == name or key.endswith("}" + name)), default)


def number(text: str, default: int = 0) -> int:
    """A whole number as written in an attribute."""
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 10 else default


def on(node: Element | None) -> bool:
    """Whether a switch is there and not off."""
    return node is not None and value(node).lower() not in OFF


def relation(node: Element, name: str) -> str:
    """The id of a relation, as r:embed, r:id or r:link."""
    return next((str(text) for key, text in node.attrib.items() if key.endswith(f"{RELATION}{name}")), "")


def left_out(package: Package, keeper: Keeper) -> None:
    """Note the parts that are never carried over."""
    for name in package.infos:
        low = f"/{name.lower()}"
        kind = next((kind for part, kind in LEFT_OUT.items() if part in low and not low.endswith(".rels")), "")
        if kind:
            keeper.lost(kind)


def picture(package: Package, relations: Mapping[str, Related], node: Element, keeper: Keeper, alt: str, place: str) -> Picture | None:
    """The image that an element (a:blip, v:imagedata) shows. One that lies elsewhere is not fetched."""
    found = relations.get(relation(node, "embed") or relation(node, "id"))
    outside = found if found and found.outside else relations.get(relation(node, "link"))
    if outside and outside.outside:
        keeper.lost("remote_picture", outside.target, place)
        return None
    if found is None or found.target not in package:
        keeper.lost("picture_missing", alt, place)
        return None
    return keeper.picture(package.read(found.target), alt, place)
