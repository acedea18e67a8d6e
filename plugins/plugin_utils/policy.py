# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The department's rules: `policy.yml` beside `itops.yml` (calendar, capacity, channels, ticket systems, monitors, known errors of every service)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    day_file,
    known_errors,
    literal_secrets,
    schema,
    secret_ref,
    service_dates,
    source,
    workspace,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import thresholds
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import workdays
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.workspace import Workspace

FILE = workspace.POLICY
ROBOTS = ("wecom", "dingtalk", "feishu")  # anybody who knows the address may speak there
SECRETS = (("channels", "secret"), ("tickets", "token"), ("monitors", "secret"))
LONGEST_WAIT = 3600  # seconds a run may wait for alerts to clear
NEEDS = {"mail": ("host", "sender"), "webhook": ("url",), "wecom": ("url",), "dingtalk": ("url",), "feishu": ("url",)}


def load(ws: Workspace) -> dict[str, Any]:
    """The validated policy with its defaults; the defaults alone where there is no file. Raises BadInput with every error."""
    data, problems = read(ws)
    if errors(problems):
        raise BadInput(errors(problems))
    return data


def read(ws: Workspace) -> tuple[dict[str, Any], list[Problem]]:
    """The policy and everything that is wrong with it."""
    path = ws.root / FILE
    raw = source.load(path) if path.exists() else source.parse("{}", str(path))
    data, problems = schema.validate(schema.options("policy"), raw, "policy")
    problems = [*raw.problems, *problems]
    if not errors(problems):
        problems += [*_dates(raw, data["calendar"]), *_capacity(raw, data["capacity"]), *_channels(raw, data["channels"])]
        problems += [*_monitors(raw, data["monitors"]), *_ids(raw, data), *_references(raw, data)]
        problems += [raw.problem(*fault) for fault in known_errors.faults(data["known_errors"])]
        problems += list(_in_clear(raw, data, {problem.path for problem in problems}))
    return data, problems


def _dates(raw: source.Source, calendar: dict[str, Any]) -> Iterator[Problem]:
    if fault := workdays.fault(calendar):
        yield raw.problem(("calendar", "country"), "no such calendar", fault, "an ISO 3166 code the library holidays knows, or none")
    for key in ("holidays", "workdays"):
        for index, day in enumerate(calendar[key]):
            if not service_dates.is_date(day):
                yield raw.problem(("calendar", key, index), "not a date", day, service_dates.DATE_FORM)
    for index, period in enumerate(calendar["freeze"]):
        for edge in ("start", "end"):
            if service_dates.moment(period[edge]) is None:
                yield raw.problem(("calendar", "freeze", index, edge), "not a date or time", period[edge], service_dates.TIME_FORM)


def _capacity(raw: source.Source, rules: dict[str, Any]) -> Iterator[Problem]:
    for path, *fault in thresholds.faults(rules, ("capacity",)):
        yield raw.problem(path, *fault)
    days, points = rules["trend"]["days"], rules["trend"]["points"]
    bounds = ((("trend", "days"), days, 3, day_file.DAYS), (("trend", "points"), points, 3, max(3, days)), (("idle_days",), rules["idle_days"], 1, 0))
    for path, found, least, most in bounds:
        if found < least or 0 < most < found:
            yield raw.problem(("capacity", *path), "out of range", found, f"{least} to {most}" if most else f"{least} or more")


def _channels(raw: source.Source, channels: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, channel in enumerate(channels):
        for key in NEEDS[channel["type"]]:
            if not channel.get(key):
                yield raw.problem(("channels", index), f"a channel of type {channel['type']} needs {key}", channel["id"], f"{key}: …")
        if channel["type"] in ROBOTS and channel.get("url") and not _is_reference(channel["url"]):
            yield raw.problem(("channels", index, "url"), "the address of a robot holds its token", "«redacted»", secret_ref.ALLOWED)


def _monitors(raw: source.Source, monitors: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, monitor in enumerate(monitors):
        if not _is_address(monitor["url"]):
            yield raw.problem(("monitors", index, "url"), "not the address of a monitor", "«redacted»", "http(s)://host[:port][/path], no password in it")
        if monitor.get("user") and not monitor.get("secret"):
            yield raw.problem(("monitors", index), "an account needs its password", monitor["id"], f"secret: {secret_ref.ALLOWED}")
        for key, least, most in (("timeout", 1, 120), ("clear_within", 0, LONGEST_WAIT)):
            if not least <= monitor[key] <= most:
                yield raw.problem(("monitors", index, key), "out of range", monitor[key], f"{least} to {most} seconds")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False


def _references(raw: source.Source, data: dict[str, Any]) -> Iterator[Problem]:
    """A secret is named, never written; what is found is not repeated."""
    for group, key in SECRETS:
        for index, item in enumerate(data[group]):
            if item.get(key) and not _is_reference(item[key]):
                yield raw.problem((group, index, key), "not a reference to a secret", "«redacted»", secret_ref.ALLOWED)


def _in_clear(raw: source.Source, data: dict[str, Any], told: set[str]) -> Iterator[Problem]:
    """Secrets anywhere else: in the address of a webhook, in a handling step."""
    for path, why in literal_secrets.find(data):
        if (path[0], path[-1]) not in SECRETS and source.dotted(path) not in told:
            yield raw.problem(path, why, "«redacted»", secret_ref.ALLOWED)


def _is_reference(text: Any) -> bool:
    kind, colon, place = str(text).partition(":")
    kind = secret_ref.SAME.get(kind, kind)
    return bool(colon) and kind in secret_ref.FORMS and re.fullmatch(secret_ref.FORMS[kind], place) is not None


def _ids(raw: source.Source, data: dict[str, Any]) -> Iterator[Problem]:
    for key in ("channels", "tickets", "monitors"):
        seen = [item["id"] for item in data[key]]
        for index, name in enumerate(seen):
            if name in seen[:index]:
                yield raw.problem((key, index, "id"), "id stands twice", name, "a unique id")
