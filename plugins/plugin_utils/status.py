# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where every service stands: pure functions of the catalogue, the collected facts, the register and the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar
from ansible_collections.itops.maintenance.plugins.plugin_utils.calendar import Due
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import reclaim, thresholds
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.reclaim import Candidate
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.thresholds import High
from ansible_collections.itops.maintenance.plugins.plugin_utils.facts import Endpoint, HostFacts
from ansible_collections.itops.maintenance.plugins.plugin_utils.outcome import REFUSED

STALE_AFTER = timedelta(hours=24)
ACHIEVED = "achieved"
MAINTAINS = ("run", "resume", "patch")  # verbs of the register whose success is a maintenance
UNDOES = "rollback"
OUT_OF_USE = ("planned", "retired")  # nobody maintains or monitors these
UP = ("running", "")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Maintained:
    """The last maintenance the register knows of a service, and the last successful one that was not undone since."""

    at: datetime | None = None
    change: str = ""
    result: str = ""
    achieved_at: datetime | None = None
    achieved_change: str = ""
    achieved_before: datetime | None = None  # what counts again when the last successful one is undone


@dataclass(frozen=True)
class Level:
    """Percent over the hosts of a service."""

    highest: int
    mean: int
    hosts: int


@dataclass(frozen=True)
class Usage:
    """CPU, memory and disk of a service; only when every host has facts that are not stale, else why not."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    oldest: datetime | None = None  # the oldest facts decide
    stale: bool = False
    missing: tuple[str, ...] = ()  # hosts that were never collected
    hosts: tuple[HostFacts, ...] = ()

    @property
    def known(self) -> bool:
        return bool(self.levels) and not self.stale and not self.missing


@dataclass(frozen=True)
class Warn:
    """Something that a reader must know, as an id of labels `status_warning` and what is put into it."""

    id: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One service. `ratio` is allocated to supported in percent."""

    id: str
    record: Record
    owner: str
    deputy: str
    tz: str
    usage: Usage
    ratio: int | None
    last: Maintained
    due: Due | None  # None: not in use
    warnings: tuple[Warn, ...]
    high: tuple[High, ...] = ()  # resources that have reached a threshold
    reclaimable: tuple[Candidate, ...] | None = None  # None: nobody knows, or nothing is reclaimed proactively

    @property
    def unmonitored(self) -> bool:
        return self.due is not None and (self.record.get("monitoring") or {}).get("state") != "deployed"


@dataclass(frozen=True)
class World:
    """All that the tables are made of. `timezone` counts where a service names none; `rules` are `capacity` of the policy."""

    services: Mapping[str, Record]
    people: Mapping[str, Record]
    facts: Mapping[str, HostFacts]
    history: Mapping[str, Maintained]
    now: datetime
    timezone: str = "UTC"
    rules: Record = field(default_factory=dict)
    stale_after: timedelta = STALE_AFTER


@dataclass(frozen=True)
class Status:
    """The roll-up. `data_until` is when the newest facts were collected, `rules` are `capacity` of the policy."""

    now: datetime
    timezone: str
    data_until: datetime | None
    rows: tuple[Row, ...]
    rules: Record = field(default_factory=dict)
    stale_after: timedelta = STALE_AFTER

    def stale(self, host: HostFacts) -> bool:
        """Whether what is known of the host is too old to be shown as if it were so now."""
        return host.collected_at is None or self.now - host.collected_at > self.stale_after

    @property
    def overdue(self) -> int:
        return sum(row.due is not None and row.due.state == calendar.OVERDUE for row in self.rows)

    @property
    def unmonitored(self) -> int:
        return sum(row.unmonitored for row in self.rows)


def roll_up(world: World, only: Iterable[str] | None = None) -> Status:
    """One row for each service, by id; `only` these where given."""
    members = _members_of_groups(world.facts.values())
    wanted = sorted(world.services if only is None else only)
    rows = tuple(row(world, sid, members.get(sid, ())) for sid in wanted)
    times = [facts.collected_at for one in rows for facts in one.usage.hosts if facts.collected_at]
    return Status(world.now, world.timezone, max(times, default=None), rows, world.rules, world.stale_after)


def row(world: World, sid: str, collected_as: Sequence[str] = ()) -> Row:
    """Everything about one service; `collected_as` are the hosts whose facts name it (they answer for groups)."""
    record = world.services[sid]
    maintenance = record.get("maintenance") or {}
    usage = usage_of(sid, host_names(record, collected_as), world)
    last = world.history.get(sid, Maintained())
    in_use = record.get("lifecycle") not in OUT_OF_USE
    plan = calendar.schedule(maintenance, world.timezone)
    due = calendar.judge(plan, last.achieved_at, world.now) if in_use else None
    tz, share = str(maintenance.get("tz") or world.timezone), ratio(record)
    levels = usage.levels if usage.known else {}
    high = thresholds.reached(record, world.rules, {"allocated": share, **{name: level.highest for name, level in levels.items()}})
    idle = reclaim.candidates(record, share, world.rules, world.now.astimezone(calendar.zone(tz)).date())
    return Row(
        id=sid,
        record=record,
        owner=_name(world, record.get("owner")),
        deputy=_name(world, record.get("deputy")),
        tz=tz,
        usage=usage,
        ratio=share,
        last=last,
        due=due,
        warnings=(*warnings(sid, record, usage), *_fullness(sid, high, idle)),
        high=high,
        reclaimable=idle,
    )


def _name(world: World, person: str | None) -> str:
    return str(world.people.get(person or "", {}).get("name") or person or "")


