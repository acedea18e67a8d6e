# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error_rate check in plans and service records: its rules, how it is told, and what a service record adds to every change (S13)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import addresses, labels, placeholders, safe_pattern

TYPE = "error_rate"
OF_SERVICE = {"id": "log-error-rate", "type": TYPE, "title": "日志错误率"}
LOGS, STORES = ("unit", "path"), ("loki", "elasticsearch")
KEYS = (*LOGS, *STORES, "pattern", "window", "observe", "factor", "max_per_minute", "timestamps")
WINDOW, OBSERVE = 3600, 60  # seconds; the same defaults as on the host
LONGEST = 86400
LONGEST_WATCHED = 600  # seconds a run waits before a change for a log without times
NUMBER = re.compile(r"\d{1,9}(\.\d{1,6})?")
SECRET_HEADER = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)

Data = Mapping[str, Any]
Path_ = tuple[str | int, ...]
Fault = tuple[Path_, str, str, str]  # path, message, found, allowed


def of_service(service: Data) -> list[dict[str, Any]]:
    """The check that every change of this service gets."""
    logging = service.get("logging") or {}
    return [{**logging[TYPE], **OF_SERVICE}] if logging.get("state") == "deployed" and logging.get(TYPE) else []


def faults(rate: Data, path: Path_ = ()) -> Iterator[Fault]:
    """All that is wrong with an error rate of the right form."""
    sources = [name for name in (*LOGS, *STORES) if rate.get(name)]
    if len(sources) > 1:
        yield path, "only one of these may be given", ", ".join(sources), ", ".join((*LOGS, *STORES))
    yield from _pattern(rate, path)
    for key, most in (("window", LONGEST if rate.get("timestamps") is not False else LONGEST_WATCHED), ("observe", LONGEST)):
        if rate.get(key) is not None and not 1 <= rate[key] <= most:
            yield (*path, key), "not a span that can be looked at", str(rate[key]), f"1 to {most} seconds"
    for key in ("factor", "max_per_minute"):
        if rate.get(key) is not None and not NUMBER.fullmatch(rate[key]):
            yield (*path, key), "not a number", rate[key], "0 or more, such as 1.5"
    if "timestamps" in rate and not rate.get("path"):
        yield (*path, "timestamps"), "has a meaning only with path", "timestamps", "path"
    for name in STORES:
        yield from _store(rate.get(name) or {}, (*path, name))
    if "before" not in (rate.get("when") or ("before",)):
        yield (*path, "when"), "without a rate from before there is nothing to compare with", ", ".join(rate["when"]), "before, and after or rollback"


def misplaced(check: Data, path: Path_) -> Iterator[Fault]:
    """For places that are not looked at before the change."""
    if check["type"] == TYPE:
        yield (*path, "type"), "nobody measures before the change here", TYPE, "under plan.checks, or as logging.error_rate of the service record"


def _pattern(rate: Data, path: Path_) -> Iterator[Fault]:
    text, log = rate.get("pattern"), next((name for name in LOGS if rate.get(name)), "")
    if log and not text:
        yield (*path, "pattern"), f"{log} needs a pattern", "", "a regular expression that only errors match"
    if text and not log and any(rate.get(name) for name in STORES):
        yield (*path, "pattern"), "has a meaning only with unit or path", text, "put it into the query"
    if text:
        plain = placeholders.PLACEHOLDER.sub("x", text)
        try:
            re.compile(plain)
        except (re.error, OverflowError, RecursionError) as error:
            yield (*path, "pattern"), f"not a regular expression ({error})", text, "a regular expression"
            return
        if why := safe_pattern.fault(plain):
            yield (*path, "pattern"), f"can take too long: {why}", text, safe_pattern.ALLOWED


def _store(store: Data, path: Path_) -> Iterator[Fault]:
    url = store.get("url") or ""
    if url and "%{" not in url and (fault := addresses.url_fault(url)):
        yield (*path, "url"), fault[0], url, fault[1]
    secrets: dict[Path_, Any] = {("password",): store.get("password"), **{("headers", name): text for name, text in (store.get("headers") or {}).items()}}
    for place, text in secrets.items():
        if text and SECRET_HEADER.search(str(place[-1])) and not placeholders.PLACEHOLDER.search(str(text)):
            yield (*path, *place), "a literal secret", "«redacted»", "a placeholder, such as %{credential}"


def where(rate: Data) -> str:
    """The log in a few words."""
    if rate.get("unit"):
        return f"journal {rate['unit']}"
    name = next((name for name in STORES if rate.get(name)), "")
    return f"{name} {rate[name].get('query')}" if name else str(rate.get("path"))


def display(rate: Data) -> str:
    """The check in one line."""
    limits = [f"{rate['factor']} x before" if rate.get("factor") else "", f"{rate['max_per_minute']}/min" if rate.get("max_per_minute") else ""]
    pattern = f" {rate['pattern']}" if rate.get("pattern") else ""
    return f"error rate {where(rate)}{pattern} <= {' or '.join(filter(None, limits))}, {rate.get('observe') or OBSERVE} s"


def longest(rate: Data) -> int:
    """Seconds that are spent looking, at most."""
    watched = int(rate.get("window") or OBSERVE) if rate.get("timestamps") is False else 0
    return max(watched, int(rate.get("observe") or OBSERVE))


def words(rate: Data, lang: str) -> dict[str, Any]:
    """What the sentences of a run-sheet say of it."""

    def said(name: str, **parts: Any) -> str:
        return labels.label(TYPE, name, lang).format(**parts)

    limits = [said(name, number=rate[name]) for name in ("factor", "max_per_minute") if rate.get(name)]
    what = said("pattern", pattern=rate["pattern"]) if rate.get("pattern") else ""
    return {"where": where(rate) + what, "window": rate.get("window") or WINDOW, "observe": rate.get("observe") or OBSERVE, "limit": said("or").join(limits)}


def told(rates: Data, lang: str) -> str:
    """The measured rates for a reader: before, after and what was allowed, or only what was found before the change."""
    return labels.label(TYPE, "compared" if "after" in rates else "measured", lang).format(**rates)
