# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts a plan into segments: what travels to a host together, up to the next point where something happens elsewhere.

Cuts lie where a person confirms (manual: every step; semi: stop, update, failover, rollback) and around steps that
Ansible does itself (packages, task files). Everything else is one segment, with all that undoes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils import error_rate, steps
from ansible_collections.itops.maintenance.plugins.plugin_utils.change import Change
from ansible_collections.itops.maintenance.plugins.plugin_utils.placeholders import Values
from ansible_collections.itops.maintenance.plugins.plugin_utils.plan import Target

Step = dict[str, Any]
CONFIRMED_KINDS = ("stop", "update", "failover", "rollback")  # what semi-automatic asks for
FORWARD_KINDS = ("stop", "update", "start", "other")


@dataclass(frozen=True)
class Segment:
    """Steps that are executed together. `road`: host (the transaction), packages or tasks (Ansible)."""

    id: str
    phase: str
    steps: tuple[Step, ...]
    road: str = "host"
    confirm: bool = False
    unattended: bool = False
    detach: bool = True
    rollback: tuple[Step, ...] = field(default=())
    closing: tuple[Step, ...] = field(default=())  # done at its end, however it went
    closing_when_done: bool = False  # also where all went well: the last one of its phase

    def summary(self) -> dict[str, Any]:
        """What the ledger's `planned` event keeps of it."""
        return {
            "id": self.id,
            "phase": self.phase,
            "road": self.road,
            "confirm": self.confirm,
            "attended": not self.unattended,
            "steps": [step["id"] for step in self.steps],
        }


