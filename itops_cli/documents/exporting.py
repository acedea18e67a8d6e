# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a document to a file in a recipient's hands: typeset, marked, noted in the ledger, and only then put in its place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.itops.maintenance.plugins.plugin_utils import atomic, catalogue
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import exports
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.document import Document
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import identity
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

from itops_cli.documents import layout, outside, unshown
from itops_cli.documents.layout import Copy
from itops_cli.typeset import blocks, engine, finish, fonts, watermark
from itops_cli.typeset.blocks import Blocks
from itops_cli.typeset.fonts import Fonts

UNFIT = re.compile(r"[^\w.-]+")  # in the name of a file


@dataclass(frozen=True)
class Order:
    """Who gets it, in which form, and where it is put. `outside`: whatever it is classified as, nothing of the inside may be in it."""

    recipient: str
    folder: Path
    protect: bool = False
    flatten: bool = False
    outside: bool = False
    bundle: str = ""


@dataclass(frozen=True)
class Draft:
    """What can be set and marked, but has no number yet. `about` is what the ledger says of it."""

    about: Mapping[str, Any]
    copy: Copy
    faces: Fonts
    document: Document | None = None
    content: Blocks | None = None


def prepare(ws: Workspace, documents: Iterable[Document], order: Order) -> list[Draft]:
    """Set all of them once without a number, so that nothing is handed out where one cannot be. Raises BadInput with all problems, LedgerError."""
    exports.trusted(ws)
    faces, copy = fonts.find(ws.fonts), _copy(ws, order)
    watch = outside.Watch(ws, order.outside)
    drafts, problems = [], []
    for document in documents:
        try:
            drafts.append(_draft(document, order, copy, faces, watch))
        except BadInput as error:
            problems += error.problems
    if problems:
        raise BadInput(problems)
    return drafts


def export(ws: Workspace, draft: Draft, order: Order) -> dict[str, Any]:
    """The ledger's line of the finished file. Raises LedgerError, OSError: then no file is there."""
    number, account = _begin(ws, draft)
    numbered = replace(draft, copy=replace(draft.copy, number=number))
    return _finished(ws, finish.opened(_set(numbered)), numbered, order, account)


def stamp(ws: Workspace, pdf: Any, about: Mapping[str, Any], order: Order) -> dict[str, Any]:
    """The same for a PDF somebody else has made. Raises BadInput as well, for what the mark cannot show."""
    exports.trusted(ws)
    draft = Draft({**about, **_to(order)}, _copy(ws, order), fonts.find(ws.fonts))
    _prove_mark(draft)
    number, account = _begin(ws, draft)
    finish.name(pdf, "", [*finish.keywords(pdf), f"{exports.KEYWORD}{number}"])
    return _finished(ws, pdf, replace(draft, copy=replace(draft.copy, number=number)), order, account)


def _copy(ws: Workspace, order: Order) -> Copy:
    """Its time has a fixed offset, as the engine wants it."""
    at = datetime.fromisoformat(datetime.now(ZoneInfo(ws.timezone)).isoformat(timespec="seconds"))
    return Copy(ws.organisation, order.recipient, at, catalogue.load(ws).people)


def _to(order: Order) -> dict[str, Any]:
    made = {"recipient": order.recipient, "protected": order.protect, "flattened": order.flatten}
    return made | ({"bundle": order.bundle} if order.bundle else {})


def _draft(document: Document, order: Order, copy: Copy, faces: Fonts, watch: outside.Watch) -> Draft:
    about = {name: document.meta[name] for name in ("id", "title", "version", "classification")}
    about["document"] = about.pop("id")
    about["source_sha256"] = document.sha256
    content = blocks.parse(document.body, document.path, document.line)
    draft = Draft({**about, **_to(order)}, copy, faces, document, content)
    looked = partial(watch.let_out, document, layout.data(document, content, copy, faces), content)
    if problems := [*content.problems, *_wrong(looked, partial(_set, draft), partial(_prove_mark, draft))]:
        raise BadInput(problems)
    return draft


def _wrong(*checks: Callable[[], object]) -> list[Problem]:
    """What any of them finds; none hides what the next one would."""
    problems: list[Problem] = []
    for check in checks:
        try:
            check()
        except BadInput as error:
            problems += error.problems
    return problems


def _set(draft: Draft) -> bytes:
    assert draft.document and draft.content
    data, images = layout.data(draft.document, draft.content, draft.copy, draft.faces), draft.content.images
    try:
        return engine.compile_pdf("document", data, draft.faces, draft.copy.at, images)
    except engine.Unshown as error:
        raise unshown.in_document(error.signs, draft.document, images.values()) from None


def _prove_mark(draft: Draft) -> None:
    lines = mark(draft)
    try:
        watermark.prove(lines, draft.faces)
    except engine.Unshown as error:
        raise unshown.in_text(error.signs, "the watermark", " / ".join(lines)) from None


def mark(draft: Draft) -> list[str]:
    """The lines of the watermark: from whom, to whom, when, what, which copy."""
    copy, about = draft.copy, draft.about
    return [f"{copy.organisation} → {copy.recipient}", f"{copy.at:%Y-%m-%d}  {about['document']}  {about['version']}", f"No. {copy.number}"]


def _begin(ws: Workspace, draft: Draft) -> tuple[int, str]:
    account = identity.account()
    return exports.begin(ws, draft.about, account), account


def _finished(ws: Workspace, pdf: Any, draft: Draft, order: Order, account: str) -> dict[str, Any]:
    about, number = draft.about, draft.copy.number
    watermark.lay_over(pdf, mark(draft), draft.faces)
    if order.flatten:
        words = finish.keywords(pdf)
        pdf = finish.flattened(finish.saved(pdf, protect=False))
        finish.name(pdf, str(about["title"]), words)
    content = finish.saved(pdf, order.protect)
    target = order.folder / UNFIT.sub("-", f"{str(about['document'])[:80]}_{str(about['version'])[:20]}_{number}.pdf").lstrip(".")
    event = exports.handed_out(ws, number, hashlib.sha256(content).hexdigest(), {**about, "file": target.name}, account)
    atomic.write(target, content, mode=0o644)
    return {**event.data, "at": event.at, "account": account, "path": str(target)}
