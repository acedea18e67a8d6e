# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status table and the sheet: the seed's form to the byte, and no text that breaks them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import catalogue, facts, markdown_table, status, status_cells, status_data, status_tables
from ansible_collections.itops.maintenance.plugins.plugin_utils import workspace as workspaces
from ansible_collections.itops.maintenance.plugins.plugin_utils.facts import HostFacts, ServiceFacts
from ansible_collections.itops.maintenance.plugins.plugin_utils.scalars import Vaulted
from ansible_collections.itops.maintenance.plugins.plugin_utils.status import Maintained, Status, World
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import make
from tests.unit.test_markdown_table import ANYTHING, read

GOLDEN = (Path(__file__).parents[1] / "golden/seed_sheet.md").read_text("utf-8")
NOW = datetime(2026, 11, 23, 2, 5, tzinfo=UTC)
BARE: dict[str, Any] = {
    "id": "web",
    "name": "门户网站",
    "owner": "zhang",
    "platform": "vm",
    "redundancy": "standalone",
    "hosts": [{"name": "web1", "role": "primary"}],
}
FULL = {
    **BARE, "deputy": "li", "credentials": {"custody": "software", "ref": "pass:web"}, "backup": {"sites": ["local", "offsite"]},
    "capacity": {"supported": 200, "allocated": 80, "unit": "会话"}, "reclaim": {"policy": "proactive", "threshold": 80}, "lifecycle": "live",
    "maintenance": {"mode": "semi", "cycle": {"every": 1, "unit": "month"}, "anchor": "2026-11-30", "tz": "Asia/Shanghai"},
    "monitoring": {"state": "deployed", "ref": "zabbix"}, "logging": {"state": "absent"},
}  # fmt: skip


def host(name: str = "web1", at: datetime | None = NOW, cpu: int = 10, **more: Any) -> HostFacts:
    return HostFacts(name, at, at, "", cpu, 50, 90000, "vm", "kvm", services={"web": ServiceFacts("running", "ok", 70, more.pop("endpoints", ()))}, **more)


def roll(record: Mapping[str, Any], *hosts: HostFacts, last: Maintained | None = None) -> Status:
    people = {"zhang": {"name": "张三"}, "li": {"name": "李四"}}
    history = {"web": last} if last else {}
    return status.roll_up(World({"web": record}, people, {one.host: one for one in hosts}, history, NOW, "Asia/Shanghai"))


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def sheet_table(found: Status, lang: str = "zh_CN") -> str:
    return "\n".join(lines(status_tables.sheet(found, lang, whole=False)))


def cells(found: Status, lang: str = "zh_CN") -> dict[str, str]:
    """The roll-up's only row, as a reader sees it, by header."""
    head, row = read("\n".join(lines(status_tables.roll_up(found, lang))))
    return dict(zip(head, row, strict=True))


# ---------------------------------------------------------------- the seed's own table


def test_the_empty_form_is_the_seed_to_the_byte() -> None:
    assert status_tables.form() + "\n" == GOLDEN


@pytest.mark.parametrize("record", [BARE, FULL])
def test_a_filled_sheet_has_the_seeds_rows_labels_and_order_and_lines_up(record: dict[str, Any]) -> None:
    made, seed = read(sheet_table(roll(record, host()))), read(GOLDEN.rstrip())
    assert [row[0] for row in made] == [row[0] for row in seed]
    assert (made[0][0], made[0][1], made[0][2]) == ("服务端现状", "[服务名称] 门户网站", "备注")
    assert [row[2] for row in made[1:]] == [""] * 16, "no remark, nothing in its column"
    assert len({markdown_table.width(line) for line in sheet_table(roll(record, host())).splitlines()}) == 1


def test_the_first_column_is_as_wide_as_in_the_seed() -> None:
    assert {line.split(" | ")[0] for line in sheet_table(roll(FULL)).splitlines()[1:]} == {line.split(" | ")[0] for line in GOLDEN.splitlines()[1:]}


def test_further_rows_take_the_free_ones_first() -> None:
    made = read(sheet_table(roll({**BARE, "extra": [{"item": "合同", "value": "C-1", "remark": "年签"}]})))
    assert made[14:] == [["合同", "C-1", "年签"], ["", "", ""], ["", "", ""]]
    more = read(sheet_table(roll({**BARE, "extra": [{"item": str(n)} for n in range(5)]})))
    assert [row[0] for row in more[14:]] == ["0", "1", "2", "3", "4"]


