# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the host transaction: starts it, follows its journal into the ledger, rejoins after a cut.

The journal on the host is the truth. Every line of it becomes one event, exactly once; a connection that dies is
rejoined, never restarted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.itops.maintenance.plugins.plugin_utils.ledger import Ledger

POLL_MS = 2000  # how long one read waits on the host for something new
REJOIN_PAUSE = 2.0  # seconds between two tries to reach a host again
REJOIN_WITHIN = 300  # seconds


class ContactLost(Exception):
    """The host could not be reached again in time. What it does now is unknown; its journal will tell."""


class Refused(Exception):
    """The host did not begin: its lock is held, its engine cannot run …"""


class Unreachable(Exception):
    """One exchange did not get through (raised by a transport)."""


class Denied(Unreachable):
    """The host answered, but let nothing begin: sudo refused, no Python, an engine that cannot run."""


class Transport(Protocol):
    """How one request reaches the host; a connection's exec, or a local process in tests."""

    def __call__(self, op: str, body: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]: ...


def patient(transport: Transport, within: float) -> Transport:
    """The same transport, but what does not get through is tried again for so many seconds: a stale connection, a host that boots."""

    def send(op: str, body: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
        began = time.monotonic()
        while True:
            try:
                return transport(op, body, files)
            except Denied:
                raise
            except Unreachable:
                if time.monotonic() - began >= within:
                    raise
                time.sleep(REJOIN_PAUSE)

    return send


@dataclass
class Follower:
    """Follows one segment of one host into the ledger. `cancelled` is asked at every turn."""

    transport: Transport
    ledger: Ledger
    segment: Mapping[str, Any]
    rejoin_within: float = REJOIN_WITHIN
    cancelled: Callable[[], bool] = lambda: False
    shown: Callable[[str, Mapping[str, Any]], None] = lambda kind, data: None
    last_line: int = 0
    offset: int = 0
    end: dict[str, Any] | None = None
    _cancel_sent: bool = field(default=False, repr=False)

    def start(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """Begin the segment and follow it to its end; the data of its `segment_finished`."""
        try:
            reply = self.transport("start", self.segment, files)
        except Denied as error:
            raise Refused(str(error)) from None
        except Unreachable as error:
            # it may or may not have begun: only the journal knows
            self._rejoin(str(error))
            reply = {"lines": [], "offset": 0, "ended": False, "alive": True}
        if reply.get("refused") or not reply.get("ok", True):
            raise Refused(f"{reply.get('refused') or 'not begun'}: {reply.get('error') or reply.get('holder') or ''}")
        return self._follow(reply)

    def rejoin(self) -> dict[str, Any]:
        """Follow a segment that was started earlier, from the first line the ledger does not have."""
        return self._follow({"lines": [], "offset": 0, "ended": False, "alive": True})

    def _follow(self, reply: Mapping[str, Any]) -> dict[str, Any]:
        while True:
            self._import(reply)
            if self.end is not None:
                return self.end
            if not reply.get("alive", True):
                return self._interrupted()
            self._maybe_cancel()
            reply = self._read()

    def _read(self) -> Mapping[str, Any]:
        body = {**self._address(), "offset": self.offset, "wait_ms": POLL_MS}
        try:
            reply = self.transport("read", body, {})
            if reply.get("missing"):
                raise Refused(f"the host never began: {reply.get('error', '')}")
            if not reply.get("ok", True):
                raise Unreachable(f"the journal cannot be read: {reply.get('error', '')}")
            return reply
        except Unreachable as error:
            self._rejoin(str(error))
            return {"lines": [], "offset": self.offset, "alive": True}

    def _rejoin(self, message: str) -> None:
        began = time.monotonic()
        self._event("contact_lost", {"message": message, "waited_ms": 0, "final": False})
        while time.monotonic() - began < self.rejoin_within:
            time.sleep(REJOIN_PAUSE)
            try:
                reply = self.transport("read", {**self._address(), "offset": self.offset, "wait_ms": 0}, {})
            except Unreachable as error:
                message = str(error)
                continue
            if not (reply.get("ok", True) or reply.get("missing")):
                message = f"the journal cannot be read: {reply.get('error', '')}"
                continue
            self._event("contact_regained", {})
            if reply.get("missing"):
                raise Refused(f"the host never began: {reply.get('error', '')}")
            return
        waited = int((time.monotonic() - began) * 1000)
        self._event("contact_lost", {"message": message, "waited_ms": waited, "final": True})
        raise ContactLost(message)

    def _import(self, reply: Mapping[str, Any]) -> None:
        for line in reply.get("lines") or []:
            number = int(line.get("n", 0))
            if number > self.last_line:
                self.last_line = number
                self._event(str(line["event"]), self._kept(line), str(line.get("phase", "")))
            if line["event"] == "confirm_wait":
                self._confirm()
            if line["event"] == "segment_finished":
                self.end = dict(line)
        self.offset = int(reply.get("offset", self.offset))

    def _kept(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """A line as the ledger has it: an output too long for an event lies in the evidence."""
        data = {key: value for key, value in line.items() if key not in ("event", "phase", "output")}
        return {**data, "evidence": self.ledger.evidence(str(line["output"]).encode())} if line.get("output") else data

    def _interrupted(self) -> dict[str, Any]:
        """The runner is gone and left no end: power cut, kill. Said, and never taken for success."""
        message = "the runner on the host ended without finishing"
        self._event("segment_interrupted", {"segment": self.segment["segment"], "message": message})
        return {"segment": self.segment["segment"], "result": "interrupted", "changed": True, "step": "", "message": message}

    def _confirm(self) -> None:
        """The host waits to hear that the change has not cut it off; that this gets through is the proof."""
        try:
            self.transport("confirm", self._address(), {})
        except Unreachable:
            return  # then the host undoes the change by itself, which is what it waits for

    def _maybe_cancel(self) -> None:
        if self.cancelled() and not self._cancel_sent:
            try:
                self.transport("cancel", self._address(), {})
                self._cancel_sent = True
            except Unreachable:
                return  # the next read will notice and rejoin

    def _address(self) -> dict[str, Any]:
        return {key: self.segment[key] for key in ("change", "run", "segment", "state_dir")}

    def _event(self, kind: str, data: Mapping[str, Any], phase: str = "") -> None:
        self.shown(kind, data)
        self.ledger.append(
            kind, dict(data), run=self.segment["run"], host=self.segment["host"], phase=phase or self.segment["phase"],
            sync=kind in ("segment_started", "segment_finished", "backup_made", "contact_lost"),
        )  # fmt: skip
