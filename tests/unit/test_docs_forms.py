# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three documents of a service: empty, they are the seed's own forms; filled, they have its labels; no text breaks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import labels, markdown_table, status
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents import document, handwritten, service_documents
from ansible_collections.itops.maintenance.plugins.plugin_utils.documents.service_documents import Course, Sources
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import World
from ansible_collections.itops.maintenance.plugins.plugin_utils.status_cells import Cells, Words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itops_cli.documents import outline
from tests.unit import make
from tests.unit.test_markdown_table import ANYTHING, read

SEED = (Path(__file__).parents[1] / "golden/seed_documents.md").read_text("utf-8")
TITLES = {"service_management": "服务维护管理", "faults": "故障与维护", "manual": "使用手册"}
INSIDE = {
    "credentials": {"custody": "software", "ref": "keepass:运维/门户", "account": "deploy-account"},
    "endpoints": [{"ip": "192.0.2.77", "port": 8443, "url": "https://192.0.2.77/admin", "remark": "内网"}],
    "data_dirs": ["/srv/inside/data"], "key_info": [{"item": "配置文件", "value": "/etc/inside.conf"}],
}  # fmt: skip
KNOWN = [
    {"type": "端口占用", "pattern": "already in use", "event": "EVT-1", "steps": ["找出进程"]},
    {"type": "打不开", "pattern": "502 Bad", "steps": ["看日志"], "self_service": ["刷新页面"], "en": {"type": "Does not open", "self_service": ["Reload"]}},
]
FULL: dict[str, Any] = {
    **make.web(), **INSIDE,
    "preparation": {"software": [{"name": "rsync", "version_min": "3.1", "remark": "控制端"}], "items": [{"item": "通知", "name": "邮件", "remark": "提前"}]},
    "operations": [{"item": "更新", "method": "script", "related_events": ["EVT-1", "EVT-2"], "related_work": ["WO-1"], "remark": "换版本",
                    "checks": [{"type": "http", "title": "首页", "url": "http://127.0.0.1/"}, {"type": "port", "port": 80}],
                    "steps": [{"kind": "update", "title": "换包", "command": "./update.sh --all", "expect": {"contains": ["done"]}, "run_as": "app"},
                              {"kind": "start", "title": "启动", "service": {"state": "started"}}]}],
    "manual": {"software": {"name": "Firefox", "version": "128"}, "obtain": {"url": "https://example.com/get", "sha256": "Ab" * 32}, "requires": "Windows 10",
               "data_dir": "C:\\Users", "cautions": ["退出登录"], "steps": ["打开", "登录"], "screenshots": [{"file": "图 1.png", "alt": "首页 [新]"}]},
    "manual_en": {"cautions": ["Log out"], "steps": ["Open", "Log in"]},
}  # fmt: skip


def body(kind: str, record: Mapping[str, Any], lang: str = "zh_CN", **more: Any) -> str:
    people = {"zhang": {"name": "张三"}}
    world = World({"web": record}, people, {}, {}, datetime(2026, 11, 23, tzinfo=UTC), "Asia/Shanghai")
    cells = Cells(status.roll_up(world, ["web"]).rows[0], Words(lang)) if record else None
    return service_documents.body(kind, lang, Sources(record, cells, **{"known_errors": KNOWN if record else (), **more}))


def bare(text: str) -> str:
    """Without the places for what people write."""
    return handwritten.SLOT.sub("", text)


def sections(text: str) -> list[tuple[str, str]]:
    """(heading, text below it), blank lines around left out."""
    parts = re.split(r"^(#{2,6} .*)$", text, flags=re.MULTILINE)
    return [(head, below.strip("\n")) for head, below in zip(parts[1::2], parts[2::2], strict=True)]


