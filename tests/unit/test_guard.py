# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is of the inside, and that it is found in any disguise; and that what users are meant to know is let through."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.guard import Guard
from hypothesis import given
from hypothesis import strategies as st

WEB: dict[str, Any] = {
    "id": "web", "name": "门户网站",
    "endpoints": [{"ip": "192.0.2.10", "port": 8443, "url": "https://portal.corp.example:8443/admin"}, {"url": "https://www.example.com/app", "public": True},
                  {"ip": "2001:db8::5", "port": 22}],
    "hosts": [{"name": "portal-db1", "address": "192.0.2.77", "vars": {"vip": "192.0.2.99", "root": "/opt/x", "ansible_user": "backup"}}],
    "credentials": {"account": "svc_portal", "ref": "keepass:运维/门户网站"},
    "backup": {"paths": ["%{root}/portal"], "destination": {"local": "/var/backups/portal", "offsite": "arch@vault.corp.example:/srv/vault"}},
    "data_dirs": ["/data", "/opt/portal/data"],
    "monitoring": {"ref": "alertmanager:http://mon.corp.example:9093"},
    "key_info": [{"item": "配置文件", "value": "/etc/portal/portal.conf"}, {"item": "说明", "value": "改后需重载"}],
    "failover": {"steps": [{"command": "ip addr add 192.0.2.123/24 dev eth0"}]},
    "manual": {"obtain": {"url": "http://198.51.100.7/client.exe"}},
    "known_errors": [{"type": "x", "self_service": ["打开 198.51.100.8"]}],
}  # fmt: skip
WIKI = {"id": "wiki", "name": "知识库", "credentials": {"account": "wiki"}, "hosts": [{"name": "wiki"}], "endpoints": [{"url": "http://127.0.0.1/"}]}
GUARD = Guard({"web": WEB, "wiki": WIKI})
IN_WORDS = {
    "管理地址 192.0.2.10": "address of service web (endpoints[0].ip)",
    "服务端口：8443": "port of service web (endpoints[0].port)",
    "telnet anything.example 8443 端口": "port of service web (endpoints[0].port)",
    "listening on TCP 8443": "port of service web (endpoints[0].port)",
    "udp/8443": "port of service web (endpoints[0].port)",
    "端口：80、443和8443": "port of service web (endpoints[0].port)",
    "ports 80, 443 and 8443": "port of service web (endpoints[0].port)",
    "port number 8443": "port of service web (endpoints[0].port)",
    "8443（管理端口）": "port of service web (endpoints[0].port)",
    "node192.0.2.10": "address of service web (endpoints[0].ip)",
    "使用帐号——svc_portal——登录": "account of service web (credentials.account)",
    "the account—svc_portal—is": "account of service web (credentials.account)",
    "proxy.example:9093": "port of service web (monitoring.ref)",
    "见 https://portal.corp.example:8443/admin/users": "internal URL of service web (endpoints[0].url)",
    "PORTAL.CORP.EXAMPLE": "host name of service web (endpoints[0].url)",
    "[2001:0db8:0:0:0:0:0:5]:22": "address of service web (endpoints[2].ip)",
    "登录 portal-db1.example 重启": "host name of service web (hosts[0].name)",
    "192.0.2.77": "address of service web (hosts[0].address)",
    "浮动地址192.0.2.99。": "address of service web (hosts[0].vars.vip)",
    "192.0.2.123": "address of service web (failover.steps[0].command)",
    "用 svc_portal 登录": "account of service web (credentials.account)",
    "user: backup": "account of service web (hosts[0].vars.ansible_user)",
    "口令见 keepass:运维/门户网站": "credential ref of service web (credentials.ref)",
    "口令见 运维 / 门户网站": "credential ref of service web (credentials.ref)",
    "/opt/x/portal/log": "data path of service web (backup.paths[0])",
    "数据在/data下": "data path of service web (data_dirs[0])",
    "cd /opt/portal/data/2026": "data path of service web (data_dirs[1])",
    "/var/backups/portal": "data path of service web (backup.destination.local)",
    "vault.corp.example": "host name of service web (backup.destination.offsite)",
    "/srv/vault": "data path of service web (backup.destination.offsite)",
    "arch@": "account of service web (backup.destination.offsite)",
    "mon.corp.example": "host name of service web (monitoring.ref)",
    "修改 /etc/portal/portal.conf": "key fact of service web (key_info[0].value)",
    "帐号 wiki": "account of service wiki (credentials.account)",
    "ssh wiki": "account of service wiki (credentials.account)",
    "http://wiki:8080/": "host name of service wiki (hosts[0].name)",
}
HARMLESS = [
    "打开 https://www.example.com/app，端口 443", "打开 wiki，登录 wiki 后编辑", "Wiki user manual", "Make a backup of your files.", "architecture",
    "第 8443 号文件", "共 22 页", "比例 16:22", "时间 9:22", "https://other.example/data", "改后需重载", "198.51.100.7", "打开 198.51.100.8", "http://127.0.0.1:3000",
    "192.0.2.1", "1192.0.2.10", "192.0.2.100", "门户网站", "web", "portal", "/opt/portal/database", "my-portal-db12",
    "端口 80，共 22 页", "TCP 连接 22 次", "端口 443，2026 年 22 日", r"D:\data", r"存于 D:\data 下", "2001:db8::50", "12:30:45", "aa:bb:cc:dd:ee:ff",
]  # fmt: skip


