# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics: a pure function of the picture. Base units (seconds, bytes, ratios from 0 to 1); what nobody knows is left out, never 0.

Labels are bounded: services and hosts of the catalogue, and words of fixed lists. No text of a record becomes a label but its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ansible_collections.itops.maintenance.plugins.plugin_utils import calendar, outcome
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity.view import Capacity
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Row
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from itops_cli import __version__
from itops_cli.metrics.picture import Picture

STATES = (calendar.NORMAL, calendar.DUE_SOON, calendar.OVERDUE, calendar.UNKNOWN)
RESULTS = (outcome.ACHIEVED, outcome.PARTIAL, outcome.NOT_ACHIEVED)
BACKOUTS = (outcome.NOT_NEEDED, outcome.SUCCEEDED, outcome.FAILED, outcome.IMPOSSIBLE)
SERVICE = ("service",)

Sample = tuple[Sequence[str], float]


def families(picture: Picture) -> Iterator[Metric]:
    """Every metric family, in the order in which they are printed."""
    rows = picture.status.rows
    yield from _house(picture)
    yield _info(rows)
    yield from _maintenance(rows)
    yield from _capacity(rows)
    yield from _usage(rows)
    yield from _outlook(picture.capacity)
    yield from _runs(picture)
    yield from _backups(picture)


def _house(picture: Picture) -> Iterator[Metric]:
    yield InfoMetricFamily("itops_build", "Version of itops.", value={"version": __version__})
    yield _gauge("itops_generated_timestamp_seconds", "When these metrics were made.", [((), picture.status.now.timestamp())])
    yield _gauge("itops_services", "Services in the catalogue.", [((), len(picture.status.rows))])
    yield _gauge("itops_open_records", "Changes whose record is open: under way, or left by a controller that is gone.", [((), picture.open_records)])
    overdue = picture.reviews_overdue
    yield _gauge("itops_document_reviews_overdue", "Documents whose review is overdue.", [] if overdue is None else [((), overdue)])
    told = picture.verified
    yield _gauge("itops_ledger_verified_timestamp_seconds", "When all ledgers were last verified.", [((), told.at.timestamp())] if told else [])
    yield _gauge("itops_ledger_faults", "Faults that this verification found.", [((), told.faults)] if told else [])


def _info(rows: Iterable[Row]) -> Metric:
    family = InfoMetricFamily("itops_service", "What a service is like.", labels=SERVICE)
    for row in rows:
        maintenance, monitoring = row.record.get("maintenance") or {}, row.record.get("monitoring") or {}
        told = {
            "platform": row.record.get("platform"), "redundancy": row.record.get("redundancy"), "criticality": row.record.get("criticality", "medium"),
            "lifecycle": row.record.get("lifecycle", "live"), "mode": maintenance.get("mode", "manual"), "monitoring": monitoring.get("state", "absent"),
        }  # fmt: skip
        family.add_metric([row.id], {name: str(value or "") for name, value in told.items()})
    return family


def _maintenance(rows: Sequence[Row]) -> Iterator[Metric]:
    """Last, next and overdue maintenance (S10)."""
    used = [row for row in rows if row.due is not None]
    yield _gauge(
        "itops_maintenance_last_timestamp_seconds", "End of the last maintenance, whatever came of it.", _times((r.id, r.last.at) for r in rows), SERVICE
    )
    achieved = ((row.id, row.last.achieved_at) for row in rows)
    yield _gauge("itops_maintenance_last_achieved_timestamp_seconds", "End of the last successful maintenance.", _times(achieved), SERVICE)
    results = {row.id: row.last.result for row in rows if row.last.result}
    yield _gauge("itops_maintenance_last_result", "1 for how the last maintenance ended.", _one_of(results, RESULTS), ("service", "result"))
    due = ((row.id, row.due.at) for row in used if row.due)
    yield _gauge("itops_maintenance_next_due_timestamp_seconds", "When maintenance is due next, or was due.", _times(due), SERVICE)
    states = {row.id: row.due.state for row in used if row.due}
    yield _gauge("itops_maintenance_state", "1 for the state of a service that is in use.", _one_of(states, STATES), ("service", "state"))


def _capacity(rows: Sequence[Row]) -> Iterator[Metric]:
    """What there is and what is given away (S6, S7)."""
    capacity = {row.id: row.record.get("capacity") or {} for row in rows}
    for name, said in (("supported", "Resources the service supports."), ("allocated", "Resources that are given away.")):
        yield _gauge(f"itops_capacity_{name}", said, [([sid], float(c[name])) for sid, c in capacity.items() if c.get(name) is not None], SERVICE)
    known = [(sid, c) for sid, c in capacity.items() if c.get("supported") and c.get("allocated") is not None]
    ratios = [([sid], c["allocated"] / c["supported"]) for sid, c in known]
    yield _gauge("itops_capacity_ratio", "Allocated to supported resources; more than 1 is overbooked.", ratios, SERVICE)


