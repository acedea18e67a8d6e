# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST to a webhook or robot: TLS verified, bounded in time and size, and errors that never show the address with its token."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from itops_cli.channels.base import Channel, DeliveryError
from itops_cli.connecting import distrusted, reason

MOST_BYTES = 64 * 1024  # of an answer
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP statuses that may be another one next time
SHOWN = 200  # characters of an answer

logging.getLogger("urllib3").setLevel(logging.WARNING)  # its debug lines hold whole addresses, tokens and all


@dataclass(frozen=True)
class Answer:
    """What came back with a status of success."""

    status: int
    text: str

    def fields(self) -> dict[str, Any]:
        """The JSON object in it; empty where it is none."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def encoded(data: Mapping[str, Any]) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def post(channel: Channel, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """POST JSON. Raises DeliveryError for anything but a status of success; redirects are not followed, a token goes nowhere else."""
    where = _where(url)
    answer, failed = _posted(channel, url, body, {"Content-Type": "application/json; charset=utf-8", "User-Agent": "itops", **(headers or {})})
    if answer is None:  # raised out here, so that no cause with the address hangs on it
        raise DeliveryError(f"{where}: {failed[0]}", failed[1])
    if not 200 <= answer.status < 300:
        raise DeliveryError(f"{where} answers {answer.status}: {answer.text[:SHOWN]}", answer.status in PASSING or answer.status > 504)
    return answer


def accepted(answer: Answer, code: str, text: str, passing: Collection[int]) -> str:
    """What a robot said, where its `code` is 0. Raises DeliveryError where it is not, or where no robot speaks there."""
    said = answer.fields()
    number = said.get(code)
    if isinstance(number, bool) or not isinstance(number, int):
        raise DeliveryError(f"no answer of such a robot, {code} is missing: {answer.text[:SHOWN]}")
    if number != 0:
        raise DeliveryError(f"{code} {number}: {str(said.get(text) or '')[:SHOWN]}", number in passing)
    return f"{code} 0"


def _posted(channel: Channel, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[Answer | None, tuple[str, bool]]:
    limit = float(channel.get("timeout") or 10)
    try:
        with requests.post(url, data=body, headers=headers, timeout=limit, verify=channel.get("ca") or True, allow_redirects=False, stream=True) as got:
            return Answer(got.status_code, _text(got, time.monotonic() + limit)), ("", False)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        return None, (_reason(error), not distrusted(error))
    except requests.RequestException as error:
        return None, (type(error).__name__, False)
    except OSError as error:
        return None, (f"{error.strerror or 'cannot be used'} {error.filename or channel.get('ca') or ''} (ca)", False)


def _text(response: requests.Response, deadline: float) -> str:
    """The beginning of the answer, so far as it comes in time."""
    got = b""
    for piece in response.iter_content(8192):
        got += piece
        if len(got) >= MOST_BYTES or time.monotonic() > deadline:
            break
    return got[:MOST_BYTES].decode("utf-8", "replace")


def _where(url: str) -> str:
    """Host and port only."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'no host'}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return "no address"


def _reason(error: requests.RequestException) -> str:
    return reason(error) + (" → name the authority's file: ca in policy.yml" if distrusted(error) else "")
