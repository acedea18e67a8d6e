# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What never goes outside (S16, M10 to M13, U8): looked for in any text, whatever case, spaces, entities or unseen signs it hides behind."""

from __future__ import annotations

import html
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import inside
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.inside import Thing

UNSEEN = "\u115f\u1160\u2800\u3164\uffa0"  # signs without ink that are letters or symbols to Unicode
DROPPED = ("Mn", "Me", "Cf", "Co", "Cn", "Cc")  # categories: accents, zero-width, private, controls
DOT = re.compile(r"[\[({]\s*(?:\.|dot|点)\s*[\])}]")  # 192[.]0
NUMBER = re.compile(r"(?<![0-9a-f])(?=[0-9a-f])")  # where one begins: it may have zeros before it, 010 is 10
ZEROS = r"(?:0\s*)*"
LOOKS_LIKE = str.maketrans({"。": ".", "∶": ":", "∕": "/", "⁄": "/", **dict.fromkeys("‐‑‒–−", "-"), **dict.fromkeys("—―⸺⸻", " ")})
ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~\s]|$)")  # a backslash of Markdown; any other is a slash of Windows
LIKE_IPV6 = re.compile(r"(?<![0-9a-z:])[0-9a-f:]{0,39}:[0-9a-f:.]{0,39}[0-9a-f]")
LAYERS = 3  # of entities and percent signs that are taken off
LOGIN = r"(?:帐号|账号|账户|用户名?|口令|密码|log(?:ged|s)? ?in as|log ?in|user(?: ?name)?|account|as|ssh|su|-u)"
MACHINE = r"(?:主机|服务器|节点|机器|host(?: ?name)?|server|node|machine|ssh)"
WORD = (r"(?<![a-z0-9_])(?<![a-z0-9]-)", r"(?![a-z0-9_]|-[a-z0-9])")
EDGES = {  # what may not stand around it, so that it is a word of its own
    "address": (r"(?<!\d)", r"(?!\d)"),
    "host name": WORD,
    "account": WORD,
    "internal URL": (WORD[0], r"(?![a-z0-9])"),
    "data path": ("", WORD[1]),
}
TOP_FOLDER = r"(?:(?<![a-z0-9_./-])(?<!^[a-z]:)(?<![^a-z][a-z]:)|(?<=//))"  # /data is a folder; https://example.com/data and D:\data are none
SLASHES = r"/(?:\s{0,3}\.?\s{0,3}/){0,4}"  # /srv//web and /srv/./web are /srv/web
ANOTHER = r"(?:[^\w\n]{1,4}|(?=[和及与或]))(?:(?:和|及|与|或|and|or)[^\w\n]{0,2})?"  # between the ports of a list
ADDRESSES = ("address", "internal URL")
NAMES = ("host name", "account", "address")  # may be a part of what is public


@dataclass(frozen=True)
class Hit:
    """One thing of the inside, and how the text shows it."""

    thing: Thing
    found: str

    def __str__(self) -> str:
        return str(self.thing)


