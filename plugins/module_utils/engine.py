# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's side of the host protocol: one request from stdin, one reply line on stdout.

Called by the loader of plugin_utils/host_protocol.py as main(state_dir, op, header, stdin). Imports only what an op needs:
a poll must be cheap.
"""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False  # typing and pathlib take longer to import than a poll may
if TYPE_CHECKING:
    from typing import IO, Any

REPLY = "ITOPS-REPLY "
FORMAT = 1


def main(state_dir: str, op: str, header: dict[str, Any], stdin: IO[bytes]) -> int:
    """Do one op and print the reply. Returns the exit status: 0 whenever there is a reply."""
    secrets: list[Any] = []
    try:
        body = json.loads(stdin.readline() or b"{}")
        secrets = list((body.get("segment") or {}).get("secrets") or []) if isinstance(body.get("segment"), dict) else []
        answer = _dispatch(state_dir, op, header, body, stdin)
    except Exception as exc:  # noqa: BLE001 (every request gets a reply)
        answer = {"ok": False, "error": _reason(exc, secrets), "kind": type(exc).__name__}
    sys.stdout.buffer.write(f"{REPLY}{json.dumps(answer)}\n".encode())
    sys.stdout.buffer.flush()
    return 0


def _dispatch(state_dir: str, op: str, header: dict[str, Any], body: dict[str, Any], stdin: IO[bytes]) -> dict[str, Any]:
    from . import places

    places.private_dir(state_dir)
    if op == "read":
        from .follow import follow

        return follow(state_dir, body, int(body.get("offset") or 0), int(body.get("wait_ms") or 0))
    from pathlib import Path

    state = Path(state_dir)
    if op == "start":
        from .start import start

        return start(state, _segment(body), stdin, list(header.get("files") or []))
    if op == "state":
        from .history import state as state_of

        return state_of(state, str(body["change"]))
    if op in ("cancel", "confirm"):
        from .signals import leave

        return leave(state, op, body)
    raise ValueError(f"unknown op {op!r}; known are start, read, state, cancel, confirm")


def _segment(body: dict[str, Any]) -> dict[str, Any]:
    segment = dict(body["segment"]) if isinstance(body.get("segment"), dict) else dict(body)
    if segment.get("format") != FORMAT:
        raise ValueError(f"segment format {segment.get('format')!r} is not supported (this engine speaks {FORMAT})")
    missing = [key for key in ("change", "run", "segment", "phase", "steps") if not segment.get(key)]
    if missing:
        raise ValueError(f"segment without {', '.join(missing)}")
    return segment


def _reason(exc: Exception, secrets: list[Any]) -> str:
    from .redaction import Redactor

    if isinstance(exc, OSError) and exc.strerror:
        text = f"{exc.strerror}: {exc.filename}" if exc.filename else exc.strerror
    else:
        text = str(exc) or type(exc).__name__
    return Redactor(secrets).text(text)
