# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics before real programs: promtool, a Prometheus that scrapes and fires, a Pushgateway; rules and dashboard that fit them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from itops_cli.metrics import files
from tests.house import until
from tests.servers import free_port, get, need, running
from tests.unit import make

RULES = files.folder() / files.FILES["rules"]
ITOPS = Path(sys.executable).parent / "itops"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service that is overdue, and a dozen more metrics."""
    return make.workspace(tmp_path_factory.mktemp("metrics"))


@contextmanager
def serving(root: Path, *words: str) -> Iterator[str]:
    port = free_port()
    with running(str(ITOPS), "metrics", "serve", "--listen", f"127.0.0.1:{port}", *words, env={"ITOPS_WORKSPACE": str(root)}) as server:
        until(lambda: get(f"http://127.0.0.1:{port}/metrics") or server.poll() is not None, "metrics to be served")
        yield f"127.0.0.1:{port}"


def test_promtool_finds_nothing_to_say(root: Path) -> None:
    need("promtool")
    made = subprocess.run([ITOPS, "metrics", "textfile", "-"], env={**os.environ, "ITOPS_WORKSPACE": str(root)}, capture_output=True, check=True)
    checked = subprocess.run(["promtool", "check", "metrics"], input=made.stdout, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_every_rule_is_tested_and_every_test_passes() -> None:
    need("promtool")
    tests = RULES.with_name("itops.rules.test.yml")
    checked = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    told = [case for group in yaml.safe_load(tests.read_text("utf-8"))["tests"] for case in group["alert_rule_test"]]
    names = {rule["alert"] for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]}
    assert {case["alertname"] for case in told if case.get("exp_alerts")} == names, "fires"
    assert {case["alertname"] for case in told if not case.get("exp_alerts")} == names, "and is quiet"


def exported(root: Path) -> set[str]:
    with serving(root) as address:
        return set(re.findall(r"^# TYPE (\S+)", get(f"http://{address}/metrics"), re.MULTILINE))


def test_rules_and_dashboard_ask_only_for_what_there_is(root: Path) -> None:
    known = exported(root)
    for text in (RULES.read_text("utf-8"), (RULES.parents[1] / "grafana/itops.json").read_text("utf-8")):
        assert {name for name in re.findall(r"\bitops_[a-z_]+", text)} - known - {"itops_build_info"} == set()


def test_a_real_prometheus_scrapes_fires_and_answers_every_panel(root: Path, tmp_path: Path) -> None:
    port = free_port()
    config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)]}
    with serving(root, "--keep", "0") as address:
        jobs = [{"job_name": "itops", "static_configs": [{"targets": [address]}]}]
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({**config, "scrape_configs": jobs}), "utf-8")
        words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"]
        with running("prometheus", *words):
            fired = until(lambda: alerts(port), "the alerts to fire")
            assert fired["ItopsMaintenanceOverdue"]["labels"] | {"service": "web", "severity": "warning"} == fired["ItopsMaintenanceOverdue"]["labels"]
            dashboard = json.loads((RULES.parents[1] / "grafana/itops.json").read_text("utf-8"))
            for panel in dashboard["panels"]:
                for target in panel["targets"]:
                    asked = urllib.parse.urlencode({"query": target["expr"].replace("$service", ".*")})
                    assert json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?{asked}") or "{}").get("status") == "success", panel["title"]


FIRING = {"ItopsMaintenanceOverdue", "ItopsFactsStale", "ItopsLedgerNotVerified"}


def alerts(port: int) -> dict[str, Any] | None:
    """What fires, by name, once all that must do; each group of rules is evaluated in its own time."""
    told = json.loads(get(f"http://127.0.0.1:{port}/api/v1/alerts") or "{}").get("data", {}).get("alerts", [])
    firing = {alert["labels"]["alertname"]: alert for alert in told if alert["state"] == "firing"}
    return firing if set(firing) >= FIRING else None


def test_what_cannot_be_read_is_said_and_old_numbers_are_not_shown(tmp_path: Path) -> None:
    own = make.workspace(tmp_path)
    with serving(own, "--keep", "0") as address:
        assert "itops_services 1.0" in get(f"http://{address}/metrics")
        (own / "inventory/services/web.yml").write_text("id: [", "utf-8")
        found = get(f"http://{address}/metrics")
        assert "itops_collector_success 0.0" in found and "itops_services" not in found


def test_an_answer_is_given_again_for_a_while(tmp_path: Path) -> None:
    own = make.workspace(tmp_path)
    with serving(own, "--keep", "3600") as address:
        assert get(f"http://{address}/metrics") == get(f"http://{address}/metrics")


def test_the_server_ends_at_once_when_asked(root: Path) -> None:
    port = free_port()
    with running(str(ITOPS), "metrics", "serve", "--listen", f"127.0.0.1:{port}", env={"ITOPS_WORKSPACE": str(root)}) as server:
        until(lambda: get(f"http://127.0.0.1:{port}/metrics"), "metrics to be served")
        second = subprocess.run([ITOPS, "metrics", "serve", "--listen", f"127.0.0.1:{port}"], env={**os.environ, "ITOPS_WORKSPACE": str(root)},
                                capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
        assert second.returncode == 1 and "cannot listen there" in second.stderr and "Traceback" not in second.stderr
        server.terminate()
        assert server.wait(20) == 0


def test_a_real_pushgateway_takes_it_and_none_is_an_error(root: Path) -> None:
    port, env = free_port(), {**os.environ, "ITOPS_WORKSPACE": str(root)}
    pushed = [ITOPS, "metrics", "push", f"http://127.0.0.1:{port}", "--job", "department"]
    absent = subprocess.run(pushed, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert absent.returncode == 1 and "not pushed" in absent.stderr and "Traceback" not in absent.stderr
    with running("prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"):
        until(lambda: get(f"http://127.0.0.1:{port}/-/ready"), "a Pushgateway")
        assert subprocess.run(pushed, env=env, timeout=60, check=False).returncode == 0
        found = get(f"http://127.0.0.1:{port}/metrics")
        assert 'itops_maintenance_state{instance="",job="department",service="web",state="overdue"} 1' in found


def test_the_files_that_come_along(tmp_path: Path) -> None:
    for which in files.FILES:
        target = tmp_path / which
        assert subprocess.run([ITOPS, "metrics", "files", which, "--output", target], check=False, timeout=60).returncode == 0
        assert target.read_bytes() == (RULES.parents[1] / files.FILES[which]).read_bytes()
