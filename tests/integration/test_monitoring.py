# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring while a change is carried out (S12): a real Alertmanager is silenced, speaks again, and is asked what it has to say."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils import change as change_file
from ansible_collections.itops.maintenance.plugins.plugin_utils.governance import decisions
from ansible_collections.itops.maintenance.plugins.plugin_utils.monitoring import alertmanager, base
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.house import BIN, LIMIT, until
from tests.integration.conftest import LocalHouse
from tests.integration.test_interrupted import HOLD, go_on, in_the_middle, killed
from tests.servers import free_port, get, running
from tests.unit.listeners import web
from tests.unit.test_monitors import SECRET, Zabbix, gateway

ASK = f"""#!{sys.executable}
# a step that asks, during the run, whether monitoring is silent
import json, sys, urllib.request
for silence in json.load(urllib.request.urlopen(sys.argv[1] + "/api/v2/silences")):
    if silence["status"]["state"] == "active":
        print("silent:", *(m["name"] + "=" + m["value"] for m in silence["matchers"]), silence["comment"])
"""
FIRE = f"""#!{sys.executable}
# a step that makes an alert fire
import json, sys, urllib.request
body = json.dumps([{{"labels": {{"alertname": sys.argv[2], "service": "shop"}}}}]).encode()
urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/api/v2/alerts", body, {{"Content-Type": "application/json"}}))
"""


class Alerts:
    """An Alertmanager, as a person looks at it."""

    def __init__(self, url: str):
        self.url = url

    def silences(self, state: str = "active") -> list[dict[str, Any]]:
        return [s for s in json.loads(get(f"{self.url}/api/v2/silences")) if s["status"]["state"] == state]

    def fire(self, name: str, service: str = "shop", over: bool = False) -> None:
        now = datetime.now(UTC)
        alert = {"labels": {"alertname": name, "service": service}, **({"endsAt": (now - timedelta(seconds=1)).isoformat()} if over else {})}
        body = json.dumps([alert]).encode()
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"}), timeout=10).close()


