# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any program with an address: the message as JSON, signed where there is a secret.

The signature is HMAC-SHA256 over `timestamp.body`; the receiver compares it, refuses an old timestamp, and knows a copy by its id.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from itops_cli.channels import posting
from itops_cli.channels.base import Channel, Message


def send(channel: Channel, message: Message) -> str:
    """POST it. Raises DeliveryError."""
    body = posting.encoded({
        "id": message.id, "change": message.change, "purpose": message.purpose, "subject": message.title(channel),
        "texts": {lang: message.texts[lang] for lang in message.languages(channel)}, "recipients": list(message.recipients),
    })  # fmt: skip
    stamp = str(int(time.time()))
    headers = {"X-Itops-Delivery": message.id, "X-Itops-Timestamp": stamp}
    if channel.get("secret"):
        headers["X-Itops-Signature"] = f"sha256={signature(str(channel['secret']), stamp, body)}"
    return f"status {posting.post(channel, str(channel['url']), body, headers).status}"


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Hexadecimal HMAC-SHA256 over the timestamp, a dot and the body."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
