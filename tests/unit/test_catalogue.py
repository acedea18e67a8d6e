# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of service records, people and the catalogue as a whole; the cache of unchanged files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import (
    catalogue,
    catalogue_cache,
    people,
    schema,
    service,
    source,
)
from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem, errors
from ansible_collections.itops.maintenance.plugins.plugin_utils.source import Vaulted

EXAMPLE = Path(__file__).parents[2] / "inventory"
BASE = """\
id: web
name: 门户
owner: zhang.wei
platform: vm
redundancy: 单机
hosts: [{name: web-1, address: 192.0.2.1}]
backup: {sites: [local]}
data_dirs: [/srv/web]
"""
PEOPLE = "people: [{id: zhang.wei, name: 张伟}, {id: li.na, name: 李娜, active: no}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "services").mkdir()
    (tmp_path / "people.yml").write_text(PEOPLE)
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / "services" / name
    path.write_text(text)
    return path


def read(folder: Path, cache: bool = False) -> catalogue.Catalogue:
    return catalogue.read(folder / "services", folder / "people.yml", folder / "cache" if cache else None)


def check(extra: str, base: str = BASE) -> list[Problem]:
    """Problems of a record whose form is right; `extra` replaces the base's keys of the same name."""
    keys = {line.split(":")[0] for line in extra.splitlines() if line and line[0].isalpha()}
    text = "".join(line + "\n" for line in base.splitlines() if line.split(":")[0] not in keys) + extra
    raw = source.parse(text, "x.yml")
    data, problems = schema.validate(schema.options("service"), raw, "service")
    assert [*raw.problems, *problems] == []
    return service.check(data, raw)


def test_the_example_workspace_is_clean() -> None:
    found = catalogue.read(EXAMPLE / "services", EXAMPLE / "people.yml")
    assert found.problems == []
    assert {sid: record["redundancy"] for sid, record in found.services.items()} == {
        "web": "active_standby",
        "wiki": "standalone",
    }
    assert found.files["web"].name == "web.yml"


