# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standby before primary, batch after batch, step after step: whoever asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import turn

from tests.unit.story import RUN, Story

PLACES = {"s1": (1, 1), "s2": (1, 2), "p1": (2, 1), "p2": (2, 2)}
PATCHES = [{"id": "patch-1", "phase": "patch"}, {"id": "patch-2", "phase": "patch"}, {"id": "verify-1", "phase": "verify"}]
FAILOVER = [{"id": "failover-1", "phase": "failover"}]


def lined_up(verb: str = "run") -> Story:
    hosts = [{"host": host, "stage": stage, "batch": batch} for host, (stage, batch) in PLACES.items()]
    segments = {host: [*PATCHES, *(FAILOVER if host in ("s1", "p1") else [])] for host in PLACES}
    return Story().opened(verb).tell("planned", {"change": {"id": "CHG-20261127-01"}, "hosts": hosts, "segments": segments}, phase="gate")


def through(story: Story, *hosts: str, failover: bool = False) -> Story:
    for host in hosts:
        for item in [*PATCHES, *(FAILOVER if failover and host in ("s1", "p1") else [])]:
            story.segment(host, item["id"], item["phase"])
    return story


def waits(story: Story, host: str, segment: str = "patch-1", phase: str = "patch") -> str:
    found = [finding for finding in turn.findings(story.events, RUN, host, segment, phase) if not finding.ok]
    assert all("itops re" in finding.remedy for finding in found)
    return found[0].message if found else ""


CASES: dict[str, tuple[Callable[[], Story], tuple[str, str, str], bool]] = {
    "the first standby": (lined_up, ("s1", "patch-1", "patch"), True),
    "its second step at once": (lined_up, ("s1", "patch-2", "patch"), False),
    "its second step after the first": (lambda: lined_up().segment("s1", "patch-1", "patch"), ("s1", "patch-2", "patch"), True),
    "the second batch at once": (lined_up, ("s2", "patch-1", "patch"), False),
    "the second batch before the first is verified": (
        lambda: lined_up().segment("s1", "patch-1", "patch").segment("s1", "patch-2", "patch"), ("s2", "patch-1", "patch"), False),
    "the second batch in time": (lambda: through(lined_up(), "s1"), ("s2", "patch-1", "patch"), True),
    "the fail-over before all standby hosts": (lambda: through(lined_up(), "s1"), ("s1", "failover-1", "failover"), False),
    "the fail-over in time": (lambda: through(lined_up(), "s1", "s2"), ("p1", "failover-1", "failover"), True),
    "the primary before the fail-over": (lambda: through(lined_up(), "s1", "s2"), ("p1", "patch-1", "patch"), False),
    "the primary after half of the fail-over": (
        lambda: through(lined_up(), "s1", "s2").segment("s1", "failover-1", "failover"), ("p1", "patch-1", "patch"), False),
    "the primary in time": (
        lambda: through(lined_up(), "s1", "s2").segment("s1", "failover-1", "failover").segment("p1", "failover-1", "failover"),
        ("p1", "patch-1", "patch"), True),
    "the primary of a mere patch": (lambda: through(lined_up("patch"), "s1", "s2"), ("p1", "patch-1", "patch"), True),
    "after a tolerated failure": (lambda: lined_up().segment("s1", "patch-1", "patch", "rolled_back"), ("s2", "patch-1", "patch"), True),
    "after contact was lost": (lambda: lined_up().lost("s1"), ("s2", "patch-1", "patch"), True),
    "a host nobody has lined up": (lined_up, ("p9", "patch-1", "patch"), False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_turns(case: str) -> None:
    tell, (host, segment, phase), ok = CASES[case]
    assert (waits(tell(), host, segment, phase) == "") is ok


def test_what_comes_first_is_named() -> None:
    assert waits(lined_up(), "s2") == "not its turn: s1: patch-1, s1: patch-2, s1: verify-1 comes first"
    assert "lined up" in waits(lined_up(), "p9")


def test_another_runs_lineup_is_none() -> None:
    assert list(turn.findings(lined_up().events, "R-other", "s1", "patch-1", "patch")) == []