def test_remarks_stand_in_their_own_column() -> None:
    record = {**FULL, "remark": "整体", "remarks": {"platform": "两台", "capacity.supported": "按会话", "deputy": "外派", "control": "脚本"}}
    rows = {row[0]: row[2] for row in read(sheet_table(roll(record)))}
    assert (rows["部署于[vm|k8s|云主机|裸金属]"], rows["服务支持资源总量[X]"], rows["负责人"]) == ("两台", "按会话", "代理人：外派")
    assert "\n备注：整体；服务控制：脚本\n" in status_tables.sheet(roll(record), "zh_CN")


def test_the_english_sheet() -> None:
    rows = {row[0]: row[1] for row in read(sheet_table(roll(FULL, host()), "en"))}
    assert rows["Owner"] == "张三 (deputy: 李四)"
    assert rows["Backup [local|offsite]"] == "local, offsite"
    assert rows["Resource usage [CPU|MEM|HDD]"] == "CPU 10%, MEM 50%, HDD 70%"
    assert rows["Log collection [deployed|not deployed]"] == "not deployed"


# ---------------------------------------------------------------- the roll-up


def test_columns_in_the_seeds_order_then_last_due_and_state() -> None:
    labels = [row[0] for row in read(GOLDEN.rstrip())[1:14]]
    assert list(cells(roll(FULL))) == ["服务名称", *labels, "上次维护", "下次到期", "状态"]


def test_a_full_row() -> None:
    last = Maintained(NOW - timedelta(days=20), "CHG-20261103-01", "achieved", NOW - timedelta(days=20), "CHG-20261103-01")
    assert list(cells(roll(FULL, host(), last=last)).values()) == [
        "门户网站（web）", "张三（代理人：李四）", "软件（pass:web）", "本地、异地", "vm", "CPU 10%、MEM 50%、HDD 70%", "200 会话", "80（40%）",
        "主动（≥ 80%）", "单机", "1 月", "半自动", "部署（zabbix）", "未部署", "2026-11-03 10:05 (UTC+8)（CHG-20261103-01、达成）", "2026-11-30", "即将到期",
    ]  # fmt: skip


def test_a_bare_row_says_nothing_with_a_dash_and_unknown_in_words() -> None:
    found = cells(roll(BARE))
    assert [found[name] for name in ("备份[本地|异地]", "服务支持资源总量[X]", "服务已分配资源总量[n]", "维护周期[时/日/月]", "上次维护", "下次到期")] == [
        "—"
    ] * 6
    assert (found["状态"], found["资源使用情况[CPU|MEM|HDD]"]) == ("未知", "—（未采集）")


def test_zero_allocated_is_zero_and_not_a_dash() -> None:
    assert cells(roll({**FULL, "capacity": {"supported": 10, "allocated": 0}}))["服务已分配资源总量[n]"] == "0（0%）"


def test_the_head_line_counts() -> None:
    services = {"a": FULL, "b": {**FULL, "monitoring": {"state": "absent"}, "maintenance": {**FULL["maintenance"], "anchor": "2026-01-01"}}}
    world = World(services, {}, {"web1": host(at=NOW - timedelta(hours=2))}, {}, NOW, "Asia/Shanghai")
    made = status_tables.roll_up(status.roll_up(world), "zh_CN")
    assert "生成时间：2026-11-23 10:05 (UTC+8) · 数据截止：2026-11-23 08:05 (UTC+8) · 服务数：2 · 逾期数：1 · 未监控数：1" in made
    assert "services: 2 · overdue: 1 · not monitored: 1" in status_tables.roll_up(status.roll_up(world), "en")


def test_no_service_at_all_is_a_table_all_the_same() -> None:
    made = status_tables.roll_up(status.roll_up(World({}, {}, {}, {}, NOW)), "en")
    assert "data until: — · services: 0" in made and len(lines(made)) == 3


def test_remarks_and_warnings_become_footnotes_of_their_cells() -> None:
    record = {**FULL, "remark": "对外", "remarks": {"platform": "同城"}, "platform": "bare_metal"}
    made = status_tables.roll_up(roll(record, host()), "zh_CN")
    row = lines(made)[2]
    assert "门户网站（web）[^itops-1] |" in row and "裸金属[^itops-2][^itops-3] " in row
    assert [line for line in made.splitlines() if line.startswith("[^")] == [
        "[^itops-1]: 对外", "[^itops-2]: 同城", "[^itops-3]: 警告：web1 的实际环境为 vm kvm，与登记的“裸金属”不符"]  # fmt: skip


