# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How messages reach people: mail, webhook, and the robots of WeCom, DingTalk and Feishu, as policy.yml lists them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from itops_cli.channels.base import Delivery, DeliveryError, Message, Provider, Secret, deliver
from itops_cli.errors import say

__all__ = ["Delivery", "DeliveryError", "Message", "Provider", "Secret", "deliver", "send_all"]


def send_all(
    channels: Iterable[Mapping[str, Any]], purpose: str, message: Message, secret: Secret, pause: Callable[[float], None] = time.sleep
) -> list[Delivery]:
    """Send through every channel that serves this purpose, in their order. All of them are tried; a failure is a Delivery, never an exception."""
    sent = []
    for channel in channels:
        if purpose in (channel.get("purpose") or [purpose]):
            say(f"sending through {channel['id']} ({channel['type']}) …")
            sent.append(deliver(channel, message, secret, pause))
    return sent
