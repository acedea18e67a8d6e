# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error_rate check: how often a service complains, measured before the change and held against it afterwards.

Before, the rate of the last `window` seconds is kept in the directory of the change. Afterwards what counts is written since the
service was last started (see marks.py), looked at for `observe` seconds; too many errors end it at once. A log that does not
answer, or a rate from before that is not known, is abnormal: unknown is never success.
"""

from __future__ import annotations

import hashlib
import json
import time
from fractions import Fraction
from typing import Any

from . import checks_log, fileio, log_count, log_store
from .child import bounded
from .error_rate import Rate, allowed, shown
from .step import Context, StepFailed, StepResult, abnormal, done

BASELINES = "rates.json"
WINDOW, OBSERVE = 3600, 60  # seconds, where the check does not say
POLL = 5.0  # seconds between two looks, at most
STORES = {"loki": ("url", "query"), "elasticsearch": ("url", "index", "query", "time_field")}


def key_of(check: dict[str, Any]) -> str:
    """The name of what is counted; without anything of it, as an address may hold a secret."""
    named = {key: check.get(key) for key in ("unit", "path", "pattern") if check.get(key)}
    named.update({store: [check[store].get(part) for part in parts] for store, parts in STORES.items() if check.get(store)})
    return "rate:" + hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def error_rate(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    """args: one of unit, path (with pattern), loki, elasticsearch; window, observe (s), factor, max_per_minute, timestamps."""
    return _before(ctx, args, limit) if ctx.step.get("kind") == "before" else _after(ctx, args, limit)


def observed(args: dict[str, Any]) -> int:
    """Seconds that are looked at after the change."""
    return int(args.get("observe") or OBSERVE)


def _before(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    kept, key = _baselines(ctx), key_of(args)
    if key in kept and any(ctx.change_dir.glob("*/patch-*")):  # a resumed change: what the host says now is no longer from before
        rate, note = _rate(kept[key]), f", as measured at {kept[key]['at']}"
    else:
        rate, note = _measured_before(args, limit), ""
        mine = {"errors": rate.errors, "ms": rate.ms, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        fileio.write_json(ctx.change_dir / BASELINES, {**kept, key: mine})
    return done(f"errors before: {rate}{note}", errors=rate.errors, ms=rate.ms, rates={"before": shown(rate.per_minute)})


def _measured_before(args: dict[str, Any], limit: float) -> Rate:
    if args.get("timestamps") is False:
        return _watched(args, limit)
    window, end = int(args.get("window") or WINDOW), time.time()
    if args.get("path") or args.get("unit"):
        return Rate(int(bounded(lambda: log_count.between(args, end - window, end), limit)["errors"]), window * 1000)
    span = (int((end - window) * 1000), int(end * 1000))
    if not log_store.count(args, *span, limit, whole=True):
        raise StepFailed(
            f"the log store has nothing at all of the last {window} s, so nothing can be compared: see to url and query, or look at a longer window"
        )
    return Rate(log_store.count(args, *span, limit), window * 1000)


def _watched(args: dict[str, Any], limit: float) -> Rate:
    """A log without times: look at it grow while everything is as it was."""
    seconds, place = int(args.get("window") or observed(args)), checks_log.mark(args)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(POLL, max(0.0, until - time.monotonic())))
    return Rate(int(bounded(lambda: log_count.new(args, place), limit)["errors"]), seconds * 1000)


def _after(ctx: Context, args: dict[str, Any], limit: float) -> StepResult:
    key = key_of(args)
    place, before = ctx.marks.get(key), _baselines(ctx).get(key)
    if place is None:
        raise StepFailed("nobody has marked the end of this log when the service was started")
    if before is None:
        raise StepFailed("no error rate from before the change is known on this host, so nothing can be compared")
    return _observe(args, place, _rate(before), limit)


def _observe(args: dict[str, Any], place: dict[str, Any], before: Rate, limit: float) -> StepResult:
    """Look until the time is over. A store that stutters in between may answer later; at the end it must."""
    least, most = observed(args) * 1000, allowed(args, before)
    until = time.monotonic() + max(0, least - _elapsed(place)) / 1000
    while True:
        last = time.monotonic() >= until
        try:
            errors, lines = _new(args, place, limit)
            after = Rate(errors, max(least, _elapsed(place)))
            if last or after.per_minute > most:
                return _verdict(before, after, most, lines)
        except StepFailed:
            if last:
                raise
        time.sleep(min(POLL, max(0.2, least / 30000), max(0.0, until - time.monotonic())))


def _new(args: dict[str, Any], place: dict[str, Any], limit: float) -> tuple[int, list[str]]:
    if args.get("path") or args.get("unit"):
        found = bounded(lambda: log_count.new(args, place), limit)
        return int(found["errors"]), list(found["lines"])
    return log_store.count(args, int(place["ms"]), int(time.time() * 1000), limit), []


def _verdict(before: Rate, after: Rate, most: Fraction, lines: list[str]) -> StepResult:
    rates = {"before": shown(before.per_minute), "after": shown(after.per_minute), "allowed": shown(most)}
    facts: dict[str, Any] = {"errors": after.errors, "ms": after.ms, "rates": rates}
    story = f"errors since the start: {after}; before: {before}; allowed: {rates['allowed']} a minute"
    if after.per_minute > most:
        return abnormal(story if not lines else f"{story}; the first: {lines[0]!r}", "\n".join(lines), **facts)
    return done(story, **facts)


def _elapsed(place: dict[str, Any]) -> int:
    return max(0, int(time.time() * 1000) - int(place["ms"]))


def _baselines(ctx: Context) -> dict[str, Any]:
    try:
        found = fileio.read_json(ctx.change_dir / BASELINES)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _rate(kept: dict[str, Any]) -> Rate:
    return Rate(int(kept["errors"]), int(kept["ms"]))
