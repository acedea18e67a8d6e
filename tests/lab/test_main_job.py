# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job over ssh: gate, backup, patch, verify, go back; with archives, packages and offsite copies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import OFFSITE, PRIMARY, STANDBY, STATE, LabHouse, on


def test_good_patch_standby_first(house: LabHouse) -> None:
    cid = house.change()
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "achieved"}
    assert house.version(PRIMARY) == house.version(STANDBY) == "2.0"
    assert house.serving(PRIMARY) == house.serving(STANDBY) == "200"
    assert on(STANDBY, "cat /srv/shop/active").strip() == STANDBY
    house.sound(cid)


def test_bad_patch_on_the_standby(house: LabHouse) -> None:
    cid = house.change(broken=True)
    before = house.picture(PRIMARY), house.picture(STANDBY)
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert house.hosts(cid) == {STANDBY: "rolled_back", PRIMARY: "not_started"}
    assert (house.picture(PRIMARY), house.picture(STANDBY)) == before
    assert house.serving(PRIMARY) == house.serving(STANDBY) == "200"
    assert not on(PRIMARY, f"ls /var/lib/itops/{cid}/*/patch-1 2>/dev/null", check=False)
    house.sound(cid)


def test_bad_patch_on_the_primary_after_the_failover(house: LabHouse) -> None:
    cid = house.change(after=[{"kind": "update", "title": "主机特有故障", "command": "test ! -e /srv/shop/fails"}])
    on(PRIMARY, "touch /srv/shop/fails")
    before = house.picture(PRIMARY)
    done = house.itops("run", cid)
    assert done.returncode == 10, done.stdout + done.stderr
    assert house.hosts(cid) == {STANDBY: "achieved", PRIMARY: "rolled_back"}
    assert house.picture(PRIMARY) == before and house.serving(PRIMARY) == "200"
    house.sound(cid)


def test_offsite_copy_is_hashed_there(house: LabHouse) -> None:
    """The standby copies to the third host with a key of its own."""
    for host in (PRIMARY, STANDBY):
        on(host, "test -e ~root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f ~root/.ssh/id_ed25519")
        public = on(host, "cat ~root/.ssh/id_ed25519.pub").strip()
        on(OFFSITE, f"grep -qF '{public}' ~ops/.ssh/authorized_keys || echo '{public}' >> ~ops/.ssh/authorized_keys")
        known = (STATE / "known_hosts").read_text()
        on(host, f"printf '%s' '{known}' > ~root/.ssh/known_hosts")
    on(OFFSITE, "rm -rf /srv/offsite; mkdir -p /srv/offsite; chown ops /srv/offsite")
    address = (STATE / "hosts" / OFFSITE / "addr").read_text().strip()
    record = house.read_service("shop")
    record["backup"] |= {"sites": ["local", "offsite"], "destination": {"local": "/srv/shop/backup", "offsite": f"ops@{address}:/srv/offsite"}}
    house.service(record)
    cid = house.change()
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    backups = house.record(cid)["backups"]
    far = on(OFFSITE, "cd /srv/offsite && sha256sum *.tar.*").splitlines()
    assert {line.split()[0] for line in far} >= {backup["sha256"] for backup in backups}
    on(OFFSITE, "chmod 555 /srv/offsite; chown root /srv/offsite")
    second = house.change(2, version="3.0")
    refused = house.itops("run", second)
    assert refused.returncode == 15, refused.stdout + refused.stderr
    assert house.version(STANDBY) == "2.0", "no verified backup, no change"


PACKAGES: list[tuple[str, list[str], str, str]] = [
    ("itops-demo", ["itops-demo"], "itops-demo", "http://127.0.0.1:8000/"),
    ("nginx", ["nginx-light", "nginx", "nginx-common"], "nginx", "http://127.0.0.1:80/"),
    ("redis", ["redis-server", "redis-tools"], "redis-server", ""),
]


