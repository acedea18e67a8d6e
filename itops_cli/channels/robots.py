# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our Markdown for those who read it otherwise: as plain text, or in the dialects of the chat programs' robots, where it must fit."""

from __future__ import annotations

import re

from itops_cli.channels.base import Channel, Message

BETWEEN = "\n\n---\n\n"
CUT = {"zh_CN": "……（内容过长，已截断；全文见变更台账）", "en": "… (too long, cut; the whole text is in the change's ledger)"}

# Each of them has its own rules for a backslash. The full-width twin of a character is markup in none of them.
_TWINS = str.maketrans({
    "\\": "＼", "|": "｜", "<": "＜", ">": "＞", "`": "｀", "*": "＊", "_": "＿", "~": "～", "&": "＆", "[": "［", "]": "］", "!": "！", "$": "＄",
})  # fmt: skip
_ESCAPED = re.compile(r"\\([\\|<>`*_~&\[\]!$])")
_AUTOLINK = re.compile(r"<(https?://[^<>\s]*)>", re.IGNORECASE)


def unescaped(text: str) -> str:
    """Our Markdown for a reader of plain text: every value as it was before it was escaped."""
    return _AUTOLINK.sub(r"\1", _ESCAPED.sub(lambda found: "\0" if found[1] == "<" else found[1], text)).replace("\0", "<")


def dialect(text: str) -> str:
    """Our Markdown without escapes: what was escaped becomes its full-width twin, so nobody is mentioned and nothing linked by a title or command."""
    parts, end = [], 0
    for found in re.finditer(f"{_ESCAPED.pattern}|{_AUTOLINK.pattern}", text, re.IGNORECASE):
        parts += [text[end : found.start()].translate(_TAGS), (found[1] or "").translate(_TWINS) or found[2]]
        end = found.end()
    return "".join([*parts, text[end:].translate(_TAGS)])


_TAGS = str.maketrans({"<": "＜"})  # no tag of any kind: <@user>, <at id=all>, <font>


def composed(channel: Channel, message: Message, limit: int) -> tuple[str, bool]:
    """The text in the channel's languages in at most `limit` bytes, and whether it had to be cut: each language its share, at the end of a line."""
    langs = message.languages(channel)
    texts = [dialect(message.texts[lang]).strip("\n") for lang in langs]
    whole = BETWEEN.join(texts)
    if len(whole.encode("utf-8", "replace")) <= limit:
        return whole, False
    share = (limit - len(BETWEEN) * (len(langs) - 1)) // len(langs)
    return BETWEEN.join(fitted(text, share, CUT.get(lang, CUT["en"])) for lang, text in zip(langs, texts, strict=True)), True


def fitted(text: str, limit: int, note: str) -> str:
    """As many whole lines as fit in `limit` bytes with the note behind them; the text itself where it fits. A first line that is too long is cut within."""
    if len(text.encode("utf-8", "replace")) <= limit:
        return text
    room = limit - len(f"\n\n{note}".encode())
    kept = text.encode("utf-8", "replace")[: max(room, 0)].decode("utf-8", "ignore")
    lines = kept.split("\n")
    whole = "\n".join(lines[:-1]).rstrip() or kept
    return f"{whole}\n\n{note}"


def told(said: str, cut: bool, limit: int) -> str:
    """The detail of a delivery."""
    return f"{said}; the text was cut to {limit} bytes" if cut else said