class Guard:
    """Looks for everything that the service records, and `more`, say and nobody outside may know."""

    def __init__(self, services: Mapping[str, Mapping[str, Any]], more: Iterable[Thing] = ()):
        things, public = inside.collect(services)
        known = {thing.value for thing in things} | public
        self.things = [*things, *(thing for thing in more if thing.value not in known)]
        self.public = [re.compile(_spread(bared(value))) for value in sorted(public)]
        self.words = {bared(word) for sid, record in services.items() for word in (sid, str(record.get("name") or ""))}
        self._patterns: dict[Thing, re.Pattern[str]] = {}

    @cached_property
    def _squeezed(self) -> list[tuple[str, Thing]]:
        return [(squeezed(bared(thing.value)), thing) for thing in self.things]

    def likely(self, texts: Iterable[str]) -> list[Thing]:
        """The things whose letters and digits stand in these texts at all: nearly always none, and quickly known."""
        whole = squeezed(_seen("\n".join(texts)))
        return [thing for letters, thing in self._squeezed if letters in whole]

    def hits(self, text: str, things: Iterable[Thing] | None = None) -> list[Hit]:
        """Each thing once. `things` are those to look for, where it is known that the others are not in it."""
        bare = _seen(text)
        allowed = [match.span() for pattern in self.public for match in pattern.finditer(bare)]
        found: list[Hit] = []
        for thing in self.likely([text]) if things is None else things:
            for match in self._pattern(thing).finditer(bare):
                if thing.what in NAMES and any(begin <= match.start() and match.end() <= end for begin, end in allowed):
                    continue
                found.append(Hit(thing, match[0].strip()))
                break
        return found

    def _pattern(self, thing: Thing) -> re.Pattern[str]:
        if thing not in self._patterns:
            self._patterns[thing] = re.compile(self._expression(thing))
        return self._patterns[thing]

    def _expression(self, thing: Thing) -> str:
        bare = bared(thing.value)
        core = (_spread_address if thing.what in ADDRESSES else _spread)(bare)
        if thing.what == "port":
            return _port(core)
        before, after = EDGES.get(thing.what, ("", ""))
        if thing.what == "data path":
            before, core = TOP_FOLDER if bare.count("/") == 1 else before, core.replace("/", SLASHES)
        word = f"{before}{core}{after}"
        if thing.what == "account" and (thing.ordinary or bare in self.words):
            return rf"{LOGIN}(?:[^\w\n]{{0,4}}(?:是|为|is|as|named)?)?[^\w\n]{{1,4}}{word}|{LOGIN}{word}|{word}\s*@"
        if thing.what == "host name" and bare in self.words:
            return rf"(?:{MACHINE}\W{{0,4}}|@\s*|//){word}|{word}\s*:\s*\d"
        return word


def bared(text: str) -> str:
    """The text without what hides: entities and percent signs decoded, one form and case for each sign, nothing unseen, slashes of one kind."""
    for _layer in range(LAYERS):
        text = unquote(html.unescape(text))
    signs = unicodedata.normalize("NFKD", text).casefold()
    seen = "".join(sign for sign in signs if sign.isspace() or _shown(sign))
    return DOT.sub(".", ESCAPE.sub("", seen).replace("\\", "/").translate(LOOKS_LIKE))


def _seen(text: str) -> str:
    """The same, and each IPv6 address in its shortest form, which is one that is looked for."""
    return LIKE_IPV6.sub(_shortest, bared(text))


def _shortest(found: re.Match[str]) -> str:
    try:
        address = ipaddress.IPv6Address(found[0])
    except ValueError:
        return found[0]
    return str(address.ipv4_mapped or address)


def _shown(sign: str) -> bool:
    return unicodedata.category(sign) not in DROPPED and sign not in UNSEEN


def squeezed(bare: str) -> str:
    """Its letters and digits, without zeros: where these are not, the thing is not either."""
    return "".join(filter(str.isalnum, bare)).replace("0", "")


def _spread(bare: str) -> str:
    """The text with any blanks between its signs."""
    return r"\s*".join(re.escape(sign) for sign in bare if not sign.isspace())


def _spread_address(bare: str) -> str:
    return r"\s*".join(ZEROS + _spread(number) for number in NUMBER.split(bare) if number)


def _port(number: str) -> str:
    """A bare number says nothing; one beside an address or the word does."""
    alone = rf"(?<!\d){number}(?!\d)"
    return (
        rf"(?:端口|ports?\b|\btcp|\budp)[^\w\n]{{0,6}}(?:号码?|number|no|是|为|is)?[^\w\n]{{0,4}}(?:\d+{ANOTHER}){{0,9}}{alone}"
        rf"|{alone}(?:[^\w\n]{{0,3}}[\u4e00-\u9fff]{{0,4}}端口|\s*/\s*(?:tcp|udp)|\s*ports?\b)"
        rf"|(?<![a-z0-9.-])(?=[a-z0-9.-]*[a-z.])[a-z0-9.-]+\s*:\s*{alone}"
    )