def test_the_example_fills_every_field_of_the_schema() -> None:
    """Together the two examples show every field once, so that a newcomer finds each in use."""
    texts = "".join((EXAMPLE / "services" / name).read_text() for name in ("web.yml", "wiki.yml"))
    unused = {name for name in schema.options("service") if f"{name}:" not in texts}
    assert unused == {"extra"}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("id: Web_1", "id", "not a service id"),
        ("remarks: {onwer: x}", "remarks.onwer", "remark on an unknown field"),
        ("capacity: {supported: 0}", "capacity.supported", "too small"),
        ("capacity: {supported: 3, allocated: 4}", "capacity.allocated", "more is allocated than supported (3)"),
        ("capacity: {supported: 3, allocated: -1}", "capacity.allocated", "too small"),
        ("capacity: {supported: 3, allocations: [{id: a, amount: 4}]}", "capacity.allocated", "more is allocated than supported (3)"),
        ("capacity: {allocated: 3, allocations: [{id: a, amount: 4}]}", "capacity.allocated", "less than its allocations together (4)"),
        ("capacity: {allocations: [{id: a}, {id: a}]}", "capacity.allocations[1].id", "id stands twice"),
        ("capacity: {allocations: [{id: a, amount: 0}]}", "capacity.allocations[0].amount", "too small"),
        ("capacity: {allocations: [{id: a, last_used: gestern}]}", "capacity.allocations[0].last_used", "not a date"),
        ("capacity: {thresholds: {hdd: {warn: 0}}}", "capacity.thresholds.hdd.warn", "not a percentage"),
        ("capacity: {thresholds: {cpu: {warn: 90, critical: 80}}}", "capacity.thresholds.cpu.warn", "above the critical threshold"),
        ("reclaim: {threshold: 101}", "reclaim.threshold", "not a percentage"),
        ("credentials: {rotated_on: 2026-13-01}", "credentials.rotated_on", "not a date"),
        ("credentials: {rotate_every: 0}", "credentials.rotate_every", "too small"),
        ("backup: {sites: [offsite]}", "backup.destination", "no destination for the site offsite"),
        ("backup: {sites: [local], destination: {local: backups}}", "backup.destination.local", "relative path"),
        ("backup: {sites: [local], destination: {local: /srv/../etc}}", "backup.destination.local", "relative path"),
        (
            "backup: {sites: [local], destination: {offsite: somewhere}}",
            "backup.destination.offsite",
            "not a destination",
        ),
        ("backup: {sites: [local], paths: [srv]}", "backup.paths[0]", "relative path"),
        ("backup: {sites: [local], retention: {keep: 0}}", "backup.retention.keep", "too small"),
        ("data_dirs: [/a, b]", "data_dirs[1]", "relative path"),
        ("hosts: [{name: a, address: 192.0.2.300}]", "hosts[0].address", "not an IP address"),
        ("hosts: [{name: a, address: 192.0.2.0/24}]", "hosts[0].address", "a network, not one address"),
        ("hosts: [{name: a, address: 2001:db8::g}]", "hosts[0].address", "not an IP address"),
        ("hosts: [{name: a, address: a_b..c}]", "hosts[0].address", "not a host name or IP address"),
        ("hosts: [{name: 'a b'}]", "hosts[0].name", "not a host name"),
        ("hosts: [{name: a, vars: {端口: 1}}]", "hosts[0].vars.端口", "not a variable name"),
        ("hosts: [{name: a}, {name: b}]", "hosts", "the roles do not fit redundancy standalone (单机)"),
        ("hosts: [{name: a, role: standby}]", "hosts", "the roles do not fit redundancy standalone (单机)"),
        ("redundancy: active_standby", "hosts", "the roles do not fit redundancy active_standby (主备容灾)"),
        ("redundancy: active_standby\nhosts: [{name: a}, {name: a, role: 备}]", "hosts[1]", "host stands twice"),
        ("endpoints: [{ip: 192.0.2.1}]", "endpoints[0].port", "an address alone cannot be tried"),
        ("endpoints: [{ip: 192.0.2.1, port: 0}]", "endpoints[0].port", "not a port"),
        ("endpoints: [{ip: 192.0.2, port: 1}]", "endpoints[0].ip", "not an IP address"),
        ("endpoints: [{ip: 192.0.2.0/30, port: 1}]", "endpoints[0].ip", "a network, not one address"),
        ("endpoints: [{url: 'http://'}]", "endpoints[0].url", "not a URL"),
        ("endpoints: [{url: 'http://h:99999/'}]", "endpoints[0].url", "not a URL (Port out of range 0-65535)"),
        (
            "endpoints: [{ip: 192.0.2.1, url: 'http://192.0.2.2/'}]",
            "endpoints[0].url",
            "its host 192.0.2.2 is not the endpoint's ip",
        ),
        (
            "endpoints: [{port: 81, url: 'http://192.0.2.2/'}]",
            "endpoints[0].url",
            "its port 80 is not the endpoint's port",
        ),
        ("endpoints: [{protocol: https, url: 'http://192.0.2.2/'}]", "endpoints[0].protocol", "the url speaks http"),
        ("monitoring: {match: {team: ' '}}", "monitoring.match.team", "not a text with something in it"),
        ("maintenance: {cycle: {every: 0, unit: 日}}", "maintenance.cycle.every", "too small"),
        ("maintenance: {tz: Asia/Peking}", "maintenance.tz", "unknown time zone"),
        ("maintenance: {anchor: 明天}", "maintenance.anchor", "not a date or time"),
        ("maintenance: {exclude: [2026-02-30]}", "maintenance.exclude[0]", "not a date"),
        (
            "maintenance: {business_low: [{start: 25:00, end: 06:00}]}",
            "maintenance.business_low[0].start",
            "not a time of day",
        ),
        (
            "maintenance: {freeze: [{start: 2026-02-02, end: 2026-02-01}]}",
            "maintenance.freeze[0].end",
            "before its start",
        ),
        (
            "failover: {steps: [{kind: failover, service: {state: started}}]}",
            "failover.steps[0]",
            "nobody knows how to control this service",
        ),
        ("failover: {steps: [{kind: failover, command: x, timeout: 0}]}", "failover.steps[0].timeout", "too small"),
        ("failover: {steps: [{kind: failover, command: '%{vip}'}]}", "failover", "%{vip} has no value on web-1"),
        ("hosts: [{name: elsewhere}]\nbackup: {sites: [local], destination: {local: '%{dir}/b'}}", "backup", "%{dir} has no value on elsewhere"),
        ("hosts: [{group: far}]\ndata_dirs: ['%{dir}/b']", "data_dirs", "%{dir} has no value on group far"),
        (
            "failover: {checks: [{type: port, port: 1, url: 'http://h/'}]}",
            "failover.checks[0].url",
            "has no meaning for type port",
        ),
        (
            "failover: {checks: [{type: port, port: 1, state: running}]}",
            "failover.checks[0].state",
            "has no meaning for type port",
        ),
        ("failover: {checks: [{type: port, port: 70000}]}", "failover.checks[0].port", "not a port"),
        ("failover: {checks: [{type: http, url: /x}]}", "failover.checks[0].url", "not a URL"),
        (
            'control: {provider: command, commands: {}}\nfailover: {steps: [{kind: failover, command: "echo \'"}]}',
            "failover.steps[0].command",
            "not a command line",
        ),
        ("known_errors: [{type: x, pattern: '('}]", "known_errors[0].pattern", "not a regular expression"),
        (
            "hosts: [{name: a, vars: {db_password: hunter2}}]",
            "hosts[0].vars.db_password",
            "a literal secret (db_password)",
        ),
        ("credentials: {ref: 'https://bob:hunter2@example.com/'}", "credentials.ref", "a literal secret in a text"),
        ("remark: 'mysql -u root --password=hunter2'", "remark", "a literal secret in a text"),
        ('control: {provider: command, commands: {stop: "echo \\u202etest"}}', "control.commands.stop", "a character that nobody sees"),
    ],
)
def test_one_rule_one_error(text: str, path: str, message: str) -> None:
    found = [p for p in errors(check(text + "\n")) if p.path == path]
    assert any(p.message.startswith(message) for p in found), [str(p) for p in check(text + "\n")]
    assert all("hunter2" not in str(p) for p in check(text + "\n"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("backup: {sites: []}", "backup.sites"),
        ("data_dirs: []", "backup.paths"),
        ("deputy: zhang.wei", "deputy"),
        ("monitoring: {state: 部署}", "monitoring.ref"),
        ("logging: {state: 部署}", "logging.ref"),
        ("operations: [{item: x, method: manual}]", "operations[0].checks"),
        ("operations: [{item: x, method: playbook, checks: [{type: port, port: 1}]}]", "operations[0].method"),
        ("failover: {checks: [{type: port, port: 1}]}", "failover"),
        ("maintenance: {mode: auto}\ncredentials: {custody: 文档}", "maintenance.mode"),
        ("manual: {obtain: {url: 'https://get.example.org/app-1.2.MSI?v=3'}}", "manual.obtain.url"),
    ],
)
def test_doubts_are_warnings(text: str, path: str) -> None:
    assert [(p.path, p.severity) for p in check(text + "\n")] == [(path, "warning")]