def seed(kind: str) -> str:
    found = re.search(rf"^\.:{TITLES[kind]}_X\n(.*?)(?=^---$|\Z)", SEED, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def rows(text: str, heading: str) -> list[list[str]]:
    found = dict(sections(text))[heading]
    return read("\n".join(line for line in found.splitlines() if line.startswith("|")))


@pytest.mark.parametrize("kind", TITLES)
def test_an_empty_record_gives_the_seeds_sections_to_the_byte(kind: str) -> None:
    assert sections(bare(body(kind, {}))) == sections(seed(kind))


@pytest.mark.parametrize("kind", TITLES)
def test_a_filled_one_has_the_seeds_sections_in_its_order(kind: str) -> None:
    wanted = [head for head, _text in sections(seed(kind))]
    for lang in labels.LANGUAGES:
        heads = [head for head, _text in sections(bare(body(kind, FULL, lang)))]
        same_level = [head for head in heads if head.count("#") == 2 or head in ("### 步骤", "### Steps")]
        assert len(same_level) == len(wanted) and (lang == "en" or same_level == wanted)
    assert body(kind, FULL).startswith(f"# {TITLES[kind]}_门户网站\n")


@pytest.mark.parametrize("kind", TITLES)
def test_english_tables_have_as_many_rows_and_columns(kind: str) -> None:
    def shape(lang: str, record: Mapping[str, Any]) -> list[int]:
        return [line.count("|") - line.count("\\|") for line in body(kind, record, lang).splitlines() if line.startswith("|")]

    assert shape("zh_CN", {}) == shape("en", {}) and shape("zh_CN", FULL) == shape("en", FULL)
    assert not re.search(r"[\u4e00-\u9fff]", body(kind, {}, "en")), "no Chinese label in the English form"


def test_preparation() -> None:
    found = rows(body("service_management", FULL, register=("records/register.jsonl", "2026-11-01（CHG-1、达成）")), "## 前期准备工作")
    assert found[:5] == [
        ["准备事项", "名称", "备注"],
        ["软件", "rsync 3.1", "控制端"],
        ["服务器信息[IP|PORT|URL]", "192.0.2.77:8443 https://192.0.2.77/admin", "内网"],
        ["公司内部IT系统日常维护跟踪记录表", "records/register.jsonl", "2026-11-01（CHG-1、达成）"],
        ["通知", "邮件", "提前"],
    ]
    assert len(found) == 10, "as many rows as the form"


def test_operations_and_their_steps_in_the_seeds_prompt_form() -> None:
    text = body("service_management", FULL)
    assert rows(text, "## 操作概述")[:2] == [
        ["操作事项", "执行方式", "关联事件", "关联事务", "验证方式"],
        ["更新", "脚本", "EVT-1、EVT-2", "WO-1", "首页、port"],
    ]
    told = dict(sections(bare(text)))["#### 更新"]
    assert told.startswith("1. 说明：换版本\n2. 执行维护：脚本\n\n**2.1** 换包\n")
    assert '```\n命令格式：./update.sh --all\n[app@web]# ./update.sh --all\n\n验证方式：包含 "done"\n```' in told
    assert "```\n命令格式：systemctl start web\n[deploy-account@web]# systemctl start web\n\n验证方式：无异常反馈\n```" in told
    assert "Form of a command: ./update.sh --all" in body("service_management", FULL, "en")


def test_the_sheet_and_the_way_to_the_other_document() -> None:
    text = dict(sections(bare(body("service_management", FULL))))
    assert "| 负责人                          | 张三" in text["## 服务端点运维情况"]
    assert text["## 故障与维护"] == "参见《[故障与维护_门户网站](faults.zh_CN.md)》"


def test_key_facts_say_where_a_password_is_and_never_what_it_is() -> None:
    found = rows(body("faults", FULL), "## 维护清单")
    assert found[:5] == [
        ["关键信息", "详情", "注意事项"],
        ["服务地址信息", "192.0.2.77:8443 https://192.0.2.77/admin", ""],
        ["登录帐号口令", "deploy-account 见密码库:keepass:运维/门户", ""],
        ["数据目录地址", "/srv/inside/data", ""],
        ["配置文件", "/etc/inside.conf", ""],
    ]
    hidden = body("faults", {**FULL, "key_info": [{"item": "口令", "value": Vaulted("$ANSIBLE_VAULT;1.1;AES256\n6162")}]})
    assert "ANSIBLE_VAULT" not in hidden and "已加密" in hidden


def test_known_errors_and_how_they_are_handled() -> None:
    text = body("faults", FULL)
    assert rows(text, "## 维护异常处理步骤")[:3] == [
        ["异常类型", "提示信息", "关联事件"], ["端口占用", "already in use", "EVT-1"], ["打不开", "502 Bad", ""],
    ]  # fmt: skip
    assert dict(sections(bare(text)))["### 端口占用"] == "1. 找出进程"


def test_the_course_of_the_last_maintenance() -> None:
    said = "02:05 web1 [root@web]# tar xf a ``` b\n    fine\n" + "x\n" * 300
    text = dict(sections(bare(body("faults", FULL, course=Course("CHG-20261101-01", "../../r/record.{lang}.md", "ab" * 32, said)))))["## 执行命令"]
    assert text.startswith(
        "- 执行过程\n\n最近一次维护：[CHG-20261101-01](../../r/record.zh_CN.md)，台账摘要 " + "ab" * 32 + "\n\n```\n命令格式：\n02:05 web1 [root@web]# tar"
    )
    assert text.count("```") == 2 and "其余 102 行见 itops record show CHG-20261101-01" in text


def test_the_manual_tells_users_how_and_nothing_of_the_inside() -> None:
    text = body("manual", FULL, notice="不要点击陌生链接。", course=Course("CHG-20261101-01", "", "ab", "[root@web]# secret"))
    found = dict(sections(bare(text)))
    assert rows(text, "## 准备工作") == [
        ["[软件名称] Firefox 128", "详情"], ["获取方式", f"https://example.com/get sha256:{'ab' * 32}"], ["运行环境", "Windows 10"], ["数据目录", "C:\\Users"],
    ]  # fmt: skip
    assert found["## 信息安全与病毒防范周知"] == "不要点击陌生链接。"
    assert (found["## 注意事项"], found["## 使用步骤"]) == ("- 退出登录", "1. 打开\n2. 登录")
    assert [(link.target, link.text, link.image) for link in outline.of(text).links if link.image] == [("图 1.png", "首页 [新]", True)]
    assert (found["## 异常维护"], found["### 打不开"]) == ("", "1. 刷新页面"), "only what is flagged"
    for inside in (
        "192.0.2.77",
        "8443",
        "deploy-account",
        "keepass",
        "/srv/inside",
        "/etc/inside",
        "already in use",
        "502 Bad",
        "看日志",
        "找出进程",
        "secret",
        "web1",
    ):
        assert inside not in text


def test_the_english_manual_has_its_own_words_and_else_the_records() -> None:
    text = dict(sections(bare(body("manual", FULL, "en"))))
    assert (text["## Take care"], text["## Steps"]) == ("- Log out", "1. Open\n2. Log in")
    assert "Windows 10" in text["## Preparation"] and text["### Does not open"] == "1. Reload"


def test_the_properties_are_those_of_the_schema() -> None:
    text = service_documents.text("faults", "en", Sources({**FULL, "satisfies": {"ISO/IEC 20000-1": ["8.5.1"]}}))
    assert text.startswith("---\nid: web-faults\ntitle: 'Faults and maintenance: 门户网站'\nkind: faults\nside: ops\n")
    assert "classification: internal\nlang: en\nsatisfies:\n  ISO/IEC 20000-1:\n  - 8.5.1\n# itops:hand properties begin\n" in text
    assert "begin\naudience: IT department\nversion: '1.0'\n# itops:hand properties end\n---\n" in text
    manual = service_documents.text("manual", "en", Sources({**FULL, "satisfies": {"ISO/IEC 20000-1": ["8.5.1"]}}))
    assert "side: user" in manual and "classification: external" in manual and "satisfies" not in manual


def poured(value: Any, text: str) -> Any:
    """The record with the text in every field that is free text."""
    if isinstance(value, dict):
        return {key: item if key in KEPT else poured(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [poured(item, text) for item in value]
    return text if isinstance(value, str) else value


KEPT = ("id", "method", "kind", "service", "custody", "type", "platform", "redundancy", "hosts", "maintenance", "monitoring", "logging", "backup",
        "control", "reclaim", "url", "owner", "expect", "file")  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(text=ANYTHING, kind=st.sampled_from(list(TITLES)), lang=st.sampled_from(labels.LANGUAGES))
def test_any_text_in_any_field_changes_no_structure_and_makes_no_marker(text: str, kind: str, lang: str) -> None:
    plain, filled = poured(FULL, "x"), poured(FULL, f"x{text}")
    known, poured_known = ([{**entry, "type": word, "self_service": [word], "steps": [word]} for entry in KNOWN] for word in ("x", f"x{text}"))
    made, wanted = (body(kind, record, lang, known_errors=entries) for record, entries in ((filled, poured_known), (plain, known)))
    levels, images = [h.level for h in outline.of(wanted).headings], [link.target for link in outline.of(wanted).links if link.image]
    assert [h.level for h in outline.of(made).headings] == levels
    assert [link.target for link in outline.of(made).links if link.image] == images
    assert handwritten.written(made).keys() == handwritten.written(wanted).keys()
    assert not outline.of(made).faults


@settings(max_examples=60, deadline=None)
@given(text=ANYTHING)
def test_a_text_at_the_beginning_of_a_line_is_a_text(text: str) -> None:
    manual = {"cautions": [text], "steps": [text]}
    seen = outline.of(body("manual", {**FULL, "manual": manual, "manual_en": {}}))
    assert [h.level for h in seen.headings] == [1, 2, 2, 2, 2, 2, 2, 3]
    assert not any(link.image for link in seen.links) and not seen.faults


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=ANYTHING.filter(lambda text: text.strip() and not any(0xD800 <= ord(char) < 0xE000 for char in text)))
def test_any_name_is_the_title_again_when_the_file_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "manual.md"
    path.write_bytes(handwritten.merged(service_documents.text("manual", "zh_CN", Sources({**FULL, "name": name})), None).encode())
    found, problems = document.read(path)
    assert found and not problems and found.meta["title"] == outline.of(found.body).headings[0].text == f"使用手册_{markdown_table.plain(name)}"
