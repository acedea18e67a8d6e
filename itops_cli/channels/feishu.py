# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom robot of Feishu (飞书): a card with Markdown; where it is set to 签名校验, timestamp and signature stand in the body."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from itops_cli.channels import posting, robots
from itops_cli.channels.base import Channel, Message

LIMIT = 18000  # bytes of text; the whole request may have 20 KB
PASSING = (11232, 11233)  # too many calls


def send(channel: Channel, message: Message) -> str:
    """POST it and look at code. Raises DeliveryError."""
    text, cut = robots.composed(channel, message, LIMIT)
    card = {
        "schema": "2.0",
        "header": {"title": {"tag": "plain_text", "content": message.title(channel)}},
        "body": {"elements": [{"tag": "markdown", "content": text}]},
    }
    stamped = _stamped(str(channel.get("secret") or ""))
    answer = posting.post(channel, str(channel["url"]), posting.encoded({**stamped, "msg_type": "interactive", "card": card}))
    return robots.told(posting.accepted(answer, "code", "msg", PASSING), cut, LIMIT)


def _stamped(secret: str) -> dict[str, Any]:
    if not secret:
        return {}
    stamp = str(int(time.time()))
    return {"timestamp": stamp, "sign": signature(secret, stamp)}


def signature(secret: str, stamp: str) -> str:
    """Base64 of HMAC-SHA256 over nothing, with the timestamp, a line end and the secret as key."""
    return base64.b64encode(hmac.new(f"{stamp}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()
