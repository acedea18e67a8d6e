# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message, what became of it, and the one way it goes through a channel: tried again where that may help, silent about secrets.

At least once: an answer that is lost on the way back makes a second copy, which carries the same id.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Protocol, cast
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils import ledger, markdown_table, redact, wording
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput

from itops_cli.errors import Exit, say

TYPES = ("mail", "webhook", "wecom", "dingtalk", "feishu")  # each a module beside this one
ADDRESSED = ("mail",)  # these go to the message's recipients; the others to whoever reads there
LANGUAGES = ("zh_CN", "en")
FIRST_PAUSE, LONGEST_PAUSE, MOST_ATTEMPTS = 1.0, 8.0, 10  # seconds, seconds, times
DETAIL_LENGTH = 300
TOKEN_LENGTH, LONG_WORD = 6, 16  # characters: a shorter part of an address is a word, not a token; a longer one is none

Channel = Mapping[str, Any]
Secret = Callable[[str], str]  # the value behind a reference such as env:NAME


@dataclass(frozen=True)
class Message:
    """What is said to whom. `texts` holds Markdown by language, `subjects` the subject by language where it differs from `subject`."""

    subject: str
    texts: Mapping[str, str]
    change: str
    purpose: str
    recipients: tuple[str, ...] = ()
    subjects: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def languages(self, channel: Channel) -> list[str]:
        """The languages of this channel, in its order; all there are where it has none of its own."""
        return [lang for lang in channel.get("lang") or LANGUAGES if lang in self.texts] or list(self.texts)

    def title(self, channel: Channel) -> str:
        """The subject in the channel's first language: one line, whatever it was made of."""
        return markdown_table.plain(self.subjects.get(next(iter(self.languages(channel)), ""), self.subject))


@dataclass(frozen=True)
class Delivery:
    """What became of a message in one channel. `recipients` are those it was handed on for; nobody where the channel is a group. `at` is RFC 3339."""

    channel: str
    type: str
    ok: bool
    attempts: int
    at: str
    detail: str
    recipients: tuple[str, ...] = ()


class DeliveryError(Exception):
    """It did not get through. `passing`: trying again may help. `left`: for whom it is still to be sent (None: for everybody)."""

    def __init__(self, message: str, passing: bool = False, left: tuple[str, ...] | None = None):
        self.passing = passing
        self.left = left
        super().__init__(message)


class Provider(Protocol):
    """What a module of this package offers."""

    def send(self, channel: Channel, message: Message) -> str:
        """Send once; `channel` has its secrets resolved. What the other side said. Raises DeliveryError."""


@dataclass
class _Tries:
    """How far it has got. `left`: for whom it is still to be sent."""

    left: tuple[str, ...]
    count: int = 0
    ok: bool = False
    detail: str = ""


def deliver(channel: Channel, message: Message, secret: Secret, pause: Callable[[float], None] = time.sleep) -> Delivery:
    """Send through one channel, so often as it says. No exception, and no secret in what comes back."""
    known: list[str] = []
    addressed = message.recipients if channel["type"] in ADDRESSED else ()
    tries = _Tries(addressed)
    try:
        _try(_opened(channel, secret, known), message, tries, lambda: _wait(channel, tries.count, _clean(tries.detail, known), pause))
    except (Exit, BadInput, DeliveryError) as error:  # a reference that leads nowhere
        tries.detail = str(error)
    except Exception as error:  # whatever else went wrong here: the other channels are still to be tried
        tries.detail = f"{type(error).__name__}: {error}"
    reached = tuple(address for address in addressed if address not in tries.left)
    return Delivery(str(channel["id"]), str(channel["type"]), tries.ok, tries.count, ledger.now(), _clean(tries.detail, known), reached)


def _try(channel: Channel, message: Message, tries: _Tries, wait: Callable[[], None]) -> None:
    """Send until it has got through, cannot, or has been tried often enough."""
    provider = _provider(channel["type"])
    allowed = max(1, min(int(channel.get("attempts") or 1), MOST_ATTEMPTS))
    while True:
        tries.count += 1
        try:
            tries.detail = provider.send(channel, replace(message, recipients=tries.left or message.recipients))
            tries.ok, tries.left = True, ()
            return
        except DeliveryError as error:
            tries.detail, tries.left = str(error), tries.left if error.left is None else error.left
            if not error.passing or tries.count >= allowed:
                return
        wait()


def _wait(channel: Channel, attempt: int, detail: str, pause: Callable[[float], None]) -> None:
    seconds = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
    say(f"{channel['id']}: {detail}; trying again in {seconds:.0f} s")
    pause(seconds)


def _provider(name: str) -> Provider:
    if name not in TYPES:
        raise DeliveryError(f"no channel of type {name} → one of {', '.join(TYPES)}")
    return cast(Provider, import_module(f"{__package__}.{name}"))


def _opened(channel: Channel, secret: Secret, known: list[str]) -> dict[str, Any]:
    """The channel with its references replaced by their values; every value is added to `known`."""
    opened = dict(channel)
    url = str(channel.get("url") or "")
    if url and not url.lower().startswith(("http://", "https://")):
        opened["url"] = secret(url).strip()
    known += _tokens(str(opened.get("url") or ""))
    if channel.get("secret"):
        opened["secret"] = secret(str(channel["secret"])).strip("\r\n")
        known.append(opened["secret"])
    return opened


def _tokens(url: str) -> Iterator[str]:
    """What of an address may be a token: the whole, its query, its values, its user, and of its path what is no word."""
    try:
        parts = urlsplit(url)
    except ValueError:
        yield url
        return
    path = [text for text in parts.path.split("/") if len(text) >= LONG_WORD or (len(text) >= TOKEN_LENGTH and any(map(str.isdigit, text)))]
    found = [parts.query, *(value for _name, value in parse_qsl(parts.query)), parts.username or "", parts.password or "", *path]
    yield from (text for text in [url, *found] if len(text) >= TOKEN_LENGTH)


def _clean(text: str, known: list[str]) -> str:
    """One line for the record, without any of these values."""
    return wording.shorten(redact.Redactor(known).text(markdown_table.plain(text)), DETAIL_LENGTH)