@contextmanager
def alertmanager_on(folder: Path, port: int) -> Iterator[Alerts]:
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    words = [f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with running("prometheus-alertmanager", *words, "--cluster.listen-address=") as server:
        until(lambda: get(f"http://127.0.0.1:{port}/-/ready") or server.poll() is not None, "Alertmanager to be ready")
        yield Alerts(f"http://127.0.0.1:{port}")


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[Alerts]:
    with alertmanager_on(tmp_path / "alertmanager", free_port()) as found:
        yield found


def watch(house: LocalHouse, url: str, clear_within: int = 1, **more: Any) -> None:
    """From here on the shop is watched by this monitor."""
    monitor = {"id": "prom", "type": "alertmanager", "url": url, "timeout": 5, "clear_within": clear_within, **more}
    house.write("policy.yml", {"monitors": [monitor]})
    house.service({**house.read_service("shop"), "monitoring": {"state": "deployed", "ref": "prom"}})
    for host in ("a", "b"):
        for name, text in (("ask", ASK), ("fire", FIRE)):
            (house.at(host) / name).write_text(text)
            (house.at(host) / name).chmod(0o755)


def asking(url: str) -> dict[str, Any]:
    return {"kind": "update", "title": "看静默", "command": f"%{{root}}/ask {url}", "expect": {"contains": ["silent: service=shop"]}}


def firing(url: str, name: str = "ShopSlow") -> dict[str, Any]:
    return {"kind": "update", "title": "告警", "command": f"%{{root}}/fire {url} {name}"}


def approve(house: LocalHouse, cid: str) -> None:
    ws = workspace.load(house.root)
    known = catalogue.load(ws)
    change = change_file.load(change_file.find(ws, cid), known.services, known.people)
    decisions.append(ws, change, decisions.APPROVE, decisions.Maker("wang", "wang", "王五"))


def told(house: LocalHouse, cid: str, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in house.events(cid) if event.kind == kind]


@pytest.mark.parametrize("way", ["itops", "ansible-playbook"])
def test_silent_before_the_first_change_and_lifted_after(house: LocalHouse, alerts: Alerts, way: str) -> None:
    watch(house, alerts.url)
    alerts.fire("OldTrouble")
    cid = house.change(before=[asking(alerts.url)])
    done = house.itops("run", cid) if way == "itops" else house.playbook("maintain", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    (silenced,), (lifted,), (checked,) = (told(house, cid, kind) for kind in ("silenced", "silence_lifted", "alerts_checked"))
    assert lifted["result"] == "lifted" and checked["result"] == "clear", "what fired before is not the change's doing"
    assert alerts.silences() == [] and [s["id"] for s in alerts.silences("expired")] == [silenced["silence"]]
    kinds = house.kinds(cid)
    assert kinds.index("silenced") < kinds.index("segment_started") and kinds[-1] == "run_closed"
    assert cid in alerts.silences("expired")[0]["comment"]
    for lang, word in (("zh_CN", "无新告警"), ("en", "nothing new")):
        assert word in (house.folder(cid) / f"record.{lang}.md").read_text("utf-8")
    house.sound(cid)


def test_it_is_lifted_after_a_rollback_too(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url)
    cid = house.change(broken=True)
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert told(house, cid, "silence_lifted")[0]["result"] == "lifted" and alerts.silences() == []


def test_a_refused_gate_silences_nothing(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url)
    cid = house.change()
    (house.root / "staging" / cid / "shop-2.0.tar.gz").unlink()
    assert house.itops("run", cid).returncode == 3
    assert house.itops("run", house.change(2), "--check").returncode == 0, "a rehearsal asks, and silences nothing"
    lost = house.change(3, after=[{"kind": "update", "title": "更新", "command": "echo %{nowhere}"}])
    assert house.itops("run", lost).returncode == 3
    assert get(f"{alerts.url}/api/v2/silences").strip() == "[]"


def test_a_host_that_refuses_gets_its_silence_lifted(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url)
    cid = house.change()
    (house.at("a") / "running").unlink()
    assert house.itops("run", cid).returncode == 3
    assert alerts.silences() == [] and told(house, cid, "alerts_checked") == [], "nothing was changed, so there is nothing to look for"


def test_a_new_alert_that_stays_is_not_plainly_achieved(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url)
    cid = house.change(after=[firing(alerts.url)])
    done = house.itops("run", cid)
    assert done.returncode == 10, done.stdout + done.stderr
    assert "ShopSlow" in done.stdout and f"look again: itops resume {cid}" in done.stdout
    assert house.record(cid)["outcome"] == {"result": "partial", "backout": "not_needed"}
    assert house.hosts(cid) == {"b": "achieved", "a": "achieved"}
    report = (house.folder(cid) / "record.zh_CN.md").read_text("utf-8")
    assert report.count("ShopSlow") >= 2, "in the table of the verification and among the exceptions"
    house.sound(cid)
    alerts.fire("ShopSlow", over=True)
    again = house.itops("resume", cid)
    assert again.returncode == 0, again.stdout + again.stderr
    assert house.record(cid)["outcome"]["result"] == "achieved", "asked again, and all is clear"
    house.sound(cid)


def test_a_new_alert_that_clears_in_time_is_waited_for(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url, clear_within=60)
    cid = house.change(after=[firing(alerts.url)])
    run = house.start("run", cid)
    until(lambda: "silence_lifted" in house.kinds(cid), "the silence to be lifted")
    alerts.fire("ShopSlow", over=True)
    said = run.communicate(timeout=LIMIT)[0]
    assert run.returncode == 0, said
    assert told(house, cid, "alerts_checked")[0]["result"] == "clear"


def test_back_but_alerts_say_that_something_is_not_as_before(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url)
    cid = house.change(after=[firing(alerts.url)], broken=True)
    done = house.itops("run", cid)
    assert done.returncode == 12, done.stdout + done.stderr
    assert house.hosts(cid)["b"] == "rolled_back_unverified"


def test_a_killed_controller_leaves_a_silence_that_ends_by_itself_or_with_the_next_run(house: LocalHouse, alerts: Alerts) -> None:
    watch(house, alerts.url)
    cid = house.change(before=[HOLD])
    killed(house, cid)
    (left,) = alerts.silences()
    ends = datetime.fromisoformat(left["endsAt"])
    assert timedelta(minutes=5) < ends - datetime.now(UTC) < timedelta(hours=8), "nobody has to lift it"
    doctor = house.itops("doctor")
    assert doctor.returncode == 5 and "prom is silent" in doctor.stdout and "itops resume" in doctor.stdout, doctor.stdout
    alerts.fire("ShopDown")
    go_on(house)
    back = house.itops("rollback", cid)
    assert back.returncode == 12, "what the lost run has set off counts: before it nothing fired" + back.stdout
    assert alerts.silences() == [] and len(told(house, cid, "silence_lifted")) == 2
    house.sound(cid)


def test_a_monitor_that_does_not_answer_refuses_with_its_remedy(house: LocalHouse) -> None:
    watch(house, f"http://127.0.0.1:{free_port()}")
    cid = house.change()
    before = house.picture("a"), house.picture("b")
    done = house.itops("run", cid)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "monitoring.state: absent" in house.findings(cid)["monitoring"]["remedy"] and "Connection refused" in done.stdout
    assert (house.picture("a"), house.picture("b")) == before


def test_an_emergency_goes_on_with_a_warning_and_is_watched_by_hand(house: LocalHouse) -> None:
    watch(house, f"http://127.0.0.1:{free_port()}")
    cid = house.change()
    house.edit_change(cid, lambda data: data.update(category="emergency", incident="INC-1"))
    approve(house, cid)
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.findings(cid)["monitoring"]["severity"] == "warning" and told(house, cid, "silenced") == []
    assert [(row["monitor"], row["result"]) for row in house.record(cid)["monitoring"]] == [("", "not_observed")]
    assert f"itops change observe {cid}" in done.stdout


def test_a_monitor_that_dies_during_the_run_is_not_taken_for_silence(house: LocalHouse, tmp_path: Path) -> None:
    with alertmanager_on(tmp_path / "dying", free_port()) as alerts:
        watch(house, alerts.url)
        cid = house.change(before=[HOLD])
        started = in_the_middle(house, cid)
    go_on(house)
    said = started.communicate(timeout=LIMIT)[0]
    assert started.returncode == 10, said
    (lifted,), (checked,) = told(house, cid, "silence_lifted"), told(house, cid, "alerts_checked")
    assert lifted["result"] == "failed" and "ends by itself at" in lifted["message"] and checked["result"] == "unknown"
    assert house.record(cid)["state"] == "closed"
    house.sound(cid)


def test_a_text_that_names_no_monitor_only_says_where_it_is(house: LocalHouse) -> None:
    house.service({**house.read_service("shop"), "monitoring": {"state": "deployed", "ref": "alertmanager:http://192.0.2.5:9093"}})
    cid = house.change()
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no monitor of policy.yml is named" in house.findings(cid)["monitoring"]["message"]
    assert "itops change observe" in done.stdout


def in_env(_house: LocalHouse) -> tuple[str, dict[str, str], tuple[Path, ...]]:
    return "env:MONITOR_TOKEN", {"MONITOR_TOKEN": SECRET}, ()


def in_vault(house: LocalHouse) -> tuple[str, dict[str, str], tuple[Path, ...]]:
    password, path = house.root / ".vault-password", house.root / "secrets.yml"
    password.write_text("vault password\n")
    path.write_text(f"monitor: {SECRET}\n")
    subprocess.run([str(BIN / "ansible-vault"), "encrypt", "--vault-password-file", str(password), str(path)], check=True, capture_output=True)
    return "ansible-vault:secrets.yml#monitor", {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}, ()


@pytest.mark.parametrize(("kind", "plant", "way"), [("zabbix", in_env, "itops"), ("webhook", in_vault, "ansible-playbook")])
def test_other_monitors_and_no_secret_of_theirs_anywhere(house: LocalHouse, tmp_path: Path, scratch: Path, kind: str, plant: Any, way: str) -> None:
    zabbix = Zabbix(hosts={"a": "101", "b.example.com": "102"})
    ref, env, mine = plant(house)
    with web(zabbix if kind == "zabbix" else gateway) as server:
        watch(house, f"{server.url}/zabbix", type=kind, secret=ref, clear_within=0, **({"user": "itops"} if kind == "zabbix" else {}))
        house.service({**house.read_service("shop"), "monitoring": {"state": "deployed", "ref": "prom", "match": {"b": "b.example.com"}}})
        cid, given = house.change(), {**env, "TMPDIR": str(scratch)}
        done = house.itops("run", cid, env=given) if way == "itops" else house.playbook("maintain", cid, env=given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told(house, cid, "silence_lifted")[0]["result"] == "lifted" and zabbix.maintenances == {}
    assert told(house, cid, "silenced")[0]["before"] == ([] if kind == "zabbix" else ["x"]) and told(house, cid, "alerts_checked")[0]["result"] == "clear"
    for hidden in (SECRET, "session-0815"):
        assert hidden not in done.stdout + done.stderr
        everywhere = [*tmp_path.rglob("*"), *scratch.rglob("*")]
        files = [path for path in everywhere if path.is_file() and not path.is_symlink() and path not in mine]
        assert [path for path in files if hidden.encode() in path.read_bytes()] == []
    house.sound(cid)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerts]:
    with alertmanager_on(tmp_path_factory.mktemp("shared"), free_port()) as found:
        yield found


def test_a_silence_that_nobody_lifts_ends_by_itself(shared: Alerts) -> None:
    with alertmanager.connect(base.Http("prom", shared.url)) as monitor:
        left = monitor.silence(base.Scope("left", ["a"], {}, "CHG", "R"), datetime.now(UTC) + timedelta(seconds=2))
        assert left in [silence["id"] for silence in shared.silences()]
        until(lambda: left in [silence["id"] for silence in shared.silences("expired")], "the silence to end")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40))
def test_whatever_a_label_holds_it_is_found_and_silenced(shared: Alerts, value: str) -> None:
    """Quotes, backslashes, line ends, braces, Chinese: the alert of this very service, and no other."""
    shared.fire("Any", value)
    scope = base.Scope("x", ["a"], {"service": value}, "CHG", "R")
    with alertmanager.connect(base.Http("prom", shared.url)) as monitor:
        mine = monitor.active(scope)
        silence = monitor.silence(scope, datetime.now(UTC) + timedelta(minutes=5))
        found = json.loads(get(f"{shared.url}/api/v2/silence/{silence}"))
        monitor.lift(silence)
        monitor.lift(silence)
    assert [alert.name for alert in mine] == ["Any"]
    assert [(m["name"], m["value"], m["isRegex"]) for m in found["matchers"]] == [("service", value, False)]