def versions(host: str, names: list[str]) -> dict[str, str]:
    shown = on(host, f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {' '.join(names)} 2>/dev/null || true")
    return dict(line.split() for line in shown.splitlines() if len(line.split()) == 2)


def candidates(host: str, names: list[str]) -> dict[str, str]:
    """The newest version of each package that the host's repositories offer."""
    found = {}
    for name in names:
        shown = on(host, f"apt-cache policy {name} | awk '/Candidate:/{{print $2}}'").strip()
        if shown and shown != "(none)":
            found[name] = shown
    return found


@pytest.mark.parametrize(("label", "names", "unit", "url"), PACKAGES, ids=[p[0] for p in PACKAGES])
def test_packages_from_baseline_to_updates_and_back(house: LabHouse, label: str, names: list[str], unit: str, url: str) -> None:
    """Real packages with exact versions; the way back needs no network."""
    repository = on(STANDBY, "cat /etc/apt/sources.list.d/baseline.list").strip()
    hosts = (PRIMARY, STANDBY)
    for host in hosts:
        on(host, "rm -f /etc/apt/sources.list.d/updates.list; apt-get -qq update")
        on(host, f"DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades install {names[0]} >/dev/null 2>&1")
    old = versions(STANDBY, names)
    for host in hosts:
        on(host, f"echo '{repository.replace('/baseline', '/updates')}' > /etc/apt/sources.list.d/updates.list; apt-get -qq update")
    wanted = {**candidates(STANDBY, names), **({"itops-demo": "2.0"} if label == "itops-demo" else {})}
    wanted = {name: version for name, version in wanted.items() if name in old}
    record = house.read_service("shop")
    record |= {"control": {"provider": "systemd", "unit": unit}, "data_dirs": ["/etc/itops-demo" if label == "itops-demo" else f"/etc/{label}"]}
    house.service(record)
    house.checks = [{"type": "service", "title": "服务运行", "state": "running"}]
    if url:
        house.checks.append({"type": "http", "title": "应答", "url": url, "retries": 20, "delay": 1})
    cid = house.change()
    house.edit_change(cid, lambda data: _packages(data, wanted))
    (house.root / "staging" / cid / "shop-2.0.tar.gz").unlink()
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in hosts:
        assert versions(host, list(wanted)) == wanted
    assert wanted != {name: old[name] for name in wanted}, "there was something to update"
    for host in hosts:  # the way back must not need the repository
        on(host, "rm -f /etc/apt/sources.list.d/*.list; apt-get -qq update")
    try:
        back = house.itops("rollback", cid)
        assert back.returncode == 11, back.stdout + back.stderr
        for host in hosts:
            assert versions(host, list(wanted)) == {name: old[name] for name in wanted}
    finally:
        for host in hosts:
            on(host, f"echo '{repository}' > /etc/apt/sources.list.d/baseline.list; apt-get -qq update")
            on(host, f"DEBIAN_FRONTEND=noninteractive apt-get -qq -y purge {' '.join(names)} >/dev/null 2>&1")
    house.sound(cid)


def _packages(data: dict[str, Any], wanted: dict[str, str]) -> None:
    names = [{"name": name, "version": version} for name, version in wanted.items()]
    data["notice"]["files"] = []
    data["plan"]["steps"] = [
        {"kind": "update", "title": "更新软件包", "packages": {"provider": "apt", "names": names}},
        {"kind": "rollback", "title": "换回原软件包", "packages": {"provider": "apt", "names": names}},
        {"kind": "rollback", "title": "恢复配置", "restore": {}},
    ]
    data["plan"]["not_applicable"] = {"stop": "软件包自行停止", "start": "软件包自行启动"}


def test_a_bad_package_goes_back_by_itself(house: LabHouse) -> None:
    """Version 2.1 answers 500: the packages that were kept come back, the primary is never asked."""
    repository = on(STANDBY, "cat /etc/apt/sources.list.d/baseline.list").strip()
    for host in (PRIMARY, STANDBY):
        on(host, "DEBIAN_FRONTEND=noninteractive apt-get -qq update && apt-get -qq -y install itops-demo=1.0 > /dev/null 2>&1")
        on(host, f"echo '{repository.replace('/baseline', '/updates')}' > /etc/apt/sources.list.d/updates.list")
    house.service(house.read_service("shop") | {"control": {"provider": "systemd", "unit": "itops-demo"}, "data_dirs": ["/etc/itops-demo"]})
    house.checks = [
        {"type": "http", "title": "应答", "url": "http://127.0.0.1:8000/", "retries": 5, "delay": 1},
        {"type": "version", "title": "版本", "command": "dpkg-query -W -f ${Version} itops-demo", "equals": "2.1", "when": ["after"]},
    ]
    cid = house.change()
    house.edit_change(cid, lambda data: _packages(data, {"itops-demo": "2.1"}))
    (house.root / "staging" / cid / "shop-2.0.tar.gz").unlink()
    try:
        done = house.itops("run", cid)
        assert done.returncode == 11, done.stdout + done.stderr
        assert house.hosts(cid) == {STANDBY: "rolled_back", PRIMARY: "not_started"}
        assert versions(STANDBY, ["itops-demo"]) == versions(PRIMARY, ["itops-demo"]) == {"itops-demo": "1.0"}
        assert '"1.0"' in on(STANDBY, "curl -s http://127.0.0.1:8000/")
    finally:
        for host in (PRIMARY, STANDBY):
            on(host, "rm -f /etc/apt/sources.list.d/updates.list; DEBIAN_FRONTEND=noninteractive apt-get -qq -y purge itops-demo > /dev/null 2>&1")
    house.sound(cid)


def test_a_bad_package_that_was_not_there_before_is_removed_again(house: LabHouse) -> None:
    repository = on(STANDBY, "cat /etc/apt/sources.list.d/baseline.list").strip()
    for host in (PRIMARY, STANDBY):
        on(host, f"echo '{repository.replace('/baseline', '/updates')}' > /etc/apt/sources.list.d/updates.list; apt-get -qq update")
    house.checks = [*house.checks[:1], {"type": "http", "title": "应答", "url": "http://127.0.0.1:8000/", "retries": 3, "when": ["after"]}]
    cid = house.change()
    house.edit_change(cid, lambda data: _packages(data, {"itops-demo": "2.1"}))
    (house.root / "staging" / cid / "shop-2.0.tar.gz").unlink()
    try:
        done = house.itops("run", cid)
        assert done.returncode == 11, done.stdout + done.stderr
        assert versions(STANDBY, ["itops-demo"]) == {}
    finally:
        for host in (PRIMARY, STANDBY):
            on(host, "rm -f /etc/apt/sources.list.d/updates.list; apt-get -qq -y purge itops-demo > /dev/null 2>&1 || true; apt-get -qq update")
    house.sound(cid)


def test_status_of_real_hosts(house: LabHouse) -> None:
    collected = house.itops("status", "--collect")
    assert collected.returncode == 0, collected.stdout + collected.stderr
    row = next(line for line in collected.stdout.splitlines() if "商城" in line)
    assert "CPU" in row and "MEM" in row and "HDD" in row and "—（未采集" not in row
    sheet = house.itops("status", "--service", "shop", "--lang", "en").stdout
    assert PRIMARY in sheet and "running" in sheet
