# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a finished PDF: protection, flattening, and the properties by which it is known again."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from typing import Any

from itops_cli.typeset import need

DPI = 200  # of a flattened page
QUALITY = 85  # of its picture
POINTS = 72  # an inch


def opened(content: bytes) -> Any:
    """A pikepdf document."""
    return need("pikepdf").open(io.BytesIO(content))


def saved(pdf: Any, protect: bool) -> bytes:
    """The file. With `protect`: AES-256, everybody may read it, only the unknown owner may change, copy or take it apart.

    A reader that ignores these wishes is not held by them: it deters, it does not prevent. PDF/A allows no encryption, so the claim goes.
    """
    pikepdf, out = need("pikepdf"), io.BytesIO()
    if not protect:
        pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return out.getvalue()
    with pdf.open_metadata() as meta:
        for key in ("pdfaid:part", "pdfaid:conformance"):
            if key in meta:
                del meta[key]
    may = pikepdf.Permissions(
        accessibility=True, extract=False, modify_annotation=False, modify_assembly=False, modify_form=False, modify_other=False,
        print_lowres=True, print_highres=True,
    )  # fmt: skip
    pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, encryption=pikepdf.Encryption(owner=secrets.token_urlsafe(24), user="", R=6, allow=may))
    return out.getvalue()


def flattened(content: bytes) -> Any:
    """Each page as one picture with everything in it: nothing can be taken off, and nothing be copied as text. A pikepdf document."""
    pikepdf, made = need("pikepdf"), need("pikepdf").new()
    pages = need("pypdfium2").PdfDocument(content)
    for number in range(len(pages)):
        width, height = pages[number].get_size()
        picture = pages[number].render(scale=DPI / POINTS).to_pil().convert("RGB")
        drawn = io.BytesIO()
        picture.save(drawn, "JPEG", quality=QUALITY, dpi=(DPI, DPI))
        image = pikepdf.Stream(made, drawn.getvalue())
        image.Type, image.Subtype, image.Filter = pikepdf.Name.XObject, pikepdf.Name.Image, pikepdf.Name.DCTDecode
        image.Width, image.Height, image.ColorSpace, image.BitsPerComponent = picture.width, picture.height, pikepdf.Name.DeviceRGB, 8
        page = made.add_blank_page(page_size=(width, height))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Page=image))
        page.Contents = pikepdf.Stream(made, f"q {width} 0 0 {height} 0 0 cm /Page Do Q".encode())
    pages.close()
    return made


def texts(content: bytes) -> list[str]:
    """The text of each page; of a page that is a picture there is none."""
    with need("pypdfium2").PdfDocument(content) as pages:
        return [page.get_textpage().get_text_range() for page in pages]


def beside(pdf: Any) -> Iterator[str]:
    """What a PDF says outside of its pages' text: properties, targets of links, comments, bookmarks, fields, names of attachments."""
    pikepdf = need("pikepdf")
    for thing in pdf.objects:
        stream = isinstance(thing, pikepdf.Stream)
        yield from _strings(thing.stream_dict if stream else thing, pikepdf)
        if stream and thing.get("/Type") == "/Metadata":
            yield thing.read_bytes().decode("utf-8", "replace")


def _strings(thing: Any, pikepdf: Any) -> Iterator[str]:
    """Of one object, without those it refers to."""
    if isinstance(thing, pikepdf.String):
        yield str(thing)
    elif isinstance(thing, (pikepdf.Dictionary, pikepdf.Array)):
        for part in thing if isinstance(thing, pikepdf.Array) else thing.as_dict().values():
            if not getattr(part, "is_indirect", False):
                yield from _strings(part, pikepdf)


def keywords(pdf: Any) -> list[str]:
    """The document's keywords, one by one."""
    text = str(pdf.docinfo.get("/Keywords", "")) if pdf.docinfo else ""
    return [word.strip() for word in text.replace(";", ",").split(",") if word.strip()]


def name(pdf: Any, title: str, words: list[str]) -> None:
    """Give it a title and keywords, in both places where readers look."""
    with pdf.open_metadata(set_pikepdf_as_editor=False) as meta:
        meta["pdf:Keywords"] = ", ".join(words)
        if title:
            meta["dc:title"] = title