@dataclass(frozen=True)
class HostPlan:
    """Everything one host's segments are made from. `stamp` is the UTC time in the backup's name."""

    change: Change
    service: Mapping[str, Any]
    target: Target
    mode: str
    values: Values
    state_dir: str
    stamp: str

    def preflight(self) -> Segment:
        """Read-only: may anything start at all on this host?"""
        need = 2 * sum(int(item["size"]) for item in self.change.files) + (16 << 20)
        made = [
            steps.internal("runnable", "gate", 1, "运行条件"),
            steps.internal("lock_free", "gate", 2, "主机锁"),
            steps.internal("space", "gate", 3, "磁盘空间", paths=self._space(need)),
            *self._prepared(),
            *self._checks("gate", "before"),
        ]
        return Segment("preflight", "gate", tuple(_numbered(made)), detach=False)

    def _prepared(self) -> list[Step]:
        """前期准备工作 that proves itself (S14); what has no check a person ticks on the run-sheet."""
        items = [item for item in (self.service.get("preparation") or {}).get("items") or [] if item.get("check")]
        return [
            steps.compiled_check({"title": item["item"], **item["check"]}, "gate", "before", n, self.service, self.values) for n, item in enumerate(items, 1)
        ]

    def backup(self) -> Segment:
        """Package, read back, copy offsite, retain."""
        backup = self.service["backup"]
        destination, sites = backup.get("destination") or {}, backup.get("sites") or []
        dest = self.values.fill(destination.get("local") or f"{self.state_dir}/backups")
        made = [
            steps.internal(
                "archive", "backup", 1, "备份打包", paths=self.values.fill(self.backup_paths()), exclude=list(self.exclude()), dest=dest,
                name=f"{self.target.service}_{self.target.host}_{self.stamp}_{self.change.id}", compression="auto",
            )
        ]  # fmt: skip
        if "offsite" in sites:
            offsite = self.values.fill(str(destination.get("offsite") or ""))
            same = bool(destination.get("allow_same_filesystem"))
            made.append(steps.internal("offsite", "backup", 2, "异地副本", destination=offsite, allow_same_filesystem=same))
        retention = backup.get("retention") or {}
        if retention.get("keep"):
            kept = {"service": self.target.service, "keep": retention["keep"], "keep_days": retention.get("days")}
            folders = [dest, *(step["args"]["destination"] for step in made[1:] if step["args"]["destination"].startswith("/"))]
            made += [{**steps.internal("prune", "backup", 3, "备份保留", dest=folder, **kept), "id": f"prune-{n}"} for n, folder in enumerate(folders, 1)]
        return Segment("backup", "backup", tuple(_numbered(made)), confirm=self.mode == "manual")

    def patch(self) -> list[Segment]:
        """The plan's steps, cut; where the last cut is the host's own, it carries the checks with it."""
        forward = [self._step(step, "patch", n) for n, step in enumerate(self.change.steps(*FORWARD_KINDS), 1)]
        cut = [self._segment("patch", n, group) for n, group in enumerate(_cut(forward, self.mode), 1)]
        if self._carries_checks(cut):
            checks = self._checks("verify", "after", start=len(forward) + 1)
            cut[-1] = replace(cut[-1], steps=(*cut[-1].steps, *checks), closing_when_done=True)
        return [replace(self._with_way_back(segment), closing=self._closing()) for segment in cut]

    def verify(self) -> list[Segment]:
        """The checks on their own, where they do not travel with the last steps."""
        if self._carries_checks(self.patch()):
            return []
        return [self._with_way_back(replace(self.checks(), unattended=self.mode == "auto", closing=self._closing(), closing_when_done=True))]

    def checks(self) -> Segment:
        """Only the checks, nothing is changed."""
        return Segment("verify", "verify", tuple(self._checks("verify", "after")))

    def failover(self) -> list[Segment]:
        """The service's failover steps that belong on a host of this role (S9), with the checks that follow them."""
        mine = [s for s in self._failover_steps() if s["kind"] != "rollback" and (s.get("on") or "standby") == self.target.role]
        made = [self._step(step, "failover", n) for n, step in enumerate(mine, 1)]
        cut = [self._segment("failover", n, group) for n, group in enumerate(_cut(made, self.mode), 1)]
        checks = (self.service.get("failover") or {}).get("checks") or []
        if cut and cut[-1].road == "host":
            proof = [steps.compiled_check(c, "failover", "after", n, self.service, self.values) for n, c in enumerate(checks, len(made) + 1)]
            cut[-1] = replace(cut[-1], steps=(*cut[-1].steps, *proof))
        back = tuple(self._step(s, "rollback", n) for n, s in enumerate(self._failover_steps(), 1) if s["kind"] == "rollback")
        return [replace(segment, rollback=back if segment.unattended else ()) for segment in cut]

    def rollback(self) -> list[Segment]:
        """The way back, for a host that could not go it by itself; ends with the checks."""
        back = self._rollback_steps()
        cut = [self._segment("rollback", n, group) for n, group in enumerate(_cut(back, self.mode), 1)]
        proof = self._checks("rollback", "rollback", start=len(back) + 1)
        if cut and cut[-1].road == "host" and self.mode != "manual":
            cut[-1] = replace(cut[-1], steps=(*cut[-1].steps, *proof), closing=self._closing(), closing_when_done=True)
            return cut
        return [*cut, Segment("rollback-verify", "rollback", tuple(proof), closing=self._closing(), closing_when_done=True)]

    def rolls_back_itself(self) -> bool:
        """Unattended, with a way back, and every step of it is the host's own."""
        planned = self.change.steps(*FORWARD_KINDS, "rollback")
        return self.mode == "auto" and self.can_roll_back() and not any(map(steps.slow, planned))

    def can_roll_back(self) -> bool:
        return bool(self.change.steps("rollback"))

    def backup_paths(self) -> list[str]:
        """The plan's data, else the service's backup paths, else its data folders (M10)."""
        backup = self.service.get("backup") or {}
        return list(self.change.plan["data"] or backup.get("paths") or self.service.get("data_dirs") or [])

    def exclude(self) -> list[str]:
        return [*(self.change.plan.get("exclude") or []), *((self.service.get("backup") or {}).get("exclude") or [])]

    def _space(self, need: int) -> list[dict[str, Any]]:
        local = (self.service["backup"].get("destination") or {}).get("local") or f"{self.state_dir}/backups"
        return [
            {"path": self.state_dir, "need_bytes": need},
            {"path": self.values.fill(local), "need_bytes_of": self.values.fill(self.backup_paths()), "exclude": list(self.exclude())},
        ]

    def _step(self, step: Mapping[str, Any], phase: str, seq: int) -> Step:
        return steps.compiled(step, phase, seq, self.service, self.values)

    def _checks(self, phase: str, when: str, start: int = 1) -> list[Step]:
        chosen = [c for c in [*self.change.plan["checks"], *error_rate.of_service(self.service)] if when in (c.get("when") or ("before", "after", "rollback"))]
        return [steps.compiled_check(c, phase, when, n, self.service, self.values) for n, c in enumerate(chosen, start)]

    def _closing(self) -> tuple[Step, ...]:
        """Where no log is collected: what the host's journal said meanwhile, as evidence (S13)."""
        if (self.service.get("logging") or {}).get("state") == "deployed":
            return ()
        control = self.service.get("control") or {}
        unit = control.get("unit") if control.get("provider") == "systemd" else ""
        return (steps.internal("journal_extract", "close", 1, "日志摘录", unit=unit or ""),)

    def _rollback_steps(self) -> list[Step]:
        back: list[Step] = []
        for raw in self.change.steps("rollback"):
            back.append(self._step(raw, "rollback", len(back) + 1))
            if steps.type_of(raw) == "restore":
                back.append(steps.internal("fingerprint", "rollback", len(back) + 1, "指纹比对", ignore=self.exclude()))
        return back

    def _all_rollback_steps(self) -> list[Step]:
        back = self._rollback_steps()
        return [*back, *self._checks("rollback", "rollback", start=len(back) + 1)]

    def _segment(self, phase: str, number: int, group: list[Step]) -> Segment:
        road = group[0]["type"] if group[0]["type"] in steps.SLOW_ROAD else "host"
        confirm = self.mode == "manual" or (self.mode == "semi" and group[0]["kind"] in CONFIRMED_KINDS)
        return Segment(f"{phase}-{number}", phase, tuple(group), road, confirm, unattended=self.mode == "auto")

    def _carries_checks(self, cut: list[Segment]) -> bool:
        return bool(cut) and cut[-1].road == "host" and self.mode != "manual"

    def _with_way_back(self, segment: Segment) -> Segment:
        return replace(segment, rollback=tuple(self._all_rollback_steps())) if self.rolls_back_itself() else segment

    def _failover_steps(self) -> list[Step]:
        given = (self.service.get("failover") or {}).get("steps") or []
        return [{**step, "id": step.get("id") or f"f{n}"} for n, step in enumerate(given, 1)]


def _cut(items: list[Step], mode: str) -> Iterator[list[Step]]:
    def key(numbered: tuple[int, Step]) -> tuple[Any, ...]:
        number, step = numbered
        if step["type"] in steps.SLOW_ROAD or mode == "manual":
            return (number,)
        if mode == "semi":
            return (step["kind"] if step["kind"] in CONFIRMED_KINDS else "free",)
        return ("auto",)

    for _key, group in groupby(enumerate(items), key=key):
        yield [step for _number, step in group]


def _numbered(items: list[Step]) -> list[Step]:
    return [{**step, "seq": number} for number, step in enumerate(items, 1)]