@pytest.mark.parametrize(
    "text",
    [
        "capacity: {supported: 3, allocated: 4, waiver: 年底扩容}",
        "endpoints: [{ip: '2001:db8::1', port: 443, url: 'https://[2001:db8:0::1]/'}]",
        "endpoints: [{ip: 192.0.2.1, port: 8443, url: 'https://web.example.com:8443/'}]",
        "hosts: [{name: a, vars: {db_password: !vault x, token_file: /etc/t, password_ref: 见密码库}}]",
        "hosts: [{name: web-1, address: 192.0.2.1, vars: {vip: 192.0.2.9}}]\n"
        "operations: [{item: x, method: manual, checks: [{type: http, url: 'http://%{vip}/%{host}'}]}]",
        "manual: {obtain: {remark: 应用商店}}",
        "manual: {obtain: {url: 'http://portal.example.org/app.html', remark: 浏览器直接访问}}",
        "manual: {obtain: {url: 'https://get.example.org/app.zip', sha256: " + "0123456789" * 6 + "ABCD}}",
        "manual: {obtain: {sha256: " + "1" * 64 + ", remark: '\\\\server\\share'}}",
        "backup: {sites: [offsite], destination: {offsite: 'b@[2001:db8::1]:/srv'}}",
        "maintenance: {business_low: [{start: 22:00, end: 06:00}], freeze: [{start: 2026-02-01, end: 2026-02-01}]}",
    ],
)
def test_right_ones_pass(text: str) -> None:
    assert check(text + "\n") == []