def host_names(record: Record, collected_as: Sequence[str]) -> list[str]:
    """The hosts of a service. What is in a group of another inventory is known from what was collected."""
    entries = record.get("hosts") or ()
    named = [str(entry["name"]) for entry in entries if entry.get("name")]
    grouped = collected_as if any(entry.get("group") for entry in entries) else ()
    unknown = [str(entry["group"]) for entry in entries if entry.get("group") and not collected_as]
    return list(dict.fromkeys([*named, *grouped, *unknown]))


def usage_of(sid: str, hosts: Sequence[str], world: World) -> Usage:
    """Highest and mean over the hosts."""
    found = tuple(world.facts[host] for host in hosts if host in world.facts)
    collected = [facts for facts in found if facts.collected_at]
    missing = tuple(host for host in hosts if host not in {facts.host for facts in collected})
    oldest = min((facts.collected_at for facts in collected if facts.collected_at), default=None)
    levels = {
        "cpu": _level([facts.cpu for facts in collected]),
        "mem": _level([facts.mem for facts in collected]),
        "hdd": _level([facts.services[sid].hdd for facts in collected if sid in facts.services]),
    }
    stale = oldest is not None and world.now - oldest > world.stale_after
    return Usage({name: level for name, level in levels.items() if level}, oldest, stale, missing, found)


def _level(percents: Iterable[int | None]) -> Level | None:
    known = [percent for percent in percents if percent is not None]
    return Level(max(known), round(sum(known) / len(known)), len(known)) if known else None


def ratio(record: Record) -> int | None:
    """n/X in percent; None where one of them is unknown."""
    capacity = record.get("capacity") or {}
    supported, allocated = capacity.get("supported"), capacity.get("allocated")
    return None if not supported or allocated is None else round(100 * allocated / supported)


def warnings(sid: str, record: Record, usage: Usage) -> Iterable[Warn]:
    """What contradicts the record, or is out of order on a host, or could not be learnt."""
    for host in usage.hosts:
        yield from _host_warnings(sid, record, host)
    for endpoint in endpoints(sid, usage.hosts):
        if not endpoint.reachable:
            yield Warn("endpoint", {"address": endpoint.address, "at": endpoint.at, "text": endpoint.message})
    if waiver := (record.get("capacity") or {}).get("waiver"):
        yield Warn("waiver", {"text": waiver})


def _fullness(sid: str, high: Iterable[High], idle: Sequence[Candidate] | None) -> Iterable[Warn]:
    for one in high:
        name = one.resource if one.resource == "allocated" else "usage"
        yield Warn(f"{name}_{one.level}", {"resource": one.resource.upper(), "percent": one.percent, "threshold": one.threshold})
    if idle:
        yield Warn("reclaim", {"count": len(idle), "service": sid})


def _host_warnings(sid: str, record: Record, host: HostFacts) -> Iterable[Warn]:
    if host.problem == "damaged":
        yield Warn("damaged", {"host": host.host})
    elif host.problem:
        yield Warn("unreachable", {"host": host.host, "at": host.attempted_at, "text": host.problem})
    if contradicts(str(record.get("platform") or ""), host):
        found = " ".join(filter(None, (host.virtualization, host.virtual_name, host.cloud)))
        yield Warn("platform", {"host": host.host, "text": found, "platform": record["platform"]})
    service = host.services.get(sid)
    if service and service.state not in UP and not _expected_down(record, host.host, service.state):
        yield Warn("state", {"host": host.host, "state": service.state, "text": service.text})


def endpoints(sid: str, hosts: Iterable[HostFacts]) -> list[Endpoint]:
    """Each address once: it was tried with every host of the service, the newest answer counts."""
    newest: dict[str, Endpoint] = {}
    for host in hosts:
        for endpoint in host.services[sid].endpoints if sid in host.services else ():
            known = newest.get(endpoint.address)
            if known is None or (endpoint.at and (known.at is None or endpoint.at > known.at)):
                newest[endpoint.address] = endpoint
    return list(newest.values())


def _expected_down(record: Record, host: str, state: str) -> bool:
    """A cold standby is stopped, and that is no news."""
    roles = {entry.get("name"): entry.get("role") for entry in record.get("hosts") or ()}
    return state == "stopped" and record.get("redundancy") == "active_standby" and roles.get(host) == "standby"


def contradicts(platform: str, host: HostFacts) -> bool:
    """Whether the host is surely not what the record says. A node of k8s may be anything."""
    kind = host.virtualization
    if platform == "bare_metal":
        return kind in ("vm", "container")
    if platform == "vm":
        return kind in ("none", "container")
    return platform == "cloud" and kind == "none" and not host.cloud


def history(lines: Iterable[Mapping[str, Any]]) -> dict[str, Maintained]:
    """What the register's lines (oldest first) say of every service."""
    found: dict[str, Maintained] = {}
    for line in lines:
        if line.get("verb", MAINTAINS[0]) in (*MAINTAINS, UNDOES) and not line.get("check") and line.get("exit") != REFUSED:
            for sid in line.get("services") or ():
                found[sid] = _then(found.get(sid, Maintained()), line)
    return found


def _then(before: Maintained, line: Mapping[str, Any]) -> Maintained:
    at = calendar.moment(str(line.get("ended") or line.get("started") or ""), UTC)
    change, result, verb = str(line.get("change") or ""), str(line.get("result") or ""), line.get("verb", MAINTAINS[0])
    if verb in MAINTAINS and result == ACHIEVED:
        earlier = before.achieved_before if change == before.achieved_change else before.achieved_at
        return Maintained(at, change, result, at, change, earlier)
    if verb == UNDOES and change == before.achieved_change:
        return Maintained(at, change, result, before.achieved_before)
    return replace(before, at=at, change=change, result=result)


def _members_of_groups(facts: Iterable[HostFacts]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for host in facts:
        for sid in host.services:
            members.setdefault(sid, []).append(host.host)
    return members
