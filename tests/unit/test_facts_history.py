# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy hosts were: the peak of each day, bounded, and never more than what was measured."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import facts, facts_history

AT = datetime(2026, 11, 23, 2, 5, tzinfo=UTC)


def measured(cpu: object, hdd: object = 40, mem: object = 50) -> dict[str, Any]:
    return {"cpu_percent": cpu, "mem_percent": mem, "services": {"web": {"disks": [{"percent": hdd}]}}}


def test_of_a_day_the_highest_counts(tmp_path: Path) -> None:
    for hour, cpu in enumerate((10, 90, 20)):
        facts_history.add(tmp_path, "web1", measured(cpu), AT + timedelta(hours=hour))
    assert facts_history.of_service(tmp_path, "web", ["web1"]) == {date(2026, 11, 23): {"cpu": 90, "mem": 50, "hdd": 40}}
    assert facts_history.path(tmp_path, "web1").stat().st_mode & 0o777 == 0o640


def test_of_several_hosts_the_busiest_counts_and_another_services_disk_does_not(tmp_path: Path) -> None:
    facts_history.add(tmp_path, "web1", measured(10, hdd=70), AT)
    facts_history.add(tmp_path, "web2", measured(30, hdd=20), AT + timedelta(days=1))
    facts_history.add(tmp_path, "web2", {**measured(30), "services": {"other": {"disks": [{"percent": 99}]}}}, AT)
    found = facts_history.of_service(tmp_path, "web", ["web1", "web2", "never"])
    assert found == {date(2026, 11, 23): {"cpu": 30, "mem": 50, "hdd": 70}, date(2026, 11, 24): {"cpu": 30, "mem": 50, "hdd": 20}}


def test_it_is_bounded_and_forgotten_with_the_host(tmp_path: Path) -> None:
    for day in range(facts_history.DAYS + 5):
        facts_history.add(tmp_path, "web1", measured(10), AT + timedelta(days=day))
    found = facts_history.of_service(tmp_path, "web", ["web1"])
    assert len(found) == facts_history.DAYS and min(found) == AT.date() + timedelta(days=5)
    assert len(facts_history.of_service(tmp_path, "web", ["web1"], 90)) == 90
    facts_history.forget(tmp_path, "web1")
    facts_history.forget(tmp_path, "web1")
    assert facts_history.of_service(tmp_path, "web", ["web1"]) == {}


def test_it_is_no_host_among_the_facts(tmp_path: Path) -> None:
    facts.save(tmp_path, "web1", measured(10), AT)
    facts_history.add(tmp_path, "web1", measured(10), AT)
    assert list(facts.load(tmp_path)) == ["web1"] and list(facts.attempts(tmp_path, AT)) == ["web1"]


DAMAGED = ("", "[]", "{", '{"format": 1}', '{"format": 1, "days": {"never": {}}}', '{"format": 1, "days": {"2026-01-01": {"hdd": []}}}')


@pytest.mark.parametrize("text", [*DAMAGED, '{"format": 1, "days": [1]}'])
def test_a_damaged_file_begins_anew(tmp_path: Path, text: str) -> None:
    facts_history.add(tmp_path, "web1", measured(10), AT)
    facts_history.path(tmp_path, "web1").write_text(text)
    facts_history.add(tmp_path, "web1", measured(True, mem=500), AT)
    assert facts_history.of_service(tmp_path, "web", ["web1"])[AT.date()] == {"cpu": None, "mem": None, "hdd": 40}