def test_where_users_get_what_they_need_all_that_is_wrong_at_once() -> None:
    found = check(
        "manual: {obtain: {url: 应用商店, sha256: 'sha256:abcd'}}\n"
        "manual_en: {obtain: {url: 'https://me:hunter2@get.example.org/', sha256: '" + "g" * 64 + "'}}\n"
    )
    assert [(p.path, p.message) for p in found if "secret" not in p.message] == [
        ("manual.obtain.url", "not a URL"), ("manual.obtain.sha256", "not a sha256 digest"),
        ("manual_en.obtain.url", "a login stands in the URL"), ("manual_en.obtain.sha256", "not a sha256 digest"),
    ]  # fmt: skip
    assert found and "manual.obtain.remark" in next(p.remedy for p in found if p.path == "manual.obtain.url")
    assert {p.severity for p in found} == {"error"} and "hunter2" not in str(list(map(str, found)))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("get.example.org/app", "not a URL"),
        ("https:///app.zip", "not a URL"),
        ("https://get.example.org/my app", "not a URL"),
        ("https://get.example.org:99999/", "not a URL (Port out of range 0-65535)"),
        ("https://192.0.2.300/", "not an IP address"),
        ("ftp://get.example.org/app.zip", "not an address of the web"),
        ("file://server/share/app.zip", "not an address of the web"),
        ("https://get.example.org/%{version}/", "no placeholder is filled in here"),
    ],
)
def test_an_address_no_browser_opens(url: str, message: str) -> None:
    assert [(p.path, p.message, p.severity) for p in check(f"manual: {{obtain: {{url: '{url}'}}}}\n")] == [("manual.obtain.url", message, "error")]


def test_rules_between_files(folder: Path) -> None:
    write(folder, "a.yml", BASE)
    write(folder, "b.yml", BASE.replace("zhang.wei", "zhang.wie").replace("192.0.2.1", "192.0.2.2"))
    write(
        folder,
        "c.yml",
        BASE.replace("id: web", "id: c").replace("zhang.wei", "li.na") + "stakeholders: [nobody, x@example.com]\n",
    )
    found = read(folder)
    assert [(Path(p.file).name, p.line, p.path, p.message) for p in found.problems] == [
        ("b.yml", 1, "id", "id stands twice: also in a.yml"),
        ("b.yml", 3, "owner", "not in people.yml"),
        ("b.yml", 6, "hosts[0].address", "web-1 has another address in a.yml"),
        ("c.yml", 3, "owner", "not active any more"),
        ("c.yml", 9, "stakeholders[0]", "not in people.yml"),
    ]
    assert found.problems[1].remedy == "write zhang.wei"
    assert list(found.services) == ["web"]
    with pytest.raises(BadInput) as caught:
        found.required()
    assert len(caught.value.problems) == 5


def test_a_file_with_errors_shows_all_of_them_and_is_not_half_loaded(folder: Path) -> None:
    write(folder, "a.yml", BASE.replace("platform: vm", "platform: 火星") + "capacity: {supported: 1, allocated: 2}\n")
    write(folder, "b.yml", BASE)
    found = read(folder)
    assert [(Path(p.file).name, p.path) for p in found.problems] == [
        ("a.yml", "platform"),
        ("a.yml", "capacity.allocated"),
        ("b.yml", "id"),
    ]
    assert found.services == {}
    assert found.partial["web"]["owner"] == "zhang.wei"


def test_no_people_no_flood(folder: Path) -> None:
    (folder / "people.yml").write_text("people: [{id: a}\n")
    write(folder, "a.yml", BASE)
    assert [Path(p.file).name for p in read(folder).problems] == ["people.yml"]


def test_people_rules(folder: Path) -> None:
    (folder / "people.yml").write_text(
        "people:\n- {id: a, name: A, deputy: b}\n- {id: a, name: B, roles: [审批人], active: 是}\n- {id: 王, name: 王, deputy: 王}\n"
    )
    found, problems = people.load(folder / "people.yml")
    assert found == {}
    assert [(p.line, p.path) for p in sorted(problems)] == [
        (2, "people[0].deputy"),
        (3, "people[1].id"),
        (4, "people[2].deputy"),
        (4, "people[2].id"),
    ]


def test_no_folder_and_an_empty_one(folder: Path) -> None:
    assert read(folder).problems == []
    shutil.rmtree(folder / "services")
    assert [p.message for p in read(folder).problems] == ["cannot be read: No such file or directory"]


def test_hidden_and_other_files_are_no_records(folder: Path) -> None:
    for name in (".a.yml", "a.yml~", "README.md"):
        write(folder, name, "{")
    assert read(folder).problems == []


