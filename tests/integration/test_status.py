# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`itops status` and the playbook behind it: real Ansible on hosts that are folders, one host that cannot be reached."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import facts, facts_history
from ansible_collections.itops.maintenance.plugins.plugin_utils.capacity import history

from tests.house import BIN, shop, until
from tests.integration.conftest import LocalHouse

SECRET = "hunter2-planted-9f3a"
NOWHERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}  # nobody listens there


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def endpoints(house: LocalHouse, port: int) -> None:
    record = house.read_service("shop")
    record["endpoints"] = [{"ip": "127.0.0.1", "port": port}, {"url": "http://127.0.0.1:1/health"}]
    house.service(record)


def lost(house: LocalHouse, **more: Any) -> None:
    """A second service, on a host that does not answer."""
    house.service(shop([{"name": "c", "role": "primary", "vars": {"root": "/srv"}}], id="wiki", name="知识库", redundancy="standalone", failover={}, **more))
    house.write("inventory/lost.yml", {"all": {"hosts": {"c": NOWHERE}}})


def collected(house: LocalHouse, *words: str) -> subprocess.CompletedProcess[str]:
    done = house.itops("status", "--collect", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def playbook(house: LocalHouse, *words: str) -> subprocess.CompletedProcess[str]:
    return house.run(str(BIN / "ansible-playbook"), "itops.maintenance.status", "-i", "inventory", *words)


def known(house: LocalHouse) -> dict[str, facts.HostFacts]:
    return facts.load(house.root / "facts")


def test_collect_and_print_in_every_form_and_language(house: LocalHouse, port: int) -> None:
    endpoints(house, port)
    row = json.loads(collected(house, "--format", "json").stdout)["rows"][0]
    assert {one["host"]: (one["state"], one["stale"], one["problem"]) for one in row["hosts"]} == {"a": ("running", False, None), "b": ("running", False, None)}
    assert all(row["usage"][name]["hosts"] == 2 for name in ("cpu", "mem", "hdd"))
    assert {one["address"]: one["reachable"] for one in row["endpoints"]} == {f"127.0.0.1:{port}": True, "http://127.0.0.1:1/health": False}
    (today,) = facts_history.of_service(house.root / "facts", "shop", ["a", "b"]).values()
    assert today == {name: row["usage"][name]["max"] for name in ("cpu", "mem", "hdd")}
    assert list(history.of_service(house.root / "facts", "shop").values()) == [history.Amount(2, 10)]
    assert not (house.root / "records").exists(), "collecting needs no change and opens no record"
    chinese, english = house.itops("status").stdout, house.itops("status", "--lang", "en").stdout
    assert "服务数：1" in chinese and "| 商城（shop） |" in chinese and "端点 <http://127.0.0.1:1/health> 不可达" in chinese
    assert "services: 1" in english and "| 商城 (shop) |" in english and "was not reachable at" in english
    for words in ((), ("--lang", "en")):
        rows = list(csv.reader(io.StringIO(house.itops("status", "--format", "csv", *words).stdout)))
        assert len(rows) == 2 and rows[1][0] == "shop" and rows[1][6].startswith("CPU ")
    sheet = house.itops("status", "--service", "shop").stdout
    assert sheet.startswith("# 服务维护管理_商城\n") and "| a    | 主   | 运行     |" in sheet
    assert json.loads(house.itops("status", "--service", "shop", "--format", "json").stdout)["id"] == "shop"


def test_a_host_that_cannot_be_reached_is_said_and_the_others_are_done(house: LocalHouse) -> None:
    lost(house)
    before = datetime.now(UTC) - timedelta(days=3)
    facts.save(house.root / "facts", "c", {"cpu_percent": 7, "mem_percent": 7, "services": {"wiki": {"state": "running"}}}, before)
    done = collected(house, "--format", "json")
    assert "a: collected" in done.stderr and "c: not collected: " in done.stderr
    assert "warning: collected 2 of 3 hosts; not collected: c" in done.stderr
    rows = {row["id"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["shop"]["usage"]["cpu"] is not None
    assert (rows["wiki"]["usage"]["cpu"], rows["wiki"]["usage"]["stale"], rows["wiki"]["hosts"][0]["cpu"]) == (None, True, 7)
    text = house.itops("status", "--lang", "en").stdout
    assert "— (collected 20" in text and "c could not be collected at" in text


def test_a_host_that_never_answered_is_not_collected(house: LocalHouse) -> None:
    lost(house)
    collected(house, "--service", "wiki")
    assert list(known(house)) == ["c"], "only the service's hosts"
    text = house.itops("status").stdout
    assert "| —（未采集）[^" in text and "CPU " not in text


def test_stale_facts_give_their_time_and_no_number(house: LocalHouse) -> None:
    for name in ("a", "b"):
        facts.save(house.root / "facts", name, {"cpu_percent": 77, "mem_percent": 77, "services": {"shop": {}}}, datetime(2026, 1, 2, tzinfo=UTC))
    text = house.itops("status").stdout
    assert "—（采集于 2026-01-02 08:00 (UTC+8)）" in text and "77%" not in text
    assert "77%" not in house.itops("status", "--service", "shop").stdout


def test_a_stopped_service_is_a_warning(house: LocalHouse) -> None:
    (house.at("a") / "running").unlink()
    collected(house)
    assert "警告：a 上的服务已停止：exit status 1" in house.itops("status").stdout


SUPERVISOR = """\
[unix_http_server]
file={0}/s.sock
[supervisord]
nodaemon=true
logfile={0}/log
pidfile={0}/pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{0}/s.sock
[program:shop]
command=sleep 3600
"""


def test_a_service_under_supervisor(house: LocalHouse) -> None:
    config = house.hosts_root / "supervisord.conf"
    config.write_text(SUPERVISOR.format(house.hosts_root))
    house.service({**house.read_service("shop"), "control": {"provider": "supervisor", "unit": "shop", "config": str(config)}})
    with subprocess.Popen([str(BIN / "supervisord"), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            ask = (str(BIN / "supervisorctl"), "-c", str(config), "status", "shop")
            until(lambda: "RUNNING" in house.run(*ask).stdout, "the service")
            collected(house)
            assert {name: found.services["shop"].state for name, found in known(house).items()} == {"a": "running", "b": "running"}
        finally:
            daemon.terminate()
    collected(house)
    assert known(house)["a"].services["shop"].state != "running"


def test_by_ansible_playbook_alone(house: LocalHouse) -> None:
    lost(house)
    rehearsed = playbook(house, "--check", "-e", "service=shop")
    assert rehearsed.returncode == 0 and not (house.root / "facts").exists(), rehearsed.stdout + rehearsed.stderr
    done = playbook(house, "-e", "service=shop")
    assert done.returncode == 0 and sorted(known(house)) == ["a", "b"], done.stdout + done.stderr
    everything = playbook(house)
    assert everything.returncode == 4, "ansible says itself that a host was unreachable"
    assert {name: bool(found.problem) for name, found in known(house).items()} == {"a": False, "b": False, "c": True}
    assert not (house.root / "records").exists()


def test_hosts_of_a_group_of_another_inventory_count(house: LocalHouse) -> None:
    connection = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    groups = {"front": {"hosts": {"f1": {}}}, "back": {"hosts": {"k1": {}, "k2": NOWHERE}}}
    house.write("inventory/groups.yml", {"all": {"vars": connection, "children": groups}})
    record = shop([{"group": "front", "role": "primary"}, {"group": "back", "role": "standby"}], id="queue", name="队列", data_dirs=["/"], failover={})
    record["backup"]["destination"] = {"local": "/var/backups"}
    house.service(record)
    row = json.loads(collected(house, "--service", "queue", "--format", "json").stdout)
    assert {one["host"]: one["problem"] is None for one in row["hosts"]} == {"f1": True, "k1": True, "k2": False}
    assert row["usage"]["missing"] == ["k2"]
    del groups["back"]["hosts"]["k2"]
    house.write("inventory/groups.yml", {"all": {"vars": connection, "children": groups}})
    history.add(house.root / "facts", "gone", {"capacity": {"supported": 2, "allocated": 1}}, datetime.now(UTC))
    assert "k2: in no service any more" in collected(house).stderr
    assert sorted(path.stem for path in (house.root / "facts/capacity").iterdir()) == ["queue", "shop"]
    assert sorted(known(house)) == ["a", "b", "f1", "k1"]
    assert sorted(path.stem for path in (house.root / "facts/history").iterdir()) == ["a", "b", "f1", "k1"]


def test_a_secret_of_the_control_command_reaches_no_file_and_no_screen(house: LocalHouse) -> None:
    record = house.read_service("shop")
    record["control"]["commands"]["status"] = "echo %{db_password}; test -e %{root}/running"
    house.service(record)
    house.write("inventory/secret.yml", {"all": {"vars": {"db_password": SECRET}}})
    done = collected(house)
    aloud = playbook(house, "-vvv")
    assert SECRET not in done.stdout + done.stderr + aloud.stdout + aloud.stderr
    assert known(house)["a"].services["shop"].state == "running"
    (house.root / "inventory/secret.yml").unlink()
    assert [str(path) for path in house.root.parent.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []


def test_nothing_that_could_be_tried_is_an_error(house: LocalHouse) -> None:
    (house.root / "inventory/services.itops.yml").unlink()
    done = house.itops("status", "--collect")
    assert (done.returncode, done.stdout) == (1, "") and "nothing was collected" in done.stderr


def test_insert_into_a_hand_written_file(house: LocalHouse) -> None:
    file = house.root / "README.md"
    head, tail = b"\xef\xbb\xbf# mine\r\n\r\n<!-- itops:status begin -->\r\n", b"<!-- itops:status end -->\r\nbye"
    file.write_bytes(head + b"old\r\n" + tail)
    done = house.itops("status", "--insert", "README.md")
    assert (done.returncode, done.stdout) == (0, "README.md: written\n"), done.stderr
    made = file.read_bytes()
    assert made.startswith(head) and made.endswith(tail) and made.count(b"\n") == made.count(b"\r\n")
    assert "商城（shop）".encode() in made and b"old" not in made and made.count(b"# ") == 1
    file.write_text("<!-- itops:status shop begin -->\n<!-- itops:status shop end -->\n")
    first, again = (house.itops("status", "--service", "shop", "--insert", "README.md").stdout for _ in range(2))
    assert (first, again) == ("README.md: written\n", "README.md: unchanged\n")
    assert "| 服务端现状 " in file.read_text() and "# 服务维护管理" not in file.read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--insert", "notes.md"], 2, "notes.md:2: error: no end marker"),
        (["--insert", "notes.md", "--format", "csv"], 2, "leave out --output and --format"),
        (["--service", "shap"], 2, "no service shap; did you mean shop?"),
        (["--output", "none/x.md"], 1, "none"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(house: LocalHouse, words: list[str], code: int, said: str) -> None:
    file = house.root / "notes.md"
    file.write_text("a\n<!-- itops:status begin -->\n")
    done = house.itops("status", *words)
    assert (done.returncode, done.stdout) == (code, "") and said in done.stderr, done.stderr
    assert file.read_text() == "a\n<!-- itops:status begin -->\n"


def test_output_goes_into_a_file(house: LocalHouse) -> None:
    done = house.itops("status", "--output", "table.md", "--lang", "en")
    assert (done.returncode, done.stdout) == (0, "")
    assert Path(house.root / "table.md").read_text("utf-8").startswith("# Service status table\n")


def test_the_last_maintenance_comes_from_the_register_and_a_damaged_one_is_refused(house: LocalHouse) -> None:
    cid = house.change()
    assert house.itops("run", cid).returncode == 0
    assert f"{cid}、达成" in house.itops("status").stdout
    (house.root / "records/register.jsonl").write_text("[1]\n{")
    assert house.itops("status").returncode == 4


def test_help_has_an_example(house: LocalHouse) -> None:
    assert "itops status --collect" in house.itops("status", "--help").stdout
