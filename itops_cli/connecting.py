# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why nobody could be asked, in words; never the text of an outer error, for that holds the address with its tokens."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests


def reason(error: requests.RequestException) -> str:
    """The innermost reason."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({one.verify_message})"
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return one.strerror
    return "no answer in time" if isinstance(error, requests.Timeout) else f"no connection ({type(error).__name__})"


def distrusted(error: requests.RequestException) -> bool:
    """Whether it is the certificate, so that asking again would not help."""
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps, however it is wrapped."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if any(one is known for known in seen):
            continue
        seen.append(one)
        yield one
        inner = [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
        waiting += [other for other in inner if isinstance(other, BaseException)]