def test_a_retired_service_is_neither_due_nor_unmonitored() -> None:
    found = roll({**FULL, "lifecycle": "retired", "monitoring": {"state": "absent"}})
    assert (found.overdue, found.unmonitored, cells(found)["状态"]) == (0, 0, "—")


# ---------------------------------------------------------------- what is not known is said


def usage(*hosts: HostFacts, names: tuple[str, ...] = ("web1",)) -> str:
    record = {**FULL, "hosts": [{"name": name, "role": "primary"} for name in names]}
    return cells(roll(record, *hosts))["资源使用情况[CPU|MEM|HDD]"].partition("[^")[0]


def test_stale_facts_print_their_time_and_no_number() -> None:
    old = host(at=NOW - timedelta(days=2))
    assert usage(old) == "—（采集于 2026-11-21 10:05 (UTC+8)）"
    made = status_tables.sheet(roll(FULL, old), "zh_CN")
    assert "10%" not in made and "2026-11-21 10:05 (UTC+8)" in made.partition("采集情况")[2]


def test_the_highest_and_the_mean_of_several_hosts() -> None:
    assert usage(host(cpu=10), host("web2", cpu=30), names=("web1", "web2")) == "CPU 30%（均值 20%）、MEM 50%（均值 50%）、HDD 70%（均值 70%）"


def test_one_missing_host_is_named() -> None:
    assert usage(host(), names=("web1", "web2")) == "—（未采集：web2）"


def test_what_a_system_does_not_tell_is_a_dash() -> None:
    assert usage(HostFacts("web1", NOW, NOW, mem=3)) == "CPU —、MEM 3%、HDD —"


def test_a_failed_attempt_is_said_with_its_time() -> None:
    failed = HostFacts("web1", None, NOW, "no route to host", services={"web": ServiceFacts()})
    assert "警告：2026-11-23 10:05 (UTC+8) 未能采集 web1：no route to host" in status_tables.roll_up(roll(FULL, failed), "zh_CN")
    assert "0%" not in status_tables.sheet(roll({**BARE}, failed), "zh_CN")


def test_a_host_of_a_group_that_never_answered_is_not_forgotten() -> None:
    record = {**FULL, "hosts": [{"group": "servers", "role": "primary"}]}
    lost = HostFacts("s2", None, NOW, "no route", services={"web": ServiceFacts()})
    assert roll(record, host("s1"), lost).rows[0].usage.missing == ("s2",)


def test_endpoints_stand_once_with_the_newest_answer() -> None:
    early, late = (
        facts.Endpoint("10.0.0.1:80", ok, said, NOW - ago) for ok, said, ago in ((False, "refused", timedelta(hours=1)), (True, "open", timedelta()))
    )
    record = {**FULL, "hosts": [{"name": "web1"}, {"name": "web2"}]}
    found = roll(record, host(endpoints=(late,)), host("web2", endpoints=(early,)))
    assert found.rows[0].warnings == ()
    assert status_tables.sheet(found, "en").count("10.0.0.1:80") == 1


def test_a_stopped_standby_is_no_news_and_a_broken_one_is() -> None:
    record = {**FULL, "redundancy": "active_standby", "hosts": [{"name": "web1", "role": "standby"}]}
    for state, warned in (("stopped", False), ("broken", True)):
        found = roll(record, HostFacts("web1", NOW, NOW, services={"web": ServiceFacts(state, "said")}))
        assert bool(found.rows[0].warnings) is warned, state


# ---------------------------------------------------------------- history