@pytest.mark.parametrize("text", IN_WORDS)
def test_each_kind_of_thing_with_the_field_it_comes_from(text: str) -> None:
    assert IN_WORDS[text] in [str(hit) for hit in GUARD.hits(text)]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_harm(text: str) -> None:
    assert [str(hit) for hit in GUARD.hits(text)] == []


DISGUISES = {
    "wide": "１９２．０．２．１０",
    "spaces": "1 9 2 . 0 . 2 . 1 0",
    "lines": "192.\n0.2.10",
    "zero width": "192\u200b.0\u2060.2.1\u200d0",
    "soft hyphen": "192.0.2.1\u00ad0",
    "entities": "&#49;92&period;0.2.10",
    "twice": "&amp;#49;92.0.2.10",
    "percent": "%31%39%32.0.2.10",
    "defanged": "192[.]0[.]2(dot)10",
    "zeros": "192.000.002.010",
    "chinese stop": "192。0。2。10",
    "fullwidth path": "／ｏｐｔ／ｐｏｒｔａｌ／ｄａｔａ",
    "case": "SVC_Portal",
    "dash": "portal‑db1",
    "accent": "portal-db\u03011",
    "backslashes": r"192\.0\.2\.10",
    "neighbours": "编号5 192.0.2.10 8080",
    "blank letter": "svc\u3164_portal",
    "bold digits": "𝟏𝟗𝟐.𝟎.𝟐.𝟏𝟎",
    "circled": "①92.0.2.10",
    "share of Windows": r"\\portal-db1\share",
    "share by address": r"\\192.0.2.10\2024",
    "account of a domain": r"CORP\svc_portal",
    "slashes of Windows": r"\opt\portal\data",
    "more slashes": "/opt//portal/./data",
    "zeros of IPv6": "2001:db8:0:0::5",
    "IPv4 in IPv6": "::ffff:c000:20a",
    "IPv4 in IPv6, in numbers": "[::ffff:192.0.2.10]",
}


@pytest.mark.parametrize("how", DISGUISES)
def test_no_disguise_helps(how: str) -> None:
    assert GUARD.hits(DISGUISES[how]), DISGUISES[how]


HIDING = st.sampled_from(["", "", "", "\u200b", "\u2060", "\u00ad", " ", "\ufeff", "\n"])
FORMS = st.sampled_from([str, str.upper, str.title, lambda sign: f"&#{ord(sign)};", lambda sign: f"&#x{ord(sign):x};", lambda sign: f"%{ord(sign):02X}"])


@given(
    st.data(), st.sampled_from(["192.0.2.77", "svc_portal", "portal-db1", "/opt/portal/data", "portal.corp.example"]), st.sampled_from(["", "见 ", "（", "x: "])
)
def test_any_mixture_of_disguises_is_seen_through(data: st.DataObject, value: str, before: str) -> None:
    hidden = "".join(data.draw(FORMS)(sign) + (data.draw(HIDING) if n < len(value) - 1 else "") for n, sign in enumerate(value))
    assert GUARD.hits(f"{before}{hidden} 即可"), hidden


@given(st.text(st.characters(categories=["Lo"], min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=200))
def test_plain_words_are_no_harm(text: str) -> None:
    assert GUARD.hits(text) == []


def test_only_public_endpoints_are_public() -> None:
    record = {"id": "a", "name": "A", "hosts": [{"name": "www"}], "endpoints": [
        {"url": "https://www.example.com/", "public": True}, {"url": "https://www.example.com:9443/metrics"}, {"ip": "2001:db8::1", "port": 80, "public": True},
    ]}  # fmt: skip
    guard = Guard({"a": record})
    assert not guard.hits("https://www.example.com/start 或 2001:db8:0:0:0:0:0:1 端口 80")
    assert next(str(hit) for hit in guard.hits("https://www.example.com:9443/metrics")).startswith("internal URL of service a (endpoints[1].url)")
    assert guard.hits("ssh www"), "its host is not what users open"
    assert Guard({"a": {**record, "endpoints": [{"url": "https://www.example.com/"}]}}).hits("https://www.example.com/start")


def test_a_thousand_services_are_looked_for_quickly() -> None:
    """Only what may be in a text is looked for closely."""
    services = {f"s{n}": {"id": f"s{n}", "name": f"N{n}", "endpoints": [{"ip": f"10.1.{n // 250}.{n % 250}", "port": 1000 + n}]} for n in range(1000)}
    guard = Guard(services)
    assert len(guard.things) == 2000 and len(guard.likely(["打开门户网站并登录。" * 2000])) == 0
