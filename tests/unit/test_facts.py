# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of hosts: kept whole, failures beside what was known, damage said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.itops.maintenance.plugins.plugin_utils import facts
from hypothesis import given
from hypothesis import strategies as st

AT = datetime(2026, 11, 23, 2, 5, tzinfo=UTC)
MEASURED = {
    "cpu_percent": 12, "mem_percent": 50, "uptime_s": 90000, "virtualization": {"kind": "vm", "name": "kvm", "cloud": "aws"},
    "services": {"web": {"state": "running", "text": "up", "disks": [{"percent": 70}, {"percent": 80}],
                         "endpoints": [{"address": "a:1", "reachable": True, "message": "open", "at": "2026-11-23T02:05:00+00:00"}]}},
}  # fmt: skip


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    facts.save(tmp_path / "facts", "web1", MEASURED, AT)
    found = facts.load(tmp_path / "facts")["web1"]
    assert (found.cpu, found.mem, found.uptime_s, found.virtualization, found.cloud) == (12, 50, 90000, "vm", "aws")
    assert (found.collected_at, found.attempted_at, found.problem) == (AT, AT, "")
    assert found.services["web"] == facts.ServiceFacts("running", "up", 80, (facts.Endpoint("a:1", True, "open", AT),))
    assert facts.path(tmp_path / "facts", "web1").stat().st_mode & 0o777 == 0o640


def test_a_failure_keeps_what_was_known_with_its_own_time(tmp_path: Path) -> None:
    facts.save(tmp_path, "web1", MEASURED, AT)
    facts.save_failure(tmp_path, "web1", "no route", AT + timedelta(days=1), ["web", "new"])
    found = facts.load(tmp_path)["web1"]
    assert (found.collected_at, found.attempted_at, found.problem, found.cpu) == (AT, AT + timedelta(days=1), "no route", 12)
    assert (found.services["web"].hdd, found.services["new"]) == (80, facts.ServiceFacts())
    facts.save_failure(tmp_path, "web1", "no route", AT + timedelta(days=2), ["new"])
    assert list(facts.load(tmp_path)["web1"].services) == ["new"], "a service that has left the host"
    facts.forget(tmp_path, "web1")
    facts.forget(tmp_path, "web1")
    assert facts.load(tmp_path) == {}


def test_a_host_that_never_answered_is_one_of_its_services(tmp_path: Path) -> None:
    facts.save_failure(tmp_path, "web1", "no route", AT, ["web"])
    found = facts.load(tmp_path)["web1"]
    assert (found.collected_at, list(found.services)) == (None, ["web"])


def test_a_success_forgets_the_failure(tmp_path: Path) -> None:
    facts.save_failure(tmp_path, "web1", "no route", AT, [])
    facts.save(tmp_path, "web1", MEASURED, AT)
    assert facts.load(tmp_path)["web1"].problem == ""


def test_a_damaged_file_is_a_host_with_a_problem(tmp_path: Path) -> None:
    for name, content in {"a": "{", "b": "[]", "c": '{"format": 9}', "d": ""}.items():
        (tmp_path / f"{name}.json").write_text(content)
    assert {host: found.problem for host, found in facts.load(tmp_path).items()} == dict.fromkeys("abcd", "damaged")
    assert facts.load(tmp_path / "none") == {}


def test_nobody_leaves_the_folder_by_a_host_name(tmp_path: Path) -> None:
    for host in ("../x", ".hidden", "a/b", "50%"):
        facts.save(tmp_path / "facts", host, {}, AT)
    assert sorted(facts.load(tmp_path / "facts")) == ["../x", ".hidden", "50%", "a/b"]
    assert [path.name for path in tmp_path.iterdir()] == ["facts"]


def test_secrets_do_not_reach_the_file(tmp_path: Path) -> None:
    said = {"services": {"web": {"state": "running", "text": "listening, password=hunter2222"}}}
    facts.save(tmp_path, "a", said, AT)
    facts.save_failure(tmp_path, "b", "sudo --password hunter2222 failed", AT, ["web"])
    assert "hunter2222" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_attempts_since(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    facts.save(tmp_path, "new", MEASURED, now)
    facts.save(tmp_path, "old", MEASURED, now - timedelta(hours=1))
    assert list(facts.attempts(tmp_path, now)) == ["new"]
    assert facts.attempts(tmp_path / "none", now) == {}


KEYS = st.sampled_from(["services", "disks", "percent", "endpoints", "at", "virtualization", "cpu_percent", "collected_at", "web"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
ANY = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=10)


@given(ANY)
def test_whatever_stands_in_a_file_is_read_without_an_error(data: object) -> None:
    found = facts.parse({**data, "format": 1} if isinstance(data, dict) else data, "h")
    assert found.cpu is None or 0 <= found.cpu <= 100