def test_a_maintenance_that_was_undone_does_not_count() -> None:
    base = {"services": ["web"], "ended": "2026-11-01T00:00:00+00:00"}
    lines_ = [
        {**base, "verb": "run", "change": "A", "result": "achieved"},
        {**base, "verb": "run", "change": "B", "result": "achieved", "ended": "2026-11-02T00:00:00+00:00"},
        {**base, "verb": "rollback", "change": "B", "result": "not_achieved", "ended": "2026-11-03T00:00:00+00:00"},
        {**base, "verb": "verify", "change": "B", "result": "achieved", "ended": "2026-11-04T00:00:00+00:00"},
    ]
    found = status.history(lines_)["web"]
    assert (found.change, found.at, found.achieved_at) == ("B", datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


# ---------------------------------------------------------------- other forms


def test_csv_has_one_line_a_service_and_no_formula() -> None:
    text = status_tables.roll_up_csv(roll({**FULL, "name": "=cmd|'/c calc'!A1", "remark": "a\nb"}), "zh_CN")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 2 and {len(row) for row in rows} == {19} and text.count("\n") == 2
    assert rows[1][1] == "'=cmd|'/c calc'!A1" and rows[1][-1] == "a b"
    assert next(csv.reader(io.StringIO(status_tables.sheet_csv(roll(FULL), "en")))) == ["Service as it is", "[Service name] 门户网站", "Remark"]


def test_json_holds_ids_numbers_and_null() -> None:
    data = json.loads(json.dumps(status_data.roll_up(roll(BARE), "en")))
    (row,) = data["rows"]
    assert (data["services"], data["data_until"], row["usage"]["cpu"], row["due"]) == (1, None, None, {"at": None, "state": "unknown"})
    full = status_data.row(roll(FULL, host()), roll(FULL, host()).rows[0], "en")
    assert full["usage"]["cpu"] == {"max": 10, "mean": 10, "hosts": 1}
    assert (full["due"], full["capacity"]["percent"]) == ({"at": "2026-11-30", "state": "due_soon"}, 40)
    stale = roll(FULL, host(at=NOW - timedelta(days=3)))
    assert (status_data.row(stale, stale.rows[0], "en")["usage"]["cpu"], stale.rows[0].usage.stale) == (None, True)


def test_nothing_out_of_a_vault_is_printed() -> None:
    record = {
        **FULL,
        "remark": Vaulted("$V;secret"),
        "credentials": {"custody": "software", "ref": Vaulted("$V;secret")},
        "remarks": {"owner": Vaulted("$V;secret")},
    }
    found = roll(record)
    made = [
        status_tables.roll_up(found, "en"),
        status_tables.sheet(found, "zh_CN"),
        status_tables.roll_up_csv(found, "en"),
        json.dumps(status_data.roll_up(found, "en")),
    ]
    assert "secret" not in "".join(made) and "encrypted" in made[0] and "已加密" in made[1]


def test_every_service_of_a_real_workspace(tmp_path: Path) -> None:
    make.workspace(tmp_path)
    ws = workspaces.load(tmp_path)
    known = catalogue.load(ws).required()
    found = status.roll_up(World(known.services, known.people, facts.load(ws.facts), {}, NOW, ws.timezone))
    assert cells(found)["服务名称"] == "门户网站（web）" and cells(found, "en")["Service"] == "门户网站 (web)"


TEXTS = st.fixed_dictionaries({name: ANYTHING for name in ("name", "remark", "ref", "unit", "item", "problem", "person", "field")})


@given(TEXTS, st.sampled_from(["zh_CN", "en"]))
def test_no_text_in_any_field_breaks_a_table(texts: dict[str, str], lang: str) -> None:
    record = {
        **FULL, "name": texts["name"], "remark": texts["remark"], "monitoring": {"state": "deployed", "ref": texts["ref"]},
        "capacity": {"supported": 1, "unit": texts["unit"], "allocated": 1},
        "extra": [{"item": texts["item"], "value": texts["ref"], "remark": texts["remark"]}],
        "remarks": {"owner": texts["remark"], texts["field"]: texts["ref"]}, "owner": "x",
    }  # fmt: skip
    one = HostFacts(
        "web1",
        NOW,
        NOW,
        texts["problem"],
        services={"web": ServiceFacts("broken", texts["problem"], 1, (facts.Endpoint(texts["ref"], False, texts["problem"], NOW),))},
    )
    found = status.roll_up(World({"web": record}, {"x": {"name": texts["person"]}}, {"web1": one}, {}, NOW))
    made = status_tables.roll_up(found, lang)
    assert len(lines(made)) == 3 and len(read("\n".join(lines(made)))[1]) == 17
    notes = [line for line in made.splitlines()[7:] if line]
    assert all(line.startswith(f"[^itops-{number}]: ") for number, line in enumerate(notes, 1))
    sheet = read(sheet_table(found, lang))
    extra = [markdown_table.plain(texts[name]) for name in ("item", "ref", "remark")]
    assert len(sheet) == 17 and sheet[14] == extra
    whole = status_tables.sheet(found, lang)
    assert [len(block.splitlines()) for block in whole.split("\n\n") if block.startswith("|")] == [18, 3, 3]
    assert whole.encode()
    for text in (status_tables.roll_up_csv(found, lang), status_tables.sheet_csv(found, lang)):
        assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1


@pytest.mark.parametrize(("field", "column"), [("owner", "owner"), ("backup.sites", "backup"), ("maintenance.mode", "mode"), ("maintenance.anchor", "cycle"),
                                               ("capacity.waiver", "allocated"), ("key_info", "name")])  # fmt: skip
def test_where_a_remark_belongs(field: str, column: str) -> None:
    assert status_cells.column_of(field) == column