def _usage(rows: Sequence[Row]) -> Iterator[Metric]:
    """What the hosts use (S5), as long as it is fresh."""
    levels = [
        ([row.id, resource, statistic], percent / 100)
        for row in rows if row.usage.known
        for resource, level in row.usage.levels.items()
        for statistic, percent in (("max", level.highest), ("mean", level.mean))
    ]  # fmt: skip
    yield _gauge("itops_resource_usage_ratio", "Usage over the hosts of a service.", levels, ("service", "resource", "statistic"))
    oldest = ((row.id, row.usage.oldest) for row in rows)
    yield _gauge("itops_facts_collected_timestamp_seconds", "When the oldest facts of the service were collected.", _times(oldest), SERVICE)
    missing = [([row.id], float(len(row.usage.missing))) for row in rows]
    yield _gauge("itops_hosts_not_collected", "Hosts of the service that were never collected.", missing, SERVICE)


def _outlook(known: Sequence[Capacity]) -> Iterator[Metric]:
    """When it will be full by its trend (S5, S7), and what may be reclaimed (S8)."""
    full = ((one.row.id, one.line("allocated").full_at) for one in known)
    yield _gauge("itops_capacity_full_timestamp_seconds", "When all supported resources will be given away, by the trend.", _times(full), SERVICE)
    disks = [([one.row.id, "hdd"], at.timestamp()) for one in known if (at := one.line("hdd").full_at)]
    yield _gauge("itops_resource_full_timestamp_seconds", "When the resource will be full, by the trend.", disks, ("service", "resource"))
    limits = [
        ([one.row.id, line.resource, level], percent / 100)
        for one in known
        for line in one.lines
        for level, percent in line.limits.items()
    ]  # fmt: skip
    yield _gauge("itops_threshold_ratio", "From which usage on the resource is at this level.", limits, ("service", "resource", "level"))
    idle = [([one.row.id], float(len(one.row.reclaimable))) for one in known if one.row.reclaimable is not None]
    yield _gauge("itops_reclaim_candidates", "Idle allocations of a service with the policy proactive at its threshold.", idle, SERVICE)


def _runs(picture: Picture) -> Iterator[Metric]:
    ids = {row.id for row in picture.status.rows}
    runs = CounterMetricFamily("itops_runs", "Runs that were not refused, by result of the change.", labels=("service", "result"))
    back = CounterMetricFamily("itops_rollbacks", "Runs after which a change was or had to be taken back.", labels=("service", "backout"))
    for family, counts, words in ((runs, picture.counts.results, RESULTS), (back, picture.counts.backouts, BACKOUTS)):
        for (sid, word), number in sorted(counts.items()):
            if sid in ids and word in words:
                family.add_metric([sid, word], number)
        yield family
    yield _gauge("itops_last_backout", "1 for how the last run of the service went back.", _one_of(picture.backouts, BACKOUTS), ("service", "backout"))
    phases = [(key, seconds) for key, seconds in sorted(picture.phases.items())]
    yield _gauge("itops_run_phase_duration_seconds", "Time from the first to the last event of a phase of the last run.", phases, ("service", "phase"))


def _backups(picture: Picture) -> Iterator[Metric]:
    made, labels = sorted(picture.backups.items()), ("service", "host")
    yield _gauge("itops_backup_timestamp_seconds", "When the newest archive was made.", [(key, b.at.timestamp()) for key, b in made], labels)
    yield _gauge("itops_backup_size_bytes", "Size of the newest archive.", [(key, float(b.size)) for key, b in made], labels)
    yield _gauge("itops_backup_verified", "1 where every agreed site has read it back.", [(key, float(b.verified)) for key, b in made], labels)


def _gauge(name: str, said: str, samples: Iterable[Sample], labels: Sequence[str] = ()) -> Metric:
    family = GaugeMetricFamily(name, said, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _times(moments: Iterable[tuple[str, datetime | None]]) -> list[Sample]:
    return [([sid], at.timestamp()) for sid, at in moments if at]


def _one_of(said: Mapping[str, str], words: Sequence[str]) -> list[Sample]:
    """1 for the word that holds, 0 for the others."""
    return [([sid, word], float(word == holds)) for sid, holds in said.items() for word in words]
