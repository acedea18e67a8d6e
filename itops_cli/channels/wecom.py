# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The group robot of WeCom (企业微信): a message of type markdown. Its address holds its key; it knows no signature."""

from __future__ import annotations

from itops_cli.channels import posting, robots
from itops_cli.channels.base import Channel, Message

LIMIT = 4096  # bytes of markdown.content; more is refused with errcode 40058
PASSING = (-1, 45009, 45033)  # system busy, too many calls, too many at once


def send(channel: Channel, message: Message) -> str:
    """POST it and look at errcode. Raises DeliveryError."""
    text, cut = robots.composed(channel, message, LIMIT)
    answer = posting.post(channel, str(channel["url"]), posting.encoded({"msgtype": "markdown", "markdown": {"content": text}}))
    return robots.told(posting.accepted(answer, "errcode", "errmsg", PASSING), cut, LIMIT)
