# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a document to a file in a recipient's hands: typeset, marked, noted in the ledger, and only then put in its place."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, labels
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import exports
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.typeset import blocks, engine, finish, fonts, need, watermark

SECTION = "export"
LANGUAGE = {"zh_CN": ("zh", "cn"), "en": ("en", "gb")}
FONTS_REMEDY = "use other signs, or a font that has them (fonts: in itops.yml)"


@dataclass(frozen=True)
class Order:
    """Who gets it, in which form, and where it is put."""

    recipient: str
    folder: Path
    protect: bool = False
    flatten: bool = False
    people: Mapping[str, Mapping[str, Any]] | None = None


def export(ws: Workspace, document: Document, order: Order) -> dict[str, Any]:
    """The ledger's line of the finished file. Raises BadInput (nothing is written but the note that it was begun), LedgerError, OSError."""
    faces = fonts.find(ws.fonts)
    content = blocks.parse(document.body, Path(str(document.path)), document.line)
    at, account = _now(ws), identity.account()
    about = {**_about(document, order), "source_sha256": hashlib.sha256(document.path.read_bytes()).hexdigest()}
    _set(ws, document, order, faces, content, at, 0)  # what cannot be set uses up no number
    number = exports.begin(ws, about, account)
    made = finish.opened(_set(ws, document, order, faces, content, at, number))
    return _finished(ws, made, order, about, faces, at, number, account)


def stamp(ws: Workspace, pdf: Any, about: Mapping[str, Any], order: Order) -> dict[str, Any]:
    """The same for a PDF somebody else has made."""
    faces, at, account = fonts.find(ws.fonts), _now(ws), identity.account()
    number = exports.begin(ws, about, account)
    finish.name(pdf, "", [*finish.keywords(pdf), f"{exports.KEYWORD}{number}"])
    return _finished(ws, pdf, order, about, faces, at, number, account)


def _finished(ws: Workspace, pdf: Any, order: Order, about: Mapping[str, Any], faces: fonts.Fonts, at: datetime, number: int, account: str) -> dict[str, Any]:
    lines = mark(ws, about, order, at, number)
    try:
        watermark.lay_over(pdf, lines, faces)
    except engine.Unshown as error:
        raise BadInput([_unshown(error.signs, "the watermark", 0, " / ".join(lines))]) from None
    if order.flatten:
        words, title = finish.keywords(pdf), str(about["title"])
        pdf = finish.flattened(finish.saved(pdf, protect=False))
        finish.name(pdf, title, words)
    content = finish.saved(pdf, order.protect)
    target = order.folder / f"{about['document']}_{about['version']}_{number}.pdf"
    event = exports.handed_out(ws, number, hashlib.sha256(content).hexdigest(), {**about, "file": target.name}, account)
    atomic.write(target, content, mode=0o644)
    return {**event.data, "at": event.at, "account": account, "path": str(target)}


def _now(ws: Workspace) -> datetime:
    """With a fixed offset, as the engine wants it."""
    return datetime.fromisoformat(datetime.now(ZoneInfo(ws.timezone)).isoformat(timespec="seconds"))


def mark(ws: Workspace, about: Mapping[str, Any], order: Order, at: datetime, number: int) -> list[str]:
    """The lines of the watermark: from whom, to whom, when, what, which copy."""
    return [f"{ws.organisation} → {order.recipient}", f"{at:%Y-%m-%d}  {about['document']}  {about['version']}", f"No. {number}"]


def _about(document: Document, order: Order) -> dict[str, Any]:
    meta = document.meta
    return {"document": meta["id"], "title": meta["title"], "version": meta["version"], "classification": meta["classification"],
            "recipient": order.recipient, "protected": order.protect, "flattened": order.flatten}  # fmt: skip


def _set(ws: Workspace, document: Document, order: Order, faces: fonts.Fonts, content: blocks.Blocks, at: datetime, number: int) -> bytes:
    data = _data(ws, document, order, faces, content, at, number)
    try:
        return engine.compile_pdf("document", data, faces, at, content.images)
    except engine.Unshown as error:
        raise BadInput([problem for sign in error.signs for problem in _where(document, sign)]) from None


def _data(ws: Workspace, document: Document, order: Order, faces: fonts.Fonts, content: blocks.Blocks, at: datetime, number: int) -> dict[str, Any]:
    meta, lang = document.meta, str(document.meta.get("lang", "zh_CN"))
    language, region = LANGUAGE[lang]

    def t(name: str) -> str:
        return labels.label(SECTION, name, lang)

    def v(value: str) -> str:
        return labels.value_label("document", value, lang)

    owner = _name(order, meta.get("owner"))
    shown = [
        ("id", meta["id"]), ("version", meta["version"]), ("classification", v(meta["classification"])), ("owner", owner),
        ("audience", meta.get("audience", "")),
        ("recipient", order.recipient), ("date", f"{at:%Y-%m-%d}"), ("number", f"{number}" if number else ""), ("review_due", meta.get("review_due", "")),
    ]  # fmt: skip
    versions = [[str(line.get(key) or "—") for key in ("version", "date", "author", "remark")] for line in meta.get("versions") or []]
    return {
        "meta": {"title": meta["title"], "author": owner, "id": meta["id"], "version": meta["version"], "classification": v(meta["classification"]),
                 "organisation": ws.organisation, "language": language, "region": region,
                 "keywords": [meta["id"], meta["version"], *([f"{exports.KEYWORD}{number}"] if number else [])]},
        "words": {name: t(name) for name in ("version", "page", "figure", "versions", "contents")},
        "fonts": {"text": list(faces.text), "mono": list(faces.mono)},
        "properties": [[t(name), blocks.pieces(str(value))] for name, value in shown if value],
        "versions": [[t(name) for name in ("version", "date", "author", "remark")], *versions] if versions else [],
        "body": content.body,
    }  # fmt: skip


def _name(order: Order, person: Any) -> str:
    return str(((order.people or {}).get(str(person)) or {}).get("name") or person or "")


def _where(document: Document, sign: str) -> Sequence[Problem]:
    """Every line with the sign; the properties where the body has none."""
    lines = [document.line + index for index, line in enumerate(document.body.split("\n")) if sign in line]
    return [_unshown([sign], str(document.path), line) for line in lines[:3] or [0]]


def _unshown(signs: Sequence[str], file: str, line: int, found: str = "") -> Problem:
    named = ", ".join(f"U+{ord(char):04X} {char if char.isprintable() else ''}".strip() for sign in signs for char in sign)
    return Problem(file, line, "", f"no font has {named}", found, remedy=FONTS_REMEDY)


def read(content: bytes, file: Path) -> Any:
    """A foreign PDF. Raises BadInput for one that is encrypted, broken or none."""
    pikepdf = need("pikepdf")
    try:
        return pikepdf.open(io.BytesIO(content))
    except pikepdf.PasswordError:
        raise BadInput([Problem(str(file), 0, "", "encrypted: it cannot be stamped", remedy="ask its author for one without a password")]) from None
    except pikepdf.PdfError as error:
        raise BadInput([Problem(str(file), 0, "", f"not a whole PDF: {str(error).splitlines()[0][:200]}")]) from None
