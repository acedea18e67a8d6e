# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How what is sent to a webhook is signed: HMAC-SHA256 over `timestamp.body`. The receiver compares it, and refuses an old timestamp."""

from __future__ import annotations

import hashlib
import hmac
import time


def headers(secret: str, body: bytes) -> dict[str, str]:
    """The timestamp (seconds) and the signature, as headers."""
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Itops-Timestamp": stamp, "X-Itops-Signature": f"sha256={digest}"}
