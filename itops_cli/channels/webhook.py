# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any program with an address: the message as JSON, signed where there is a secret; the receiver knows a copy by its id."""

from __future__ import annotations

from ansible_collections.itops.maintenance.plugins.plugin_utils import web_signature

from itops_cli.channels import posting
from itops_cli.channels.base import Channel, Message


def send(channel: Channel, message: Message) -> str:
    """POST it. Raises DeliveryError."""
    body = posting.encoded({
        "id": message.id, "change": message.change, "purpose": message.purpose, "subject": message.title(channel),
        "texts": {lang: message.texts[lang] for lang in message.languages(channel)}, "recipients": list(message.recipients),
    })  # fmt: skip
    signed = web_signature.headers(str(channel["secret"]), body) if channel.get("secret") else {}
    return f"status {posting.post(channel, str(channel['url']), body, {'X-Itops-Delivery': message.id, **signed}).status}"
