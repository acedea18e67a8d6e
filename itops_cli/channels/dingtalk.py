# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom robot of DingTalk (钉钉): a message of type markdown; where it is set to 加签, timestamp and signature stand in its address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import quote_plus

from itops_cli.channels import posting, robots
from itops_cli.channels.base import Channel, Message

LIMIT = 18000  # bytes of text; the whole request may have 20000 (errcode 460101)
PASSING = (-1, 130101)  # system busy, too many calls


def send(channel: Channel, message: Message) -> str:
    """POST it and look at errcode. Raises DeliveryError."""
    text, cut = robots.composed(channel, message, LIMIT)
    markdown = {"title": message.title(channel), "text": text}
    body = posting.encoded({"msgtype": "markdown", "markdown": markdown, "at": {"isAtAll": False}})
    answer = posting.post(channel, signed(str(channel["url"]), str(channel.get("secret") or "")), body)
    return robots.told(posting.accepted(answer, "errcode", "errmsg", PASSING), cut, LIMIT)


def signed(url: str, secret: str) -> str:
    """The address with the time in milliseconds and the signature of it; as it is where there is no secret."""
    if not secret:
        return url
    stamp = str(round(time.time() * 1000))
    return f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={quote_plus(signature(secret, stamp))}"


def signature(secret: str, stamp: str) -> str:
    """Base64 of HMAC-SHA256 with the secret as key over the timestamp, a line end and the secret."""
    return base64.b64encode(hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()).decode()
