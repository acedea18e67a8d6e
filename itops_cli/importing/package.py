# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ZIP of XML parts (OOXML, OpenDocument), read with suspicion: sizes are counted while reading, not believed; no entity, no DTD, no network."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itops_cli.importing import Unreadable, need

MEMBERS = 10_000
PART_BYTES = 256 << 20  # one part, unpacked
TOTAL_BYTES = 1 << 30  # all that is read
RATIO, RATIO_FROM = 200, 8 << 20  # unpacked : packed, of a part of at least so many bytes
BLOCK = 1 << 16
RELATED = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
BOMB = "get it from its author anew; a document is not packed like this"
ANEW = "open it in the program it was made with, and save it again"

Element = Any


@dataclass(frozen=True)
class Related:
    """What a part points to: the name of another part, or (`outside`) an address."""

    kind: str
    target: str
    outside: bool


class Package:
    """One archive. Raises Unreadable for everything that is wrong with it."""

    def __init__(self, path: Path):
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable(f"truncated or damaged: {error}", ANEW) from None
        self.read_in_all = 0
        self.infos = {info.filename: info for info in self.zip.infolist()}
        self._judge()

    def _judge(self) -> None:
        if len(self.zip.infolist()) > MEMBERS:
            raise Unreadable(f"more than {MEMBERS} members in the archive", BOMB)
        for name, info in self.infos.items():
            if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
                raise Unreadable(f"a member name leads out of the archive: {name[:100]}", "ask its author what this is")
            if info.flag_bits & 1:
                raise Unreadable("encrypted", "save it without a password, then import that")

    def __contains__(self, name: object) -> bool:
        return name in self.infos

    def open(self, name: str) -> Counted:
        """One part as a stream."""
        try:
            return Counted(self, self.infos[name], self.zip.open(self.infos[name]))
        except (KeyError, zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise Unreadable(f"truncated or damaged: {error}", ANEW) from None

    def read(self, name: str) -> bytes:
        """All of one part."""
        return b"".join(iter(lambda: stream.read(BLOCK), b"")) if (stream := self.open(name)) else b""

    def xml(self, name: str) -> Element:
        """One part as XML."""
        return xml(self.read(name), name)

    def related(self, name: str) -> dict[str, Related]:
        """Id -> what the part (an OOXML one) points to."""
        folder, file = posixpath.split(name)
        rels = posixpath.join(folder, "_rels", f"{file}.rels")
        return {str(rel.get("Id")): _related(rel, folder) for rel in self.xml(rels).iter(RELATED)} if rels in self else {}

    def main(self) -> str:
        """The name of an OOXML package's main part."""
        return next((rel.target for rel in self.related("").values() if rel.kind == "officeDocument" and rel.target in self), "")

    def title(self) -> str:
        """That of an OOXML package's properties."""
        if "docProps/core.xml" not in self:
            return ""
        return next((" ".join((node.text or "").split()) for node in self.xml("docProps/core.xml") if str(node.tag).endswith("}title")), "")


def _related(rel: Element, folder: str) -> Related:
    target, outside = str(rel.get("Target") or ""), rel.get("TargetMode") == "External"
    place = target if outside else posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
    return Related(str(rel.get("Type") or "").rpartition("/")[2], place, outside)


class Counted(io.RawIOBase):
    """A part that stops being read where it grows beyond the bounds."""

    def __init__(self, package: Package, info: zipfile.ZipInfo, stream: Any):
        self.package, self.info, self.stream, self.count = package, info, stream, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            block: bytes = self.stream.read(size if 0 <= size < BLOCK else BLOCK)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise Unreadable(f"truncated or damaged: {self.info.filename}: {error}", ANEW) from None
        self.count += len(block)
        self.package.read_in_all += len(block)
        packed = max(1, self.info.compress_size)
        if self.count > PART_BYTES or self.package.read_in_all > TOTAL_BYTES or (self.count > RATIO_FROM and self.count > RATIO * packed):
            raise Unreadable(f"a ZIP bomb: {self.info.filename} unpacks to more than {self.count >> 20} MB of {packed} bytes", BOMB)
        return block


def xml(content: bytes, name: str) -> Element:
    """The root. Raises Unreadable for what is no XML, or has a DTD (entities live there)."""
    etree = need("lxml.etree")
    try:
        root = etree.fromstring(content, etree.XMLParser(**_HARDENED))
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"damaged: {name} is no XML: {error.msg}", ANEW) from None
    _no_dtd(root, name)
    return root


def _no_dtd(root: Element, name: str) -> None:
    if root.getroottree().docinfo.doctype:
        raise Unreadable(f"{name} has a document type definition, which may name external entities", "ask its author what this is")


_HARDENED = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False, "remove_comments": True, "remove_pis": True}


def events(stream: Counted, name: str, tags: tuple[str, ...]) -> Iterator[Element]:
    """Elements of these tags as they end; each is emptied afterwards, so that a long part does not stay in memory."""
    etree = need("lxml.etree")
    try:
        parsing = etree.iterparse(stream, tag=tags, events=("end",), **_HARDENED)
        for number, (_event, node) in enumerate(parsing):
            if number == 0:
                _no_dtd(node, name)
            yield node
            node.clear(keep_tail=False)
            while node.getprevious() is not None:
                del node.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"damaged: {name} is no XML: {error.msg}", ANEW) from None