# --- the cache


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were really parsed; and every file counts as old unless a test says otherwise."""
    parsed: list[str] = []
    real = catalogue.read_file
    monkeypatch.setattr(catalogue, "read_file", lambda path, *rest: (parsed.append(path.name), real(path, *rest))[1])
    monkeypatch.setattr(catalogue_cache, "RACY_NS", -(10**12))
    return parsed


def test_an_unchanged_file_is_not_parsed_again(folder: Path, counted: list[str]) -> None:
    write(folder, "a.yml", BASE + "monitoring: {state: deployed}\n")
    write(folder, "b.yml", BASE.replace("id: web", "id: b").replace("vm", "moon"))
    first = read(folder, cache=True)
    assert counted == ["a.yml", "b.yml"]
    assert read(folder, cache=True) == first
    assert counted == ["a.yml", "b.yml"]
    assert [p.severity for p in first.problems] == ["warning", "error"]


def test_every_kind_of_change_is_seen(folder: Path, counted: list[str]) -> None:
    path = write(folder, "a.yml", BASE)
    read(folder, cache=True)
    before = path.stat()
    path.write_text(BASE.replace("门户", "新户"))  # same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # and the old mtime: ctime tells
    assert read(folder, cache=True).services["web"]["name"] == "新户"
    other = folder / "other"
    other.write_text(BASE)
    other.replace(path)
    assert read(folder, cache=True).services["web"]["name"] == "门户"
    path.rename(path.with_name("b.yml"))
    assert read(folder, cache=True).files["web"].name == "b.yml"
    path.with_name("b.yml").unlink()
    assert read(folder, cache=True).services == {}


def test_what_was_changed_just_now_is_read_again(folder: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_cache, "RACY_NS", 2_000_000_000)
    write(folder, "a.yml", BASE)
    read(folder, cache=True)
    read(folder, cache=True)
    assert counted == ["a.yml", "a.yml"]


def test_people_changes_count_for_cached_records(folder: Path, counted: list[str]) -> None:
    write(folder, "a.yml", BASE)
    assert read(folder, cache=True).problems == []
    (folder / "people.yml").write_text(PEOPLE.replace("zhang.wei", "wang.fang"))
    assert [p.path for p in read(folder, cache=True).problems] == ["owner"]
    assert counted == ["a.yml"]


def test_vaulted_values_come_back_vaulted(folder: Path, counted: list[str]) -> None:
    write(folder, "a.yml", BASE.replace("192.0.2.1}", "192.0.2.1, vars: {db_password: !vault secret}}"))
    read(folder, cache=True)
    kept: dict[str, Any] = read(folder, cache=True).services["web"]["hosts"][0]["vars"]
    assert type(kept["db_password"]) is Vaulted
    assert counted == ["a.yml"]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "json", "key", "writable"])
def test_a_bad_cache_is_ignored(folder: Path, counted: list[str], damage: str) -> None:
    write(folder, "a.yml", BASE)
    read(folder, cache=True)
    file = folder / "cache" / catalogue.CACHE_FILE
    content = file.read_bytes()
    damaged = {
        "cut": content[:-5],
        "flip": content.replace("门户".encode(), "假户".encode()),
        "empty": b"",
        "json": b"{}",
        "key": b"x" + content,
        "writable": content,
    }
    file.write_bytes(damaged[damage])
    if damage == "writable":
        file.chmod(0o666)
    assert read(folder, cache=True).services["web"]["name"] == "门户"
    assert counted == ["a.yml", "a.yml"]


def test_another_program_does_not_use_the_cache(folder: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "a.yml", BASE)
    read(folder, cache=True)
    monkeypatch.setattr(catalogue_cache, "_program", lambda: "another version")
    read(folder, cache=True)
    assert counted == ["a.yml", "a.yml"]


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path, counted: list[str]) -> None:
    write(folder, "a.yml", BASE)
    (folder / "cache").write_text("a file where the folder should be")
    assert read(folder, cache=True).problems == []


def test_the_cache_is_private_json(folder: Path, counted: list[str]) -> None:
    write(folder, "a.yml", BASE)
    read(folder, cache=True)
    file = folder / "cache" / catalogue.CACHE_FILE
    assert file.stat().st_mode & 0o077 == 0
    assert list(json.loads(file.read_bytes().split(b"\n", 2)[2])) == ["a.yml"]
